"""Crops of drawn cells for the network that names shapes."""

import numpy as np
import pytest

from mrcnn.instances import Instances
from rbc_cells.shape_crops import (
    BACKGROUND,
    MEDIAN,
    SIDE,
    color_curves,
    median_diameter,
    shape_crops,
    shape_numbers,
)

PAPER, CELL = (210, 220, 200), (180, 140, 150)


def field_of_ellipses(shape, ellipses):
    """A picture and the masks of ellipses (y, x, half height, half width)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.full((*shape, 3), PAPER, np.uint8)
    masks = np.stack(
        [((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 <= 1 for y, x, a, b in ellipses], axis=-1
    )
    image[masks.any(axis=-1)] = CELL
    count = len(ellipses)
    return image, Instances.from_masks(masks, [1] * count, np.full(count, 0.9))


def cut(image, cells, diameter):
    curves = color_curves(image, cells)
    return shape_crops(image, cells.boxes, cells.crops, diameter, curves)


@pytest.mark.parametrize("radius", [15, 27, 60])
def test_a_median_cell_is_as_large_in_the_crops_of_every_magnification(radius):
    image, cells = field_of_ellipses((300, 300), [(150, 150, radius, radius)])
    diameter = median_diameter(cells, np.ones(1, bool))
    assert diameter == pytest.approx(2 * radius, rel=0.02)
    (crop,) = cut(image, cells, diameter)
    assert crop.shape == (SIDE, SIDE, 4) and crop.dtype == np.uint8
    half = SIDE // 2
    area = crop[..., 3].sum(dtype=float) / 255
    assert np.sqrt(4 * area / np.pi) == pytest.approx(MEDIAN, abs=0.3)
    across = crop[half, :, 3] > 127
    # A drawn disc is an odd number of pixels wide, and by two less beside its middle row.
    widths = (2 * radius + np.array([-1, 1])) / diameter * MEDIAN
    assert widths[0] - 1 <= np.count_nonzero(across) <= widths[1] + 1
    assert np.flatnonzero(across).mean() == pytest.approx(half - 0.5, abs=0.51)
    # Colors follow the mask, and the background is the same in all pictures.
    np.testing.assert_allclose(crop[2, 2, :3], BACKGROUND, atol=1)
    expected = np.array(CELL) * BACKGROUND / np.array(PAPER)
    np.testing.assert_allclose(crop[half, half, :3], expected, atol=1)
    (numbers,) = shape_numbers(crop[None])
    np.testing.assert_allclose(numbers, 1, atol=0.03)


def test_numbers_are_diameter_and_axes_in_median_diameters_whatever_the_direction():
    along, across = (100, 80, 10, 30), (100, 200, 30, 10)
    image, cells = field_of_ellipses((200, 300), [along, across])
    first, second = shape_numbers(cut(image, cells, 40.0))
    np.testing.assert_allclose(first, (np.sqrt(60 * 20) / 40, 60 / 40, 20 / 40), atol=0.03)
    np.testing.assert_allclose(second, first, atol=0.02)


def test_a_crop_at_the_corner_goes_on_as_the_picture_ends():
    image, cells = field_of_ellipses((60, 60), [(4, 56, 20, 20)])
    (crop,) = cut(image, cells, 40.0)
    whole = np.pad(image, ((60, 0), (0, 60), (0, 0)), mode="edge")
    mask = np.zeros((120, 120), bool)
    (y1, x1, y2, x2), (inside,) = cells.boxes[0], cells.crops
    mask[60 + y1 : 60 + y2, x1:x2] = inside
    moved = Instances.from_masks(mask[..., None], [1], [0.9])
    curves = color_curves(image, cells)
    np.testing.assert_array_equal(
        shape_crops(whole, moved.boxes, moved.crops, 40.0, curves), crop[None]
    )


def test_the_median_is_that_of_whole_cells_where_there_are_some():
    ellipses = [(50, 50, 10, 10), (50, 100, 10, 10), (50, 150, 20, 20), (0, 50, 30, 30)]
    _, cells = field_of_ellipses((100, 200), ellipses)
    assert median_diameter(cells, np.ones(4, bool)) == pytest.approx(20, rel=0.03)
    only_cut = np.array([False, False, False, True])
    assert median_diameter(cells, only_cut) > 30
    assert median_diameter(cells, np.zeros(4, bool)) is None


def test_cells_of_a_few_pixels_have_no_scale():
    _, cells = field_of_ellipses((50, 50), [(25, 25, 3, 3)])
    assert median_diameter(cells, np.ones(1, bool)) is None


def stain_in_crop(paper, cell):
    """Densities of red, green and blue in the middle of a crop."""
    image = np.full((60, 60, 3), np.round(paper), np.uint8)
    image[20:40, 20:40] = np.round(cell)
    mask = np.zeros((60, 60, 1), bool)
    mask[20:40, 20:40] = True
    (crop,) = cut(image, Instances.from_masks(mask, [1], [0.9]), 20.0)
    np.testing.assert_allclose(crop[2, 2, :3], BACKGROUND, atol=1)
    return -np.log(crop[SIDE // 2, SIDE // 2, :3] / BACKGROUND)


def test_a_stain_that_the_network_does_not_know_becomes_its_usual_one():
    # Red takes away as much as green, and both much.
    dense = stain_in_crop((240, 240, 240), (90, 90, 150))
    np.testing.assert_allclose(dense, (0.373 * 0.5, 0.5, 0.637 * 0.5), atol=0.02)
    pale = stain_in_crop((240, 240, 240), (200, 180, 210))
    density = np.log(240 / 180)
    np.testing.assert_allclose(pale, (np.log(240 / 200), density, np.log(240 / 210)), atol=0.02)
    blue = stain_in_crop((240, 240, 240), (180, 180, 210))
    np.testing.assert_allclose(blue, np.multiply(density, (0.373, 1, 0.637)), atol=0.02)


@pytest.mark.parametrize("light", [0.6, 1.0])
def test_a_stain_that_is_known_stays_whatever_the_light(light):
    paper, cell = light * np.array([200, 220, 210]), light * np.array([180, 140, 170])
    np.testing.assert_allclose(stain_in_crop(paper, cell), np.log(paper / cell), atol=0.02)


def test_what_has_no_stain_keeps_its_colors():
    assert np.abs(stain_in_crop((200, 200, 200), (200, 200, 200))).max() < 0.01


def test_a_picture_full_of_cells_has_no_background():
    image = np.full((40, 40, 3), CELL, np.uint8)
    cells = Instances.from_masks(np.ones((40, 40, 1), bool), [1], [0.9])
    curves = color_curves(image, cells)
    # All is stain, of a color that is known.
    np.testing.assert_array_equal(curves, np.arange(256)[None].repeat(3, axis=0))
