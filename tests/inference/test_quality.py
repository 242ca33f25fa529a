"""What a network tells of where it may have failed."""

import dataclasses

import numpy as np
import pytest

from mrcnn.inference.quality import FOREIGN, SCALE, doubts_of_scale
from mrcnn.inference.scale import Scale
from mrcnn.instances import Instances


def discs(diameter: int, count: int = 5, score: float = 0.95) -> Instances:
    """Side by side in an image with some room around them."""
    y, x = np.mgrid[:diameter, :diameter] - (diameter - 1) / 2
    crop = np.hypot(y, x) <= diameter / 2
    boxes = [(10, 10 + k * diameter, 10 + diameter, 10 + (k + 1) * diameter) for k in range(count)]
    shape = (diameter + 20, count * diameter + 20)
    return Instances(shape, boxes, [crop] * count, np.ones(count, int), np.full(count, score))


TOLD = Scale(1.0, 50.0, "diameter")
ESTIMATED = Scale(1.0, 50.0, "estimate", 0.9)
UNCERTAIN = Scale(1.0, 50.0, "estimate", 0.4)
UNKNOWN = Scale(1.0, None, "settings", 0.0)


@pytest.mark.parametrize(
    ("diameter", "factor", "doubts"),
    [(50, 1, ()), (27, 1, ()), (68, 1, ()), (24, 1, (SCALE,)), (72, 1, (SCALE,)),
     (100, 0.5, ()), (100, 0.2, (SCALE,)), (100, 0.8, (SCALE,))],
)  # fmt: skip
def test_what_is_found_has_about_the_size_of_training(diameter, factor, doubts):
    for scale in (TOLD, ESTIMATED, UNCERTAIN, UNKNOWN):
        chosen = dataclasses.replace(scale, factor=factor)
        assert doubts_of_scale(discs(diameter), chosen, 50) == doubts


@pytest.mark.parametrize(("count", "score"), [(2, 0.95), (0, 0.95), (5, 0.4)])
def test_few_tell_nothing_where_the_scale_is_certain(count, score):
    few = discs(20, count, score)
    for scale in (TOLD, ESTIMATED):
        assert doubts_of_scale(few, scale, 50) == ()
    for scale in (UNCERTAIN, UNKNOWN):
        assert doubts_of_scale(few, scale, 50) == (FOREIGN,)


def test_what_nobody_is_sure_of_is_foreign_or_badly_shown():
    # Of many objects the mean score is less by chance.
    for unsure in (discs(50, score=0.8), discs(50, 30, score=0.86)):
        assert doubts_of_scale(unsure, TOLD, 50) == (SCALE,)
        for scale in (ESTIMATED, UNCERTAIN, UNKNOWN):
            assert doubts_of_scale(unsure, scale, 50) == (FOREIGN,)
    mixed = discs(50, 30).replaced(scores=[0.97] * 16 + [0.74] * 14)
    assert doubts_of_scale(mixed, ESTIMATED, 50) == (FOREIGN,)
    assert doubts_of_scale(mixed.take(range(29)), ESTIMATED, 50) == ()
    # A few sure ones are not enough.
    half = discs(50, 7)
    assert doubts_of_scale(half.replaced(scores=[1.0] * 3 + [0.91] * 4), ESTIMATED, 50) == (
        FOREIGN,
    )
    assert doubts_of_scale(half.replaced(scores=[0.96] * 4 + [0.8] * 3), ESTIMATED, 50) == ()


def test_how_sure_it_is_is_told_by_those_at_the_border_as_well():
    cells = discs(50, 8)
    cut = cells.moved(-11, 0, (80, 420))
    assert (cut.boxes[:, 0] == 0).all()
    scores = [0.75] * 3 + [0.96] * 5
    cut = cut.replaced(scores=[0.96] * 8)
    both = Instances.merged([discs(50, 3, 0.75).moved(0, 0, (80, 420)), cut.take(range(3, 8))])
    assert both.scores.tolist() == scores
    assert doubts_of_scale(both, ESTIMATED, 50) == ()
    assert doubts_of_scale(both.take(range(3)), ESTIMATED, 50) == (FOREIGN,)
    # What counts for nothing does not count here.
    unsure = Instances.merged([both, discs(50, 9, 0.45).moved(0, 0, (80, 420))])
    assert doubts_of_scale(unsure, ESTIMATED, 50) == ()
