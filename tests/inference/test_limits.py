"""Limits that cost detections are told once, with the number that was needed."""

import threading
import warnings

import numpy as np
import pytest

from benchmarks.speed_ours import spread_detections
from benchmarks.speed_workload import CLASSES
from mrcnn.errors import LimitWarning
from mrcnn.inference.limits import DetectionLimits
from mrcnn.model import MaskRCNN
from mrcnn.ops.image_meta import compose_image_meta
from mrcnn.ops.outputs import InferenceOutputs

IMAGE = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)


def rows_of(model):
    """Detections that the network gives for the image."""
    molded, metas, _ = model.mold_inputs([IMAGE])
    anchors = model.get_anchors(molded.shape[1:])
    detections, *_ = model.keras_model.predict_on_batch(
        [molded.astype(np.float32), metas.astype(np.float32), anchors[None]]
    )
    return int(detections[0].any(axis=1).sum())


def said_by(model, *images):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.detect(list(images))
    return [str(found.message) for found in caught if issubclass(found.category, LimitWarning)]


@pytest.fixture
def detector(tiny_config, tmp_path):
    """Boxes all over the image, each of which is an object: `detector(SETTING=...)`."""

    def make(**settings):
        settings = {
            "NUM_CLASSES": CLASSES,
            "RPN_ANCHOR_SCALES": (32, 32, 64, 64, 128),
            "RPN_ANCHOR_RATIOS": [1],
            "PRE_NMS_LIMIT": 1400,
            "POST_NMS_ROIS_INFERENCE": 400,
            "DETECTION_MAX_INSTANCES": 200,
            **settings,
        }
        model = MaskRCNN("inference", tiny_config(**settings), tmp_path)
        spread_detections(model)
        bias = model.keras_model.get_layer("mrcnn_class_logits").layer.bias
        bias.assign(8.0 * np.eye(CLASSES)[1])
        return model

    return make


@pytest.mark.usefixtures("eager")
def test_detections_beyond_the_limit(detector):
    needed = rows_of(detector())
    assert 3 < needed < 200
    limited = detector(DETECTION_MAX_INSTANCES=3)
    # Nobody is told more than once, however many images and calls there are.
    (message,) = said_by(limited, IMAGE, IMAGE)
    assert message == (
        f"An image has {needed} detections, but DETECTION_MAX_INSTANCES is 3: those with the "
        f"lowest scores were not returned. At least {needed} would have kept all of them."
    )
    assert said_by(limited, IMAGE) == []
    assert limited.limits.needed == {"DETECTION_MAX_INSTANCES": needed}
    # A list that is full, and lacks nothing.
    assert said_by(detector(DETECTION_MAX_INSTANCES=needed), IMAGE) == []


@pytest.mark.usefixtures("eager")
def test_molded_images_are_looked_at_too(detector):
    model = detector(DETECTION_MAX_INSTANCES=3)
    molded, metas, _ = model.mold_inputs([IMAGE])
    with pytest.warns(LimitWarning, match="DETECTION_MAX_INSTANCES is 3"):
        model.detect_molded(molded, metas)


class Settings:
    DETECTION_MAX_INSTANCES = 3


def full_list():
    """Outputs and inputs of two images; the first has as many detections as the limit allows."""
    detections = np.zeros((2, 3, 6), np.float32)
    detections[:, :, 2:5] = 1
    detections[1, 2] = 0
    outputs = InferenceOutputs(detections, *[np.zeros(0)] * 6)
    meta = compose_image_meta(0, (9, 9, 3), (9, 9, 3), (0, 0, 9, 9), 1, [1, 1])
    return outputs, [np.zeros(0), np.stack([meta, meta]), np.zeros(0)]


class Selecting:
    """Selects five detections, of which the last has no area."""

    calls = 0

    def all_detections(self, outputs, image_meta):
        self.calls += 1
        rows = np.zeros((len(image_meta), 9, 6), np.float32)
        rows[:, :5, 2:5] = 1
        rows[:, 4, 0], rows[:, 4, 2] = 1, 0
        return rows


def test_only_a_full_list_is_selected_once_more():
    limits, runner = DetectionLimits(Settings), Selecting()
    outputs, inputs = full_list()
    assert limits.look_at(outputs, inputs, [1], runner) == [()] and runner.calls == 0
    (text,), nothing = limits.look_at(outputs, inputs, [0, 1], runner)
    assert text.startswith("An image has 4 detections, but DETECTION_MAX_INSTANCES is 3")
    assert nothing == () and runner.calls == 1
    assert limits.needed == {"DETECTION_MAX_INSTANCES": 4} and not limits.is_open


class CannotSelect:
    def all_detections(self, outputs, image_meta):
        return None


@pytest.mark.parametrize("runner", [object(), CannotSelect()])
def test_what_a_runner_cannot_tell_is_left_open(runner):
    limits = DetectionLimits(Settings)
    (text,), nothing = limits.look_at(*full_list(), [0, 1], runner)
    assert nothing == () and limits.needed == {"DETECTION_MAX_INSTANCES": 4} and limits.is_open
    assert text == (
        "An image has 3 detections, as many as DETECTION_MAX_INSTANCES lets it have: others, with "
        "lower scores, may be missing."
    )


@pytest.mark.usefixtures("eager")
def test_threads_are_told_once(detector):
    model = detector(DETECTION_MAX_INSTANCES=3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=model.detect, args=([IMAGE],)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [found.category for found in caught].count(LimitWarning) == 1


def test_boxes_without_area_are_nothing_that_a_limit_cost():
    """A network that learned nothing pushes its boxes together at the border."""
    limits = DetectionLimits(Settings)
    assert limits._look_at_detections(np.zeros(230, bool)) == ()
    assert limits._look_at_detections(np.arange(230) < 3) == ()
    (text,) = limits._look_at_detections(np.isin(np.arange(230), (1, 2, 3, 6)))
    assert text.startswith("An image has 4 detections, but DETECTION_MAX_INSTANCES is 3")
    assert text.endswith("At least 7 would have kept all of them.")
    assert limits.needed == {"DETECTION_MAX_INSTANCES": 7}
