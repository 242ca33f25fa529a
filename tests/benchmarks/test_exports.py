"""How `benchmarks.exports` compares; the exports themselves are in tests/deploy."""

import numpy as np
import pytest

from benchmarks.exports import Differences, compare, least_iou
from benchmarks.exports_end_to_end import agreement
from mrcnn.instances import Instances

SHAPE = (201, 101)
ROWS = np.array(
    [[0.1, 0.2, 0.3, 0.4, 1, 0.9], [0.5, 0.2, 0.7, 0.4, 2, 0.8], [0, 0, 0, 0, 0, 0]], float
)


def instances(*masks):
    return Instances.from_masks(np.stack(masks, -1), np.ones(len(masks), int))


def test_detections_may_change_places():
    moved = ROWS[[1, 0, 2]] + np.array([0.001, 0, 0, 0, 0, 0.0])
    moved[0, 5] += 0.01
    box, score = compare(ROWS, moved, SHAPE)
    assert box == pytest.approx(0.201) and score == pytest.approx(0.01)


def test_another_class_or_number_is_no_partner():
    other = ROWS.copy()
    other[0, 4] = 2
    assert compare(ROWS, other, SHAPE)[0] == np.inf
    assert compare(ROWS, ROWS[:1], SHAPE) == (np.inf, np.inf)
    assert compare(ROWS[2:], ROWS[2:], SHAPE) == (0, 0)


def test_the_worst_mask_counts():
    first, second, third = np.zeros((3, 20, 20), bool)
    first[:4, :4] = second[10:14, :5] = True
    third[10:14, :4] = True
    assert least_iou(instances(first, second), instances(second, first)) == 1
    assert least_iou(instances(first, second), instances(first, third)) == pytest.approx(0.8)
    assert least_iou(instances(first, second), instances(first)) == 0


def test_limits():
    kept = Differences((5, 5), 5, 0.001, 0.0001, 0.999)
    assert kept.is_kept and "least IoU of 5 masks 0.99900" in str(kept)
    for changed in ({"counts": (5, 4)}, {"box": 0.002}, {"score": 0.001}, {"mask": 0.99}):
        assert not Differences(**{**vars(kept), **changed}).is_kept


def test_what_an_export_finds_is_paired_and_compared():
    masks = np.zeros((2, 20, 20), np.uint8)
    masks[0, 2:12, 3:13] = masks[1, 14:18, 14:19] = 1
    ours = Instances.from_masks(
        masks.astype(bool).transpose(1, 2, 0), np.array([1, 2]), np.array([0.9, 0.8])
    )
    found = {
        "boxes": ours.boxes[::-1].copy(),
        "classes": np.array([2, 1]),
        "scores": np.array([0.8, 0.9]),
        "masks": masks[::-1].copy(),
    }
    same = agreement("onnx", ours, found)
    assert same.is_kept and (same.mask, same.box, same.score) == (1, 0, 0)
    found["masks"][1, 2, 3] = 0
    found["scores"][1] = 0.7
    other = agreement("onnx", ours, found)
    assert other.is_kept and other.mask == 0.99 and other.score == pytest.approx(0.2)
    found["masks"][1, 2, 4] = 0
    assert not agreement("onnx", ours, found).is_kept
    found["masks"], found["classes"] = masks[::-1], np.array([2, 2])
    assert not agreement("onnx", ours, found).is_kept
    one = {name: values[:1] for name, values in found.items()}
    assert not agreement("onnx", ours, one).is_kept
    none = {name: values[:0] for name, values in found.items()}
    assert not agreement("onnx", ours, none).is_kept


def test_masks_without_a_pixel_are_partners_by_their_boxes():
    boxes = np.array([[2, 3, 12, 13], [2, 3, 12, 14]])
    crops = [np.zeros((10, 10), bool), np.zeros((10, 11), bool)]
    ours = Instances((20, 20), boxes, crops, [1, 1], np.array([0.9, 0.8]))
    found = {
        "boxes": boxes[::-1].copy(),
        "classes": np.array([1, 1]),
        "scores": np.array([0.8, 0.9]),
        "masks": np.zeros((2, 20, 20), np.uint8),
    }
    same = agreement("onnx", ours, found)
    assert same.is_kept and (same.mask, same.box, same.score) == (1, 0, 0)
    found["masks"][0, 5, 5] = 1
    assert not agreement("onnx", ours, found).is_kept
