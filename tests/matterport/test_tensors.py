"""Matterport's functions on tensors: its figures, and the ones that change the number of rows."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import model as modellib
from mrcnn import utils


def array(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize(
    ("name", "function", "inputs"),
    [
        ("g_overlaps", modellib.overlaps_graph, ("g_b1", "g_b2")),
        ("g_deltas", modellib.apply_box_deltas_graph, ("g_b1", "g_in_deltas")),
    ],
)
def test_box_arithmetic_is_the_original_s(golden, name, function, inputs):
    recorded = golden("layers")
    found = array(function(*(recorded[key] for key in inputs)))
    np.testing.assert_allclose(found, recorded[name], atol=1e-6)


def test_refinement_is_the_original_s(golden):
    recorded = golden("layers")
    count = len(recorded["g_refinement"])
    found = array(utils.box_refinement_graph(recorded["g_b1"][:count], recorded["g_b2"][:count]))
    np.testing.assert_allclose(found, recorded["g_refinement"], atol=1e-6)


def test_refinement_turns_one_box_into_the_other():
    boxes = np.array([[10.0, 20, 30, 60], [0, 0, 8, 4]])
    targets = np.array([[12.0, 18, 40, 50], [1, 1, 3, 9]])
    deltas = utils.box_refinement_graph(boxes, targets)
    assert array(deltas).dtype == np.float32
    moved = modellib.apply_box_deltas_graph(boxes.astype(np.float32), deltas)
    np.testing.assert_allclose(array(moved), targets, atol=1e-4)


def test_boxes_are_clipped_to_a_window():
    boxes = np.array([[-1, -2, 3, 4], [5, 6, 70, 80], [90, 90, 95, 95]], np.float32)
    clipped = array(modellib.clip_boxes_graph(boxes, np.array([0, 1, 50, 60], np.float32)))
    np.testing.assert_array_equal(clipped, [[0, 1, 3, 4], [5, 6, 50, 60], [50, 60, 50, 60]])


@pytest.mark.parametrize("shape", [(101, 201), np.array([101, 201], np.int32)])
def test_normalizing_there_and_back(shape):
    boxes = np.array([[0, 0, 101, 201], [10, 20, 31, 41]])
    normalized = modellib.norm_boxes_graph(boxes, shape)
    np.testing.assert_allclose(array(normalized), [[0, 0, 1, 1], [0.1, 0.1, 0.3, 0.2]], atol=1e-7)
    pixels = array(modellib.denorm_boxes_graph(normalized, shape))
    assert pixels.dtype == np.int32
    np.testing.assert_array_equal(pixels, boxes)
    np.testing.assert_array_equal(pixels, utils.denorm_boxes(array(normalized), (101, 201)))


def test_logarithm():
    np.testing.assert_allclose(array(modellib.log2_graph(np.float32([1, 8, 0.5]))), [0, 3, -1])


def test_rows_of_zeros_are_left_out():
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 0]], np.float32)
    trimmed, filled = modellib.trim_zeros_graph(boxes, name="trim_gt_boxes")
    np.testing.assert_array_equal(array(trimmed), boxes[[0, 2]])
    np.testing.assert_array_equal(array(filled), [True, False, True, False])
    nothing, _ = modellib.trim_zeros_graph(np.zeros((3, 4), np.float32))
    assert array(nothing).shape == (0, 4)


def test_first_rows_of_each_image_are_packed():
    x = np.arange(2 * 3 * 2, dtype=np.float32).reshape(2, 3, 2)
    packed = modellib.batch_pack_graph(x, np.array([2, 1]), 2)
    np.testing.assert_array_equal(array(packed), [[0, 1], [2, 3], [6, 7]])
    assert array(modellib.batch_pack_graph(x, np.array([0, 0]), 2)).shape == (0, 2)
    vector = np.array([[1, 2], [3, 4]], np.int32)
    np.testing.assert_array_equal(array(modellib.batch_pack_graph(vector, [1, 2], 2)), [1, 3, 4])


def test_a_function_of_one_image_is_applied_to_each():
    one = ops.convert_to_tensor(np.arange(6, dtype=np.float32).reshape(3, 2))
    two = ops.convert_to_tensor(np.ones((3, 2), np.float32))
    total = utils.batch_slice([one, two], lambda x, y: x + y, 3)
    np.testing.assert_array_equal(array(total), array(one) + 1)
    doubled = utils.batch_slice(one, lambda x: 2 * x, 2)
    np.testing.assert_array_equal(array(doubled), 2 * array(one)[:2])
    both = utils.batch_slice([one, two], lambda x, y: (x, x - y), 3, names=["x", "difference"])
    assert isinstance(both, list)
    np.testing.assert_array_equal(array(both[1]), array(one) - 1)


def test_image_meta_is_taken_apart(golden):
    meta = golden("inference")["image_metas"].astype(np.float32)
    parts = modellib.parse_image_meta_graph(ops.convert_to_tensor(meta))
    expected = modellib.parse_image_meta(meta)
    assert set(parts) == set(expected)
    for name, part in parts.items():
        np.testing.assert_allclose(array(part), expected[name])


def test_symbolic_tensors_are_taken_too():
    boxes = keras.Input((4,), batch_size=5)
    normalized = modellib.norm_boxes_graph(boxes, (11, 21))
    model = keras.Model(boxes, normalized)
    values = np.tile(np.float32([0, 0, 11, 21]), (5, 1))
    np.testing.assert_allclose(array(model(values)), np.tile([0, 0, 1, 1], (5, 1)))
