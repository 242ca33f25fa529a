"""Shapes whose figures are known."""

import math

import numpy as np
import pytest

from mrcnn.measure.shape import equivalent_diameter, equivalent_diameters, shape_of


def test_a_rectangle_has_its_known_moments():
    shape = shape_of((10, 20, 16, 30), np.ones((6, 10), bool))
    assert (shape.area, shape.centroid) == (60, (12.5, 24.5))
    assert shape.equivalent_diameter == pytest.approx(math.sqrt(240 / math.pi))
    # Variance of n pixel centers in a row: (n ** 2 - 1) / 12.
    assert shape.eccentricity == pytest.approx(math.sqrt(1 - 35 / 99))


def test_two_pieces_are_one_object():
    crop = np.zeros((5, 10), bool)
    crop[:, :3] = crop[:, 8:] = True
    assert shape_of((0, 0, 5, 10), crop).area == 25


def test_diameters_of_many_are_those_of_each():
    crops = [np.ones((3, 4), bool), np.zeros((2, 2), bool), np.eye(5, dtype=bool)]
    expected = [equivalent_diameter(area) for area in (12, 0, 5)]
    assert equivalent_diameters(crops).tolist() == expected
