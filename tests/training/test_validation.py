"""Evaluation during training: the live weights, what is logged, the best epoch, early stops."""

import csv
import json
import math
import random
import re

import keras
import numpy as np
import pytest

from mrcnn.errors import ConfigError, DataError
from mrcnn.inference import Prediction, Predictor, TiledPredictor
from mrcnn.instances import Instances
from mrcnn.model import MaskRCNN
from mrcnn.parallel_model import ParallelModel
from mrcnn.runs.checkpoints import Checkpoint
from mrcnn.runs.run import Run
from mrcnn.training.validation import EvaluateDetections, live_predictor
from tests.validation_runs import FIELDS, FIGURES, train_twice, values_of

# What several tests look at is made once.
MADE = {}


@pytest.fixture
def trained(tiny_config, disks, tmp_path_factory):
    """Two runs of three epochs from one seed: with an evaluation every two epochs, and without."""
    if "trained" not in MADE:
        MADE["trained"] = train_twice(tiny_config, disks, tmp_path_factory)
    return MADE["trained"]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="bits are compared")
def test_the_training_is_bit_for_bit_what_it_is_without(trained):
    (values, python, numpy), (expected, *states) = trained.with_.state, trained.without_.state
    assert len(values) == len(expected) > 100
    for (name, one), (_, other) in zip(values.items(), expected.items(), strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
    assert [python, numpy] == states
    for name, losses in trained.without_.history.items():
        assert losses == trained.with_.history[name]


@pytest.mark.filterwarnings("ignore:An image has .* detections")
def test_detections_are_those_of_the_saved_weights(trained):
    images = [trained.dataset.load_image(image_id) for image_id in trained.dataset.image_ids]
    config = trained.with_.callback.detector.config
    detector = MaskRCNN("inference", config, trained.with_.folder)
    found = trained.with_.callback.detected
    assert sorted(found) == [2, 3]
    for epoch, results in found.items():
        detector.load_weights(trained.with_.model.checkpoint_path.format(epoch=epoch))
        assert sum(len(result.boxes) for result in results) > 0
        for one, other in zip(results, detector.detect(images, masks="crops"), strict=True):
            np.testing.assert_array_equal(one.boxes, other["rois"])
            np.testing.assert_array_equal(one.class_ids, other["class_ids"])
            if keras.backend.backend() == "tensorflow":
                np.testing.assert_array_equal(one.scores, other["scores"])
            else:
                np.testing.assert_allclose(one.scores, other["scores"], rtol=1e-5)
            for mask, expected in zip(one.crops, other["masks"], strict=True):
                np.testing.assert_array_equal(mask, expected)
    scores = [np.concatenate([result.scores for result in found[epoch]]) for epoch in (2, 3)]
    assert scores[0].shape != scores[1].shape or not np.array_equal(*scores)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch traces nothing")
def test_the_detector_is_compiled_once(trained):
    assert trained.with_.callback.calls == 1


def test_figures_reach_every_log(trained, tmp_path):
    run, names = trained.with_, ("val_F1", "val_mask_AP50")
    for figures in run.callback.measured:
        assert sorted(figures) == list(names)
        assert all(0 <= value <= 1 for value in figures.values())
    for name in names:
        np.testing.assert_array_equal(run.history[name], [FIGURES[n][name] for n in (2, 3)])
    _, *epochs = re.split(r"Epoch \d/3\n", run.printed)
    for name in names:
        assert [f"{name}:" in line for line in epochs] == [False, True, True]

    with open(f"{run.model.log_dir}/losses.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    for name in names:
        assert [row[name] for row in rows] == ["", *map(str, run.history[name])]
    assert [row["loss"] for row in rows] == [str(value) for value in run.history["loss"]]

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(f"{run.model.log_dir}/validation")
    events.Reload()
    for name in names:
        tag = name.replace("val_", "epoch_")
        steps = [event.step for event in events.Tensors(tag)]
        assert steps == [1, 2]


def test_the_best_weights_are_kept_beside_the_checkpoints(trained):
    run = trained.with_
    record = json.loads((run.callback.run_dir / "best.json").read_text())
    assert (record["epoch"], record["value"], record["figures"]) == (2, 0.625, FIGURES[2])
    best = run.callback.run_dir / "best.h5"
    assert run.callback.best_path == best
    detector = MaskRCNN("inference", trained.config, run.folder)
    for path, equal in ((best, True), (run.model.checkpoint_path.format(epoch=3), False)):
        detector.load_weights(run.model.checkpoint_path.format(epoch=2))
        before = values_of(detector.keras_model.weights)
        detector.load_weights(path)
        after = values_of(detector.keras_model.weights)
        assert all(np.array_equal(before[name], after[name]) for name in before) == equal
    # It is neither the newest checkpoint nor one that a run is taken up from.
    assert run.model.find_last() == run.model.checkpoint_path.format(epoch=3)
    assert Checkpoint.named(best) is None
    assert not (run.callback.run_dir.parent / "best.h5").exists()


@pytest.fixture
def network(tiny_config, tmp_path_factory):
    """A training model with random weights."""
    if "network" not in MADE:
        folder = tmp_path_factory.mktemp("network")
        MADE["network"] = MaskRCNN("training", tiny_config(), folder)
    return MADE["network"]


def begin(callback, model, folder=None, epochs=100):
    """What `fit` does before the first epoch."""
    callback.set_model(model.keras_model)
    callback.set_params({"epochs": epochs})
    if folder is not None:
        callback.enter_run(Run.at(folder), lambda network, path: model.save_weights(path))
    model.keras_model.stop_training = False
    callback.on_train_begin()
    return callback


@pytest.mark.parametrize("settings", [{}, {"USE_RPN_ROIS": False}, {"NORMALIZATION": "group"}])
def test_there_is_no_second_copy_of_the_weights(tiny_config, tmp_path, settings):
    model = MaskRCNN("training", tiny_config(**settings), tmp_path).keras_model
    layers, state = [layer.name for layer in model.layers], random.getstate()
    detector = live_predictor(model, tiny_config(**settings), 0.3)
    assert random.getstate() == state
    assert [layer.name for layer in model.layers] == layers
    ours = {id(weight) for weight in detector.runner.model.weights}
    assert ours == {id(weight) for weight in model.weights if "seed" not in weight.name}
    assert detector.runner.model.get_layer("mrcnn_detection").min_confidence == 0.3
    parallel = live_predictor(ParallelModel(model, 1), tiny_config(**settings), 0)
    assert {id(weight) for weight in parallel.runner.model.weights} == ours


def perfect(instances, scores, class_ids=None):
    ids = instances.class_ids if class_ids is None else np.array(class_ids, np.int32)
    return Instances.trusted((128, 128), instances.boxes, instances.crops, ids, np.float32(scores))


def answer(monkeypatch, answers):
    """Let all predictors find the next of these instances in each image."""
    monkeypatch.setattr(
        Predictor,
        "predict_many",
        lambda self, images, scale: (Prediction(answers.pop(0), 1.0) for _ in images),
    )


def test_images_are_shown_at_their_own_scales(tiny_config, disks, network, monkeypatch):
    plain, scaled = disks(*FIELDS), disks(*FIELDS)
    scaled.image_scale = (9.0, 2.0, None).__getitem__
    nothing = Prediction(perfect(plain.load_instances(2), []), 1.0)
    shown, tiled = [], []

    def predict_many(self, images, scale):
        shown.extend(scale)
        return (nothing for _ in images)

    def predict(self, image, scale, most_tiles):
        tiled.append((self.object_diameter, scale))
        return nothing

    monkeypatch.setattr(Predictor, "predict_many", predict_many)
    monkeypatch.setattr(TiledPredictor, "predict", predict)
    config = tiny_config(OBJECT_DIAMETER=24.0)
    evaluations = [EvaluateDetections(dataset, config) for dataset in (plain, scaled)]
    for evaluation in evaluations:
        begin(evaluation, network).evaluate()
    # 128 pixels become 1152, which are more than a tile has.
    assert shown == [None, None, None, 2.0, None] and tiled == [(24.0, 9.0)]
    # Their figures are not compared with those of one scale for all.
    of_plain, of_scaled = (evaluation._settings for evaluation in evaluations)
    assert of_scaled == {**of_plain, "scale": "of each image"}


def test_what_is_counted(tiny_config, disks, network, monkeypatch):
    dataset = disks(*FIELDS)
    answers = []
    answer(monkeypatch, answers)

    def figures(config=None, **arguments):
        config = config or tiny_config(DETECTION_MIN_CONFIDENCE=0.7)
        return begin(EvaluateDetections(dataset, config, **arguments), network).evaluate()

    first, second, empty = (dataset.load_instances(image_id) for image_id in range(3))
    found = [perfect(first, [0.9, 0.8]), perfect(second, [0.2]), perfect(empty, [])]
    answers[:] = found
    assert figures() == {"val_mask_AP50": 1.0, "val_F1": pytest.approx(4 / 5)}
    answers[:] = found
    assert figures(min_confidence=0.1) == {"val_mask_AP50": 1.0, "val_F1": 1.0}
    answers[:] = [perfect(empty, [])] * 3
    assert figures() == {"val_mask_AP50": 0.0, "val_F1": 0.0}

    # Classes do not matter for F1; of class 2 nothing is found, and a false alarm of class 1
    # stands between its two cells.
    answers[:] = [perfect(first, [0.9, 0.8], [1, 1]), perfect(second, [0.7]), perfect(empty, [])]
    assert figures(config=tiny_config()) == {
        "val_mask_AP50": pytest.approx((51 + 50 * 2 / 3) / 101 / 2),
        "val_F1": 1.0,
    }

    # Where scores say nothing about classes, neither does their average precision.
    answers[:] = [perfect(first, [0.9, 0.8], [2, 2]), perfect(second, [0.7]), perfect(empty, [])]
    assert figures(config=tiny_config(DETECTION_SCORE="object"))["val_mask_AP50"] == 1.0

    # Each cell found twice, under both classes; scores that are no numbers are not counted.
    twice = first.take([0, 1, 0, 1, 0])
    scores = [0.9, 0.8, 0.75, 0.72, np.nan]
    repeated = perfect(twice, scores, [1, 2, 2, 1, 1])
    for arguments, expected in (({}, 4 / 6), ({"max_overlap": 0.5}, 1.0)):
        answers[:] = [repeated]
        assert figures(max_images=1, **arguments)["val_F1"] == pytest.approx(expected)


def test_detections_of_classes_that_a_source_does_not_annotate_are_left_out(
    tiny_config, disks, network, monkeypatch
):
    dataset = disks(FIELDS[1])
    dataset.class_info[2]["source"] = "elsewhere"
    dataset.prepare()
    truth = dataset.load_instances(0)
    found = perfect(truth.take([0, 0]), [0.9, 0.8], [1, 2])
    answer(monkeypatch, [found])
    callback = begin(EvaluateDetections(dataset, tiny_config(), max_overlap=1), network)
    assert callback.evaluate() == {"val_mask_AP50": 1.0, "val_F1": 1.0}


def test_images_without_any_object(tiny_config, disks, network, tmp_path):
    callback = EvaluateDetections(disks([], []), tiny_config(), patience=1, max_images=1)
    with pytest.warns(UserWarning, match="No object is annotated"):
        begin(callback, network, tmp_path)
    for epoch in range(2):
        logs = {}
        callback.on_epoch_end(epoch, logs)
        assert math.isnan(logs["val_mask_AP50"])
        assert math.isnan(logs["val_F1"])
    assert callback.best is None and not network.keras_model.stop_training
    assert list(tmp_path.iterdir()) == []


def scripted(callback, monkeypatch, values):
    """Evaluations that give the next of these values."""
    values = iter(values)
    monkeypatch.setattr(
        callback, "evaluate", lambda: {"val_mask_AP50": next(values), "val_F1": math.nan}
    )
    return callback


def test_patience_is_counted_over_a_resumed_run(tiny_config, disks, network, tmp_path, monkeypatch):
    def callback(values):
        made = EvaluateDetections(disks(*FIELDS), tiny_config(), patience=3)
        network.keras_model.stop_training = False
        return scripted(begin(made, network, tmp_path), monkeypatch, values)

    def stopped():
        return network.keras_model.stop_training

    first = callback([0.5, 0.4, 0.5])
    for epoch in range(3):
        first.on_epoch_end(epoch, {})
    assert first.best.without_improvement == 2 and not stopped()

    # The run was killed between the evaluation and the end of the epoch, which comes once more.
    again = callback([0.5, 0.3])
    again.on_epoch_end(2, {})
    assert again.best.without_improvement == 2 and not stopped()
    again.on_epoch_end(3, {})
    assert again.best.without_improvement == 3 and stopped()

    # Somebody wants more of a training that had ended for it.
    more = callback([0.3])
    more.on_epoch_end(4, {})
    assert more.best.without_improvement == 1 and not stopped()


def test_the_best_epoch_is_kept_over_a_resumed_run(
    tiny_config, disks, network, tmp_path, monkeypatch, caplog
):
    def callback(values, **arguments):
        made = EvaluateDetections(disks(*FIELDS), tiny_config(), **arguments)
        return scripted(begin(made, network, tmp_path), monkeypatch, values)

    def record():
        return json.loads((tmp_path / "best.json").read_text())

    first = callback([math.nan, 0.2, 0.5, 0.5, 0.4])
    assert first.best is None
    for epoch in range(5):
        first.on_epoch_end(epoch, {})
        if epoch == 2:
            written = (tmp_path / "best.h5").stat().st_mtime_ns
    assert (record()["epoch"], record()["value"]) == (3, 0.5)
    assert record()["figures"] == {"val_F1": None, "val_mask_AP50": 0.5}

    resumed = callback([0.45, 0.6])
    assert (resumed.best.epoch, resumed.best.value) == (3, 0.5)
    resumed.on_epoch_end(5, {})
    assert (tmp_path / "best.h5").stat().st_mtime_ns == written
    resumed.on_epoch_end(6, {})
    assert record()["epoch"] == resumed.best.epoch == 7
    assert (tmp_path / "best.h5").stat().st_mtime_ns > written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.h5", "best.json"]

    # What was measured on other images, or cannot be read, is not compared with.
    assert callback([], max_images=1).best is None
    (tmp_path / "best.json").write_text("{")
    assert callback([]).best is None
    assert caplog.text.count("cannot be compared") == 2
    (tmp_path / "best.h5").unlink()
    assert callback([]).best is None


def test_training_stops_when_patience_ends(tiny_config, disks, network, monkeypatch, caplog):
    made = EvaluateDetections(disks(*FIELDS), tiny_config(), every=2, patience=2)
    callback = begin(made, network)
    scripted(callback, monkeypatch, [0.0, 0.0, 0.0, 0.3, 0.2, 0.4, 0.4, math.nan, 0.1])
    stops = []
    for epoch in range(20):
        callback.on_epoch_end(epoch, {})
        stops.append(network.keras_model.stop_training)
        if stops[-1]:
            break
    # Evaluated after epochs 2, 4, ...: before the first find and without a figure nothing counts.
    assert len(stops) == 18
    assert "No better val_mask_AP50 than 0.4000, of epoch 12, in 2" in caplog.text
    # The next call of `train` starts with all its patience.
    scripted(begin(callback, network), monkeypatch, [0.1])
    callback.on_epoch_end(21, {})
    assert not network.keras_model.stop_training


def test_the_last_epoch_is_evaluated_whatever_its_number(tiny_config, disks, network, monkeypatch):
    callback = EvaluateDetections(disks(*FIELDS), tiny_config(), every=5)
    scripted(begin(callback, network, epochs=7), monkeypatch, [0.1] * 9)
    evaluated = []
    for epoch in range(7):
        network.keras_model.stop_training = epoch == 2
        logs = {}
        callback.on_epoch_end(epoch, logs)
        if logs:
            evaluated.append(epoch + 1)
    # The third: something else ended the training there.
    assert evaluated == [3, 5, 7]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "every is 0"),
        ({"min_confidence": 1.5}, "min_confidence is 1.5"),
        ({"monitor": "loss"}, "monitor is 'loss': must be 'val_mask_AP50' or 'val_F1'"),
        ({"patience": 0}, "patience is 0"),
        ({"max_images": 0}, "max_images is 0"),
        ({"max_overlap": 50}, "max_overlap is 50"),
        ({"border": "drop"}, "border is 'drop'"),
    ],
)
def test_bad_arguments(tiny_config, disks, arguments, message):
    with pytest.raises(ConfigError, match=message):
        EvaluateDetections(disks(FIELDS[0]), tiny_config(), **arguments)


def test_configurations_that_do_not_fit(tiny_config, disks, network):
    with pytest.raises(ConfigError, match="has 3 classes with the background"):
        EvaluateDetections(disks(FIELDS[0]), tiny_config(NUM_CLASSES=4))
    for settings, message in (
        ({"NORMALIZATION": "group"}, "NORMALIZATION is 'group' and there 'batch'"),
        ({"MASK_POOL_SIZE": 7, "MASK_SHAPE": [14, 14]}, "MASK_POOL_SIZE is 7 and there 14"),
        ({"NUM_CLASSES": 5}, "NUM_CLASSES is 5 and there 3"),
    ):
        with pytest.raises(ConfigError, match=message):
            live_predictor(network.keras_model, tiny_config(**settings), 0.5)
    with pytest.raises(ConfigError, match="no training graph that was built here"):
        live_predictor(keras.Sequential(), tiny_config(), 0.5)


def test_a_dataset_without_images_or_with_a_wrong_annotation(tiny_config, disks, network):
    with pytest.raises(DataError, match="no images"):
        EvaluateDetections(disks(), tiny_config())
    dataset = disks(FIELDS[0])
    polygons, _ = dataset.load_polygons(0)
    dataset.load_polygons = lambda image_id: (polygons, np.array([1, 7], np.int32))
    with pytest.raises(DataError, match=r"image 0 \(0\): instance 1 is of class 7"):
        begin(EvaluateDetections(dataset, tiny_config()), network)
    # A crowd is no object, and what is found in it no reason to stop.
    dataset.load_polygons = lambda image_id: (polygons, np.array([1, -1], np.int32))
    begin(EvaluateDetections(dataset, tiny_config()), network)
