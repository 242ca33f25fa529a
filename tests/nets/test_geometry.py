"""The network in torchvision's geometry: detections of each class, targets, anchors."""

import numpy as np
import pytest
from keras import ops

from mrcnn.data.anchors import pyramid_anchors
from mrcnn.nets.detection import refine_detections
from mrcnn.training.targets import TargetSettings, detection_targets

SIDE = 128
SHIFT, SCALE = np.array([0, 0, 1, 1]), SIDE - 1.0


def normalized(boxes):
    return ((np.asarray(boxes, float) - SHIFT) / SCALE).astype(np.float32)


def in_pixels(boxes):
    return np.asarray(boxes) * SCALE + SHIFT


def detected(boxes, probabilities, deltas=None, min_confidence=0.05, threshold=0.5):
    probabilities = np.asarray(probabilities, np.float32)
    if deltas is None:
        deltas = np.zeros((*probabilities.shape, 4), np.float32)
    rows = refine_detections(
        ops.convert_to_tensor(normalized(boxes)[None]),
        ops.convert_to_tensor(probabilities[None]),
        ops.convert_to_tensor(np.asarray(deltas, np.float32)[None]),
        ops.convert_to_tensor(normalized([[0, 0, SIDE, SIDE]])),
        max_instances=6,
        min_confidence=min_confidence,
        nms_threshold=threshold,
        box_std_dev=(0.1, 0.1, 0.2, 0.2),
        score="each",
        image_shape=(ops.convert_to_tensor(128.0), ops.convert_to_tensor(128.0)),
    )
    rows = ops.convert_to_numpy(rows)[0]
    return rows[rows[:, 4] > 0]


def test_every_class_of_a_region_is_a_detection_with_its_own_box():
    deltas = np.zeros((1, 3, 4))
    # To the right by half its width.
    deltas[0, 2, 1] = 5
    found = detected([[10, 20, 40, 60]], [[0.1, 0.55, 0.35]], deltas)
    np.testing.assert_array_equal(found[:, 4], [1, 2])
    np.testing.assert_allclose(found[:, 5], [0.55, 0.35])
    expected = [[10, 20, 40, 60], [10, 40, 40, 80]]
    np.testing.assert_allclose(in_pixels(found[:, :4]), expected, atol=1e-4)


def test_detections_of_one_class_suppress_each_other_by_their_edges():
    # From edge to edge their IoU is 1/3, counted from center to center of pixels 5/16.
    boxes = [[0, 0, 4, 4], [0, 2, 4, 6], [50, 50, 90, 90]]
    probabilities = [[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.97, 0.02, 0.01]]
    of_two_classes = detected(boxes[:2], probabilities[:2], min_confidence=0.5)
    assert len(of_two_classes) == 2
    of_one = [[0.1, 0.9, 0.0], [0.2, 0.8, 0.0]]
    assert len(detected(boxes[:2], of_one, threshold=0.325)) == 1
    assert len(detected(boxes[:2], of_one, threshold=0.34)) == 2
    assert len(detected(boxes, probabilities)) == 4


def test_a_detection_outside_of_the_image_is_none():
    deltas = np.zeros((1, 3, 4))
    deltas[0, 1, 0] = 60
    assert len(detected([[10, 20, 40, 60]], [[0.1, 0.9, 0.0]], deltas)) == 0


@pytest.mark.parametrize("confidence", [0.0, 0.05, 0.3])
def test_all_classes_that_are_sure_enough_are_candidates(confidence):
    rng = np.random.default_rng(0)
    logits = np.exp(rng.normal(0, 1.5, (1, 5)))
    probabilities = logits / logits.sum()
    found = detected([[10, 20, 40, 60]], probabilities, min_confidence=confidence)
    assert len(found) == np.count_nonzero(probabilities[0, 1:] >= confidence)


def test_anchors_have_whole_sides(make_config):
    config = make_config(
        IMAGE_MAX_DIM=64, GEOMETRY="torchvision", RPN_ANCHOR_SCALES=(32, 64, 128, 256, 512)
    )
    first = pyramid_anchors(config, config.IMAGE_SHAPE)[:3]
    # torchvision's cell anchors (x1, y1, x2, y2): -11 -23 11 23, -16 -16 16 16, -23 -11 23 11.
    expected = [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]]
    np.testing.assert_array_equal(first, expected)


def test_targets_are_those_of_edges_and_bins():
    settings = TargetSettings(
        rois=4,
        positive_ratio=0.5,
        box_std_dev=(0.1, 0.1, 0.2, 0.2),
        mask_shape=(4, 4),
        mini_masks=True,
        image_shape=(SIDE, SIDE),
    )
    # The left half of the object is filled.
    mask = np.zeros((1, 8, 8, 1), np.float32)
    mask[:, :, :4] = 1
    roi, box = [20, 20, 60, 60], [20, 30, 60, 70]
    rois, class_ids, deltas, masks = detection_targets(
        ops.convert_to_tensor(normalized([roi])[None]),
        ops.convert_to_tensor([[2]], dtype="int32"),
        ops.convert_to_tensor(normalized([box])[None]),
        ops.convert_to_tensor(mask),
        settings,
    )
    assert int(class_ids[0, 0]) == 2
    np.testing.assert_allclose(in_pixels(ops.convert_to_numpy(rois)[0, :1]), [roi], atol=1e-4)
    assert not ops.convert_to_numpy(rois)[0, 1:].any()
    # A quarter of the width, divided by 0.1.
    np.testing.assert_allclose(ops.convert_to_numpy(deltas)[0, 0], [0, 2.5, 0, 0], atol=1e-4)
    # Bins of ten pixels: the first lies beside the object, two in its filled half.
    np.testing.assert_array_equal(ops.convert_to_numpy(masks)[0, 0], [[0, 1, 1, 0]] * 4)
