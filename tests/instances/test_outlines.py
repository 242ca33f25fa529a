"""Outlines give their masks back, whatever the mask, and have few corners."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from skimage.measure import find_contours

from mrcnn.errors import DataError
from mrcnn.instances.outlines import outline_parts, outline_polygon, outlines_of
from mrcnn.instances.polygons import rasterize_polygons
from mrcnn.instances.simplifying import TARGET_IOU
from tests.formats.drawn import disc, iou, masks, picture

AWKWARD = {
    "one pixel": picture("#"),
    "a row": picture("#####"),
    "a column": picture("#", "#", "#"),
    "a diagonal": np.eye(9, dtype=bool),
    "a corner": picture("#..", "#..", "###"),
    "two pixels apart": picture("#.........#"),
    "two rows apart": picture("#......", ".......", ".......", "......#"),
    "a hole": picture("###", "#.#", "###"),
    "holes that touch by a corner": picture("####", "#.##", "##.#", "####"),
    "a cell in a hole": np.pad(np.pad(disc(5), 2), 3, constant_values=True),
    "a checkerboard": np.indices((9, 9)).sum(axis=0) % 2 == 0,
    "everything": np.ones((40, 60), bool),
    "a thin ring": disc(41) & ~np.pad(disc(37), 2),
    "a comb": np.tile(picture("#..."), (30, 8)) | (np.arange(30) > 26)[:, None],
}


def fill(polygon: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The mask of a polygon, under the rule of the reader of annotations."""
    mask = np.zeros(shape, bool)
    boxes, crops, _ = rasterize_polygons([polygon], (0, 0, *shape))
    for (y1, x1, y2, x2), crop in zip(boxes, crops, strict=True):
        mask[y1:y2, x1:x2] = crop
    return mask


def geometry(parts: list[list[np.ndarray]]) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([(part[0], part[1:]) for part in parts])


def centers_inside(shape: shapely.Geometry, size: tuple[int, int]) -> np.ndarray:
    rows, columns = np.mgrid[: size[0], : size[1]]
    return shapely.contains_xy(shape, rows.ravel(), columns.ravel()).reshape(size)


def centers_covered(shape: shapely.Geometry, size: tuple[int, int]) -> np.ndarray:
    """As `centers_inside`, with those on the edge."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return shapely.intersects_xy(shape, rows.ravel(), columns.ravel()).reshape(size)


@settings(max_examples=150)
@given(masks)
def test_a_polygon_gives_any_mask_back(mask):
    polygon = outline_polygon(mask)
    assert polygon.dtype == np.float64 and len(polygon) >= 4
    assert iou(fill(polygon, mask.shape), mask) >= TARGET_IOU


@settings(max_examples=150)
@given(masks)
def test_parts_give_any_mask_back_and_make_a_valid_geometry(mask):
    shape = geometry(outline_parts(mask))
    assert shapely.is_valid(shape), shapely.is_valid_reason(shape)
    # Whichever way a rasterizer takes centers on an edge.
    inside, covered = centers_inside(shape, mask.shape), centers_covered(shape, mask.shape)
    assert np.count_nonzero(mask & inside) >= TARGET_IOU * np.count_nonzero(mask | covered)


@pytest.mark.parametrize("mask", AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_masks(mask):
    shape = geometry(outline_parts(mask))
    assert shapely.is_valid(shape)
    for back in (fill(outline_polygon(mask), mask.shape), centers_inside(shape, mask.shape)):
        assert iou(back, mask) >= TARGET_IOU
        if mask.sum() < 60:
            # No pixel can be wrong.
            np.testing.assert_array_equal(back, mask)


@pytest.mark.parametrize(
    ("name", "rings"),
    [
        ("a diagonal", [1]),
        ("two pixels apart", [1, 1]),
        ("a hole", [2]),
        ("holes that touch by a corner", [3]),
        ("a cell in a hole", [2, 1]),
        ("a checkerboard", [25]),
    ],
)
def test_parts_and_holes(name, rings):
    assert [len(part) for part in outline_parts(AWKWARD[name])] == rings


@pytest.mark.parametrize(("diameter", "most"), [(20, 18), (50, 22), (105, 22), (400, 24)])
def test_round_cells_have_few_corners(diameter, most):
    mask = disc(diameter)
    polygon = outline_polygon(mask)
    assert len(polygon) <= most
    ((ring,),) = outline_parts(mask)
    np.testing.assert_array_equal(ring, polygon)


def test_a_ragged_cell_has_a_tenth_of_the_corners_of_its_outline():
    rng = np.random.default_rng(1)
    angles = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    radii = 50 + 4 * np.sin(3 * angles) + rng.normal(0, 1, len(angles))
    ragged = np.stack([60 + radii * np.sin(angles), 60 + radii * np.cos(angles)], axis=1)
    mask = fill(ragged, (120, 120))
    (outline,) = find_contours(mask.astype(float), 0.5)
    assert len(outline_polygon(mask)) <= len(outline) / 8 <= 60


@pytest.mark.parametrize("shape", [(30, 50), (1, 50), (50, 1)])
def test_straight_outlines_have_few_corners(shape):
    assert len(outline_polygon(np.ones(shape, bool))) <= 6


def test_specks_and_pin_holes_are_left_out_of_a_polygon_but_not_of_parts():
    mask = np.pad(disc(100), 5)
    mask[50, 50] = False
    mask[0, 0] = True
    filled = fill(outline_polygon(mask), mask.shape)
    assert filled[50, 50] and not filled[0, 0]
    shape = geometry(outline_parts(mask))
    inside = centers_inside(shape, mask.shape)
    assert not inside[50, 50] and inside[0, 0]


def test_a_speck_with_a_hole_leaves_nothing_behind():
    mask = np.pad(disc(100), 9)
    mask[:5, :5] = np.pad(np.zeros((3, 3), bool), 1, constant_values=True)
    polygon = outline_polygon(mask)
    assert not fill(polygon, mask.shape)[:7, :7].any()
    assert len(polygon) <= 24


def test_large_parts_are_tied_where_they_are_nearest():
    mask = np.zeros((40, 100), bool)
    mask[5:35, :30] = mask[5:35, 35:65] = mask[5:35, 70:] = True
    polygon = outline_polygon(mask)
    assert len(polygon) <= 3 * 8 + 4
    lengths = np.hypot(*(polygon - np.roll(polygon, 1, axis=0)).T)
    ties = lengths[(lengths > 1) & (lengths < 20)]
    # Each is walked forth and back, and crosses a gap of 5 pixels, but for the cut corners.
    assert len(ties) == 4 and ties.max() < 6.1


def test_very_many_parts():
    rng = np.random.default_rng(0)
    mask = rng.random((120, 120)) < 0.4
    polygon = outline_polygon(mask)
    assert iou(fill(polygon, mask.shape), mask) >= TARGET_IOU


def test_places_in_the_image():
    mask = disc(9)
    np.testing.assert_array_equal(
        outline_polygon(mask, (7, 20)), outline_polygon(mask) + np.array([7, 20])
    )
    ((moved,),), ((ring,),) = outline_parts(mask, (7, 20)), outline_parts(mask)
    np.testing.assert_array_equal(moved, ring + np.array([7, 20]))


def test_several_masks_have_the_outlines_that_each_has_alone(monkeypatch):
    places = [(7 * number, number) for number in range(len(AWKWARD))]
    alone = [outline_parts(mask, at) for mask, at in zip(AWKWARD.values(), places, strict=True)]
    for at_a_time in (1, 500, 1 << 20):
        monkeypatch.setattr("mrcnn.instances.simplifying._AT_A_TIME", at_a_time)
        together = outlines_of(list(AWKWARD.values()), places)
        for here, there in zip(together, alone, strict=True):
            assert [len(part) for part in here] == [len(part) for part in there]
            rings, expected = ([ring for part in of for ring in part] for of in (here, there))
            for ring, other in zip(rings, expected, strict=True):
                np.testing.assert_array_equal(ring, other)
    assert outlines_of([], np.zeros((0, 2))) == []


@pytest.mark.parametrize("outline", [outline_parts, outline_polygon])
@pytest.mark.parametrize("shape", [(3, 4), (0, 0), (4,)])
def test_masks_without_pixels_are_refused(outline, shape):
    with pytest.raises(DataError, match="with pixels is expected"):
        outline(np.zeros(shape, bool))
