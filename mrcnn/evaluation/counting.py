"""Counting at an operating point: segmented objects, misses and false alarms.

The figures are those of a laboratory count. An object is *segmented* when a prediction is matched
to it one to one at mask IoU >= 0.5; *accuracy* is segmented / ground truth, which is recall. The
plain count ratio (predictions / ground truth) is kept beside it: it can pass 100 %, because there
a false alarm makes up for a miss.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.evaluation.matching import match_one_to_one

Border = Literal["count", "ignore"]


def _ratio(numerator: float, denominator: float) -> float:
    """Divide, with NaN for "not defined" where there is nothing to divide by."""
    return numerator / denominator if denominator else math.nan


class DetectionQuality(NamedTuple):
    """Precision, recall and F1, each in 0..1, or NaN where it is not defined."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Tally:
    """What was counted in one image, or in several added together.

    Attributes:
        ground_truth: annotated objects.
        detections: predictions at or above the confidence.
        segmented: annotated objects that have a prediction (true positives).
        unmatched_at_border: unmatched predictions that touch the image border.
        iou_sum: sum of the IoU of the matched pairs.
    """

    ground_truth: int = 0
    detections: int = 0
    segmented: int = 0
    unmatched_at_border: int = 0
    iou_sum: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.ground_truth + other.ground_truth,
            self.detections + other.detections,
            self.segmented + other.segmented,
            self.unmatched_at_border + other.unmatched_at_border,
            self.iou_sum + other.iou_sum,
        )

    @property
    def unmatched(self) -> int:
        """Predictions without a ground-truth partner, at the border or not."""
        return self.detections - self.segmented

    @property
    def missed(self) -> int:
        """Annotated objects without a prediction (false negatives)."""
        return self.ground_truth - self.segmented

    @property
    def accuracy(self) -> float:
        """segmented / ground truth in 0..1; NaN without ground truth."""
        return _ratio(self.segmented, self.ground_truth)

    @property
    def count_ratio(self) -> float:
        """detections / ground truth, matched or not; 0 upwards, NaN without ground truth."""
        return _ratio(self.detections, self.ground_truth)

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the matched pairs in 0..1; NaN without a pair."""
        return _ratio(self.iou_sum, self.segmented)

    def quality(self, border: Border = "count") -> DetectionQuality:
        """Precision TP/(TP+FP), recall TP/(TP+FN) and F1 = 2TP/(2TP+FP+FN).

        Args:
            border: "ignore" takes an unmatched prediction that touches the image border for no
                false alarm, for ground truth in which cut cells are annotated incompletely.

        Raises:
            ValueError: `border` is neither "count" nor "ignore".
        """
        if border not in ("count", "ignore"):
            raise ValueError(f'border must be "count" or "ignore", not {border!r}')
        false_alarms = self.unmatched
        if border == "ignore":
            false_alarms -= self.unmatched_at_border
        return DetectionQuality(
            precision=_ratio(self.segmented, self.segmented + false_alarms),
            recall=_ratio(self.segmented, self.ground_truth),
            f1=_ratio(2 * self.segmented, 2 * self.segmented + false_alarms + self.missed),
        )


def tally_image(
    iou: ArrayLike,
    scores: ArrayLike,
    at_border: ArrayLike,
    min_confidence: float,
    min_iou: float = 0.5,
) -> Tally:
    """Count one image at one confidence.

    Args:
        iou: float [G, P], mask IoU of ground truth by prediction.
        scores: float [P] in 0..1.
        at_border: bool [P], whether the prediction touches the image border.
        min_confidence: predictions with a lower score are not there.
        min_iou: smallest IoU of a matched pair, above 0 and at most 1.

    Raises:
        ValueError: the arrays do not fit together, or a score is NaN.
    """
    iou = np.asarray(iou, dtype=np.float64)
    scores = np.asarray(scores, dtype=np.float64)
    at_border = np.asarray(at_border, dtype=bool)
    if iou.ndim != 2 or scores.shape != iou.shape[1:] or at_border.shape != iou.shape[1:]:
        raise ValueError(
            f"iou {iou.shape} must be [G, P] with P scores {scores.shape}"
            f" and P border flags {at_border.shape}"
        )
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    kept = scores >= min_confidence
    iou = iou[:, kept]
    pairs = match_one_to_one(iou, min_iou)
    unmatched = np.ones(iou.shape[1], dtype=bool)
    unmatched[pairs[:, 1]] = False
    return Tally(
        ground_truth=iou.shape[0],
        detections=iou.shape[1],
        segmented=len(pairs),
        unmatched_at_border=int(np.count_nonzero(unmatched & at_border[kept])),
        iou_sum=float(iou[pairs[:, 0], pairs[:, 1]].sum()),
    )


def pooled(tallies: Iterable[Tally]) -> Tally:
    """Add up images, so that every object weighs the same."""
    return sum(tallies, Tally())


def mean_over_images(values: Iterable[float]) -> float:
    """Mean of the values that are defined, so that every image weighs the same; NaN for none."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else math.nan
