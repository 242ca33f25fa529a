"""Drawn stage micrometers, straight and turned, and pictures that are none."""

import numpy as np
import pytest
from scipy import ndimage

from mrcnn.measure.ruling import ruling_of


def stage_micrometer(period, degrees, shape=(600, 800)):
    """Dark lines, every tenth and every fifth of them longer."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    turn = np.radians(degrees)
    y, x = y - shape[0] / 2, x - shape[1] / 2
    across, along = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    number = np.rint(across / period)
    ends = np.where(number % 10 == 0, 140, np.where(number % 5 == 0, 120, 90))
    line = (np.abs(across - number * period) < 1.5) & (along < ends) & (along > -120)
    image = ndimage.gaussian_filter(220.0 - 150 * line, 1)
    image += np.random.default_rng(2).normal(0, 3, image.shape)
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(("period", "degrees"), [(71.4, 0), (40.3, 90), (20.17, -60), (9.7, 45)])
def test_the_distance_of_the_lines_is_right_within_half_a_percent(period, degrees):
    ruling = ruling_of(stage_micrometer(period, degrees))
    assert ruling.period == pytest.approx(period, rel=0.005)
    assert ruling.lines == pytest.approx(800 / period, abs=1)


def test_other_pictures_have_no_lines():
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (300, 400, 3), dtype=np.uint8)
    blobs = ndimage.gaussian_filter(rng.random((300, 400)), 8)
    blobs = (255 * (blobs > np.median(blobs))).astype(np.uint8)
    for image in (noise, np.repeat(blobs[..., None], 3, axis=2), np.zeros((50, 60, 3), np.uint8)):
        assert ruling_of(image) is None
