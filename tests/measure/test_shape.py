"""Shapes whose figures are known."""

import itertools
import math

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label, perimeter_crofton, regionprops

from mrcnn.measure.shape import equivalent_diameter, equivalent_diameters, shape_of, shapes_of


def test_a_rectangle_has_its_known_moments():
    shape = shape_of((10, 20, 16, 30), np.ones((6, 10), bool))
    assert (shape.area, shape.centroid) == (60, (13.0, 25.0))
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


def label_image() -> np.ndarray:
    """Smooth blobs with bays and holes, ragged ones, thin lines, single pixels."""
    rng = np.random.default_rng(5)
    smooth = label(ndimage.gaussian_filter(rng.random((200, 300)), 3) > 0.505)
    ragged = label(rng.random((60, 300)) > 0.55)
    lines = np.zeros((20, 300), int)
    for number, at in enumerate(range(2, 290, 12), start=1):
        lines[3 : 3 + number % 15 + 1, at] = number
    parts = [smooth, ragged, lines]
    for earlier, part in itertools.pairwise(parts):
        part[part > 0] += earlier.max()
    return np.concatenate(parts)


def test_all_figures_are_those_of_scikit_image():
    regions = regionprops(label_image())
    assert len(regions) > 200
    boxes, crops = ([getattr(each, name) for each in regions] for name in ("bbox", "image"))
    for region, (crop, shape) in zip(regions, shapes_of(boxes, crops), strict=True):
        assert crop is region.image or np.array_equal(crop, region.image)
        assert shape == shape_of(region.bbox, region.image)
        expected = {
            "area": region.area,
            "perimeter": perimeter_crofton(region.image),
            "major_axis": region.axis_major_length,
            "minor_axis": region.axis_minor_length,
            "eccentricity": region.eccentricity,
            "hull": region.area_convex,
            "equivalent_diameter": region.equivalent_diameter_area,
            "solidity": region.solidity,
            "circularity": 4 * math.pi * region.area / perimeter_crofton(region.image) ** 2,
        }
        found = {name: getattr(shape, name) for name in expected}
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6), region.label
        # 90 and -90 degrees are the same.
        turn = math.radians(shape.orientation) - region.orientation
        assert math.sin(turn) == pytest.approx(0, abs=1e-6)
        assert shape.centroid == pytest.approx(np.add(region.centroid, 0.5))
        if region.axis_minor_length > 1e-6:
            ratio = region.axis_major_length / region.axis_minor_length
            assert shape.aspect_ratio == pytest.approx(ratio)
        else:
            assert math.isnan(shape.aspect_ratio)


def ellipse(half_height: float, half_width: float, degrees: float, middle=(70.3, 69.6)):
    """A drawn ellipse, and the length of its outline by Ramanujan's second formula."""
    y, x = np.mgrid[:140, :140]
    turn = math.radians(degrees)
    along = (y - middle[0]) * math.cos(turn) + (x - middle[1]) * math.sin(turn)
    across = (x - middle[1]) * math.cos(turn) - (y - middle[0]) * math.sin(turn)
    h = ((half_height - half_width) / (half_height + half_width)) ** 2
    length = math.pi * (half_height + half_width) * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))
    return (along / half_height) ** 2 + (across / half_width) ** 2 <= 1, length


@pytest.mark.parametrize("degrees", [0, 20, 45, 70])
@pytest.mark.parametrize(
    ("half_height", "half_width"), [(52.5, 52.5), (52, 40), (50, 25), (15.2, 15.2), (20, 14)]
)
def test_drawn_cells_have_their_figures_within_two_percent(half_height, half_width, degrees):
    crop, length = ellipse(half_height, half_width, degrees)
    shape = shape_of((0, 0, 140, 140), crop)
    assert shape.perimeter == pytest.approx(length, rel=0.02)
    assert shape.area == pytest.approx(math.pi * half_height * half_width, rel=0.02)
    assert shape.major_axis == pytest.approx(2 * half_height, rel=0.02)
    assert shape.minor_axis == pytest.approx(2 * half_width, rel=0.02)
    assert shape.centroid == pytest.approx((70.8, 70.1), abs=0.1)
    if half_height != half_width:
        assert shape.orientation == pytest.approx(degrees, abs=2)
