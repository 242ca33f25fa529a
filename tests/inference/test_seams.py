"""What two tiles saw at their seam: one of each object stays."""

import numpy as np
import pytest

from mrcnn.inference.seams import Candidate, Found, settle
from mrcnn.inference.tile_grid import Tile
from mrcnn.instances import Instances

SHAPE = (100, 200)
# Two tiles that overlap by 40 pixels; the seam between their cells is at x = 100.
LEFT = Tile(0, 0, (0, 0, 100, 120), (0, 0, 100, 100))
RIGHT = Tile(0, 1, (0, 80, 100, 200), (0, 100, 100, 200))
FAR = Tile(0, 2, (0, 160, 100, 260), (0, 180, 100, 260))


def found(tile, *boxes, scores=None, shape=SHAPE):
    crops = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
    scores = np.full(len(boxes), 0.9) if scores is None else scores
    return Found(tile, Instances(shape, boxes, crops, [1] * len(boxes), scores))


def kept(*finds):
    candidates = [
        Candidate(each, int(row))
        for each in finds
        for row in np.flatnonzero(each.owned | each.near)
    ]
    return sorted(tuple(map(int, each.box)) for each in settle(candidates))


@pytest.mark.parametrize("reverse", [False, True])
def test_the_tile_that_has_the_center_owns_an_object(reverse):
    tiles = [
        found(LEFT, (10, 10, 20, 20), (10, 85, 20, 95), (50, 101, 60, 111)),
        found(RIGHT, (10, 84, 20, 95), (50, 100, 60, 112), (10, 150, 20, 160)),
    ]
    expected = [(10, 10, 20, 20), (10, 85, 20, 95), (10, 150, 20, 160), (50, 100, 60, 112)]
    assert kept(*(tiles[::-1] if reverse else tiles)) == expected


def test_an_object_that_both_have_is_there_once_with_the_better_score():
    left = found(LEFT, (10, 94, 20, 105), scores=[0.8])
    right = found(RIGHT, (10, 95, 20, 106), scores=[0.9])
    assert left.owned.all() and right.owned.all()
    assert kept(left, right) == [(10, 95, 20, 106)]


def test_an_object_that_neither_has_is_there_once():
    left, right = found(LEFT, (10, 95, 20, 106)), found(RIGHT, (10, 94, 20, 105))
    assert not left.owned.any() and not right.owned.any()
    assert len(kept(left, right)) == 1


def test_an_object_that_only_the_neighbor_saw_stays_where_it_is_near_its_cell():
    assert kept(found(LEFT, (10, 95, 20, 106)), found(RIGHT)) == [(10, 95, 20, 106)]
    assert kept(found(LEFT, (10, 104, 20, 114)), found(RIGHT)) == [(10, 104, 20, 114)]
    # Farther away the owner sees better.
    assert kept(found(LEFT, (10, 105, 20, 115)), found(RIGHT)) == []


@pytest.mark.parametrize(("one", "two"), [(0.9, 0.8), (0.8, 0.9)])
def test_two_objects_for_the_one_and_one_for_the_other(one, two):
    # The right tile divides what the left one takes for a single object.
    left = found(LEFT, (10, 88, 20, 111), scores=[one])
    right = found(RIGHT, (10, 88, 20, 99), (10, 100, 20, 111), scores=[two, two])
    expected = [(10, 88, 20, 111)] if one > two else [(10, 88, 20, 99), (10, 100, 20, 111)]
    assert kept(left, right) == expected


def test_objects_that_lie_over_one_another_stay_where_a_tile_saw_both():
    large, small = (10, 80, 40, 119), (15, 101, 21, 107)
    left, right = found(LEFT, large, small), found(RIGHT, small)
    assert left.owned.tolist() == [True, False] and right.owned.tolist() == [True]
    assert kept(left, right) == [large, small]


def test_what_is_cut_off_gives_way_to_the_whole():
    whole = (10, 90, 40, 130)
    left, right = found(LEFT, (10, 90, 40, 120)), found(RIGHT, whole)
    assert left.cut.tolist() == [True] and right.cut.tolist() == [False]
    assert kept(left, right) == [whole]
    # Also where the center of the part lies in its tile.
    left, whole = found(LEFT, (10, 79, 40, 120)), (10, 81, 40, 130)
    assert left.owned.all()
    assert kept(left, found(RIGHT, whole)) == [whole]
    # And where that of the whole does: the neighbor has its better.
    left, whole = found(LEFT, (10, 60, 40, 120), scores=[0.99]), (10, 85, 40, 114)
    assert kept(left, found(RIGHT, whole, scores=[0.5])) == [whole]


def test_parts_that_no_tile_saw_whole_are_put_together():
    shape = (100, 300)
    parts = (
        found(LEFT, (10, 20, 40, 120), shape=shape),
        found(RIGHT, (10, 80, 42, 200), shape=shape),
        found(FAR, (12, 160, 42, 240), shape=shape),
    )
    assert [each.cut.tolist() for each in parts] == [[True], [True], [True]]
    assert kept(*parts) == [(10, 20, 42, 240)]
    candidates = settle([Candidate(each, 0) for each in parts])
    joined = candidates[0].instances()
    assert joined.areas().sum() == 30 * 60 + 32 * 120 + 30 * 40
    assert len(joined.tight()) == 1 and joined.scores.tolist() == [0.9]


def test_a_part_that_nobody_else_saw():
    # Its tile has its center: an object that is larger than the overlap.
    assert kept(found(LEFT, (10, 60, 40, 120)), found(RIGHT)) == [(10, 60, 40, 120)]
    assert kept(found(LEFT, (10, 110, 40, 120)), found(RIGHT)) == []


def test_at_the_border_of_the_picture_nothing_is_cut():
    whole = Tile(0, 0, (0, 0, *SHAPE), (0, 0, *SHAPE))
    assert not found(whole, (0, 0, 100, 200), (90, 190, 100, 200)).cut.any()
    tile = found(RIGHT, (0, 150, 100, 200), (5, 81, 9, 90))
    assert tile.cut.tolist() == [False, False]
    assert Found(RIGHT, tile.instances, margin=2).cut.tolist() == [False, True]


def test_neighbors_that_share_little_are_two():
    left, right = found(LEFT, (10, 80, 20, 102)), found(RIGHT, (10, 98, 20, 120))
    assert kept(left, right) == [(10, 80, 20, 102), (10, 98, 20, 120)]
    # Boxes without a mask count as a whole.
    boxes = Instances.from_boxes(SHAPE, [(10, 95, 20, 104)], [1], [0.9])
    assert kept(Found(LEFT, boxes), found(RIGHT, (10, 96, 20, 106))) == [(10, 95, 20, 104)]
