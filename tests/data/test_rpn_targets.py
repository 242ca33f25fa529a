"""RPN targets equal those of the definition, worked out over all anchors and boxes."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.data.molding import IGNORED_CLASS_ID
from mrcnn.data.rpn_targets import AnchorIndex, build_rpn_targets
from mrcnn.ops.anchors import generate_pyramid_anchors
from mrcnn.utils import box_refinement, compute_overlaps

DEVIATIONS = np.array([0.1, 0.1, 0.2, 0.2])
SIDE = 96
ANCHORS = generate_pyramid_anchors(
    (8, 16, 32, 64, 128),
    [0.5, 1, 2],
    [[24, 24], [12, 12], [6, 6], [3, 3], [2, 2]],
    [4, 8, 16, 32, 64],
    1,
)


def settings_for(count: int) -> SimpleNamespace:
    return SimpleNamespace(RPN_TRAIN_ANCHORS_PER_IMAGE=count, RPN_BBOX_STD_DEV=DEVIATIONS)


def reference(anchors, class_ids, boxes):
    """Match of every anchor before any is drawn, and the box that each overlaps most."""
    crowds, boxes = boxes[class_ids < 0], boxes[class_ids > 0]
    match = np.zeros(len(anchors), int)
    overlaps = compute_overlaps(anchors, boxes) if len(boxes) else np.zeros((len(anchors), 1))
    match[overlaps.max(axis=1) < 0.3] = -1
    if len(crowds):
        match[(match == -1) & (compute_overlaps(anchors, crowds).max(axis=1) >= 0.001)] = 0
    for column in overlaps.T:
        if column.max() > 0:
            match[column == column.max()] = 1
    match[overlaps.max(axis=1) >= 0.7] = 1
    return match, overlaps.argmax(axis=1), boxes


@st.composite
def ground_truth(draw):
    count = draw(st.integers(0, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corners = rng.integers(0, SIDE - 1, (count, 2))
    sizes = 1 + rng.integers(0, draw(st.sampled_from([2, 12, 40, SIDE])), (count, 2))
    boxes = np.concatenate([corners, np.minimum(corners + sizes, SIDE)], axis=1).astype(np.int32)
    ids = rng.integers(1, 4, count).astype(np.int32)
    ids[rng.random(count) < draw(st.sampled_from([0.0, 0.2]))] *= -1
    return ids, boxes


@settings(max_examples=150)
@given(ground_truth(), st.booleans())
def test_equal_to_the_definition(truth, shuffled):
    class_ids, boxes = truth
    anchors = ANCHORS
    if shuffled:
        # Out of order and with gaps, the anchors form no grids.
        anchors = np.random.default_rng(0).permutation(ANCHORS)[:-7]
    expected, best_box, plain_boxes = reference(anchors, class_ids, boxes)
    match, deltas = build_rpn_targets(
        (SIDE, SIDE, 3),
        anchors,
        class_ids,
        boxes,
        settings_for(10**5),
        rng=np.random.default_rng(0),
    )
    np.testing.assert_array_equal(match, expected)
    assert match.dtype == np.int32
    positive = np.flatnonzero(expected == 1)
    assert not deltas[len(positive) :].any()
    if len(positive):
        wanted = box_refinement(anchors[positive], plain_boxes[best_box[positive]]) / DEVIATIONS
        np.testing.assert_allclose(deltas[: len(positive)], wanted, rtol=1e-4, atol=1e-4)


@settings(max_examples=60)
@given(ground_truth(), st.integers(2, 60), st.integers(0, 1000))
def test_drawn_anchors_are_a_balanced_part_of_all(truth, count, seed):
    class_ids, boxes = truth
    everything, best_box, plain_boxes = reference(ANCHORS, class_ids, boxes)
    match, deltas = build_rpn_targets(
        (SIDE, SIDE, 3),
        ANCHORS,
        class_ids,
        boxes,
        settings_for(count),
        rng=np.random.default_rng(seed),
    )
    assert set(np.unique(match)) <= {-1, 0, 1}
    assert (everything[match != 0] == match[match != 0]).all()
    positives = np.count_nonzero(match == 1)
    assert positives == min(count // 2, np.count_nonzero(everything == 1))
    negatives = np.count_nonzero(match == -1)
    assert negatives == min(count - positives, np.count_nonzero(everything == -1))
    assert deltas.shape == (count, 4)
    chosen = np.flatnonzero(match == 1)
    if positives:
        wanted = box_refinement(ANCHORS[chosen], plain_boxes[best_box[chosen]]) / DEVIATIONS
        np.testing.assert_allclose(deltas[:positives], wanted, rtol=1e-4, atol=1e-4)
    assert not deltas[positives:].any()


def test_without_ground_truth_all_drawn_anchors_are_negative():
    match, deltas = build_rpn_targets(
        (SIDE, SIDE, 3), ANCHORS, np.zeros(0, int), np.zeros((0, 4), int), settings_for(64)
    )
    assert np.count_nonzero(match == -1) == 64
    assert np.count_nonzero(match == 1) == 0
    assert not deltas.any()


def test_a_box_that_no_anchor_overlaps_makes_nothing_positive():
    far = np.array([[500, 500, 520, 520]])
    match, _ = build_rpn_targets((SIDE, SIDE, 3), ANCHORS, np.array([1]), far, settings_for(64))
    assert np.count_nonzero(match == 1) == 0
    assert np.count_nonzero(match == -1) == 64


def test_a_cell_of_one_pixel_gets_an_anchor():
    box = np.array([[40, 41, 41, 42]])
    match, deltas = build_rpn_targets(
        (SIDE, SIDE, 3), ANCHORS, np.array([1]), box, settings_for(64)
    )
    assert np.count_nonzero(match == 1) >= 1
    assert np.isfinite(deltas).all()


def test_the_same_generator_draws_the_same_and_numpy_s_state_is_left_alone():
    rng = np.random.default_rng(1)
    corners = rng.integers(0, 60, (20, 2))
    boxes = np.concatenate([corners, corners + 20], axis=1)
    ids = np.ones(20, int)
    before = np.random.get_state()[1].copy()
    first, second = (
        build_rpn_targets(
            (SIDE, SIDE, 3), ANCHORS, ids, boxes, settings_for(16), rng=np.random.default_rng(5)
        )
        for _ in range(2)
    )
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_index_and_array_give_the_same():
    index = AnchorIndex(ANCHORS)
    assert len(index) == len(ANCHORS)
    boxes = np.array([[10, 12, 40, 44], [50, 3, 58, 12]])
    results = [
        build_rpn_targets((SIDE,), anchors, np.array([1, 2]), boxes, settings_for(10**5))
        for anchors in (ANCHORS, index)
    ]
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize("box", [(0, 0, 96, 96), (30, 30, 31, 31), (-20, 50, 4, 300)])
def test_near_anchors_are_all_that_overlap(box):
    boxes = np.array([box], float)
    (near,) = AnchorIndex(ANCHORS).near_each(boxes)
    overlapping = np.flatnonzero(compute_overlaps(ANCHORS, boxes)[:, 0] > 0)
    assert len(near) == len(set(near.tolist()))
    assert set(overlapping.tolist()) <= set(near.tolist())


def test_what_lies_in_a_region_to_ignore_by_half_is_no_background():
    # By half in the region, by less than half, not at all, all in it, and on an object.
    anchors = np.array(
        [[0, 0, 20, 20], [0, 11, 20, 31], [40, 40, 60, 60], [0, 0, 10, 8], [40, 0, 60, 20]], float
    )
    class_ids = np.array([IGNORED_CLASS_ID, 1])
    given = [(0, 0, 20, 10), (40, 0, 60, 20)]
    match, _ = build_rpn_targets(
        (SIDE, SIDE), anchors, class_ids, np.array(given), settings_for(10)
    )
    assert match.tolist() == [0, -1, -1, 0, 1]
    # An object in a region to ignore is found all the same.
    given[0] = (0, 0, SIDE, SIDE)
    match, _ = build_rpn_targets(
        (SIDE, SIDE), anchors, class_ids, np.array(given), settings_for(10)
    )
    assert match.tolist() == [0, 0, 0, 0, 1]
