"""Quality at an operating point: segmented objects, misses, false alarms and what follows.

An object is *segmented* when a prediction is matched to it one to one at a mask IoU (0.5, say);
*accuracy* is segmented / ground truth, which is recall. The plain count ratio (predictions /
ground truth), which the paper calls accuracy, is kept beside it: it can pass 100 %, because there
a false alarm makes up for a miss.

Classes play no part in the matching; `mrcnn.evaluation.classification` judges them on the pairs.

What has nothing to divide by is not defined and NaN: of an empty image with no prediction nothing
is defined but the counts, and it takes no part in means over images. An empty image with a
prediction has precision and F1 of 0; an image whose objects are all missed has recall and F1 of 0.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.errors import DataError
from mrcnn.evaluation.matching import match_one_to_one

Border = Literal["count", "ignore"]
BORDERS: tuple[Border, ...] = ("ignore", "count")


def check_border(border: str) -> None:
    """Refuse an unknown rule for the border.

    Raises:
        DataError: `border` is neither "count" nor "ignore".
    """
    if border not in BORDERS:
        raise DataError(f'border must be "count" or "ignore", not {border!r}.')


def _ratio(numerator: float, denominator: float) -> float:
    """Divide, with NaN for "not defined" where there is nothing to divide by."""
    return numerator / denominator if denominator else math.nan


class Quality(NamedTuple):
    """Ratios of true positives (TP), false positives (FP) and false negatives (FN) at one IoU.

    Each is in 0..1, or NaN where it is not defined.

    Attributes:
        precision: TP / (TP + FP).
        recall: TP / (TP + FN).
        f1: 2 TP / (2 TP + FP + FN).
        ap: TP / (TP + FP + FN), "average precision" as the 2018 Data Science Bowl and StarDist
            use the word (Caicedo et al. 2019; Schmidt et al. 2018). It is not COCO's.
        mean_iou: mean IoU of the matched pairs, the "segmentation quality" of `pq`.
        pq: panoptic quality of one class of things, sum of the matched IoU / (TP + FP/2 + FN/2)
            (Kirillov et al. 2019, eq. 1); it is `mean_iou * f1`. Theirs is taken at IoU 0.5.
    """

    precision: float
    recall: float
    f1: float
    ap: float
    mean_iou: float
    pq: float


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

    def false_alarms(self, border: Border = "count") -> int:
        """Unmatched predictions; with "ignore" less those that touch the image border.

        Raises:
            DataError: `border` is neither "count" nor "ignore".
        """
        check_border(border)
        return self.unmatched - (self.unmatched_at_border if border == "ignore" else 0)

    def quality(self, border: Border = "count") -> Quality:
        """The ratios of this tally.

        Args:
            border: "ignore" takes an unmatched prediction that touches the image border for no
                false alarm, for ground truth in which cut cells are annotated incompletely.

        Raises:
            DataError: `border` is neither "count" nor "ignore".
        """
        hits, misses, alarms = self.segmented, self.missed, self.false_alarms(border)
        return Quality(
            precision=_ratio(hits, hits + alarms),
            recall=_ratio(hits, hits + misses),
            f1=_ratio(2 * hits, 2 * hits + alarms + misses),
            ap=_ratio(hits, hits + alarms + misses),
            mean_iou=self.mean_iou,
            pq=_ratio(self.iou_sum, hits + (alarms + misses) / 2),
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
        DataError: the arrays do not fit together, or a score is NaN.
    """
    iou = np.asarray(iou, dtype=np.float64)
    scores = np.asarray(scores, dtype=np.float64)
    at_border = np.asarray(at_border, dtype=bool)
    if iou.ndim != 2 or scores.shape != iou.shape[1:] or at_border.shape != iou.shape[1:]:
        raise DataError(
            f"iou {iou.shape} must be [G, P] with P scores {scores.shape}"
            f" and P border flags {at_border.shape}."
        )
    if np.isnan(scores).any():
        raise DataError("A score is NaN.")
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
