"""Masks with a frame around them."""

import numpy as np
import pytest

from mrcnn.instances.framing import continued, framed


@pytest.mark.parametrize("shape", [(1, 1), (4, 7), (9, 1)])
@pytest.mark.parametrize("width", [0, 1, 3])
def test_frames_are_those_of_numpy(shape, width):
    mask = np.random.default_rng(1).random(shape) < 0.5
    for outside in (False, True):
        expected = np.pad(mask, width, constant_values=outside)
        np.testing.assert_array_equal(framed(mask, width, outside), expected, strict=True)
    expected = np.pad(mask, width, mode="edge")
    np.testing.assert_array_equal(continued(mask, width), expected, strict=True)
