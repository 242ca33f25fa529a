"""The detector's Keras model in files: Matterport's `.h5`, those of Keras 3, and whole models."""

import h5py
import keras
import numpy as np
import pytest

from mrcnn.data.anchors import normalized_anchors
from mrcnn.errors import OutputError, WeightsError
from mrcnn.nets.detector import build_inference_model
from mrcnn.nets.model import DetectorModel
from mrcnn.training.model import build_training_model


def small_model():
    vector = keras.Input((3,), name="input_image")
    x = keras.layers.Dense(4, name="conv1")(vector)
    return DetectorModel(vector, keras.layers.Dense(2, name="mrcnn_class_logits")(x))


def weights(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def same(first, second):
    return len(first) == len(second) and all(map(np.array_equal, first, second))


# --- Files of weights ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.h5", "a.hdf5", "checkpoint_0001", "a.weights.h5"])
@pytest.mark.parametrize("by_name", [False, True])
def test_weights_come_back_bit_by_bit(tmp_path, name, by_name):
    model, twin = small_model(), small_model()
    model.save_weights(str(tmp_path / name))
    assert not same(weights(model), weights(twin))
    twin.load_weights(str(tmp_path / name), by_name=by_name)
    assert same(weights(model), weights(twin))


def test_the_name_decides_on_the_layout(tmp_path):
    model = small_model()
    model.save_weights(tmp_path / "a.h5")
    model.save_weights(tmp_path / "a.weights.h5")
    model.save_weights(tmp_path / "b.weights.h5", save_format="h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["conv1/conv1/kernel:0"].shape == (3, 4)
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert "layers" in file
    with h5py.File(tmp_path / "b.weights.h5") as file:
        assert "conv1" in file


def test_what_does_not_fit_is_an_error_or_told(tmp_path, capsys):
    model, path = small_model(), tmp_path / "a.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        del file["mrcnn_class_logits"]
    twin = small_model()
    before = weights(twin)
    with pytest.raises(WeightsError, match="mrcnn_class_logits"):
        twin.load_weights(path)
    assert same(weights(twin), before)
    for option in ("by_name", "skip_mismatch"):
        report = twin.load_weights(path, **{option: True})
        assert report.loaded == ["conv1"]
        assert "1 not in the file, left as they were: mrcnn_class_logits" in capsys.readouterr().out


def test_a_truncated_file_changes_nothing(tmp_path):
    model, path = small_model(), tmp_path / "a.h5"
    model.save_weights(path)
    path.write_bytes(path.read_bytes()[:1000])
    twin = small_model()
    before = weights(twin)
    with pytest.raises(WeightsError, match="cannot be read"):
        twin.load_weights(path)
    assert same(weights(twin), before)


@pytest.mark.parametrize("name", ["a.h5", "a.weights.h5", "a.keras"])
def test_on_a_full_disk_the_earlier_file_stays(small_disk, name):
    disk = small_disk(kilobytes=8)
    model = small_model()
    save = model.save if name.endswith(".keras") else model.save_weights
    (disk / name).write_text("earlier")
    with pytest.raises(OutputError, match=rf"{name}: cannot be written \("):
        save(disk / name)
    assert (disk / name).read_text() == "earlier"
    assert list(disk.iterdir()) == [disk / name]


@pytest.mark.parametrize("name", ["a.h5", "a.weights.h5", "a.keras"])
def test_a_file_is_kept_if_so_wanted(tmp_path, name):
    model, path = small_model(), tmp_path / name
    save = model.save if name.endswith(".keras") else model.save_weights
    path.write_text("mine")
    with pytest.raises(WeightsError, match="is there already"):
        save(path, overwrite=False)
    assert path.read_text() == "mine"
    save(path)
    assert path.read_bytes() != b"mine"


def test_what_cannot_be_done_is_said(tmp_path):
    model = small_model()
    with pytest.raises(WeightsError, match=r"save_format is 'tf'.*ends in \.h5"):
        model.save_weights(tmp_path / "a", save_format="tf")
    with pytest.raises(TypeError, match=r"max_shard_size cannot be used .* Matterport's layout"):
        model.save_weights(tmp_path / "a.h5", max_shard_size=1)
    with pytest.raises(TypeError, match="objects_to_skip"):
        model.load_weights(tmp_path / "a.h5", objects_to_skip=[])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{}, {"include_optimizer": False, "save_format": "h5"}])
def test_a_whole_model_in_hdf5(tmp_path, options):
    model, twin = small_model(), small_model()
    model.save(tmp_path / "a.h5", **options)
    with h5py.File(tmp_path / "a.h5") as file:
        assert set(file) == {"model_weights"}
        assert file.attrs["backend"] == "tensorflow"
    twin.load_weights(tmp_path / "a.h5")
    assert same(weights(model), weights(twin))


# --- The detector whole ----------------------------------------------------------------------


def inference_inputs(config):
    random = np.random.default_rng(0)
    image = random.uniform(-100, 100, (1, 128, 128, 3)).astype(np.float32)
    meta = np.zeros((1, config.IMAGE_META_SIZE), np.float32)
    meta[0, 1:12] = [128, 128, 3, 128, 128, 3, 0, 0, 128, 128, 1]
    meta[0, 12:] = 1
    return [image, meta, normalized_anchors(config, (128, 128, 3))[None]]


def training_inputs(config):
    image, meta, anchors = inference_inputs(config)
    random = np.random.default_rng(1)
    match = random.integers(-1, 2, (1, anchors.shape[1], 1)).astype(np.int32)
    deltas = random.normal(size=(1, config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4)).astype(np.float32)
    class_ids = np.zeros((1, config.MAX_GT_INSTANCES), np.int32)
    boxes = np.zeros((1, config.MAX_GT_INSTANCES, 4), np.float32)
    class_ids[0, :2] = [1, 2]
    boxes[0, :2] = [[10, 10, 60, 60], [30, 40, 100, 90]]
    masks = np.zeros((1, *config.MINI_MASK_SHAPE, config.MAX_GT_INSTANCES), bool)
    masks[..., :2] = True
    return [image, meta, match, deltas, class_ids, boxes, masks]


def outputs(model, inputs):
    return [keras.ops.convert_to_numpy(value) for value in model.predict_on_batch(inputs)]


@pytest.fixture(params=["inference", "training"])
def detector(request, tiny_config):
    """A model of each mode, and inputs for it."""
    config = tiny_config()
    if request.param == "inference":
        return build_inference_model(config), inference_inputs(config)
    config = tiny_config(LOSS_WEIGHTS={"mrcnn_mask_loss": 0.5}, WEIGHT_DECAY=0.25)
    return build_training_model(config, shuffle_targets=False), training_inputs(config)


@pytest.mark.usefixtures("eager")
def test_a_detector_comes_back_from_its_file_or_its_description(detector, tmp_path):
    model, inputs = detector
    path = tmp_path / "whole.keras"
    model.save(path)
    loaded = keras.saving.load_model(path, safe_mode=True)
    assert same(weights(loaded), weights(model))
    assert same(outputs(loaded, inputs), outputs(model, inputs))

    described = type(model).from_config(model.get_config())

    for copy in (loaded, described):
        assert type(copy) is type(model)
        assert isinstance(copy, DetectorModel)
        assert copy.to_json() == model.to_json()
        for name in ("loss_weights", "weight_decay"):
            assert getattr(copy, name, None) == getattr(model, name, None)


def test_a_training_model_goes_on_with_its_optimizer(tiny_config, tmp_path):
    config = tiny_config()
    model = build_training_model(config)
    model.compile(optimizer=keras.optimizers.SGD(0.125, momentum=0.5))
    model.optimizer.build(model.trainable_variables)
    momentum = model.optimizer.variables[-1]
    momentum.assign(np.full(momentum.shape, 3, np.float32))
    model.save(tmp_path / "whole.keras")
    loaded = keras.saving.load_model(tmp_path / "whole.keras")
    assert same(
        *[
            [keras.ops.convert_to_numpy(value) for value in each.optimizer.variables]
            for each in (model, loaded)
        ]
    )
    assert float(loaded.optimizer.learning_rate) == 0.125
    assert loaded.optimizer.momentum == 0.5
