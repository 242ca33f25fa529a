"""Images brought to a given scale, and what fills the padding around them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.inference.molding import mold


@pytest.fixture(scope="module")
def reflecting(make_config):
    return make_config(IMAGE_MAX_DIM=128, IMAGE_PADDING="reflect", SUBPIXEL_MASKS=True)


@given(st.integers(1, 90), st.integers(1, 90), st.floats(0.05, 4))
def test_the_longer_side_is_scaled_to_whole_pixels(reflecting, height, width, scale):
    image = np.full((height, width, 3), 77, np.uint8)
    molded = mold(image, reflecting, scale)
    y1, x1, y2, x2 = molded.window
    assert max(y2 - y1, x2 - x1) == max(1, round(max(height, width) * scale))
    assert molded.scale == max(y2 - y1, x2 - x1) / max(height, width)
    assert {side % 64 for side in molded.picture.shape[:2]} == {0}
    assert molded.original_shape == (height, width, 3)
    # Neither a dark rim nor dark padding.
    assert (molded.picture == 77).all()


def test_padding_mirrors_the_image_or_is_black(make_config):
    image = np.arange(70 * 70 * 3).reshape(70, 70, 3).astype(np.uint8)
    for padding, mode in (("reflect", "reflect"), ("zeros", "constant")):
        config = make_config(
            IMAGE_RESIZE_MODE="square",
            IMAGE_MIN_DIM=64,
            IMAGE_MAX_DIM=128,
            IMAGE_PADDING=padding,
            SUBPIXEL_MASKS=True,
        )
        expected = np.pad(image, ((29, 29), (29, 29), (0, 0)), mode=mode)
        for scale in (None, 1.0):
            np.testing.assert_array_equal(mold(image, config, scale).picture, expected)


def test_what_becomes_far_smaller_is_averaged(reflecting):
    # A net of thin lines, of which single pixels would show all or nothing.
    image = np.zeros((640, 640, 3), np.uint8)
    image[::10] = 250
    picture = mold(image, reflecting, 0.1).picture
    np.testing.assert_allclose(picture, 25, atol=1)


def test_a_single_pixel_is_mirrored_everywhere(reflecting):
    assert (mold(np.full((1, 1, 3), 9, np.uint8), reflecting, 3.0).picture == 9).all()
