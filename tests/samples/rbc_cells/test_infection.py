"""Infected cells among drawn ones: a blue dot in a red cell."""

import numpy as np
import pytest
from scipy import ndimage

from mrcnn.errors import WeightsError
from mrcnn.instances import Instances
from rbc_cells import infection
from rbc_cells.infection import INFECTED, PROBABILITY, features, find_infected

RADIUS, STEP = 40, 100
PALE, CELL, PARASITE = (233, 222, 228), (205, 160, 175), (150, 60, 100)


def field(count, infected=(), parasite=13):
    """Cells in a row, some with a dot, and their outlines."""
    image = np.full((STEP, STEP * count, 3), PALE, np.float32)
    y, x = np.mgrid[:STEP, :STEP] - STEP // 2
    disc = y**2 + x**2 < RADIUS**2
    for number in range(count):
        part = image[:, number * STEP : (number + 1) * STEP]
        part[disc] = CELL
        if number in infected:
            part[(y - 10) ** 2 + (x + 8) ** 2 < parasite**2] = PARASITE
    image = ndimage.gaussian_filter(image, (1.5, 1.5, 0))
    image += np.random.default_rng(0).normal(0, 2, image.shape)
    inside = np.argwhere(disc)
    top, bottom = inside.min(), inside.max() + 1
    crops = [disc[top:bottom, top:bottom]] * count
    boxes = [(top, n * STEP + top, bottom, n * STEP + bottom) for n in range(count)]
    cells = Instances(
        image.shape, boxes, crops=crops, class_ids=np.ones(count, int), scores=np.ones(count)
    )
    return np.clip(image, 0, 255).astype(np.uint8), cells


def judged(image, cells):
    """The columns of cells that are all red ones."""
    return find_infected(image, cells, np.ones(len(cells), bool)).columns


def test_a_blue_dot_tells_an_infected_cell():
    image, cells = field(12, infected=(3, 8))
    told = judged(image, cells)
    assert np.flatnonzero(told[INFECTED]).tolist() == [3, 8]
    assert (told[PROBABILITY][[3, 8]] > 0.5).all()
    assert np.delete(told[PROBABILITY], [3, 8]).max() < 0.1


def test_other_kinds_and_unsure_cells_are_not_judged():
    image, cells = field(12, infected=(3, 8))
    is_red, scores = np.ones(12, bool), np.ones(12)
    is_red[3], scores[8] = False, 0.2
    told = find_infected(image, cells.replaced(scores=scores), is_red).columns
    for column in (INFECTED, PROBABILITY):
        assert np.isnan(told[column][[3, 8]]).all()
        assert not np.isnan(np.delete(told[column], [3, 8])).any()


def test_few_cells_do_not_tell_what_is_usual():
    image, cells = field(7, infected=(3,))
    assert np.isnan(judged(image, cells)[PROBABILITY]).all()
    image, cells = field(8, infected=(3,))
    assert not np.isnan(judged(image, cells)[PROBABILITY]).any()
    assert len(judged(image, cells.take([]))[INFECTED]) == 0


def test_features_do_not_know_the_strength_of_the_stain():
    """Twice as much light taken away is twice the density, and the same features."""
    image, cells = field(9, infected=(4,))
    values = features(image, cells)
    np.testing.assert_allclose(np.median(values, axis=0), 0, atol=1e-12)
    darker = np.round(255 * (image / 255.0) ** 2).astype(np.uint8)
    of_densities = 4 * len(infection.QUANTILES)
    np.testing.assert_allclose(
        features(darker, cells)[:, :of_densities], values[:, :of_densities], atol=0.15
    )
    # The darkest of red in the infected cell, in units of what is usual.
    expected = np.log(PARASITE[0] / CELL[0]) / np.log(CELL[0] / 255)
    assert values[4, len(infection.QUANTILES) - 2] == pytest.approx(expected, rel=0.1)


def test_missing_weights_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(infection, "shipped_weights", lambda name: tmp_path / "rbc.h5")
    infection._model.cache_clear()
    try:
        with pytest.raises(WeightsError, match=r"infection\.json: what tells infected cells"):
            find_infected(*field(8), np.ones(8, bool))
    finally:
        infection._model.cache_clear()


@pytest.mark.parametrize("count", [1, 2, 50, 51, 2000])
def test_quantiles_and_shares_are_those_of_numpy(count):
    values = np.sort(np.random.default_rng(count).random((4, count), np.float32))
    found = infection._sorted_quantiles(values, infection.QUANTILES)
    assert np.array_equal(found, np.quantile(values, infection.QUANTILES, axis=1).T)
    expected = (values[0] > np.median(values[0]) + 0.1).mean()
    assert infection._share_above(values[0], 0.1) == expected
