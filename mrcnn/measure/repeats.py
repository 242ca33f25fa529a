"""Pictures that are there twice, or show part of what another one shows.

Told from the objects alone: two pictures of one place have many of the same size at the same
distance from each other. Every pair of one object here and one there votes for the shift between
the two, and no other shift gets as many votes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import pdtrc

# Two objects of one size differ by less (share of the diameter), and lie at one place within this
# (diameters).
_SIZE, _PLACE = 0.06, 0.12
# So many objects have to be there twice, and this share of those in what both pictures show.
_FEWEST, _SHARE = 6, 0.5
# Pairs of more objects are not looked through.
_MOST_PAIRS = 4_000_000
# How often chance may tell of a pair that is none.
_CHANCE = 1e-4
# From this share of the picture on it is the same one.
_SAME = 0.95


@dataclass(frozen=True)
class Repeat:
    """What two pictures have in common.

    Attributes:
        shift: (dy, dx) pixels from places in the first to those in the second.
        share: of the first picture that the second shows too, 0 to 1.
        objects: how many are in both.
    """

    shift: tuple[float, float]
    share: float
    objects: int

    @property
    def is_same(self) -> bool:
        """Whether it is one picture twice."""
        return self.share >= _SAME


def repeat_of(
    first: np.ndarray,
    second: np.ndarray,
    first_size: tuple[int, int],
    second_size: tuple[int, int],
) -> Repeat | None:
    """What two pictures of one magnification have in common, or None.

    Args:
        first, second: float [N, 3], [M, 3] of (y, x, diameter) of the whole objects, pixels.
        first_size, second_size: (height, width) of the pictures.
    """
    if len(first) and np.array_equal(first, second) and first_size == second_size:
        return Repeat((0.0, 0.0), 1.0, len(first))
    if min(len(first), len(second)) < _FEWEST or len(first) * len(second) > _MOST_PAIRS:
        return None
    tolerance = max(2.0, _PLACE * float(np.median(first[:, 2])))
    alike = np.abs(first[:, None, 2] / second[None, :, 2] - 1) < _SIZE
    rows, columns = np.nonzero(alike)
    shifts = second[columns, :2] - first[rows, :2]
    if len(shifts) < _FEWEST:
        return None
    # Votes in squares of the tolerance, and in any four of them that meet.
    bins = np.floor(shifts / tolerance).astype(np.int64)
    bins -= bins.min(axis=0)
    height, width = bins.max(axis=0) + 2
    votes = np.bincount(bins[:, 0] * width + bins[:, 1], minlength=height * width)
    votes = votes.reshape(height, width)
    votes[1:] += votes[:-1].copy()
    votes[:, 1:] += votes[:, :-1].copy()
    most = int(votes.max())
    usual = 4 * len(shifts) / votes.size
    if most < _FEWEST or pdtrc(most - 1, usual) * votes.size > _CHANCE:
        return None
    row, column = np.unravel_index(int(votes.argmax()), votes.shape)
    near = np.abs(bins + 0.5 - (row, column)).max(axis=1) <= 0.5
    shift = np.median(shifts[near], axis=0)
    shared = _shared(first_size, second_size, shift)
    inside = _inside(first[:, :2] + shift, second_size).sum()
    inside = min(inside, _inside(second[:, :2] - shift, first_size).sum())
    objects = len(np.unique(rows[near]))
    if objects < _FEWEST or objects < _SHARE * inside:
        return None
    share = shared / (first_size[0] * first_size[1])
    return Repeat((float(shift[0]), float(shift[1])), share, objects)


def _inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    inside = (points >= 0) & (points < np.asarray(size))
    return np.asarray(inside.all(axis=1))


def _shared(first: tuple[int, int], second: tuple[int, int], shift: np.ndarray) -> float:
    """Pixels of the first picture that the second one shows."""
    sides = np.minimum(first, np.asarray(second) - shift) - np.maximum(0, -shift)
    return float(np.maximum(sides, 0).prod())
