"""Small masks of the boxes: what is trained on, and what the network gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn import utils
from mrcnn.data.molding import (
    mini_masks,
    mold_image,
    shrink_mask,
    spread_mask,
    warn_of_range,
)
from mrcnn.instances import Instances

stacks = hnp.arrays(
    bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=14), fill=st.nothing()
)


@settings(max_examples=200)
@given(
    hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)),
    st.sampled_from([(28, 28), (56, 56), (7, 20), (1, 1), (14, 3)]),
)
def test_small_masks_are_rounded_interpolation(crop, shape):
    expected = np.around(utils.resize(crop, shape)).astype(bool)
    np.testing.assert_array_equal(shrink_mask(crop, shape), expected)


@pytest.mark.parametrize("side", [1, 2, 5, 14, 28, 56, 112, 113])
def test_small_masks_of_whole_and_half_boxes(side):
    """Full boxes are clipped and halves give sums of exactly one half: the hard cases."""
    crops = [np.ones((side, side), bool), np.tri(side, dtype=bool), np.eye(side, dtype=bool)]
    stripes = np.zeros((side, side), bool)
    stripes[::2] = True
    for crop in [*crops, stripes]:
        expected = np.around(utils.resize(crop, (56, 56))).astype(bool)
        np.testing.assert_array_equal(shrink_mask(crop, (56, 56)), expected)


@settings(max_examples=200)
@given(
    hnp.arrays(np.float32, st.sampled_from([(28, 28), (14, 14), (56, 56), (3, 5)]),
               elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 0.4999999, 0.5000001, 0.3])),
    st.tuples(st.integers(1, 130), st.integers(1, 130)),
)  # fmt: skip
def test_masks_of_the_network_are_interpolated(values, shape):
    np.testing.assert_array_equal(spread_mask(values, shape), utils.resize(values, shape) >= 0.5)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(1, 300), st.integers(1, 300)))
def test_masks_of_the_network_with_any_values(seed, shape):
    values = np.random.default_rng(seed).random((28, 28), np.float32)
    for mask in (values, 0.5 + 0.5 * values, 0.5 * values, np.round(values)):
        np.testing.assert_array_equal(spread_mask(mask, shape), utils.resize(mask, shape) >= 0.5)


@given(stacks)
def test_mini_masks_equal_minimize_mask(masks):
    masks = masks[:, :, masks.any(axis=(0, 1))]
    instances = Instances.from_masks(masks, np.ones(masks.shape[2])).tight()
    expected = utils.minimize_mask(utils.extract_bboxes(masks), masks, (28, 20))
    actual = mini_masks(instances, (28, 20))
    assert actual.shape == (28, 20, masks.shape[2])
    assert actual.dtype == bool
    # What the original loses is kept.
    thin = ~expected.any(axis=(0, 1))
    np.testing.assert_array_equal(actual[..., ~thin], expected[..., ~thin])
    assert actual.any(axis=(0, 1)).all()


def test_a_thin_object_keeps_a_small_mask_and_a_box_alone_has_none():
    corners = np.zeros((200, 200, 1), bool)
    corners[0, 0] = corners[-1, -1] = True
    instances = Instances.merged(
        [
            Instances.from_masks(corners, [1]),
            Instances.from_boxes((200, 200), [[0, 0, 30, 30]], [1]),
        ]
    )
    thin, none = np.moveaxis(mini_masks(instances, (28, 28)), -1, 0)
    assert np.argwhere(thin).tolist() == [[0, 0], [27, 27]]
    assert not none.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: image.astype(np.uint16) * 257, r"values above 255 \(uint16\), where 0 to"),
        (lambda image: image.astype(np.int32) * 4, r"values above 255 \(int32\)"),
        (lambda image: image * 1.2, r"values above 255 \(float64\)"),
        (
            lambda image: mold_image(image, MeanPixel(120.0)),
            r"values below 0.*Give it as it was read: the mean",
        ),
        (lambda image: image - 128.0, "values below 0"),
        (lambda image: image.astype(np.int16) - 128, "values below 0"),
        (lambda image: image / 255, "values from 0 to 1, where 0 to 255"),
        (lambda image: np.where(image > 100, np.nan, image), "values that are not finite"),
        (lambda image: np.where(image > 100, np.inf, image), "values that are not finite"),
    ],
)
def test_values_that_are_not_of_a_picture_are_told(change, message):
    image = np.linspace(0, 255, 90).astype(np.uint8).reshape(5, 6, 3)
    with pytest.warns(UserWarning, match=f"^Image a.png has {message}"):
        warn_of_range(change(image), MeanPixel(120.0), "Image a.png")


@pytest.mark.parametrize(
    ("change", "mean"),
    [
        (lambda image: image, 120.0),
        (lambda image: image.astype(np.float32), 120.0),
        (lambda image: image.astype(np.uint16), 120.0),
        # A cubic resizing goes a little beyond.
        (lambda image: image - 0.5, 120.0),
        (lambda image: image + 0.7, 120.0),
        (lambda image: image > 7, 120.0),
        (lambda image: image / 255, 0.5),
        (lambda image: image / 128 - 1, 0.0),
        (lambda image: image.astype(np.uint16) * 257, 9000.0),
        (lambda image: image[:0], 120.0),
    ],
)
def test_values_that_the_network_takes_are_not(change, mean, recwarn):
    image = np.linspace(0, 255, 90).astype(np.uint8).reshape(5, 6, 3)
    warn_of_range(change(image), MeanPixel(mean))
    assert not recwarn.list


class MeanPixel:
    """A configuration as far as it counts here."""

    def __init__(self, mean):
        self.MEAN_PIXEL = np.full(3, mean)
