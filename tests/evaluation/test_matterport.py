"""Average precision of one image: the original's figures, and what it leaves undefined."""

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.evaluation.matterport import (
    compute_ap,
    compute_ap_range,
    compute_matches,
    compute_recall,
)

PARTS = ("gt_boxes", "gt_ids", "gt_masks", "pred_boxes", "pred_ids", "pred_scores", "pred_masks")


@pytest.fixture
def field(golden):
    return [golden("utils")[f"ap_{part}"] for part in PARTS]


def assert_equal(found, expected):
    assert np.asarray(found).dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("percent", [50, 75])
def test_matches_and_precision_are_the_original_s(golden, field, percent):
    recorded = golden("utils")
    found = compute_matches(*field, iou_threshold=percent / 100)
    for name, value in zip(("gt", "pred", "overlaps"), found, strict=True):
        assert_equal(value, recorded[f"matches_{percent}_{name}"])
    area, precisions, recalls, overlaps = compute_ap(*field, iou_threshold=percent / 100)
    assert_equal(area, recorded[f"ap_{percent}"])
    assert_equal(precisions, recorded[f"ap_{percent}_precisions"])
    assert_equal(recalls, recorded[f"ap_{percent}_recalls"])
    assert_equal(overlaps, recorded[f"matches_{percent}_overlaps"])


def test_the_range_is_the_original_s_and_is_printed(golden, field, capsys):
    assert compute_ap_range(*field) == golden("utils")["ap_range"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert lines[0] == "AP @0.50:\t 0.550"
    assert lines[-1] == "AP @0.50-0.95:\t 0.375"


def test_thresholds_are_chosen_and_silence_is_kept(field, capsys):
    mean = compute_ap_range(*field, iou_thresholds=[0.5, 0.8], verbose=0)
    assert mean == pytest.approx((0.55 + 0.35) / 2)
    assert capsys.readouterr().out == ""


def test_recall_is_the_original_s(golden, field):
    recall, rows = compute_recall(field[3], field[0], 0.5)
    assert recall == golden("utils")["recall"]
    np.testing.assert_array_equal(rows, golden("utils")["recall_ids"])
    # Padding is not an object that could be missed.
    assert compute_recall(field[3], field[0][:4], 0.5)[0] == recall


def nothing(field):
    boxes, ids, masks = field[:3]
    return [boxes[:0], ids[:0], masks[..., :0]]


def test_an_image_without_objects_has_precision_zero(field):
    area, precisions, recalls, overlaps = compute_ap(*nothing(field), *field[3:])
    assert area == 0
    assert np.isfinite(precisions).all() and np.isfinite(recalls).all()
    assert overlaps.shape == (6, 0)
    assert compute_recall(field[3], field[0][:0], 0.5)[0] == 0


def test_no_prediction_has_precision_zero(field):
    boxes, ids, scores, masks = field[3:]
    area, precisions, recalls, _ = compute_ap(
        *field[:3], boxes[:0], ids[:0], scores[:0], masks[..., :0]
    )
    assert area == 0
    assert len(precisions) == len(recalls) == 2


def test_perfect_predictions_reach_one():
    masks = np.zeros((20, 20, 3), bool)
    boxes = np.array([[0, 0, 5, 5], [6, 6, 12, 12], [14, 0, 20, 7]])
    for number, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, number] = True
    ids, scores = np.array([1, 2, 1]), np.array([0.9, 0.8, 0.7])
    assert compute_ap(boxes, ids, masks, boxes, ids, scores, masks)[0] == 1
    wrong = np.array([2, 2, 1])
    # The best ranked prediction has the wrong class.
    found = compute_ap(boxes, ids, masks, boxes, wrong, scores, masks)[0]
    assert found == pytest.approx((1 + 1) / 3 * 2 / 3)


@pytest.mark.parametrize("threshold", [0.0, 0.9])
def test_the_overlap_limit_of_candidates_is_the_larger_one(field, threshold):
    strict = compute_matches(*field, iou_threshold=0.5, score_threshold=threshold)
    expected = compute_matches(*field, iou_threshold=max(0.5, threshold))
    np.testing.assert_array_equal(strict[0], expected[0])


def test_masks_that_do_not_belong_are_named(field):
    with pytest.raises(DataError, match=r"gt_masks have the shape \(64, 64, 2\).*4 boxes"):
        compute_matches(field[0], field[1], field[2][..., :2], *field[3:])
    with pytest.raises(DataError, match="both must be of the same image"):
        compute_matches(*field[:6], np.zeros((32, 32, 7), bool))
