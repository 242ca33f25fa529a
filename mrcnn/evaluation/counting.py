"""How well a number of objects in each image is met, whichever objects they are."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.errors import DataError


class CountErrors(NamedTuple):
    """Counted against true numbers, over images.

    Attributes:
        ground_truth: true objects in all images together.
        detections: counted objects in all images together.
        count_ratio_mean: mean over images of counted / true, the paper's accuracy (Tyas et al.
            2022, Table I); images without a true object have none.
        bias: mean of counted - true; below 0 too few are counted.
        mae: mean of |counted - true|.
        mape: mean of |counted - true| / true, as a ratio, over images with a true object.
        r2: coefficient of determination of the counts taken as predictions,
            1 - sum((counted - true)^2) / sum((true - mean(true))^2): 1 at best, below 0 where the
            mean of the true numbers would have been the better guess, NaN where all true numbers
            are equal.
    """

    ground_truth: int
    detections: int
    count_ratio_mean: float
    bias: float
    mae: float
    mape: float
    r2: float


def count_errors(true: ArrayLike, counted: ArrayLike) -> CountErrors:
    """Compare counts.

    Args:
        true, counted: int [I], objects in each image.

    Raises:
        DataError: the two differ in length.
    """
    true = np.asarray(true, np.int64).reshape(-1)
    counted = np.asarray(counted, np.int64).reshape(-1)
    if len(true) != len(counted):
        raise DataError(f"{len(true)} true counts but {len(counted)} counts to compare with them.")
    difference = counted - true
    filled = true > 0
    spread = float(((true - true.mean()) ** 2).sum()) if len(true) else 0.0
    return CountErrors(
        ground_truth=int(true.sum()),
        detections=int(counted.sum()),
        count_ratio_mean=_mean(counted[filled] / true[filled]),
        bias=_mean(difference),
        mae=_mean(np.abs(difference)),
        mape=_mean(np.abs(difference[filled]) / true[filled]),
        r2=1 - float((difference**2).sum()) / spread if spread else math.nan,
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan
