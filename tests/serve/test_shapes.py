"""Outlines that are drawn, split and merged."""

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.serve.shapes import checked_points, drawn, merged, parts_of

SIZE = (40, 60)
SQUARE = [[10, 10], [20, 10], [20, 20], [10, 20]]


def test_a_square():
    told = drawn(SQUARE, SIZE)
    # A pixel belongs when its middle is inside or on the edge.
    assert told["box"] == [10, 10, 21, 21] and told["area"] == 121
    assert sorted(told["outline"]) == sorted(map(list, np.array(SQUARE, float)))


def test_what_lies_outside_is_cut_off():
    told = drawn([[-30, -30], [5, -30], [5, 5], [-30, 5]], SIZE)
    assert told["box"] == [0, 0, 6, 6] and told["area"] == 36


def test_of_lines_that_cross_the_larger_part_counts():
    told = drawn([[0, 0], [20, 20], [20, 0], [14, 0], [0, 14]], SIZE)
    assert 0 < told["area"] < 200
    eight = drawn([[0, 0], [30, 30], [30, 0], [0, 10]], SIZE)
    assert eight["box"][3] > 20


@pytest.mark.parametrize(
    "values",
    [None, [], SQUARE[:2], [[1, 2, 3]] * 4, [["a", 1]] * 3, [[np.nan, 1]] * 3, [[1, 1]] * 6000],
)
def test_what_is_no_outline(values):
    with pytest.raises(DataError, match="Expected 3 to 5000 points"):
        checked_points(values, 3)


@pytest.mark.parametrize(
    "values",
    [[[100, 100], [110, 100], [110, 110]], [[1, 1]] * 3, [[1.2, 1.2], [1.4, 1.2], [1.3, 1.4]]],
)
def test_an_outline_without_a_pixel(values):
    with pytest.raises(DataError, match="holds no pixel"):
        drawn(values, SIZE)


def test_a_line_splits():
    left, right = sorted(
        parts_of(SQUARE, [[15, 12], [15, 18]], SIZE), key=lambda one: one["box"][1]
    )
    assert left["box"] == [10, 10, 21, 16] and right["box"] == [10, 15, 21, 21]
    assert len(parts_of(SQUARE, [[13, 8], [13, 22], [17, 22], [17, 8]], SIZE)) == 3


def test_a_line_beside_it_splits_nothing():
    with pytest.raises(DataError, match="does not go through"):
        parts_of(SQUARE, [[30, 0], [30, 40]], SIZE)


def test_two_that_touch_are_merged():
    right = [[x + 10, y] for x, y in SQUARE]
    assert merged([SQUARE, right], SIZE)["box"] == [10, 10, 21, 31]
    near = [[x + 13, y] for x, y in SQUARE]
    told = merged([SQUARE, near], SIZE)
    assert told["box"] == [10, 10, 21, 34] and told["area"] >= 11 * 23


def test_two_that_are_far_apart_are_not():
    with pytest.raises(DataError, match="more than 16 pixels apart"):
        merged([SQUARE, [[x + 35, y] for x, y in SQUARE]], SIZE)
