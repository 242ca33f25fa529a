"""Colours of instances and classes."""

import colorsys
import itertools
import random

import numpy as np
import pytest

from mrcnn.drawing.colours import class_colors, instance_colours, random_colors, to_rgba
from mrcnn.errors import DataError


@pytest.mark.parametrize(("bright", "value"), [(True, 1.0), (False, 0.7)])
def test_random_colours_are_all_hues_at_equal_distances(bright, value):
    colours = random_colors(12, bright)
    hues = sorted(colorsys.rgb_to_hsv(*colour) for colour in colours)
    np.testing.assert_allclose(hues, [(n / 12, 1.0, value) for n in range(12)], atol=1e-12)
    assert all(isinstance(colour, tuple) for colour in colours)


def test_random_colours_are_shuffled_by_the_global_seed():
    random.seed(5)
    first = random_colors(30)
    assert random_colors(30) != first
    random.seed(5)
    assert random_colors(30) == first
    assert sorted(random_colors(30)) == sorted(first)


def test_no_colours():
    assert random_colors(0) == []
    assert class_colors([]) == []


def test_class_colours_are_fixed_and_differ():
    colours = class_colors(np.arange(1, 8))
    assert colours == class_colors([1, 2, 3, 4, 5, 6, 7])
    distances = [np.abs(np.subtract(a, b)).max() for a, b in itertools.combinations(colours, 2)]
    assert min(distances) > 0.15
    assert class_colors([8, 1, 1]) == [colours[0]] * 3


def test_background_is_grey():
    ((red, green, blue),) = class_colors([0])
    assert red == green == blue


@pytest.mark.parametrize(
    ("colour", "rgba"),
    [
        ((1, 0, 0), (1, 0, 0, 1)),
        ([0, 0.5, 1, 0.25], (0, 0.5, 1, 0.25)),
        (np.array([0, 1, 0], np.float32), (0, 1, 0, 1)),
        ("black", (0, 0, 0, 1)),
    ],
)
def test_kinds_of_colours(colour, rgba):
    assert to_rgba(colour) == rgba


@pytest.mark.parametrize("colour", [(255, 0, 0), (1, 0), 1.0, None, "no such colour", ["a"] * 3])
def test_what_is_no_colour(colour):
    with pytest.raises(DataError, match="no colour"):
        to_rgba(colour)


def test_colours_of_instances():
    assert len(instance_colours(None, 4)) == 4
    assert len(instance_colours([], 4)) == 4
    given = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert instance_colours(given, 2) == [(1, 0, 0, 1), (0, 1, 0, 1)]
    with pytest.raises(DataError, match="3 colors for 5 instances"):
        instance_colours(given, 5)
