"""Large pictures made small enough to be looked at."""

import numpy as np
import pytest

import mrcnn.pictures.overviews
from mrcnn.pictures import Picture, overview
from tests.inference.test_levels import Layered
from tests.pictures.slides import colors


@pytest.mark.parametrize("most", [10, 33, 100, 1000])
@pytest.mark.parametrize("block", [7, 2048])
def test_means_of_squares(monkeypatch, most, block):
    monkeypatch.setattr(mrcnn.pictures.overviews, "_BLOCK", block)
    pixels = colors(61, 100)
    small, scale = overview(Picture.of(pixels), most)
    factor = -(-100 // most)
    assert scale == 1 / factor
    assert max(small.shape) <= most
    padded = np.pad(pixels, ((0, -61 % factor), (0, -100 % factor), (0, 0)), mode="edge")
    height, width = (side // factor for side in padded.shape[:2])
    means = padded.reshape(height, factor, width, factor, 3).mean(axis=(1, 3))
    assert small.shape == means.shape
    assert np.abs(small - means).max() <= 0.5 + 1e-4


@pytest.mark.parametrize(("most", "level"), [(500, 0), (400, 0), (250, 0), (200, 1), (90, 2)])
def test_the_coarsest_level_that_is_large_enough(most, level):
    picture = Layered(colors(300, 400))
    small, scale = overview(picture, most)
    assert {read for read, *_ in picture.read} == {level}
    assert max(small.shape) <= most
    assert scale == pytest.approx(small.shape[1] / 400, rel=0.02)
