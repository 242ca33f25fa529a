"""What a network tells of where it may have failed."""

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


@pytest.mark.parametrize(
    ("diameter", "scale", "doubts"),
    [(50, 1, ()), (27, 1, ()), (68, 1, ()), (24, 1, (SCALE,)), (72, 1, (SCALE,)),
     (100, 0.5, ()), (100, 0.2, (SCALE,)), (100, 0.8, (SCALE,))],
)  # fmt: skip
def test_what_is_found_has_about_the_size_of_training(diameter, scale, doubts):
    for certainty in (1.0, 0.9, 0.0):
        chosen = Scale(scale, None, "estimate", certainty)
        assert doubts_of_scale(discs(diameter), chosen, 50) == doubts


TOLD = Scale(1.0, 50.0, "diameter")
UNSURE = (Scale(1.0, None, "settings", 0.0), Scale(1.0, 50.0, "estimate", 0.5))


def test_few_tell_nothing_where_somebody_knew_the_scale():
    for few in (discs(20, 2), discs(20, 0), discs(20, 5, score=0.4)):
        assert doubts_of_scale(few, TOLD, 50) == ()
        for scale in UNSURE:
            assert doubts_of_scale(few, scale, 50) == (FOREIGN,)


def test_what_nobody_is_sure_of_is_foreign_or_badly_shown():
    unsure = discs(50, score=0.8)
    assert doubts_of_scale(unsure, TOLD, 50) == (SCALE,)
    for scale in UNSURE:
        assert doubts_of_scale(unsure, scale, 50) == (FOREIGN,)
