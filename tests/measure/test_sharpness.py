"""How wide edges are."""

import numpy as np
import pytest
from scipy import ndimage

from mrcnn.measure.sharpness import edge_width

DIAMETER = 30
Y, X = np.mgrid[:240, :320]
INSIDE = np.hypot(Y % 60 - 30, X % 60 - 30) <= DIAMETER / 2
INSIDE[:, 300:] = False


def picture(blur: float, noise: float = 0.0) -> np.ndarray:
    """Dark discs, blurred by so many diameters, and the noise of a camera."""
    gray = ndimage.gaussian_filter(np.where(INSIDE, 120.0, 220.0), blur * DIAMETER)
    gray += np.random.default_rng(0).normal(0, noise, gray.shape)
    return np.repeat(np.clip(gray, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_the_width_grows_with_the_blur():
    widths = [edge_width(picture(blur), INSIDE, DIAMETER) for blur in (0, 0.02, 0.05, 0.1, 0.15)]
    assert widths == sorted(widths)
    assert widths[0] < 0.12
    # A step that a Gaussian blurs is 2.5 standard deviations wide.
    assert widths[2] == pytest.approx(2.5 * 0.05, rel=0.3)
    assert widths[3] == pytest.approx(2.5 * 0.1, rel=0.3)


def test_noise_is_no_edge():
    for blur in (0.02, 0.1):
        clean, noisy = (edge_width(picture(blur, noise), INSIDE, DIAMETER) for noise in (0, 4))
        assert noisy == pytest.approx(clean, rel=0.15)


def test_objects_may_lie_a_little_beside_the_edge():
    wider = ndimage.binary_dilation(INSIDE, iterations=2)
    exact, beside = (edge_width(picture(0.05), where, DIAMETER) for where in (INSIDE, wider))
    assert beside == pytest.approx(exact, rel=0.05)


def test_without_outlines_nothing_is_told():
    assert edge_width(picture(0), np.zeros_like(INSIDE), DIAMETER) is None
    assert edge_width(picture(0), np.ones_like(INSIDE), DIAMETER) is None
    assert edge_width(picture(0)[:3, :3], INSIDE[:3, :3], DIAMETER) is None


@pytest.mark.parametrize("diameter", [5, 17, 30])
def test_the_width_is_that_of_the_general_filters(diameter):
    image = picture(0.03, noise=3)
    reach = max(2, round(0.2 * diameter))
    outline = INSIDE & ~ndimage.binary_erosion(INSIDE, border_value=1)
    outline &= np.pad(np.ones((240 - 2 * reach, 320 - 2 * reach), bool), reach)
    gray = ndimage.gaussian_filter(image.mean(axis=2, dtype=np.float32), 0.02 * diameter)
    size = 2 * reach + 1
    contrast = ndimage.maximum_filter(gray, size) - ndimage.minimum_filter(gray, size)
    steepest = ndimage.maximum_filter(np.hypot(*np.gradient(gray)), size)
    expected = np.median(contrast[outline] / steepest[outline]) / diameter
    assert edge_width(image, INSIDE, diameter) == expected
