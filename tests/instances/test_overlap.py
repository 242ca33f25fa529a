"""Objects that overlap, and what a detector takes for one although it is several."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.instances import Instances
from mrcnn.instances.overlap import labeled_pixels, mask_intersections, split_unions

SHAPE = (60, 90)


def disc(y: float, x: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(rows - y, columns - x) <= radius


def instances(masks, scores, class_ids=None) -> Instances:
    stack = np.stack(masks, axis=-1)
    return Instances.from_masks(stack, class_ids or [1] * len(masks), scores)


LEFT, RIGHT = disc(30, 30, 15), disc(30, 50, 15)


def test_what_two_others_make_up_is_not_a_third():
    found = instances([LEFT | RIGHT, LEFT, RIGHT], [0.98, 0.9, 0.8])
    kept, scores = split_unions(found.boxes, list(found.crops), found.class_ids, found.scores)
    np.testing.assert_array_equal(kept, [1, 2])
    # That something is there holds for each of the two.
    np.testing.assert_array_equal(scores, np.float64(found.scores[[0, 0, 0]]))
    left = found.without_unions().without_duplicates(0.4)
    assert left.scores.tolist() == pytest.approx([0.98, 0.98])
    assert left.scores.dtype == found.scores.dtype
    # By score alone the third would have won against one of them.
    assert found.without_duplicates(0.4).scores.tolist() == pytest.approx([0.98])


@pytest.mark.parametrize(
    ("masks", "scores", "class_ids"),
    [
        ([LEFT | RIGHT, LEFT], [0.9, 0.9], None),  # One part alone.
        ([LEFT | RIGHT, LEFT, RIGHT], [0.9, 0.9, 0.4], None),  # A part that is hardly there.
        ([LEFT | RIGHT, LEFT, RIGHT], [0.9, 0.9, 0.9], [1, 1, 2]),  # Of another class.
        ([LEFT | RIGHT, disc(30, 25, 6), disc(30, 55, 6)], [0.9, 0.9, 0.9], None),  # Too little.
        ([LEFT | RIGHT, LEFT, disc(31, 30, 15)], [0.9, 0.9, 0.9], None),  # The same part twice.
        ([LEFT, LEFT, RIGHT], [0.9, 0.9, 0.9], None),  # Not larger than they.
    ],
)
def test_what_is_no_union_stays(masks, scores, class_ids):
    found = instances(masks, scores, class_ids)
    assert len(found.without_unions()) == len(masks)


@given(st.integers(0, 10_000), st.integers(2, 4))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_row_of_discs_is_left_and_none_of_their_unions(seed, count):
    rng = np.random.default_rng(seed)
    discs = [disc(rng.integers(15, 45), 12 + 19 * number, 10.4) for number in range(count)]
    unions = [discs[number] | discs[number + 1] for number in range(count - 1)]
    unions += [np.logical_or.reduce(discs)]
    scores = [*rng.uniform(0.8, 0.9, count), *rng.uniform(0.9, 1.0, len(unions))]
    order = rng.permutation(len(scores))
    masks = [*discs, *unions]
    found = instances([masks[number] for number in order], [scores[number] for number in order])
    kept = found.without_unions()
    expected = instances(discs, scores[:count])
    assert sorted(kept.boxes.tolist()) == sorted(expected.boxes.tolist())
    # Each of them is a part of one.
    assert min(kept.scores) >= min(scores[count:]) - 1e-6


def test_there_may_be_none_but_there_must_be_scores():
    nothing = Instances.from_boxes(SHAPE, np.zeros((0, 4), int), []).replaced(scores=[])
    assert len(nothing.without_unions()) == 0
    with pytest.raises(DataError, match="scores"):
        instances([LEFT], [0.5]).replaced(scores=None).without_unions()


@pytest.mark.parametrize("seed", range(5))
def test_shared_pixels_are_those_of_whole_masks(seed):
    rng = np.random.default_rng(seed)
    masks = [disc(*rng.uniform((5, 5, 1), (55, 85, 25))) for _ in range(9)]
    masks.append(np.zeros(SHAPE, bool))
    found = instances(masks, np.linspace(1, 0.5, 10))
    flat = found.full_masks().reshape(-1, 10).astype(int)
    boxes, crops = found.boxes, list(found.crops)
    # Of a set with itself half is found from the other half.
    for others in (crops, list(crops)):
        np.testing.assert_array_equal(
            mask_intersections(boxes, crops, boxes, others), flat.T @ flat
        )


def test_each_object_has_the_pixels_that_better_ones_leave_it():
    found = instances([LEFT, RIGHT, disc(30, 40, 5), disc(5, 5, 3)], [0.9, 0.8, 0.7, 0.6])
    labels = found.label_image()
    expected = [np.count_nonzero(labels == number) for number in (1, 2, 3, 4)]
    np.testing.assert_array_equal(labeled_pixels(found.boxes, labels), expected)
    assert expected[2] == 0 and labeled_pixels(np.zeros((0, 4)), labels).shape == (0,)
