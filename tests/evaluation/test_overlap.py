"""AJI and AJI+ against a count of pixels on whole images."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from mrcnn.errors import DataError
from mrcnn.evaluation import overlap_sums
from mrcnn.evaluation.overlap import OverlapSums, pooled_overlap

SHAPE = (20, 24)


def blocks(rng: np.random.Generator, count: int) -> np.ndarray:
    """bool [N, H, W] of rectangles that may overlap."""
    stack = np.zeros((count, *SHAPE), bool)
    for mask in stack:
        y, x = rng.integers(0, SHAPE[0] - 4), rng.integers(0, SHAPE[1] - 4)
        height, width = rng.integers(2, 9, 2)
        mask[y : y + height, x : x + width] = True
    return stack


def sums_of(truth: np.ndarray, found: np.ndarray, at_border=None, border="count") -> OverlapSums:
    flat_truth = truth.reshape(len(truth), SHAPE[0] * SHAPE[1]).astype(int)
    flat_found = found.reshape(len(found), SHAPE[0] * SHAPE[1]).astype(int)
    shared = flat_truth @ flat_found.T
    areas, found_areas = flat_truth.sum(axis=1), flat_found.sum(axis=1)
    unions = areas[:, None] + found_areas[None] - shared
    at_border = np.zeros(len(found), bool) if at_border is None else at_border
    return overlap_sums(shared / unions, shared, areas, found_areas, at_border, border)


@given(seed=st.integers(0, 10_000), cells=st.integers(0, 6), predictions=st.integers(0, 6))
@settings(max_examples=80, deadline=None)
def test_sums_equal_a_count_of_pixels(seed, cells, predictions):
    rng = np.random.default_rng(seed)
    truth, found = blocks(rng, cells), blocks(rng, predictions)
    iou = np.array([[(a & b).sum() / (a | b).sum() for b in found] for a in truth])
    iou = iou.reshape(cells, predictions)

    shared = united = 0
    used = set()
    for index, mask in enumerate(truth):
        if predictions and iou[index].max() > 0:
            best = int(iou[index].argmax())
            used.add(best)
            shared += int((mask & found[best]).sum())
            united += int((mask | found[best]).sum())
        else:
            united += int(mask.sum())
    united += sum(int(mask.sum()) for index, mask in enumerate(found) if index not in used)

    shared_plus = 0
    union_plus = int(truth.sum() + found.sum())
    for row, column in zip(*linear_sum_assignment(-iou), strict=True):
        overlap = int((truth[row] & found[column]).sum())
        shared_plus += overlap
        union_plus -= overlap

    assert sums_of(truth, found) == OverlapSums(shared, united, shared_plus, union_plus)


def test_perfect_and_empty():
    truth = blocks(np.random.default_rng(0), 1)
    perfect = sums_of(truth, truth)
    assert (perfect.aji, perfect.aji_plus) == (1.0, 1.0)
    nothing = sums_of(truth[:0], truth[:0])
    assert math.isnan(nothing.aji)
    assert math.isnan(nothing.aji_plus)
    assert sums_of(truth, truth[:0]).aji == 0.0
    assert sums_of(truth[:0], truth).aji_plus == 0.0


def test_two_cells_taken_as_one_weigh_twice_in_aji_only():
    truth = np.zeros((2, *SHAPE), bool)
    truth[0, 2:6, 2:6] = truth[1, 2:6, 6:10] = True
    merged = truth.any(axis=0, keepdims=True)
    sums = sums_of(truth, merged)
    assert sums.aji == (16 + 16) / (32 + 32)
    assert sums.aji_plus == 16 / (32 + 16)


def test_what_is_left_over_at_the_border_counts_or_not():
    truth = np.zeros((1, *SHAPE), bool)
    truth[0, 5:9, 5:9] = True
    found = np.concatenate([truth, np.zeros((1, *SHAPE), bool)])
    found[1, 0:3, 0:4] = True
    at_border = np.array([False, True])
    assert sums_of(truth, found, at_border, "count").aji == 16 / (16 + 12)
    ignored = sums_of(truth, found, at_border, "ignore")
    assert (ignored.aji, ignored.aji_plus) == (1.0, 1.0)
    # A pair at the border stays a pair.
    assert sums_of(found[1:], found[1:], np.array([True]), "ignore").aji == 1.0
    with pytest.raises(DataError, match="border must be"):
        sums_of(truth, found, at_border, "drop")


def test_pooling_adds_pixels():
    assert pooled_overlap([OverlapSums(1, 2, 3, 4), OverlapSums(10, 20, 30, 40)]) == OverlapSums(
        11, 22, 33, 44
    )
    assert pooled_overlap([]) == OverlapSums()
