"""Quick filters of masks give what SciPy's general ones do."""

import numpy as np
import pytest
from scipy import ndimage

from rbc_cells.morphology import eroded, filled, near_and_core, opened


@pytest.fixture(params=range(12))
def mask(request):
    """Blots with holes and single pixels, some cut by the border, in arrays of any size."""
    rng = np.random.default_rng(request.param)
    values = ndimage.gaussian_filter(rng.random(rng.integers(1, 60, 2)), request.param / 4)
    return values > np.quantile(values, 0.4)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_steps_of_a_cross(mask, steps):
    before = mask.copy()
    assert np.array_equal(eroded(mask, steps), ndimage.binary_erosion(mask, iterations=steps))
    assert np.array_equal(opened(mask, steps), ndimage.binary_opening(mask, iterations=steps))
    assert np.array_equal(mask, before)


@pytest.mark.parametrize("reach", [0, 1, 3, 6])
def test_squares(mask, reach):
    near, core = near_and_core(mask, reach)
    size = 2 * reach + 1
    assert np.array_equal(near, ndimage.maximum_filter(mask, size, mode="nearest"))
    assert np.array_equal(core, ndimage.minimum_filter(mask, size, mode="nearest"))


def test_holes(mask):
    assert np.array_equal(filled(mask), ndimage.binary_fill_holes(mask))
