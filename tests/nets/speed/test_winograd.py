"""3x3 convolutions with fewer products against the plain sum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from mrcnn.nets.speed.winograd import (
    LEAST_CELLS,
    LEAST_CHANNEL_PAIRS,
    convolve_3x3,
    fewer_products_pay,
)
from tests.compiling import compiled


def plain(inputs, kernel):
    """The sum itself, in float64."""
    _, height, width, _ = inputs.shape
    padded = np.pad(inputs.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(
        padded[:, row : row + height, column : column + width] @ kernel[row, column]
        for row in range(3)
        for column in range(3)
    )


def random_case(shape, filters, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=shape).astype(np.float32)
    return inputs, rng.normal(size=(3, 3, shape[-1], filters)).astype(np.float32)


def convolved(inputs, kernel):
    return ops.convert_to_numpy(compiled(convolve_3x3)(inputs, ops.convert_to_tensor(kernel)))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 13), st.integers(1, 13), st.integers(1, 5), st.integers(1, 5)
)
def test_any_size_gives_the_plain_sum(batch, height, width, channels, filters):
    inputs, kernel = random_case((batch, height, width, channels), filters, seed=height)
    found = convolved(inputs, kernel)
    expected = plain(inputs, kernel)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(np.abs(expected).max(), 1.0))


def test_rounding_stays_within_what_is_told():
    inputs, kernel = random_case((1, 32, 32, 256), 64)
    expected = plain(inputs, kernel)
    error = np.abs(convolved(inputs, kernel) - expected)
    assert error.max() <= 6e-6 * np.abs(expected).max()
    assert np.sqrt((error**2).mean()) <= 2e-6 * expected.std()


@pytest.mark.parametrize(
    "shape, pays",
    [
        ((1, 128, 128, 256), True),
        ((None, 14, 14, 256), True),
        ((1, None, None, 256), True),
        ((1, 16, 16, 256), False),
        ((1, 128, 128, 64), False),
    ],
)
def test_only_large_ones_pay(shape, pays):
    assert fewer_products_pay(shape, 256) is pays


def test_limits_are_inclusive():
    channels = LEAST_CHANNEL_PAIRS // 256
    assert fewer_products_pay((1, 1, LEAST_CELLS, channels), 256)
    assert not fewer_products_pay((1, 1, LEAST_CELLS - 1, channels), 256)
    assert not fewer_products_pay((1, 1, LEAST_CELLS, channels - 1), 256)
