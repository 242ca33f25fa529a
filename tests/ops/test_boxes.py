"""Box arithmetic on tensors against the original's numbers and as properties."""

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
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
from tests.compiling import compiled


def run(function, *arrays):
    return ops.convert_to_numpy(compiled(function)(*map(ops.convert_to_tensor, arrays)))


def proper_boxes(count):
    """Boxes of at least 1 unit a side inside 0..100."""
    corner = hnp.arrays(np.float32, (count, 2), elements=st.floats(0, 80, width=32))
    size = hnp.arrays(np.float32, (count, 2), elements=st.floats(1, 20, width=32))
    return st.tuples(corner, size).map(lambda pair: np.hstack([pair[0], pair[0] + pair[1]]))


def test_arithmetic_is_the_original_s(golden):
    layers = golden("layers")
    first, second = layers["g_b1"], layers["g_b2"]
    np.testing.assert_allclose(run(pairwise_iou, first, second), layers["g_overlaps"], atol=1e-6)
    np.testing.assert_allclose(
        run(box_refinement, first[:4], second), layers["g_refinement"], atol=1e-6
    )
    np.testing.assert_allclose(
        run(apply_box_deltas, first, layers["g_in_deltas"]), layers["g_deltas"], atol=1e-6
    )


@settings(max_examples=12, deadline=None)
@given(proper_boxes(5), proper_boxes(5))
def test_refinement_undoes_itself(boxes, targets):
    deltas = run(box_refinement, boxes, targets)
    np.testing.assert_allclose(run(apply_box_deltas, boxes, deltas), targets, atol=1e-3)


@settings(max_examples=12, deadline=None)
@given(proper_boxes(4), proper_boxes(6))
def test_iou_is_symmetric_and_bounded(first, second):
    iou = run(pairwise_iou, first, second)
    np.testing.assert_allclose(iou, run(pairwise_iou, second, first).T, atol=1e-6)
    assert iou.min() >= 0 and iou.max() <= 1
    np.testing.assert_allclose(np.diag(run(pairwise_iou, first, first)), 1, atol=1e-6)


def test_iou_of_empty_boxes_is_zero():
    empty = np.zeros((2, 4), np.float32)
    np.testing.assert_array_equal(run(pairwise_iou, empty, empty), 0)


def test_area_of_a_box_turned_inside_out_is_zero():
    boxes = np.array([[0, 0, 2, 3], [2, 0, 0, 3], [2, 3, 0, 0]], np.float32)
    np.testing.assert_array_equal(run(box_area, boxes), [6, 0, 0])


@settings(max_examples=12, deadline=None)
@given(
    hnp.arrays(np.int32, (6, 4), elements=st.integers(-50, 900)),
    st.integers(2, 700),
    st.integers(2, 700),
)
def test_normalizing_undoes_itself(boxes, height, width):
    normalized = ops.convert_to_numpy(normalize_boxes(boxes, (height, width)))
    back = ops.convert_to_numpy(denormalize_boxes(normalized, (height, width)))
    np.testing.assert_array_equal(back, boxes)


def test_the_whole_image_is_zero_to_one():
    boxes = np.array([[0, 0, 30, 40]])
    np.testing.assert_array_equal(
        ops.convert_to_numpy(normalize_boxes(boxes, (30, 40))), [[0, 0, 1, 1]]
    )


def test_clipping_keeps_boxes_inside_the_window():
    boxes = np.array([[-1, -1, 2, 2], [0.2, 0.3, 0.4, 0.5], [2, 2, 3, 3]], np.float32)
    window = np.array([0, 0, 1, 0.9], np.float32)
    np.testing.assert_array_equal(
        run(clip_boxes, boxes, window),
        np.array([[0, 0, 1, 0.9], [0.2, 0.3, 0.4, 0.5], [1, 0.9, 1, 0.9]], np.float32),
    )


def test_boxes_that_are_not_finite_become_zeros():
    boxes = np.array([[0, 0, 1, 1], [0, np.nan, 1, 1], [0, 0, np.inf, 1]], np.float32)
    clean, finite = finite_boxes(ops.convert_to_tensor(boxes))
    np.testing.assert_array_equal(ops.convert_to_numpy(finite), [True, False, False])
    np.testing.assert_array_equal(ops.convert_to_numpy(clean)[1:], 0)
