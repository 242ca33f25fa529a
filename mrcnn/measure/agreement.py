"""How far two ways to count agree: bias and limits of agreement.

J. M. Bland and D. G. Altman, "Statistical methods for assessing agreement between two methods of
clinical measurement", Lancet 327, 1986.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from mrcnn.measure.intervals import Interval

# Of a normal distribution, 95 % lie within so many standard deviations.
_WITHIN = 1.96


@dataclass(frozen=True)
class Agreement:
    """Differences of pairs of counts, the second less the first.

    Attributes:
        pairs: how many.
        means: of the first and of the second counts.
        bias: mean difference.
        bias_interval: of 95 %, by Student's distribution; NaN of a single pair.
        deviation: standard deviation of the differences; NaN of a single pair.
        limits: bias +- 1.96 standard deviations: 95 % of all differences lie between.
        limits_reach: half the width of the interval of 95 % of each limit.
    """

    pairs: int
    means: tuple[float, float]
    bias: float
    bias_interval: Interval
    deviation: float
    limits: Interval
    limits_reach: float


def agreement_of(first: np.ndarray, second: np.ndarray) -> Agreement:
    """How far the second counts agree with the first ones.

    Args:
        first, second: float [N], N at least 1, of the same pictures.
    """
    differences = np.asarray(second, float) - np.asarray(first, float)
    pairs, bias = len(differences), float(differences.mean())
    deviation = half = reach = math.nan
    if pairs > 1:
        deviation = float(differences.std(ddof=1))
        student = float(stdtrit(pairs - 1, 0.975))
        half = student * deviation / math.sqrt(pairs)
        reach = student * deviation * math.sqrt(3 / pairs)
    return Agreement(
        pairs,
        (float(np.mean(first)), float(np.mean(second))),
        bias,
        Interval(bias - half, bias + half),
        deviation,
        Interval(bias - _WITHIN * deviation, bias + _WITHIN * deviation),
        reach,
    )
