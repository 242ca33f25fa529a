"""Drawing into arrays, images of many kinds, and crops of masks."""

import numpy as np
import pytest

from mrcnn.drawing.pixels import apply_mask, as_rgb, crops_of, draw_box
from mrcnn.errors import DataError

COLOR = (0.9, 0.3, 0.05)


@pytest.fixture
def image():
    return np.random.default_rng(1).integers(0, 256, (9, 11, 3)).astype(np.uint8)


@pytest.fixture
def mask():
    return np.random.default_rng(2).random((9, 11)) > 0.5


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
def test_mask_is_blended_pixel_by_pixel(image, mask, alpha):
    expected = image.copy()
    for y, x in np.argwhere(mask):
        for channel in range(3):
            value = image[y, x, channel] * (1 - alpha) + alpha * COLOR[channel] * 255
            expected[y, x, channel] = int(value)
    result = apply_mask(image, mask, COLOR, alpha)
    assert result is image
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


def test_default_opacity_is_one_half():
    image = np.full((1, 1, 3), 100, np.uint8)
    assert apply_mask(image, np.ones((1, 1)), [0, 0.5, 1]).tolist() == [[[50, 113, 177]]]


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("inside", [1, 255])
def test_masks_of_any_type(image, mask, kind, inside):
    expected = apply_mask(image.copy(), mask, COLOR)
    values = mask.astype(kind) * kind(inside)
    np.testing.assert_array_equal(apply_mask(image, values, COLOR), expected)


@pytest.mark.parametrize("kind", [np.uint32, np.int16])
def test_wider_whole_numbers_are_cut_too(image, mask, kind):
    expected = apply_mask(image.copy(), mask, COLOR)
    wide = apply_mask(image.astype(kind), mask, COLOR)
    assert wide.dtype == kind
    np.testing.assert_array_equal(wide, expected)


def test_floating_point_image_keeps_its_fractions(mask):
    image = np.full((9, 11, 3), 10.0)
    apply_mask(image, mask, (1.0, 0.5, 0.0))
    np.testing.assert_array_equal(image[mask], [[132.5, 68.75, 5.0]] * mask.sum())
    np.testing.assert_array_equal(image[~mask], 10.0)


def test_opacity_channel_is_left_alone(mask):
    image = np.full((9, 11, 4), 7, np.uint8)
    apply_mask(image, mask, COLOR)
    assert (image[:, :, 3] == 7).all()


def test_too_strong_a_color_saturates():
    image = np.full((2, 2, 3), 200, np.uint8)
    apply_mask(image, np.ones((2, 2), bool), (0, 255, 0))
    assert (image == [100, 255, 100]).all()


@pytest.mark.parametrize(
    ("image_shape", "mask_shape"),
    [((4, 5, 3), (5, 4)), ((4, 5, 3), (4, 5, 2)), ((4, 5), (4, 5)), ((4, 5, 1), (4, 5))],
)
def test_mask_that_does_not_fit(image_shape, mask_shape):
    with pytest.raises(DataError, match=r"one mask \[height, width\]"):
        apply_mask(np.zeros(image_shape, np.uint8), np.ones(mask_shape, bool), COLOR)


def test_read_only_image(image, mask):
    image.flags.writeable = False
    with pytest.raises(DataError, match=r"image\.copy\(\)"):
        apply_mask(image, mask, COLOR)
    with pytest.raises(DataError, match=r"image\.copy\(\)"):
        draw_box(image, (1, 1, 4, 4), (255, 0, 0))


def test_box_pixel_by_pixel():
    image = np.zeros((9, 10), np.uint8)
    assert draw_box(image, (1, 1, 6, 7), 1) is image
    expected = [
        "..........",
        ".########.",
        ".########.",
        ".##....##.",
        ".##....##.",
        ".##....##.",
        ".######...",
        ".######...",
        "..........",
    ]
    assert ["".join(".#"[value] for value in row) for row in image] == expected


@pytest.mark.parametrize("color", [[255, 0, 10], (255, 0, 10), np.array([255, 0, 10])])
def test_box_has_the_given_color(image, color):
    before = image.copy()
    draw_box(image, np.array([2, 3, 6, 8], np.int32), color)
    assert image[2, 3].tolist() == image[7, 7].tolist() == [255, 0, 10]
    np.testing.assert_array_equal(image[4, 5], before[4, 5])


def test_box_beyond_the_image_is_cut_off():
    image = np.zeros((6, 6), np.uint8)
    draw_box(image, (-3, -3, 4, 20), 1)
    expected = np.zeros((6, 6), np.uint8)
    expected[4:6] = 1
    np.testing.assert_array_equal(image, expected)


def test_fractions_of_pixels_are_cut():
    first, second = np.zeros((9, 9)), np.zeros((9, 9))
    draw_box(first, np.array([1.9, 2.2, 5.7, 6.0]), 1)
    draw_box(second, (1, 2, 5, 6), 1)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([0, 128, 255], np.uint8, [0, 128, 255]),
        ([0, 128, 255], np.int64, [0, 128, 255]),
        ([-5, 100, 127], np.int8, [0, 100, 127]),
        ([0, 500, 1000], np.uint16, [0, 128, 255]),
        ([0.0, 0.5, 1.0], np.float32, [0, 128, 255]),
        ([0.0, 100.7, 255.0], np.float64, [0, 100, 255]),
        ([-3.0, np.nan, 200.0], np.float32, [0, 0, 200]),
        ([0, 1, 1], bool, [0, 255, 255]),
    ],
)
def test_image_as_8_bit_rgb(values, kind, expected):
    gray = np.array([values]).astype(kind)
    for image in (gray, gray[:, :, None], np.stack([gray] * 3, axis=2)):
        rgb = as_rgb(image)
        assert rgb.dtype == np.uint8
        np.testing.assert_array_equal(rgb, np.array(expected)[None, :, None].repeat(3, axis=2))
        assert not np.shares_memory(rgb, image)


def test_further_channels_are_left_out(image):
    rgba = np.concatenate([image, image[:, :, :1]], axis=2)
    np.testing.assert_array_equal(as_rgb(rgba), image)


@pytest.mark.parametrize("shape", [(4,), (4, 5, 2), (2, 4, 5, 3), (0, 5, 3)])
def test_what_is_no_image(shape):
    with pytest.raises(DataError, match="shape"):
        as_rgb(np.zeros(shape))


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
@pytest.mark.parametrize("is_stacked_first", [False, True])
def test_crops_hold_exactly_the_masks(kind, is_stacked_first):
    masks = np.random.default_rng(4).random((6, 30, 40)) > 0.995
    masks[5] = False
    masks[4, 0, 0] = masks[4, -1, -1] = True
    stack = masks.transpose(1, 2, 0) if is_stacked_first else np.stack([*masks], axis=2)
    crops = crops_of(stack.astype(kind))
    for crop, mask in zip(crops, masks, strict=True):
        canvas = np.zeros((30, 40), bool)
        crop.of(canvas)[...] = crop.mask
        np.testing.assert_array_equal(canvas, mask)
    assert crops[4].mask.shape == (30, 40)
    assert crops[5].mask.size == 0
    rows, columns = np.nonzero(masks[0])
    assert (crops[0].top, crops[0].left) == (rows.min(), columns.min())
    assert crops[0].mask.shape == (np.ptp(rows) + 1, np.ptp(columns) + 1)


def test_outline_of_one_pixel_runs_half_way_to_its_neighbors():
    masks = np.zeros((5, 7, 1), np.uint8)
    masks[0, 4, 0] = 1
    (outline,) = crops_of(masks)[0].outlines()
    assert {tuple(point) for point in outline} == {(3.5, 0), (4.5, 0), (4, -0.5), (4, 0.5)}
    np.testing.assert_array_equal(outline[0], outline[-1])


def test_outlines_of_parts_and_holes():
    masks = np.zeros((12, 20, 1), bool)
    masks[1:10, 1:8], masks[4:6, 3:5], masks[2:4, 12:15] = True, False, True
    assert len(crops_of(masks)[0].outlines()) == 3


def test_empty_mask_has_no_outline():
    assert crops_of(np.zeros((5, 5, 1), bool))[0].outlines() == []
