"""Polygons are filled as `skimage.draw.polygon` fills them on the whole image."""

import numpy as np
import pytest
import shapely
import skimage.draw
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.instances import Instances
from mrcnn.instances.polygons import fill_with_and_without_edges, rasterize_polygons

# Whole numbers, halves and thirds put corners and edges exactly on pixel centers.
coordinates = st.one_of(
    st.integers(-8, 40).map(float),
    st.integers(-16, 80).map(lambda n: n / 2),
    st.integers(-24, 120).map(lambda n: n / 3),
    st.floats(-8, 40, width=32).map(float),
)
polygon_lists = st.lists(
    st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=9).map(
        lambda points: np.array(points, np.float64)
    ),
    max_size=5,
)


def fill(polygon: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[skimage.draw.polygon(polygon[:, 0], polygon[:, 1], shape)] = True
    return mask


@settings(max_examples=300)
@given(polygon_lists, st.integers(1, 33), st.integers(1, 33))
def test_equal_to_skimage_on_the_full_image(polygons, height, width):
    masks = [fill(polygon, (height, width)) for polygon in polygons]
    instances = Instances.from_polygons(polygons, range(1, len(polygons) + 1), (height, width))
    expected = [number for number, mask in enumerate(masks, start=1) if mask.any()]
    assert instances.class_ids.tolist() == expected
    full = instances.full_masks()
    for position, number in enumerate(expected):
        np.testing.assert_array_equal(full[:, :, position], masks[number - 1])


@given(polygon_lists, st.integers(0, 10), st.integers(0, 10), st.integers(11, 30))
def test_a_window_cuts(polygons, top, left, end):
    window = (top, left, end, end)
    boxes, crops, indices = rasterize_polygons(polygons, window)
    inside = np.zeros((40, 40), bool)
    inside[top:end, left:end] = True
    found = dict(zip(indices.tolist(), zip(boxes, crops, strict=True), strict=True))
    for number, polygon in enumerate(polygons):
        mask = fill(polygon, (40, 40)) & inside
        assert mask.any() == (number in found)
        if number in found:
            (y1, x1, y2, x2), crop = found[number]
            np.testing.assert_array_equal(mask[y1:y2, x1:x2], crop)
            assert mask.sum() == crop.sum()


def test_boxes_are_tight_and_pixels_on_the_edge_belong():
    square = np.array([(2, 3), (2, 6), (5, 6), (5, 3)], float)
    instances = Instances.from_polygons([square], [1], (20, 20))
    assert instances.boxes.tolist() == [[2, 3, 6, 7]]
    assert instances.boxes.dtype == np.int32
    assert instances.crops[0].all()


def test_a_polygon_around_the_image_fills_it():
    instances = Instances.from_polygons(
        [np.array([(-50, -50), (-50, 90), (90, 90), (90, -50)], float)], [2], (7, 9)
    )
    assert instances.boxes.tolist() == [[0, 0, 7, 9]]
    assert instances.crops[0].all()


@pytest.mark.parametrize("far", [1e5, 1e12, 1e300])
def test_far_corners_are_harmless(far):
    polygon = np.array([(1, 1), (1, far), (far, far), (far, 1)], float)
    instances = Instances.from_polygons([polygon], [1], (5, 6))
    assert instances.boxes.tolist() == [[1, 1, 5, 6]]
    assert instances.crops[0].all()


def test_a_cell_of_three_pixels_survives():
    corner = np.array([(4, 4), (4, 5), (5, 4)], float)
    instances = Instances.from_polygons([corner], [1], (10, 10))
    assert instances.areas().tolist() == [3]


def test_polygons_without_a_pixel_are_dropped_and_the_others_keep_their_class():
    between_pixels = np.array([(1.2, 1.2), (1.2, 1.8), (1.8, 1.5)])
    outside = np.array([(-9, -9), (-9, -5), (-5, -5)], float)
    nothing = np.zeros((0, 2))
    visible = np.array([(0, 0), (0, 3), (3, 0)], float)
    instances = Instances.from_polygons(
        [between_pixels, outside, visible, nothing], [1, 2, 3, 4], (10, 10)
    )
    assert instances.class_ids.tolist() == [3]


def test_many_large_polygons_stay_crops():
    """A hundred cells of a field are a hundred small arrays, not 100 x 1200 x 1600 pixels."""
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = 50 * np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    polygons = [rng.uniform((60, 60), (1140, 1540)) + circle for _ in range(100)]
    instances = Instances.from_polygons(polygons, np.ones(100), (1200, 1600))
    assert len(instances) == 100
    assert sum(crop.nbytes for crop in instances.crops) < 100 * 103 * 103
    np.testing.assert_allclose(instances.areas(), np.pi * 50**2, rtol=0.01)
    for number in (0, 57):
        y1, x1, y2, x2 = instances.boxes[number]
        mask = fill(polygons[number], (1200, 1600))
        np.testing.assert_array_equal(mask[y1:y2, x1:x2], instances.crops[number])


def test_pixels_inside_and_those_on_an_edge():
    # Two of its edges run through the centers of pixels.
    wedge = np.array([[0.5, 3], [3.5, 1], [0.5, 1]])
    square = np.array([[-0.5, -0.5], [-0.5, 1.5], [1, 1.5], [1, -0.5]])
    (inside, reached), (within, with_edge), (nothing, thread) = fill_with_and_without_edges(
        [wedge, square, np.array([[1, -0.5], [1, 2.5]])], [(5, 4), (2, 3), (3, 3)]
    )
    rows, columns = np.mgrid[:5, :4]
    points = shapely.points(rows, columns)
    assert np.array_equal(inside, shapely.contains(shapely.Polygon(wedge), points))
    assert np.array_equal(reached, shapely.intersects(shapely.Polygon(wedge), points))
    assert inside.sum() + 4 == reached.sum()
    assert within.tolist() == [[True, True, False], [False] * 3]
    assert with_edge.tolist() == [[True, True, False]] * 2
    # A line that is walked forth and back is no edge.
    assert not nothing.any() and not thread.any()
    assert fill_with_and_without_edges([], []) == []
