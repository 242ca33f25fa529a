"""Boxes as no image has them give finite values and gradients, whatever the function."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from keras import ops

from mrcnn.ops.boxes import (
    apply_box_deltas,
    box_area,
    box_refinement,
    clip_boxes,
    denormalize_boxes,
    finite_boxes,
    normalize_boxes,
    pairwise_iou,
)
from mrcnn.ops.nms import non_max_suppression
from mrcnn.ops.roi_align import crop_masks, pyramid_roi_align, roi_levels
from tests.compiling import compiled

COUNT = 8
# Without area in several ways, inside out, outside, tiny, huge, and some as they should be.
ODD = np.array(
    [
        [0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], [0.5, 0.2, 0.5, 0.9], [0.9, 0.9, 0.1, 0.1],
        [2, 2, 3, 3], [-3, -3, -1, -1], [0.3, 0.3, 0.3 + 1e-7, 0.3 + 1e-7], [0, 0, 1e-7, 1e-7],
        [0, 0, 1e-22, 1e-22], [0, 0, 1e-40, 1], [-1e4, -1e4, 1e4, 1e4], [-1e30, -1e30, 1e30, 1e30],
        [-3e38, -3e38, 3e38, 3e38], [3e38, 3e38, -3e38, -3e38], [0, 0, 1, 1], [0.2, 0.2, 0.6, 0.7],
    ],
    np.float32,
)  # fmt: skip
# The square of this area is no number of float32 any more.
THIN = np.array([[0, -3, 1e-22, -1]] * 8, np.float32)
COORDINATES = st.sampled_from(sorted({*ODD.ravel().tolist(), 1e-7, 0.25, 0.999999, 1.000001}))
BOXES = st.lists(st.tuples(*[COORDINATES] * 4), min_size=COUNT, max_size=COUNT).map(
    lambda rows: np.array(rows, np.float32)
)
DELTAS = st.lists(
    st.tuples(*[st.sampled_from([0.0, 1e-7, -0.5, 3.0, 1e4, -1e4, 90.0, -200.0, 1e30])] * 4),
    min_size=COUNT,
    max_size=COUNT,
).map(lambda rows: np.array(rows, np.float32))
FEW = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


WHOLE = np.array([0, 0, 1, 1], np.float32)


@pytest.fixture(scope="module")
def all_finite(value_and_gradients):
    """Checks the gradients of the sum of a function's values; gives the sum."""
    sums = {}

    def check(function, *arrays):
        if function not in sums:
            sums[function] = lambda *inputs: ops.sum(function(*inputs))
        value, gradients = value_and_gradients(sums[function], *arrays)
        assert np.isfinite(value)
        for array, gradient in zip(arrays, gradients, strict=True):
            assert gradient is None or np.isfinite(gradient).all(), (array, gradient)
        return value

    return check


def values(function, *arrays):
    return ops.convert_to_numpy(compiled(function)(*map(ops.convert_to_tensor, arrays)))


@FEW
@given(BOXES, BOXES)
@example(ODD[:8], ODD[8:])
@example(ODD[8:], ODD[8:])
@example(ODD[:8], THIN)
def test_overlaps(all_finite, first, second):
    all_finite(pairwise_iou, first, second)
    iou = values(pairwise_iou, first, second)
    assert iou.min() >= 0 and iou.max() <= 1 + 1e-6
    flat = (second[:, 2:] <= second[:, :2]).any(axis=1)
    assert not iou[:, flat].any()


def moved(boxes, deltas):
    return clip_boxes(apply_box_deltas(boxes, deltas), WHOLE)


@FEW
@given(BOXES, DELTAS)
@example(ODD[8:], np.full((8, 4), 1e4, np.float32))
@example(ODD[8:], np.full((8, 4), 1e30, np.float32))
@example(ODD[8:], np.full((8, 4), -1e30, np.float32))
def test_moved_boxes(all_finite, boxes, deltas):
    all_finite(moved, boxes, deltas)
    result = values(moved, boxes, deltas)
    assert result.min() >= 0 and result.max() <= 1


@FEW
@given(BOXES, BOXES)
@example(ODD[:8], ODD[8:])
@example(ODD[8:], ODD[8:])
def test_refinement(all_finite, boxes, targets):
    all_finite(box_refinement, boxes, targets)
    flat = [(pair[:, 2:] <= pair[:, :2]).any(axis=1) for pair in (boxes, targets)]
    assert not values(box_refinement, boxes, targets)[flat[0] | flat[1]].any()


def test_ordinary_boxes_are_refined_as_ever():
    rng = np.random.default_rng(0)
    corners = rng.random((2, 50, 2))
    boxes, targets = np.concatenate(
        [corners, corners + rng.random((2, 50, 2)) + 1e-3], axis=2
    ).astype(np.float32)
    height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    target_height, target_width = targets[:, 2] - targets[:, 0], targets[:, 3] - targets[:, 1]
    expected = [
        (targets[:, 0] + 0.5 * target_height - (boxes[:, 0] + 0.5 * height)) / height,
        (targets[:, 1] + 0.5 * target_width - (boxes[:, 1] + 0.5 * width)) / width,
        np.log(target_height / height),
        np.log(target_width / width),
    ]
    found = values(box_refinement, boxes, targets)
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-6, atol=1e-7)


def normalized_to_a_row(boxes):
    return normalize_boxes(boxes, (1, 1024))


def test_areas_and_normalized_boxes(all_finite):
    reachable = ODD[np.abs(ODD).max(axis=1) < 1e10]
    all_finite(box_area, reachable)
    all_finite(normalized_to_a_row, reachable)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1)])
def test_a_single_row_or_column_of_pixels(shape):
    boxes = np.array([[0, 0, *shape]], np.float32)
    normalized = values(lambda boxes: normalize_boxes(boxes, shape), boxes)
    np.testing.assert_array_equal(normalized[0], [0, 0, *(float(side > 1) for side in shape)])
    again = values(lambda boxes: denormalize_boxes(boxes, shape), normalized)
    np.testing.assert_array_equal(again, boxes)


def levels_of(boxes):
    # What the proposal and detection layers let through; below the rest does no harm either.
    return roi_levels(finite_boxes(boxes)[0], 64.0 * 64.0)


def pooled(boxes, *maps):
    return pyramid_roi_align(boxes, levels_of(boxes), list(maps), (3, 3))


@FEW
@given(BOXES)
@example(ODD[:8])
@example(ODD[8:])
@example(np.full((COUNT, 4), np.nan, np.float32))
def test_regions_of_the_pyramid(all_finite, boxes):
    maps = [np.full((1, side, side, 2), 0.5, np.float32) for side in (16, 8, 4, 2)]
    levels = values(levels_of, boxes[None])
    assert set(levels.ravel()) <= {2, 3, 4, 5}
    assert 0 <= all_finite(pooled, boxes[None], *maps) <= COUNT * 9 * 2 * 0.5 * (1 + 1e-6)


def cropped(masks, boxes):
    instances = ops.convert_to_tensor(np.arange(COUNT, dtype=np.int32)[None] % 2)
    return crop_masks(masks, instances, ops.stop_gradient(boxes), (3, 4))


@FEW
@given(BOXES)
@example(ODD[:8])
@example(ODD[8:])
@example(np.full((COUNT, 4), np.nan, np.float32))
def test_crops_of_masks(all_finite, boxes):
    masks = np.ones((1, 6, 5, 2), np.float32)
    all_finite(cropped, masks, boxes[None])
    crops = values(cropped, masks, boxes[None])
    assert 0 <= crops.min() <= crops.max() <= 1 + 1e-6


@pytest.mark.parametrize("boxes", [ODD[:8], ODD[8:], np.full((COUNT, 4), np.nan, np.float32)])
def test_suppression(boxes):
    suppress = compiled(non_max_suppression, max_outputs=5, iou_threshold=0.5)
    valid = ops.convert_to_tensor(np.ones((1, COUNT), bool))
    kept, counts = suppress(ops.convert_to_tensor(boxes[None]), valid)
    (count,), kept = ops.convert_to_numpy(counts), ops.convert_to_numpy(kept)[0]
    assert 1 <= count <= 5
    assert kept[0] == 0 and (np.diff(kept[:count]) > 0).all() and not kept[count:].any()
