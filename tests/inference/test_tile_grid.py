"""Tiles cover a picture, their cells partition it, and all are resampled alike."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError, DataError
from mrcnn.inference.tile_grid import STEP, tile_grid

SIDES = st.sampled_from([128, 192, 256, 768, 1024])


@st.composite
def grids(draw):
    side = draw(SIDES)
    overlap = draw(st.floats(0, side / 2))
    scale = draw(st.floats(0.2, 4))
    shape = tuple(draw(st.integers(1, int(6 * side / scale))) for _ in range(2))
    return shape, scale, side, overlap, tile_grid(shape, scale, side, overlap)


@given(grids())
def test_cells_partition_the_picture(drawn):
    (height, width), _, _, _, grid = drawn
    tops = [(row[0].cell[0], row[0].cell[2]) for row in grid.rows]
    assert tops[0][0] == 0 and tops[-1][1] == height
    assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(tops))
    for row, (top, bottom) in zip(grid.rows, tops, strict=True):
        assert top < bottom
        assert {(tile.cell[0], tile.cell[2]) for tile in row} == {(top, bottom)}
        sides = [(tile.cell[1], tile.cell[3]) for tile in row]
        assert sides[0][0] == 0 and sides[-1][1] == width
        assert all(end == begin for (_, end), (begin, _) in itertools.pairwise(sides))
    assert grid.count == sum(len(row) for row in grid.rows)


@given(grids())
def test_around_a_cell_half_of_the_overlap_is_seen(drawn):
    shape, _, _, overlap, grid = drawn
    # Half a pixel is lost where the overlap is odd.
    least = overlap / grid.scale / 2 - 1
    for tile in (tile for row in grid.rows for tile in row):
        for axis in (0, 1):
            begin, end = tile.area[axis], tile.area[axis + 2]
            assert 0 <= begin < end <= shape[axis]
            assert begin == 0 or tile.cell[axis] - begin >= least
            assert end == shape[axis] or end - tile.cell[axis + 2] >= least


@given(grids())
def test_tiles_have_one_shape_and_lie_whole_steps_of_the_network_apart(drawn):
    shape, scale, side, _, grid = drawn
    tiles = [tile for row in grid.rows for tile in row]
    sizes = {(tile.area[2] - tile.area[0], tile.area[3] - tile.area[1]) for tile in tiles}
    assert len(sizes) == 1
    if grid.count == 1:
        # What is hardly larger than a tile fits into it when the scale is moved.
        assert sizes == {shape} and max(shape) * grid.scale <= side + 1e-6
        assert grid.scale == (scale if max(shape) * scale <= side else side / max(shape))
        assert abs(grid.scale / scale - 1) < 0.04
        return
    for axis in (0, 1):
        length = sizes.copy().pop()[axis]
        assert length == shape[axis] or math.isclose(length * grid.scale, side)
        for tile in tiles:
            begin = tile.area[axis]
            if begin + length < shape[axis]:
                assert math.isclose(begin * grid.scale % STEP, 0, abs_tol=1e-6) or math.isclose(
                    begin * grid.scale % STEP, STEP, abs_tol=1e-6
                )
    assert abs(grid.scale / scale - 1) < 0.04
    if scale < 1:
        assert abs(grid.scale / scale - 1) < 0.009


def test_what_is_hardly_larger_than_a_tile_is_one():
    grid = tile_grid((1, 62), 2.078125, 128, 0)
    assert (grid.count, grid.scale) == (1, 128 / 62)


def test_a_side_as_long_as_a_tile_needs_no_other():
    grid = tile_grid((300, 192), 1.0, 192, 32)
    tiles = [tile for row in grid.rows for tile in row]
    assert [tile.area for tile in tiles] == [(0, 0, 192, 192), (108, 0, 300, 192)]
    assert [tile.cell for tile in tiles] == [(0, 0, 150, 192), (150, 0, 300, 192)]


@pytest.mark.parametrize(("side", "overlap"), [(64, 0), (200, 10), (0, 0), (256, 129), (256, -1)])
def test_sides_that_cannot_work(side, overlap):
    with pytest.raises(ConfigError, match="multiple of 64"):
        tile_grid((10, 10), 1.0, side, overlap)


@pytest.mark.parametrize("scale", [0, -1.0, math.nan, math.inf, "1", None])
def test_a_scale_is_a_number_above_0(scale):
    with pytest.raises(DataError, match="number above 0"):
        tile_grid((10, 10), scale, 256, 64)


def test_a_tile_of_far_too_many_pixels_is_refused():
    with pytest.raises(DataError, match="diameter of the objects"):
        tile_grid((40_000, 40_000), 0.001, 1024, 240)
    assert tile_grid((40_000, 40_000), np.float64(0.5), 1024, 240).count == 676
