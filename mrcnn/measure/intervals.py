"""Intervals of confidence, of 95 %, for what is counted."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv, stdtrit

# Of a normal distribution, for 95 % between.
_Z = 1.959963984540054
_TAIL = 0.025


class Interval(NamedTuple):
    """From where to where."""

    low: float
    high: float


def share_interval(count: int, total: int) -> Interval:
    """Wilson's interval of a share.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA
    22(158), 1927.

    Args:
        count: how many of the total.
        total: 1 or more.
    """
    share, square = count / total, _Z**2 / total
    middle = share + square / 2
    half = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total))
    return Interval(
        0.0 if count == 0 else (middle - half) / (1 + square),
        1.0 if count == total else (middle + half) / (1 + square),
    )


def count_interval(count: int) -> Interval:
    """The exact interval of a Poisson distribution's mean.

    F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28, 1936.
    """
    low = float(gammaincinv(count, _TAIL)) if count else 0.0
    return Interval(low, float(gammaincinv(count + 1, 1 - _TAIL)))


def sum_interval(counts: Sequence[float]) -> Interval:
    """Of the sum of counts in pictures of one size, by how much these differ from each other.

    Student's distribution; cells that lie closer together here than there make it wide.

    Args:
        counts: two or more.
    """
    number = len(counts)
    half = float(stdtrit(number - 1, 1 - _TAIL)) * float(np.std(counts, ddof=1)) * number**0.5
    total = float(np.sum(counts))
    return Interval(max(0.0, total - half), total + half)


def ratio_interval(count: int, others: int) -> Interval:
    """Of one count over another one, from the interval of its share in both.

    Args:
        count, others: not both 0; without others the end is infinite.
    """
    low, high = share_interval(count, count + others)
    return Interval(
        low / (1 - low) if low < 1 else math.inf, high / (1 - high) if high < 1 else math.inf
    )
