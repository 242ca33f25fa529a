"""Pictures of a drawn smear that overlap, are the same, or are of other places."""

import numpy as np
import pytest

from mrcnn.measure.repeats import repeat_of

SIZE = (1200, 1600)


@pytest.fixture(scope="module")
def smear():
    """(y, x, diameter) of cells that hardly overlap, over 4000 x 5000 pixels."""
    rng = np.random.default_rng(0)
    cells = np.empty((0, 2))
    for place in rng.uniform((0, 0), (4000, 5000), (1600, 2)):
        if (np.hypot(*(cells - place).T) > 70).all():
            cells = np.vstack([cells, place])
    return np.column_stack([cells, rng.normal(105, 9, len(cells))])


def picture(smear, y, x, seed):
    """What is found at a place: one in twenty is missed, and places are a pixel or two off."""
    rng = np.random.default_rng(seed)
    cells = smear + rng.normal(0, (1.5, 1.5, 1.0), smear.shape) - (y, x, 0)
    whole = ((cells[:, :2] > 50) & (cells[:, :2] < np.subtract(SIZE, 50))).all(axis=1)
    return cells[whole & (rng.random(len(cells)) > 0.05)]


@pytest.mark.parametrize("shift", [(0, 800), (300, 900), (-800, 100)])
def test_an_overlap_is_found_with_its_shift(smear, shift):
    first = picture(smear, 1500, 1500, 1)
    second = picture(smear, 1500 + shift[0], 1500 + shift[1], 2)
    repeat = repeat_of(first, second, SIZE, SIZE)
    assert repeat.shift == pytest.approx(np.negative(shift), abs=2)
    shared = (1200 - abs(shift[0])) * (1600 - abs(shift[1])) / (1200 * 1600)
    assert repeat.share == pytest.approx(shared, abs=0.01)
    assert not repeat.is_same


def test_one_place_twice_and_a_copy(smear):
    first, second = (picture(smear, 1500, 1500, seed) for seed in (1, 2))
    assert repeat_of(first, second, SIZE, SIZE).is_same
    copy = repeat_of(first[:1], first[:1].copy(), SIZE, SIZE)
    assert copy.is_same and copy.objects == 1


def test_other_places_are_no_repeats(smear):
    places = [(y, x) for y in (0, 1250, 2500) for x in (0, 1650, 3300)]
    pictures = [picture(smear, y, x, seed) for seed, (y, x) in enumerate(places)]
    for number, first in enumerate(pictures):
        for second in pictures[:number]:
            assert repeat_of(first, second, SIZE, SIZE) is None
    few = pictures[0][:5]
    assert repeat_of(few, pictures[1], SIZE, SIZE) is None
    assert repeat_of(few[:0], few[:0], SIZE, SIZE) is None
