"""Images scaled to one size, whatever size they have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.data.resizing import (
    made_smaller,
    plan_resize,
    resize,
    resize_image,
    scale_evenly,
)
from mrcnn.errors import ConfigError
from mrcnn.inference.molding import mold

SIDE = st.integers(20, 2500)


@given(SIDE, SIDE, st.sampled_from([64, 320, 768]))
def test_the_longer_side_fits(height, width, side):
    plan = plan_resize((height, width), 320, side, 2.0, "pad64", fit=True)
    assert max(plan.resized_shape) == side
    assert plan.scale == side / max(height, width)
    assert all(
        frame % 64 == 0 and 0 <= frame - resized < 64
        for frame, resized in zip(plan.frame_shape, plan.resized_shape, strict=True)
    )
    y1, x1, y2, x2 = plan.window
    assert (y2 - y1, x2 - x1) == plan.resized_shape


@pytest.mark.parametrize("shape", [(100, 200, 3), (1200, 1600, 3)])
def test_parts_are_cut_from_the_fitted_image(shape):
    image, window, scale, _, crop = resize_image(
        np.full(shape, 7, np.uint8), min_dim=128, max_dim=256, mode="crop", fit=True
    )
    assert image.shape == (128, 128, 3) and window == (0, 0, 128, 128)
    assert scale == 256 / shape[1] and crop[2:] == (128, 128)
    assert (image == 7).all()


def test_a_size_to_fit_is_needed():
    with pytest.raises(ConfigError, match="IMAGE_FIT needs IMAGE_MAX_DIM"):
        plan_resize((10, 10), mode="pad64", fit=True)


def test_whole_images_are_detected_in_where_parts_are_trained_on(tiny_config):
    config = tiny_config(
        IMAGE_RESIZE_MODE="crop", IMAGE_FIT=True, IMAGE_MIN_DIM=64, IMAGE_MAX_DIM=256
    )
    molded = mold(np.zeros((300, 400, 3), np.uint8), config)
    assert molded.picture.shape == (192, 256, 3)
    assert molded.window.tolist() == [0, 0, 192, 256]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [7, 12, 30])
def test_what_is_no_number_stays_none_without_a_word(side):
    nothing = np.full((12, 12, 3), np.nan, np.float32)
    assert np.isnan(resize(nothing, (side, side), preserve_range=True)).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_quick_way_to_make_an_image_smaller_equals_the_general_one(seed):
    rng = np.random.default_rng(seed)
    height, width, channels = rng.integers(1, (150, 150, 5))
    lowest = rng.integers(0, 256)
    image = rng.integers(lowest, 256, (height, width, channels)).astype(np.uint8)
    shape = tuple(rng.integers(1, (height + 1, width + 1)))
    for mode in ("constant", "edge"):
        expected = resize(image, shape, mode=mode, preserve_range=True).astype(np.uint8)
        assert np.array_equal(made_smaller(image, shape), expected)


def test_means_of_squares_are_rounded():
    image = np.zeros((30, 41, 3), np.uint8)
    image[:10, :10] = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    plan = plan_resize(image.shape, max_dim=5, mode="pad64", fit=True)
    squares = np.pad(image, ((0, 2), (0, 3), (0, 0)), mode="edge").reshape(8, 4, 11, 4, 3)
    means = np.rint(squares.mean(axis=(1, 3))).astype(np.uint8)
    expected = resize(means, plan.resized_shape, mode="edge", preserve_range=True).astype(np.uint8)
    assert np.array_equal(scale_evenly(image, plan), expected)


@pytest.mark.parametrize("side", [4, 32, 33, 600])
def test_bright_squares_of_any_size_are_bright(side):
    image = np.full((2 * side, 3 * side, 3), 255, np.uint8)
    plan = plan_resize(image.shape, max_dim=6, mode="pad64", fit=True)
    assert np.array_equal(scale_evenly(image, plan), np.full((4, 6, 3), 255, np.uint8))
