"""Molding and placing in an exported network are those of `Predictor`, with a made-up network."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.inference import Predictor
from tests.deploy.end_to_end.graphs import GivenDetections, by_onnx, by_tensorflow

WAYS = pytest.mark.parametrize("run", [by_onnx, by_tensorflow], ids=["onnx", "tensorflow"])
COUNT = 12
BASE = {
    "NAME": "around",
    "NUM_CLASSES": 3,
    "IMAGES_PER_GPU": 1,
    "IMAGE_MIN_DIM": 64,
    "IMAGE_MAX_DIM": 128,
    "DETECTION_MAX_INSTANCES": COUNT,
    "POST_NMS_ROIS_INFERENCE": 20,
}
FIT = {"IMAGE_RESIZE_MODE": "pad64", "IMAGE_FIT": True, "IMAGE_PADDING": "reflect"}
SUBPIXEL = {"SUBPIXEL_MASKS": True, "MASK_MARGIN": 0.1}
# Settings, height and width of the picture, scale.
CASES = {
    "square, made smaller": ({}, (150, 210), 0),
    "square, made larger": ({}, (40, 31), 0),
    "square, own size": ({}, (128, 100), 0),
    "square, scale given": (SUBPIXEL, (90, 130), 0.75),
    "fitted and mirrored": ({**FIT, **SUBPIXEL}, (90, 77), 0),
    "mirrored again and again": ({**FIT, **SUBPIXEL}, (128, 5), 0),
    "enlarged and mirrored": ({**FIT, **SUBPIXEL}, (61, 50), 2.2),
    "averaged": ({**FIT, **SUBPIXEL}, (301, 411), 0.19),
    "padded": ({"IMAGE_RESIZE_MODE": "pad64", "IMAGE_MIN_SCALE": 1.5, **SUBPIXEL}, (50, 70), 0),
    "parts in training": ({"IMAGE_RESIZE_MODE": "crop", "IMAGE_FIT": True}, (81, 99), 0),
    "as it is": ({"IMAGE_RESIZE_MODE": "none", "RPN_ANCHOR_STRIDE": 2}, (64, 192), 0),
    "each once": (
        {**FIT, **SUBPIXEL, "DETECTION_MAX_MASK_OVERLAP": 0.4},
        (120, 160),
        0,
    ),
}


def found_objects(frame, window, seen, classes):
    """Detections and masks of ellipses of all sizes, some of which share most of their pixels.

    Args:
        frame: sides of what the network sees.
        window: of the picture in it.
        seen: what the network clips its boxes to.
        classes: their number.
    """
    random = np.random.default_rng(8)
    detections = np.zeros((1, COUNT, 6), np.float32)
    y1, x1, y2, x2 = window
    high, wide = y2 - y1, x2 - x1
    # Two that make up a third one, which is surer; one found twice; others; one out of the picture.
    parts = [
        (0.2, 0.1, 0.6, 0.7),
        (0.2, 0.1, 0.6, 0.4),
        (0.2, 0.4, 0.6, 0.7),
        (0.22, 0.41, 0.62, 0.71),
        (0.7, 0.6, 1.1, 1.05),
        (0.65, 0.05, 0.95, 0.3),
        (0.0, 0.75, 0.3, 1.0),
        (0.5, 0.8, 0.5, 0.9),
        (-0.4, 0.3, -0.1, 0.6),
    ]
    for row, (top, left, bottom, right) in enumerate(parts):
        box = (y1 + top * high, x1 + left * wide, y1 + bottom * high, x1 + right * wide)
        box = np.clip(box, np.tile(seen[:2], 2), np.tile(seen[2:], 2) - 1)
        box = box / (np.tile(frame, 2) - 1)
        detections[0, row] = (*box, 1 if row < 5 else 1 + row % 2, 0.95 - 0.03 * row)
    grid = (np.arange(28) - 13.5) / 14
    shape = 1.2 - np.hypot(*np.meshgrid(grid, grid))[..., None] * 0.8
    masks = shape + random.normal(0, 0.03, (1, COUNT, 28, 28, classes))
    # Some that fill their boxes, so that two are all of the first, and one that is empty.
    masks[0, [0, 1, 2, 5]], masks[0, 6] = 0.9, 0.1
    return detections, np.clip(masks, 0, 1).astype(np.float32)


def expected(config, image, scale):
    """What the network was given and found, and the instances and the picture's scale."""
    from mrcnn.inference.molding import mold

    molded = mold(image, config, scale or None)
    detections, masks = found_objects(
        molded.picture.shape[:2], molded.window, molded.seen, config.NUM_CLASSES
    )
    runner = GivenDetections(config, detections, masks)
    prediction = Predictor(config, runner, watch_limits=False).predict(image, scale=scale or None)
    return runner, prediction.instances


@WAYS
@pytest.mark.parametrize("case", CASES)
def test_they_are_those_of_the_predictor(run, case):
    settings, size, scale = CASES[case]
    config = Config.from_dict({**BASE, **settings})
    scale = float(np.float32(scale))
    image = np.random.default_rng(len(case)).integers(5, 256, (*size, 3)).astype(np.uint8)
    runner, instances = expected(config, image, scale)
    found = run(config, image, scale, runner.detections, runner.masks)
    pixels, meta, anchors = runner.inputs
    np.testing.assert_array_equal(found["meta"], meta)
    # Where a mean is a whole number it may be cut off to the one below.
    assert np.abs(found["pixels"] - pixels).max() <= 1.001
    assert (found["pixels"] != pixels).mean() < 0.001
    np.testing.assert_allclose(found["anchors"], anchors, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found["boxes"], instances.boxes)
    np.testing.assert_array_equal(found["classes"], instances.class_ids)
    np.testing.assert_array_equal(found["scores"], instances.scores)
    np.testing.assert_array_equal(found["masks"], instances.full_masks().transpose(2, 0, 1))
    assert found["masks"].dtype == np.uint8
    # The one without an area is left out, and the one outside.
    assert 3 <= len(instances) < 9


@WAYS
def test_what_is_found_twice_is_left_out(run):
    settings, size, scale = CASES["each once"]
    image = np.zeros((*size, 3), np.uint8)
    counts = []
    for most in (None, 1.0, 0.4):
        config = Config.from_dict({**BASE, **settings, "DETECTION_MAX_MASK_OVERLAP": most})
        runner, instances = expected(config, image, scale)
        found = run(config, image, scale, runner.detections, runner.masks)
        np.testing.assert_array_equal(found["boxes"], instances.boxes)
        np.testing.assert_array_equal(found["scores"], instances.scores)
        counts.append(len(instances))
    # The union of two goes, and then the one that was found twice.
    assert counts[0] == counts[1] + 1 == counts[2] + 2


@WAYS
def test_nothing_may_be_found(run):
    config = Config.from_dict({**BASE, **SUBPIXEL, "DETECTION_MAX_MASK_OVERLAP": 0.4})
    image = np.zeros((70, 90, 3), np.uint8)
    runner, _ = expected(config, image, 0)
    found = run(config, image, 0, runner.detections * 0, runner.masks)
    assert found["boxes"].shape == (0, 4)
    assert found["classes"].shape == found["scores"].shape == (0,)
    assert found["masks"].shape == (0, 70, 90)
