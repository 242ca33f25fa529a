"""ROIAlign against the original's numbers, and on maps whose answer is known."""

import numpy as np
import pytest
from keras import ops

from mrcnn.ops.roi_align import crop_masks, pyramid_roi_align, roi_levels
from tests.compiling import compiled


def tensor(array):
    return ops.convert_to_tensor(array)


def pooled(side, boxes, levels, *maps):
    return pyramid_roi_align(boxes, levels, maps, side)


def align(boxes, levels, maps, side):
    return compiled(pooled, side)(boxes, levels, *maps)


@pytest.mark.parametrize("side", [7, 14])
def test_pyramid_is_the_original_s(golden, side):
    layers = golden("layers")
    boxes = tensor(layers["roialign_boxes"])
    area = layers["roialign_meta"][0, 4] * layers["roialign_meta"][0, 5]
    levels = roi_levels(boxes, area)
    np.testing.assert_array_equal(ops.convert_to_numpy(levels), layers["roialign_level"])
    maps = [tensor(layers[f"roialign_p{level}"]) for level in (2, 3, 4, 5)]
    pooled = ops.convert_to_numpy(align(boxes, levels, maps, (side, side)))
    np.testing.assert_allclose(pooled, layers[f"roialign_out{side}"], atol=3e-5)


def test_a_linear_map_is_read_exactly():
    rows, columns = np.mgrid[:9, :17].astype(np.float32)
    feature_map = np.stack([rows, columns], axis=-1)[None]
    box = np.array([[[0.25, 0.5, 0.75, 1.0]]], np.float32)
    grid = ops.convert_to_numpy(
        align(tensor(box), tensor(np.array([[2]], np.int32)), [tensor(feature_map)], (3, 5))
    )[0, 0]
    np.testing.assert_allclose(grid[:, 0, 0], [2, 4, 6], atol=1e-5)
    np.testing.assert_allclose(grid[0, :, 1], [8, 10, 12, 14, 16], atol=1e-5)


def evenly(side, image_height, image_width, boxes, levels, *maps):
    shape = tensor(np.float32(image_height)), tensor(np.float32(image_width))
    return pyramid_roi_align(boxes, levels, maps, side, image_shape=shape)


def even_grid(pixels, image_side, stride, count):
    """What is read of a map of its cells' numbers between two rows of pixels, float [count]."""
    cells = image_side // stride
    feature_map = np.tile(np.arange(cells, dtype=np.float32)[:, None], (1, cells))[None, :, :, None]
    low, high = np.array(pixels, np.float32) / (image_side - 1)
    box = tensor(np.array([[[low, 0.2, high, 0.8]]], np.float32))
    level = tensor(np.array([[2]], np.int32))
    align = compiled(evenly, (count, 3), image_side, image_side)
    return ops.convert_to_numpy(align(box, level, tensor(feature_map)))[0, 0, :, 0, 0]


@pytest.mark.parametrize("stride", [4, 8, 32])
@pytest.mark.parametrize("image_side", [128, 320])
def test_evenly_a_box_is_read_at_its_pixels_wherever_it_lies(stride, image_side):
    # The center of a cell lies between the pixels in its middle.
    for first in (stride, 40, image_side - stride - 33):
        pixels = first, first + 32
        expected = (np.linspace(*pixels, 5) - (stride - 1) / 2) / stride
        np.testing.assert_allclose(
            even_grid(pixels, image_side, stride, 5), expected, atol=1e-4, rtol=1e-5
        )
    # In the middle of the image nothing differs from the original.
    half = (image_side - 1) / 2
    middle = even_grid((half, half), image_side, stride, 1)
    np.testing.assert_allclose(middle, (image_side // stride - 1) / 2, rtol=1e-6)


def test_evenly_the_outer_cells_reach_to_the_border():
    assert even_grid((0, 63), 64, 16, 3).tolist() == [0, 1.5, 3]
    ones = np.ones((1, 4, 4, 1), np.float32)
    boxes = np.array([[[0, 0, 1, 1], [-0.5, 0, 0.5, 1]]], np.float32)
    align = compiled(evenly, (3, 14), 64, 64)
    grid = align(tensor(boxes), tensor(np.full((1, 2), 2, np.int32)), tensor(ones))
    grid = ops.convert_to_numpy(grid)[0, ..., 0]
    np.testing.assert_allclose(grid[0], 1, atol=1e-6)
    assert grid[1, :, 5].tolist() == [0, 1, 1]


def test_one_sample_lies_in_the_middle():
    feature_map = np.arange(5, dtype=np.float32).reshape(1, 1, 5, 1)
    box = np.array([[[0.0, 0.5, 0.0, 1.0]]], np.float32)
    grid = align(tensor(box), tensor(np.array([[2]], np.int32)), [tensor(feature_map)], (1, 1))
    np.testing.assert_allclose(ops.convert_to_numpy(grid).item(), 3.0, atol=1e-6)


def test_outside_the_map_is_zero_and_the_border_is_not():
    ones = np.ones((1, 4, 4, 1), np.float32)
    boxes = np.array([[[-0.5, 0.0, 0.5, 1.0], [0.123, 0.456, 1.0, 1.0]]], np.float32)
    grid = ops.convert_to_numpy(
        align(tensor(boxes), tensor(np.full((1, 2), 2, np.int32)), [tensor(ones)], (3, 14))
    )[0, ..., 0]
    np.testing.assert_array_equal(grid[0, 0], 0)
    np.testing.assert_array_equal(grid[0, 2], 1)
    np.testing.assert_allclose(grid[1], 1, atol=1e-6)


def test_each_image_reads_its_own_map():
    maps = np.stack([np.full((3, 3, 1), 5.0), np.full((3, 3, 1), 9.0)]).astype(np.float32)
    boxes = np.tile(np.array([0, 0, 1, 1], np.float32), (2, 1, 1))
    grid = ops.convert_to_numpy(
        align(tensor(boxes), tensor(np.full((2, 1), 2, np.int32)), [tensor(maps)], (2, 2))
    )
    np.testing.assert_allclose(grid[:, 0, 0, 0, 0], [5, 9])


def test_levels_of_empty_and_huge_boxes_stay_in_the_pyramid():
    boxes = np.array([[[0, 0, 0, 0], [0, 0, 100, 100], [0.5, 0.5, 0.5, 0.9]]], np.float32)
    levels = ops.convert_to_numpy(roi_levels(tensor(boxes), 512 * 512))
    assert levels.tolist() == [[2, 5, 2]]


def test_crops_of_masks_take_the_right_instance():
    masks = np.zeros((1, 6, 6, 2), bool)
    masks[0, :3, :, 0] = True
    masks[0, :, 3:, 1] = True
    whole = np.tile(np.array([0, 0, 1, 1], np.float32), (1, 2, 1))
    crops = ops.convert_to_numpy(
        crop_masks(tensor(masks), tensor(np.array([[1, 0]], np.int32)), tensor(whole), (6, 6))
    )
    np.testing.assert_allclose(crops[0, 0], masks[0, ..., 1], atol=1e-6)
    np.testing.assert_allclose(crops[0, 1], masks[0, ..., 0], atol=1e-6)


def test_the_layer_reads_evenly_where_it_is_asked_to():
    from mrcnn.nets.roi_align import PyramidROIAlign

    maps = [np.random.default_rng(level).normal(size=(1, side, side, 2)).astype(np.float32)
            for level, side in enumerate((32, 16, 8, 4))]  # fmt: skip
    boxes = np.array([[[0.1, 0.05, 0.4, 0.3]]], np.float32)
    meta = np.zeros((1, 14), np.float32)
    meta[0, 4:7] = 128, 128, 3
    layers = {even: PyramidROIAlign((7, 7), even=even) for even in (False, True)}
    grids = {
        even: ops.convert_to_numpy(layer([boxes, meta, *maps])) for even, layer in layers.items()
    }
    level = tensor(np.array([[2]], np.int32))
    even = compiled(evenly, (7, 7), 128, 128)(tensor(boxes), level, *map(tensor, maps))
    np.testing.assert_allclose(grids[True], ops.convert_to_numpy(even), atol=1e-5)
    assert np.abs(grids[True] - grids[False]).max() > 0.1
    again = PyramidROIAlign.from_config(layers[True].get_config())
    assert again.even and again.pool_shape == (7, 7)
