"""What of a foreground no object covers, as a share and in objects."""

import numpy as np
import pytest
from scipy import ndimage

from mrcnn.measure.left_out import left_out

DIAMETER = 20


def discs(*middles, diameter=DIAMETER, shape=(200, 300)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    where = np.zeros(shape, bool)
    for middle_y, middle_x in middles:
        where |= np.hypot(y - middle_y, x - middle_x) <= diameter / 2
    return where


MANY = [(y, x) for y in range(20, 180, 40) for x in range(20, 280, 40)]


def test_nothing_is_left_out_where_outlines_run_a_little_inside():
    found = left_out(discs(*MANY), discs(*MANY, diameter=18), DIAMETER)
    assert found.share == pytest.approx(1 - 18**2 / 20**2, abs=0.02)
    assert found.objects == 0
    everything = left_out(discs(*MANY), discs(*MANY, diameter=24), DIAMETER)
    assert (everything.share, everything.objects) == (0, 0)


@pytest.mark.parametrize("missed", [1, 5, 28])
def test_missed_objects_are_counted(missed):
    found = left_out(discs(*MANY), discs(*MANY[missed:]), DIAMETER)
    assert found.share == pytest.approx(missed / 28, abs=0.01)
    assert found.objects == missed


def test_specks_threads_and_slivers_are_no_objects():
    foreground = discs(*MANY)
    foreground |= discs((40, 40), (80, 80), (120, 120), diameter=10)
    foreground[100:102] = True
    assert left_out(foreground, discs(*MANY), DIAMETER).objects == 0


def test_a_pale_middle_belongs_to_its_object_and_what_is_framed_to_none():
    ring = discs((40, 40)) & ~discs((40, 40), diameter=14)
    nothing = np.zeros_like(ring)
    assert left_out(ring, nothing, DIAMETER).objects == 1
    frame = np.zeros((200, 300), bool)
    frame[50:150, 50:150] = True
    frame[51:149, 51:149] = False
    # Filled it would be 32.
    assert left_out(frame, nothing, DIAMETER).objects == 1


def test_one_that_is_larger_is_one_object_and_a_clump_is_several():
    nothing = np.zeros((200, 300), bool)
    assert left_out(discs((100, 100), diameter=44), nothing, DIAMETER).objects == 1
    assert left_out(discs((100, 100), diameter=80), nothing, DIAMETER).objects == 16


def test_without_a_size_none_is_counted_and_without_a_foreground_nothing():
    nothing = np.zeros((200, 300), bool)
    assert left_out(discs(*MANY), nothing, None).objects == 0
    assert left_out(discs(*MANY), nothing, None).share == 1
    assert left_out(nothing, discs(*MANY), DIAMETER).share == 0


@pytest.mark.parametrize(("diameter", "reach"), [(5, 0), (20, 2), (44, 4), (900, 72)])
def test_what_lies_near_an_object_belongs_to_no_piece(monkeypatch, diameter, reach):
    objects = np.zeros((31, 40), bool)
    objects[12:15, 20] = objects[0, 0] = True
    labeled = []
    label = ndimage.label
    monkeypatch.setattr(ndimage, "label", lambda pieces: labeled.append(pieces) or label(pieces))
    left_out(np.ones_like(objects), objects, diameter)
    np.testing.assert_array_equal(labeled[0], ndimage.distance_transform_edt(~objects) > reach)
