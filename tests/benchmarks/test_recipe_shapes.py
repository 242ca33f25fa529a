"""The recipe of the network that names shapes: its cells, its parts, its training."""

import keras
import numpy as np
import pytest
from PIL import Image

from benchmarks import recipe_shapes as recipe
from benchmarks import shapes_training as training
from benchmarks.shapes_figures import calibration_error, confusion, f1_of_classes, figures_text
from mrcnn.errors import WeightsError
from mrcnn.instances import Instances
from rbc_cells.shape_crops import BACKGROUND, SIDE, shape_numbers
from rbc_cells.shape_network import SOFTNESS, Softened, build_network, folded

SHAPE = (60, 80)
SQUARES = Instances(
    SHAPE,
    [(0, 0, 10, 10), (0, 20, 10, 30), (30, 30, 44, 44)],
    [np.ones((10, 10), bool), np.ones((10, 10), bool), np.ones((14, 14), bool)],
    [1, 1, 1],
    [0.9, 0.9, 0.9],
)


def test_a_named_cell_has_the_mask_that_holds_its_center_alone_or_a_disc():
    centers = np.array([(5, 5, 0), (2, 22, 4), (8, 28, 4), (50, 70, 1)])
    boxes, masks = recipe.named_masks(SQUARES, centers, 8.0)
    assert boxes.tolist() == [[0, 0, 10, 10], [-2, 18, 7, 27], [4, 24, 13, 33], [46, 66, 55, 75]]
    assert [mask.sum() for mask in masks] == [100, 49, 49, 49]


def test_cells_of_fields_are_cut_and_those_that_nobody_could_name_are_not(tmp_path):
    for name in ("1", "2"):
        Image.new("RGB", SHAPE[::-1], (200, 200, 200)).save(tmp_path / f"{name}.jpg")
        (tmp_path / f"{name}.txt").write_text("5 5 0\n25 5 10\n37 37 12\n")
    cells = recipe.cut_cells(tmp_path, lambda image: SQUARES)
    assert cells["labels"].tolist() == [0, 11, 0, 11]
    assert cells["fields"].tolist() == ["1", "1", "2", "2"]
    crops = cells["crops"]
    assert crops.shape == (4, recipe.MARGIN_SIDE, recipe.MARGIN_SIDE, 4)
    small, large = shape_numbers(training.central(crops[:2]))[:, 0]
    assert large / small == pytest.approx(1.4, rel=0.01)


def test_cells_of_a_field_are_in_the_same_part():
    fields = np.repeat([f"{number:03}" for number in range(23)], 3)
    parts = recipe.parts_of(fields, 5).reshape(23, 3)
    assert (parts == parts[:, :1]).all()
    assert sorted(np.bincount(parts[:, 0])) == [4, 4, 5, 5, 5]


def test_figures_by_hand():
    truth, told = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    counts = confusion(truth, told, 4)
    assert counts.tolist() == [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(f1_of_classes(counts), [4 / 6, 4 / 5, 0, np.nan])
    text = figures_text(np.eye(4)[told], truth, np.array(list("aabbcc")), list("wxyz"))
    assert "6 cells of 3 fields" in text
    assert "- accuracy: 0.667 (" in text and "- macro F1: 0.489 (" in text
    assert "| w | 3 | 0.67 | 2 | 1 | 0 | 0 |" in text


def test_rows_are_drawn_as_often_as_their_shares_say():
    shares = np.array([0.5, 0.25, 0.25])
    batches = list(training.drawn(shares, 5, np.random.default_rng(0)))
    assert np.abs(np.bincount(np.concatenate(batches)) / (5 * training.BATCH) - shares).max() < 0.01
    # Not one after the other.
    assert all(np.bincount(batch, minlength=3).min() for batch in batches)


def test_crops_are_varied_and_keep_their_size():
    crops = np.full((32, 117, 117, 4), int(BACKGROUND), np.uint8)
    crops[..., 3] = 0
    crops[:, 45:72, 36:81] = (120, 60, 80, 255)
    varied = training.varied(crops, np.random.default_rng(0))
    assert varied.shape == (32, SIDE, SIDE, 4) and varied.dtype == np.float32
    before, after = shape_numbers(training.central(crops)), shape_numbers(varied)
    assert np.abs(after / before - 1).max() < 0.15
    # The cell stays in the middle, and is stained where its mask is.
    middle = varied[:, SIDE // 2, SIDE // 2]
    assert (middle[:, 3] > 250).all()
    assert (middle[:, 1] < varied[:, 2, 2, 1] - 30).all()
    assert np.std(middle[:, 0]) > 5


def test_predictions_see_crops_as_soft_as_those_of_a_training():
    crops = np.zeros((1, 5, 5, 4), np.float32)
    crops[0, 2, 2, 0], crops[0, 0, 0, 1] = 90, 40
    softened = Softened(dtype="float32")
    np.testing.assert_array_equal(np.asarray(softened(crops, training=True)), crops)
    soft = np.asarray(softened(crops))
    np.testing.assert_allclose(soft[0, 1:4, 1, 0], 10 * SOFTNESS, rtol=1e-6)
    assert soft[0, 2, 2, 0] == pytest.approx(90 - 80 * SOFTNESS)
    # What is outside counts for nothing.
    assert soft[0, 0, 0, 1] == pytest.approx(40 - 30 * SOFTNESS)
    assert soft[..., 2:].max() == 0
    # A turn by no angle at all is as sharp as the crop, so that the softness is what remains.
    edge = np.zeros((400, 117, 117, 4), np.uint8)
    edge[:, :, 58:] = 200
    steepest = np.abs(np.diff(training.varied(edge, np.random.default_rng(0))[..., 3], axis=2))
    steps = steepest.max(axis=(1, 2))
    assert steps.max() > 150 > 90 > steps.min()


def tiny_network(classes, numbers, *, normalized, dropout):
    """Looks at the measured numbers alone; with a layer of the name of one that is frozen."""
    assert normalized and dropout
    crop = keras.Input((SIDE, SIDE, 4))
    measured = keras.Input((numbers,))
    seen = keras.layers.Dense(1, name="conv1")(keras.layers.GlobalAveragePooling2D()(crop))
    both = keras.layers.Concatenate()([0 * seen, measured])
    return keras.Model([crop, measured], keras.layers.Dense(classes, name="shapes")(both))


def test_a_training_learns_sizes(monkeypatch):
    monkeypatch.setattr(training, "build_network", tiny_network)
    monkeypatch.setattr(training, "LEARNING_RATE", 0.2)
    crops = np.full((128, 117, 117, 4), int(BACKGROUND), np.uint8)
    crops[..., 3] = 0
    labels = np.arange(128) % 3 // 2
    for crop, label in zip(crops, labels, strict=True):
        half = 12 + 12 * label
        crop[58 - half : 58 + half, 58 - half : 58 + half, 3] = 255
    network = training.train(crops, labels, 2, 15, None, 0)
    logits = training.logits_of(network, crops)
    assert logits.argmax(axis=1).tolist() == labels.tolist()


def test_what_is_folded_says_the_same_without_norms():
    network = build_network(12, 3, normalized=True)
    random = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    inputs = [random.uniform(0, 255, (4, SIDE, SIDE, 4)), random.uniform(0, 2, (4, 3))]
    plain = folded(network)
    expected = np.asarray(network(inputs))
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(np.asarray(plain(inputs)), expected, atol=1e-4)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in plain.layers)


def test_calibration_finds_the_factor_and_the_bias_that_were_taken_away():
    random = np.random.default_rng(0)
    truth = random.normal(0, 2, (20_000, 3))
    chances = np.exp(truth) / np.exp(truth).sum(axis=1, keepdims=True)
    labels = (random.random((20_000, 1)) > np.cumsum(chances, axis=1)).sum(axis=1)
    bias = np.array([0.5, -0.5, 0])
    given = (truth - bias) / 3
    factor, found = training.calibrate(given, labels)
    assert factor == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(found, bias, atol=0.05)
    parts = np.arange(len(labels)) % 4
    crossed = training.cross_calibrated(given, labels, parts)
    np.testing.assert_allclose(crossed, truth, atol=0.6)
    told = crossed.argmax(axis=1) == labels
    best = np.exp(crossed).max(axis=1) / np.exp(crossed).sum(axis=1)
    assert calibration_error(best, told) < 0.02


def test_calibration_error_by_hand():
    chances, right = np.array([0.9, 0.95, 0.5, 1.0]), np.array([True, False, True, True])
    assert calibration_error(chances, right) == pytest.approx((0.85 + 0.5) / 4)


def test_what_is_calibrated_is_in_the_last_layer():
    network = tiny_network(3, 3, normalized=True, dropout=0.1)
    inputs = [np.ones((2, SIDE, SIDE, 4)), np.array([[1.0, 2, 3], [0, 1, 0]])]
    before = np.asarray(network(inputs))
    bias = np.array([1.0, -2, 1])
    after = np.asarray(training.calibrated(network, 1.5, bias)(inputs))
    np.testing.assert_allclose(after, 1.5 * before + bias, atol=1e-5)


def test_layers_have_the_names_of_the_backbone_whose_weights_they_take():
    from mrcnn.weights.imagenet import PACKAGES, backbone_layers

    class Everything(dict):
        def __missing__(self, name):
            return np.zeros((1, 1, 1, 1))

    source = PACKAGES["efficientnet-lite0"]
    known = dict(backbone_layers(Everything(), source.blocks, "made up"))
    own = {layer.name for layer in build_network(12, 3, normalized=True).layers if layer.weights}
    assert own - known.keys() == {"head", "bn_head", "shapes"}


@pytest.mark.parametrize("given", [["--folds", "1"], ["--folds", "-1"], []])
def test_a_wrong_command_line(tmp_path, capsys, given):
    (tmp_path / "chula").mkdir()
    data = tmp_path if given else tmp_path / "none"
    with pytest.raises(SystemExit, match="2"):
        recipe.main(["--data", str(data), "--out", str(tmp_path / "out"), *given])
    assert ("--folds" if given else "no folder chula") in capsys.readouterr().err


def test_without_imagenet_weights_nothing_begins(tmp_path, capsys, monkeypatch):
    def missing(*_):
        raise WeightsError("the weights come in a package, which is not installed")

    monkeypatch.setattr(recipe, "converted_weights", missing)
    (tmp_path / "chula").mkdir()
    with pytest.raises(SystemExit, match="2"):
        recipe.main(["--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert "come in a package" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
