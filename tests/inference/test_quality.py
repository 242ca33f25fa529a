"""What a network tells of where it may have failed."""

import numpy as np
import pytest

from mrcnn.inference.quality import scale_is_doubtful
from mrcnn.instances import Instances


def discs(diameter: int, count: int = 5, score: float = 0.9) -> Instances:
    """Side by side in an image with some room around them."""
    y, x = np.mgrid[:diameter, :diameter] - (diameter - 1) / 2
    crop = np.hypot(y, x) <= diameter / 2
    boxes = [(10, 10 + k * diameter, 10 + diameter, 10 + (k + 1) * diameter) for k in range(count)]
    shape = (diameter + 20, count * diameter + 20)
    return Instances(shape, boxes, [crop] * count, np.ones(count, int), np.full(count, score))


@pytest.mark.parametrize(
    ("diameter", "scale", "doubtful"),
    [(50, 1, False), (26, 1, False), (66, 1, False), (24, 1, True), (70, 1, True),
     (100, 0.5, False), (100, 0.2, True), (100, 0.8, True)],
)  # fmt: skip
def test_what_is_found_has_about_the_size_of_training(diameter, scale, doubtful):
    assert scale_is_doubtful(discs(diameter), scale, 50) is doubtful
    # However sure the estimate was.
    assert scale_is_doubtful(discs(diameter), scale, 50, certainty=0) is doubtful


def test_too_few_tell_nothing():
    for few in (discs(20, 2), discs(20, 0), discs(20, 5, score=0.4)):
        assert not scale_is_doubtful(few, 1, 50)
        assert scale_is_doubtful(few, 1, 50, certainty=0)
