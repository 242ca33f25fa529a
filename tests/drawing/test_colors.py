"""Colors of instances and classes."""

import colorsys
import itertools
import random

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from mrcnn.drawing.colors import (
    PREDICTION_COLOR,
    TRUTH_COLOR,
    class_colors,
    instance_colors,
    neighbor_colors,
    random_colors,
    to_rgba,
)
from mrcnn.errors import DataError

# What is left of linear red, green and blue for eyes that lack one kind of cone (Machado, Oliveira
# and Fernandes 2009, severity 1).
VISION = {
    "normal": np.eye(3),
    "no red cones": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green cones": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue cones": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def seen(color, vision):
    """CIELAB of an sRGB color as eyes of this kind see it."""
    color = np.asarray(color, float)
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.asarray(VISION[vision]) @ linear, 0, 1)
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(srgb)


def least_difference(colors, vision):
    """The smallest CIEDE2000 difference of two among some colors; 1 can just be noticed."""
    points = [seen(color, vision) for color in colors]
    return min(deltaE_ciede2000(a, b) for a, b in itertools.combinations(points, 2))


@pytest.mark.parametrize(("bright", "value"), [(True, 1.0), (False, 0.7)])
def test_random_colors_are_all_hues_at_equal_distances(bright, value):
    colors = random_colors(12, bright)
    hues = sorted(colorsys.rgb_to_hsv(*color) for color in colors)
    np.testing.assert_allclose(hues, [(n / 12, 1.0, value) for n in range(12)], atol=1e-12)
    assert all(isinstance(color, tuple) for color in colors)


def test_random_colors_are_shuffled_by_the_global_seed():
    random.seed(5)
    first = random_colors(30)
    assert random_colors(30) != first
    random.seed(5)
    assert random_colors(30) == first
    assert sorted(random_colors(30)) == sorted(first)


def test_no_colors():
    assert random_colors(0) == []
    assert class_colors([]) == []
    assert neighbor_colors(np.zeros((0, 4))) == []


@pytest.mark.parametrize("vision", VISION)
def test_everyone_tells_the_colors_apart(vision):
    assert least_difference(class_colors(range(8)), vision) > 10
    assert least_difference([TRUTH_COLOR, PREDICTION_COLOR], vision) > 25


def test_pure_red_and_green_would_not_do():
    assert least_difference([(1, 0, 0), (0, 1, 0)], "no green cones") < 20
    assert least_difference([(1, 0, 0), (0, 1, 0)], "normal") > 80


def test_class_colors_are_fixed():
    colors = class_colors(np.arange(1, 8))
    assert colors == class_colors([1, 2, 3, 4, 5, 6, 7])
    assert class_colors([8, 1, 1]) == [colors[0]] * 3


def test_neighbors_have_different_colors():
    # Twelve by ten boxes laid like bricks, so that each touches six others, in any order.
    rows, columns = np.mgrid[:10, :12].reshape(2, -1)
    top, left = rows * 20, columns * 20 + rows % 2 * 10
    boxes = np.stack([top, left, top + 20, left + 20], axis=1)
    boxes = boxes[np.random.default_rng(0).permutation(len(boxes))]
    colors = neighbor_colors(boxes)
    touching = [
        (first, second)
        for first, second in itertools.combinations(range(len(boxes)), 2)
        if (np.abs(boxes[first] - boxes[second]) <= 20).all()
    ]
    assert len(touching) == 10 * 11 + 9 * 23
    assert [pair for pair in touching if colors[pair[0]] == colors[pair[1]]] == []
    # All seven are in use, and the same way each time.
    assert {*colors} == {*class_colors(range(1, 8))}
    assert neighbor_colors(boxes) == colors


def test_more_neighbors_than_colors_share_them_evenly():
    colors = neighbor_colors(np.array([[0, 0, 9, 9]] * 21))
    assert [colors.count(color) for color in class_colors(range(1, 8))] == [3] * 7


def test_background_is_gray():
    ((red, green, blue),) = class_colors([0])
    assert red == green == blue


@pytest.mark.parametrize(
    ("color", "rgba"),
    [
        ((1, 0, 0), (1, 0, 0, 1)),
        ([0, 0.5, 1, 0.25], (0, 0.5, 1, 0.25)),
        (np.array([0, 1, 0], np.float32), (0, 1, 0, 1)),
        ("black", (0, 0, 0, 1)),
    ],
)
def test_kinds_of_colors(color, rgba):
    assert to_rgba(color) == rgba


@pytest.mark.parametrize("color", [(255, 0, 0), (1, 0), 1.0, None, "no such color", ["a"] * 3])
def test_what_is_no_color(color):
    with pytest.raises(DataError, match="no color"):
        to_rgba(color)


def test_colors_of_instances():
    boxes = np.arange(16).reshape(4, 4)
    default = [(*color, 1) for color in neighbor_colors(boxes)]
    assert instance_colors(None, boxes) == instance_colors([], boxes) == default
    given = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert instance_colors(given, boxes[:2]) == [(1, 0, 0, 1), (0, 1, 0, 1)]
    with pytest.raises(DataError, match="3 colors for 4 instances"):
        instance_colors(given, boxes)
