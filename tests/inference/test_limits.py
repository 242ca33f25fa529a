"""Limits that cost detections are told once, with the number that was needed."""

import threading
import warnings

import numpy as np
import pytest
from keras import ops

from benchmarks.speed_ours import spread_detections
from benchmarks.speed_workload import CLASSES
from mrcnn.errors import LimitWarning
from mrcnn.inference.limits import DetectionLimits, candidates_of, kept
from mrcnn.model import MaskRCNN
from mrcnn.nets.detection import refine_detections

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
    DETECTION_SCORE = "class"
    DETECTION_MIN_CONFIDENCE = 0.7
    DETECTION_NMS_THRESHOLD = 0.3
    DETECTION_NMS_ACROSS_CLASSES = False
    BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])


@pytest.mark.parametrize("score", ["class", "object"])
@pytest.mark.parametrize("across", [False, True])
def test_as_many_are_kept_as_the_network_keeps_without_a_limit(score, across):
    rng = np.random.default_rng(3)
    corners = rng.random((150, 2))
    boxes = np.hstack([corners, corners + 0.1]).astype(np.float32)
    boxes[140:] = 0
    probabilities = rng.dirichlet([0.2] * 4, 150).astype(np.float32)
    # Many are sure of the same.
    probabilities[rng.random(150) < 0.3] = [0, 1, 0, 0]
    probabilities[3], probabilities[4] = np.nan, [0, 0, 1, 0]
    deltas = rng.normal(size=(150, 4, 4)).astype(np.float32)
    deltas[5], deltas[6] = np.nan, 1e30
    window = np.array([0.1, 0.0, 0.9, 1.0], np.float32)
    values = {"DETECTION_SCORE": score, "DETECTION_NMS_ACROSS_CLASSES": across}
    settings = type("Chosen", (Settings,), values)
    rows = refine_detections(
        *(ops.convert_to_tensor(a[None]) for a in (boxes, probabilities, deltas, window)),
        max_instances=150,
        min_confidence=Settings.DETECTION_MIN_CONFIDENCE,
        nms_threshold=Settings.DETECTION_NMS_THRESHOLD,
        box_std_dev=Settings.BBOX_STD_DEV,
        score=score,
        across_classes=across,
    )
    rows_kept = int(ops.convert_to_numpy(rows)[0].any(axis=1).sum())
    candidates = candidates_of(boxes, probabilities, deltas, window, settings)
    assert 20 < rows_kept < np.count_nonzero(candidates.scores >= 0)
    assert len(kept(candidates, settings)) == rows_kept


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
    limits = DetectionLimits(type("Limit", (Settings,), {"DETECTION_MAX_INSTANCES": 3}))
    assert limits._look_at_detections(np.zeros(230, bool)) == ()
    assert limits._look_at_detections(np.arange(230) < 3) == ()
    (text,) = limits._look_at_detections(np.isin(np.arange(230), (1, 2, 3, 6)))
    assert text.startswith("An image has 4 detections, but DETECTION_MAX_INSTANCES is 3")
    assert text.endswith("At least 7 would have kept all of them.")
    assert limits.needed == {"DETECTION_MAX_INSTANCES": 7}
