"""Mask IoU, one-to-one matching, border and duplicates, against whole-image brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from mrcnn.errors import DataError
from mrcnn.evaluation import (
    drop_duplicates,
    mask_iou,
    match_by_score,
    match_one_to_one,
    touches_border,
)

HEIGHT, WIDTH = 23, 31


def random_masks(rng: np.random.Generator, count: int):
    """Masks as boxes and crops with the same as a whole-image stack [H, W, N]."""
    boxes = np.zeros((count, 4), dtype=np.int32)
    crops = []
    stack = np.zeros((HEIGHT, WIDTH, count), dtype=bool)
    for index in range(count):
        y1, y2 = np.sort(rng.choice(HEIGHT + 1, 2, replace=False))
        x1, x2 = np.sort(rng.choice(WIDTH + 1, 2, replace=False))
        crop = rng.random((y2 - y1, x2 - x1)) < rng.choice([0.0, 0.3, 0.9])
        boxes[index] = y1, x1, y2, x2
        crops.append(crop)
        stack[y1:y2, x1:x2, index] = crop
    return boxes, crops, stack


@given(seed=st.integers(0, 10_000), count_a=st.integers(0, 6), count_b=st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_mask_iou_equals_whole_image_iou(seed, count_a, count_b):
    rng = np.random.default_rng(seed)
    boxes_a, crops_a, stack_a = random_masks(rng, count_a)
    boxes_b, crops_b, stack_b = random_masks(rng, count_b)
    expected = np.zeros((count_a, count_b))
    for a, b in itertools.product(range(count_a), range(count_b)):
        union = np.count_nonzero(stack_a[..., a] | stack_b[..., b])
        if union:
            expected[a, b] = np.count_nonzero(stack_a[..., a] & stack_b[..., b]) / union
    iou = mask_iou(boxes_a, crops_a, boxes_b, crops_b)
    assert iou.dtype == np.float64
    np.testing.assert_array_equal(iou, expected)


def test_mask_iou_by_hand():
    full = np.ones((2, 2), bool)
    iou = mask_iou([[0, 0, 2, 2]], [full], [[0, 1, 2, 3], [0, 0, 2, 2], [2, 2, 4, 4]], [full] * 3)
    np.testing.assert_array_equal(iou, [[2 / 6, 1.0, 0.0]])


def test_mask_iou_refuses_a_crop_of_another_size():
    with pytest.raises(
        DataError, match=r"second masks: mask 0 has the shape \(2, 3\).*needs \(2, 2\)"
    ):
        mask_iou([], [], [[0, 0, 2, 2]], [np.ones((2, 3), bool)])
    with pytest.raises(DataError, match="first masks: 2 boxes but 1 masks"):
        mask_iou(np.zeros((2, 4)), [np.ones((0, 0), bool)], [], [])


def brute_force_best_sum(iou: np.ndarray, threshold: float) -> float:
    rows, columns = iou.shape
    best = 0.0
    # Each row takes a column or none (columns + row stands for "none" of that row).
    for choice in itertools.permutations(range(columns + rows), rows):
        values = [
            iou[row, column]
            for row, column in enumerate(choice)
            if column < columns and iou[row, column] >= threshold
        ]
        best = max(best, sum(values))
    return best


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(0, 3),
    columns=st.integers(0, 3),
    threshold=st.sampled_from([0.1, 0.5, 0.75]),
)
@settings(max_examples=80, deadline=None)
def test_matching_is_one_to_one_and_has_the_largest_sum(seed, rows, columns, threshold):
    iou = np.random.default_rng(seed).random((rows, columns))
    pairs = match_one_to_one(iou, threshold)
    assert pairs.shape[1:] == (2,)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    matched = iou[pairs[:, 0], pairs[:, 1]]
    assert (matched >= threshold).all()
    assert matched.sum() == pytest.approx(brute_force_best_sum(iou, threshold), abs=1e-12)


@given(seed=st.integers(0, 10_000), size=st.integers(1, 40), share=st.floats(0, 0.3))
@settings(max_examples=60, deadline=None)
def test_settling_the_uncontested_first_loses_nothing(seed, size, share):
    rng = np.random.default_rng(seed)
    iou = rng.random((size, size + 3)) * (rng.random((size, size + 3)) < share)
    worth = np.where(iou >= 0.3, iou, 0.0)
    best = worth[linear_sum_assignment(worth, maximize=True)].sum()
    pairs = match_one_to_one(iou, 0.3)
    assert (np.diff(pairs[:, 0]) > 0).all()
    assert len(set(pairs[:, 1])) == len(pairs)
    assert iou[pairs[:, 0], pairs[:, 1]].sum() == pytest.approx(best, abs=1e-12)


def test_by_score_the_best_chooses_first():
    iou = np.array([[0.9, 0.8, 0.0], [0.7, 0.6, 0.0]])
    np.testing.assert_array_equal(match_by_score(iou, [0.5, 0.9, 0.8], 0.5), [1, 0, -1])
    np.testing.assert_array_equal(match_by_score(iou, [0.5, 0.9, 0.8], 0.75), [-1, 0, -1])
    np.testing.assert_array_equal(match_by_score(np.zeros((0, 2)), [0.5, 0.9], 0.5), [-1, -1])


def test_greedy_matching_would_lose_a_cell():
    # Greedy takes 0.9 and leaves the other prediction without a partner.
    iou = np.array([[0.9, 0.8], [0.7, 0.0]])
    np.testing.assert_array_equal(match_one_to_one(iou, 0.5), [[0, 1], [1, 0]])


def test_a_pair_at_the_threshold_counts_and_one_below_does_not():
    np.testing.assert_array_equal(match_one_to_one([[0.5]], 0.5), [[0, 0]])
    assert len(match_one_to_one([[np.nextafter(0.5, 0)]], 0.5)) == 0


def test_pairs_below_the_threshold_do_not_displace_a_match():
    # 0.49 + 0.49 is more than 0.6, but neither is a match.
    iou = np.array([[0.6, 0.49], [0.49, 0.0]])
    np.testing.assert_array_equal(match_one_to_one(iou, 0.5), [[0, 0]])


@pytest.mark.parametrize("threshold", [0.0, -1, 1.01, float("nan")])
def test_threshold_out_of_range(threshold):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        match_one_to_one([[0.5]], threshold)


def test_iou_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        match_one_to_one([[np.nan]], 0.5)


@given(seed=st.integers(0, 10_000), count=st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_touches_border_looks_at_pixels(seed, count):
    boxes, crops, stack = random_masks(np.random.default_rng(seed), count)
    expected = stack[0].any(0) | stack[-1].any(0) | stack[:, 0].any(0) | stack[:, -1].any(0)
    np.testing.assert_array_equal(touches_border(boxes, crops, (HEIGHT, WIDTH, 3)), expected)


def test_a_box_at_the_border_with_an_empty_edge_does_not_touch_it():
    crop = np.ones((4, 4), bool)
    crop[0] = False
    assert not touches_border([[0, 5, 4, 9]], [crop], (20, 20))[0]
    assert touches_border([[16, 5, 20, 9]], [crop], (20, 20))[0]


def test_drop_duplicates_keeps_the_best_of_the_same_cell():
    cell, shifted = np.ones((10, 10), bool), np.ones((10, 9), bool)
    boxes = [[0, 0, 10, 10], [0, 1, 10, 10], [20, 20, 30, 30]]
    crops = [cell, shifted, cell]
    np.testing.assert_array_equal(drop_duplicates(boxes, crops, [0.8, 0.9, 0.7], 0.5), [1, 2])
    np.testing.assert_array_equal(drop_duplicates(boxes, crops, [0.8, 0.9, 0.7], 1.0), [1, 0, 2])
    assert drop_duplicates(np.zeros((0, 4)), [], [], 0.5).shape == (0,)


@given(seed=st.integers(0, 10_000), cut=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_dropping_duplicates_commutes_with_the_confidence(seed, cut):
    rng = np.random.default_rng(seed)
    boxes, crops, _ = random_masks(rng, 8)
    scores = rng.random(8)
    after = [index for index in drop_duplicates(boxes, crops, scores, 0.2) if scores[index] >= cut]
    kept = np.flatnonzero(scores >= cut)
    before = kept[drop_duplicates(boxes[kept], [crops[i] for i in kept], scores[kept], 0.2)]
    np.testing.assert_array_equal(after, before)
