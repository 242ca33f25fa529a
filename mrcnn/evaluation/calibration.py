"""Whether a confidence means what it says: of predictions at 0.8, are 80 % right?"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.errors import DataError

BINS = 10


@dataclass(frozen=True)
class ConfidenceBin:
    """Predictions whose confidence lies in [low, high), the last bin with its upper end.

    Attributes:
        low, high: ends of the bin.
        count: predictions in it.
        confidence: their mean confidence; NaN without any.
        precision: share of them that found an object; NaN without any.
    """

    low: float
    high: float
    count: int
    confidence: float
    precision: float


@dataclass(frozen=True)
class Reliability:
    """Confidence against precision.

    Attributes:
        bins: of equal width, rising.
        ece: detection expected calibration error, the mean over predictions of
            |precision - confidence| of their bin (Guo et al. 2017, eq. 3, on detections as in
            Kueppers et al. 2020 with the confidence alone); 0 is best, NaN without a prediction.
    """

    bins: tuple[ConfidenceBin, ...]
    ece: float


def reliability(scores: ArrayLike, right: ArrayLike, bins: int = BINS) -> Reliability:
    """Compare confidence with precision.

    Args:
        scores: float [P] in 0..1.
        right: bool [P], whether the prediction found an object.
        bins: number of bins of equal width from 0 to 1.

    Raises:
        DataError: the two differ in length.
    """
    scores = np.asarray(scores, np.float64).reshape(-1)
    right = np.asarray(right, bool).reshape(-1)
    if len(scores) != len(right):
        raise DataError(f"{len(scores)} scores but {len(right)} outcomes.")
    edges = np.linspace(0.0, 1.0, bins + 1)
    owner = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, bins - 1)
    filled, gaps = [], 0.0
    for index in range(bins):
        chosen = owner == index
        count = int(np.count_nonzero(chosen))
        confidence = float(scores[chosen].mean()) if count else math.nan
        precision = float(right[chosen].mean()) if count else math.nan
        filled.append(
            ConfidenceBin(
                float(edges[index]), float(edges[index + 1]), count, confidence, precision
            )
        )
        gaps += count * abs(precision - confidence) if count else 0.0
    return Reliability(tuple(filled), gaps / len(scores) if len(scores) else math.nan)
