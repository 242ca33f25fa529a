"""Every confidence as an operating point: which one should be used?"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

import numpy as np

from mrcnn.evaluation.quality import Border, Tally, tally_image
from mrcnn.evaluation.records import ImageRecord

# A threshold is given with so many decimals, so that the one that is printed is the one meant.
_DECIMALS = 4
_CURVE_POINTS = 200
_ROUND_STEPS = 20


class BestPoint(NamedTuple):
    """A confidence and the figure that is highest there."""

    min_confidence: float
    value: float


@dataclass(frozen=True)
class Sweep:
    """Figures over all confidences at which one of them may change.

    Attributes:
        border: rule of the false alarms.
        min_iou: smallest IoU of a matched pair.
        thresholds: float64 [T], rising, 4 decimals.
        curves: float64 [T] each: `precision`, `recall`, `f1` and `pq` pooled over images,
            `accuracy_mean` and `count_ratio_mean` as means over images.
    """

    border: Border
    min_iou: float
    thresholds: np.ndarray
    curves: dict[str, np.ndarray]

    def best(self, figure: str = "f1") -> BestPoint | None:
        """Where a figure is highest; None without a prediction.

        Of equal values the highest confidence counts, which asks for the fewest detections.
        """
        values = self.curves[figure]
        if not len(values) or np.isnan(values).all():
            return None
        highest = np.nanmax(values)
        index = int(np.flatnonzero(values == highest)[-1])
        return BestPoint(float(self.thresholds[index]), float(highest))

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the curves thinned out to some 200 points.

        The best ones are among them, and those next to round confidences, which tables show.
        """
        bests = {name: self.best(name) for name in ("f1", "pq")}
        chosen = np.arange(len(self.thresholds))
        if len(chosen) > _CURVE_POINTS:
            chosen = np.unique(np.linspace(0, len(chosen) - 1, _CURVE_POINTS).astype(int))
            kept = [best.min_confidence for best in bests.values() if best]
            chosen = np.union1d(chosen, np.flatnonzero(np.isin(self.thresholds, kept)))
            chosen = np.union1d(chosen, near_round_confidences(self.thresholds))
        return {
            "border": self.border,
            "min_iou": self.min_iou,
            "thresholds": self.thresholds[chosen].tolist(),
            **{name: values[chosen].tolist() for name, values in self.curves.items()},
            "best": {name: best and best._asdict() for name, best in bests.items()},
        }


def near_round_confidences(thresholds: np.ndarray) -> list[int]:
    """Indices of the thresholds next to 0, 0.05, ..., 1.

    Args:
        thresholds: float [T], rising. What lies far below the first is next to none.
    """
    if not len(thresholds):
        return []
    wanted = [step / _ROUND_STEPS for step in range(_ROUND_STEPS + 1)]
    lowest = thresholds[0] - 0.5 / _ROUND_STEPS
    return sorted({int(abs(thresholds - value).argmin()) for value in wanted if lowest <= value})


def sweep_confidence(
    records: Sequence[ImageRecord], border: Border = "ignore", min_iou: float = 0.5
) -> Sweep:
    """Count at every confidence that admits another set of predictions.

    The predictions are matched anew at each confidence, image by image, as `tally_image` does.
    Below the confidence that the detector was run with nothing can be known.

    Args:
        records: images with ground truth and predictions.
        border: rule of the false alarms.
        min_iou: smallest IoU of a matched pair.
    """
    scores = np.concatenate([np.zeros(0), *(record.predictions.scores for record in records)])
    thresholds = np.unique(np.floor(scores * 10**_DECIMALS) / 10**_DECIMALS)
    total = np.zeros((len(thresholds), len(astuple(Tally()))))
    accuracy, ratio = _Mean(len(thresholds)), _Mean(len(thresholds))
    for record in records:
        own = record.predictions.scores
        # Thresholds between two scores of this image admit the same of its predictions.
        admitted = len(own) - np.searchsorted(np.sort(own), thresholds, side="left")
        _, first, where = np.unique(admitted, return_index=True, return_inverse=True)
        tallies = [
            tally_image(
                record.iou, own, record.predictions.at_border, float(thresholds[index]), min_iou
            )
            for index in first
        ]
        if not tallies:
            continue
        total += np.array([astuple(tally) for tally in tallies])[where]
        accuracy.add(np.array([tally.accuracy for tally in tallies])[where])
        ratio.add(np.array([tally.count_ratio for tally in tallies])[where])
    qualities = [Tally(*row).quality(border) for row in total]
    return Sweep(
        border,
        min_iou,
        thresholds,
        {
            **{
                name: np.array([getattr(quality, name) for quality in qualities], np.float64)
                for name in ("precision", "recall", "f1", "pq")
            },
            "accuracy_mean": accuracy.values(),
            "count_ratio_mean": ratio.values(),
        },
    )


class _Mean:
    """Means over images of the values that are defined."""

    def __init__(self, size: int) -> None:
        self.sums = np.zeros(size)
        self.images = 0

    def add(self, values: np.ndarray) -> None:
        # Both ratios are defined by the ground truth alone, so at all thresholds or at none.
        if len(values) and not math.isnan(values[0]):
            self.sums += values
            self.images += 1

    def values(self) -> np.ndarray:
        return self.sums / self.images if self.images else np.full_like(self.sums, math.nan)
