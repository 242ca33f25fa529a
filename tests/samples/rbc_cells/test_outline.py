"""Outlines are moved to the edge of the stain, a little, and not into another cell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from mrcnn.instances.geometry import tight_box
from rbc_cells.outline import fit_outlines
from rbc_cells.stain import relative_stain

SHAPE = (200, 260)
LIGHT = np.array([220, 210, 225])
CELL = np.array([190, 130, 150])
RADIUS = 40
# An outline goes around the soft edge of the stain, a pixel outside its middle.
DRAWN_RADIUS = RADIUS + 1


def disc(y, x, radius=RADIUS):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(rows - y, columns - x) <= radius


def field(*cells, pale=None):
    """A field with cells of uneven stain and soft edges, in light that falls off to the right."""
    stained = np.any(cells, axis=0) if cells else np.zeros(SHAPE, bool)
    if pale is not None:
        stained = stained & ~pale
    rng = np.random.default_rng(1)
    unevenness = ndimage.gaussian_filter(rng.normal(0, 3, SHAPE), 8) + 1
    stain = (ndimage.gaussian_filter(stained.astype(float), 1.5) * unevenness)[..., None]
    image = (LIGHT + (CELL - LIGHT) * stain) * np.linspace(1, 0.8, SHAPE[1])[:, None]
    return np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8)


def cut(*masks):
    """Boxes and crops of whole masks."""
    boxes = np.array([tight_box(mask) for mask in masks]).reshape(-1, 4)
    crops = [mask[y1:y2, x1:x2] for mask, (y1, x1, y2, x2) in zip(masks, boxes, strict=True)]
    return boxes, crops


def whole(boxes, crops):
    masks = np.zeros((len(crops), *SHAPE), bool)
    for mask, (y1, x1, y2, x2), crop in zip(masks, boxes, crops, strict=True):
        mask[y1:y2, x1:x2] = crop
    return masks


def fitted(image, *masks, sure=True):
    boxes, crops = fit_outlines(image, *cut(*masks), np.full(len(masks), sure))
    assert boxes.dtype == np.int64 and boxes.shape == (len(masks), 4)
    found = whole(boxes, crops)
    assert all(tuple(box) == tight_box(mask) for box, mask in zip(boxes, found, strict=True))
    return found


def iou(a, b):
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


@pytest.mark.parametrize("drawn", [disc(100, 100, 38), disc(100, 100, 44), disc(102, 98, 41)])
def test_an_outline_beside_the_edge_is_moved_onto_it(drawn):
    truth = disc(100, 100, DRAWN_RADIUS)
    (found,) = fitted(field(disc(100, 100)), drawn)
    assert iou(found, truth) > 0.98 > iou(drawn, truth) + 0.05


def test_a_pale_center_stays_part_of_the_cell():
    (found,) = fitted(field(disc(100, 100), pale=disc(100, 100, 20)), disc(100, 100, 38))
    assert iou(found, disc(100, 100, DRAWN_RADIUS)) > 0.97


def test_holes_are_filled():
    drawn = disc(100, 100) & ~disc(100, 110, 6)
    (found,) = fitted(field(disc(100, 100)), drawn)
    assert found[disc(100, 100, 38)].all()


def test_a_cell_does_not_take_pixels_of_its_neighbor():
    left, right = disc(100, 80), disc(100, 80 + 2 * RADIUS)
    drawn = [disc(100, 80, 38), disc(100, 80 + 2 * RADIUS, 38)]
    for found, own, other in zip(
        fitted(field(left, right), *drawn), (left, right), drawn[::-1], strict=True
    ):
        assert not (found & other).any()
        assert iou(found, own) > 0.95


def test_cells_that_lie_over_one_another_keep_what_they_share():
    under, over = disc(100, 90), disc(100, 130)
    found = fitted(field(under, over), under, over)
    shared = under & over
    assert (found[0] & found[1])[ndimage.binary_erosion(shared, iterations=2)].all()


def test_what_may_be_no_cell_claims_no_pixels():
    image, truth = field(disc(100, 100)), disc(100, 100, DRAWN_RADIUS)
    boxes, crops = cut(disc(100, 100, 38), disc(100, 135, 12))
    both = whole(*fit_outlines(image, boxes, crops, np.array([True, True])))
    one = whole(*fit_outlines(image, boxes, crops, np.array([True, False])))
    assert iou(one[0], truth) > 0.98 > iou(both[0], truth)


def test_a_cut_cell_still_ends_at_the_border():
    cell = disc(0, 100)
    (found,) = fitted(field(cell), disc(0, 100, 37))
    assert found[0, 65:135].all() and iou(found, cell) > 0.95


def test_stain_beside_the_cell_is_no_part_of_it():
    cell = disc(100, 100)
    platelet = disc(100, 147, 3)
    (found,) = fitted(field(cell, platelet), disc(100, 100, 41))
    assert not (found & platelet).any()


def test_where_nothing_stands_out_outlines_stay():
    drawn = disc(100, 100, 37)
    assert relative_stain(field()) is None
    assert np.array_equal(fitted(field(), drawn)[0], drawn)
    tiny = np.full((1, 3, 3), 255, np.uint8)
    boxes, (crop,) = fit_outlines(tiny, [[0, 0, 1, 2]], [np.ones((1, 2), bool)], np.array([True]))
    assert boxes.tolist() == [[0, 0, 1, 2]] and crop.all()


def test_a_mask_without_stain_is_not_lost():
    # A detection in the background: its middle stays.
    (found,) = fitted(field(disc(60, 60)), disc(140, 200, 20))
    assert found.any() and (found <= disc(140, 200, 20)).all()


def test_without_cells_there_is_nothing_to_do():
    boxes, crops = fit_outlines(field(disc(100, 100)), np.zeros((0, 4)), [], np.zeros(0, bool))
    assert boxes.shape == (0, 4) and crops == []


@settings(max_examples=40, deadline=None)
@given(
    y=st.integers(-20, 220),
    x=st.integers(-20, 280),
    radius=st.integers(2, 60),
    seed=st.integers(0, 99),
)
def test_nothing_far_from_the_outline_changes(y, x, radius, seed):
    drawn = disc(y, x, radius)
    if not drawn.any():
        return
    noise = np.random.default_rng(seed).integers(0, 256, (20, 26, 3), np.uint8)
    image = noise.repeat(10, axis=0).repeat(10, axis=1)
    (found,) = fitted(image, drawn)
    reach = max(1, round(0.1 * np.sqrt(drawn.sum() / np.pi)))
    window = np.ones((2 * reach + 1,) * 2, bool)
    assert not (found & ~ndimage.binary_dilation(drawn, window)).any()
    core = ndimage.binary_erosion(drawn, window, border_value=1)
    # Threads are cut off, nothing else of the inside.
    assert np.count_nonzero(core & ~found) <= 0.1 * np.count_nonzero(drawn) + 4


def test_the_stain_is_measured_against_the_light_of_the_place():
    stain = relative_stain(field(disc(100, 40), disc(100, 200)))
    assert stain.dtype == np.float32 and stain.shape == SHAPE
    for x in (40, 200):
        assert stain[disc(100, x, 35)].min() > 1
    assert np.abs(stain[:40]).mean() < 0.15
