"""All figures of one operating point: the predictions at or above one confidence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.evaluation.bootstrap import bootstrap_intervals
from mrcnn.evaluation.classification import Classification, classify
from mrcnn.evaluation.counting import CountErrors, count_errors
from mrcnn.evaluation.matching import match_one_to_one
from mrcnn.evaluation.overlap import OverlapSums, overlap_sums, pooled_overlap
from mrcnn.evaluation.quality import (
    BORDERS,
    Border,
    Quality,
    Tally,
    mean_over_images,
    pooled,
    tally_image,
)
from mrcnn.evaluation.records import ImageRecord


@dataclass(frozen=True)
class OperatingPoint:
    """What the predictions at or above a confidence are worth.

    Attributes:
        min_confidence: of the predictions that count.
        border: rule of the false alarms in `intervals` and in the figures of single images.
        names: of the images.
        tallies: for each smallest IoU of a match one `Tally` an image; the first IoU is the
            principal one, on which classes and intervals rest.
        overlaps: for each rule of the border one `OverlapSums` an image.
        counting: how well the numbers of objects are met.
        class_counting: the same for each class.
        classification: classes of the matched objects.
        intervals: figure -> (low, high), see `bootstrap_intervals`.
        pairs: for each image int64 [M, 2], the matched (ground truth, prediction) at the
            principal IoU.
    """

    min_confidence: float
    border: Border
    names: tuple[str, ...]
    tallies: dict[float, tuple[Tally, ...]]
    overlaps: dict[Border, tuple[OverlapSums, ...]]
    counting: CountErrors
    class_counting: dict[str, CountErrors]
    classification: Classification
    intervals: dict[str, tuple[float, float]]
    pairs: tuple[np.ndarray, ...]

    @property
    def min_iou(self) -> float:
        """The principal IoU."""
        return next(iter(self.tallies))

    @property
    def principal(self) -> tuple[Tally, ...]:
        """One `Tally` an image at the principal IoU."""
        return self.tallies[self.min_iou]

    @property
    def accuracy_mean(self) -> float:
        """Mean over images of segmented / ground truth."""
        return mean_over_images(tally.accuracy for tally in self.principal)

    def pooled(self, min_iou: float | None = None) -> Tally:
        """All images added up, so that every object weighs the same."""
        return pooled(self.tallies[self.min_iou if min_iou is None else min_iou])

    def to_dict(self) -> dict[str, Any]:
        """For JSON; NaN where a figure is not defined."""
        return {
            "min_confidence": self.min_confidence,
            "quality": {
                border: {
                    f"{min_iou:.2f}": {
                        "pooled": _figures(pooled(tallies), border),
                        "mean_over_images": _mean_figures(tallies, border),
                    }
                    for min_iou, tallies in self.tallies.items()
                }
                for border in BORDERS
            },
            "overlap": {
                border: {
                    "pooled": _overlap_figures(pooled_overlap(sums)),
                    "mean_over_images": {
                        name: mean_over_images(getattr(each, name) for each in sums)
                        for name in ("aji", "aji_plus")
                    },
                }
                for border, sums in self.overlaps.items()
            },
            "counting": {
                "all": self.counting._asdict(),
                "classes": {name: errors._asdict() for name, errors in self.class_counting.items()},
            },
            "accuracy_mean": self.accuracy_mean,
            "classification": {
                "labels": list(self.classification.labels),
                "matrix": self.classification.matrix.tolist(),
                "classes": {
                    name: quality._asdict() for name, quality in self.classification.classes.items()
                },
                "macro": self.classification.macro,
                "accuracy": self.classification.accuracy,
                "missed": self.classification.missed.tolist(),
                "false_alarms": self.classification.false_alarms.tolist(),
            },
            "intervals": {name: list(ends) for name, ends in self.intervals.items()},
            "images": [
                _image_figures(name, tally, self.border)
                for name, tally in zip(self.names, self.principal, strict=True)
            ],
        }


def _figures(tally: Tally, border: Border) -> dict[str, float]:
    counts = {"tp": tally.segmented, "fp": tally.false_alarms(border), "fn": tally.missed}
    return {**counts, **tally.quality(border)._asdict()}


def _mean_figures(tallies: Sequence[Tally], border: Border) -> dict[str, float]:
    figures = [_figures(tally, border) for tally in tallies]
    names = ("tp", "fp", "fn", *Quality._fields)
    return {name: mean_over_images(each[name] for each in figures) for name in names}


def _overlap_figures(sums: OverlapSums) -> dict[str, float]:
    return {"aji": sums.aji, "aji_plus": sums.aji_plus}


def _image_figures(name: str, tally: Tally, border: Border) -> dict[str, Any]:
    quality = tally.quality(border)
    return {
        "name": name,
        "ground_truth": tally.ground_truth,
        "detections": tally.detections,
        "segmented": tally.segmented,
        "missed": tally.missed,
        "unmatched": tally.unmatched,
        "unmatched_at_border": tally.unmatched_at_border,
        "accuracy": tally.accuracy,
        "count_ratio": tally.count_ratio,
        "mean_iou": tally.mean_iou,
        "precision": quality.precision,
        "recall": quality.recall,
        "f1": quality.f1,
        "pq": quality.pq,
    }


def operating_point(
    records: Sequence[ImageRecord],
    class_names: Sequence[str],
    min_confidence: float,
    iou_thresholds: Sequence[float] = (0.5, 0.75),
    border: Border = "ignore",
    resamples: int = 1000,
) -> OperatingPoint:
    """Compute the figures of one operating point.

    Args:
        records: images with ground truth and predictions.
        class_names: of classes 1, 2, ...
        min_confidence: predictions with a lower score are not there.
        iou_thresholds: smallest IoU of a match, the principal one first.
        border: see `OperatingPoint`.
        resamples: draws of the bootstrap.
    """
    kept = [np.flatnonzero(record.predictions.scores >= min_confidence) for record in records]
    pairs = tuple(
        _pairs(record, chosen, iou_thresholds[0])
        for record, chosen in zip(records, kept, strict=True)
    )
    tallies = {
        float(min_iou): tuple(
            tally_image(
                record.iou,
                record.predictions.scores,
                record.predictions.at_border,
                min_confidence,
                min_iou,
            )
            for record in records
        )
        for min_iou in iou_thresholds
    }
    overlaps = {
        rule: tuple(
            overlap_sums(
                record.iou[:, chosen],
                record.intersections[:, chosen],
                record.truth.areas,
                record.predictions.areas[chosen],
                record.predictions.at_border[chosen],
                rule,
            )
            for record, chosen in zip(records, kept, strict=True)
        )
        for rule in BORDERS
    }
    true_ids = [record.truth.class_ids for record in records]
    found_ids = [
        record.predictions.class_ids[chosen] for record, chosen in zip(records, kept, strict=True)
    ]
    matched = [
        (record.truth.class_ids[rows], record.predictions.class_ids[columns])
        for record, (rows, columns) in zip(records, (pair.T for pair in pairs), strict=True)
    ]
    principal = tallies[float(iou_thresholds[0])]
    return OperatingPoint(
        min_confidence=float(min_confidence),
        border=border,
        names=tuple(record.name for record in records),
        tallies=tallies,
        overlaps=overlaps,
        counting=count_errors(list(map(len, true_ids)), list(map(len, found_ids))),
        class_counting={
            name: count_errors(
                [np.count_nonzero(ids == class_id) for ids in true_ids],
                [np.count_nonzero(ids == class_id) for ids in found_ids],
            )
            for class_id, name in enumerate(class_names, start=1)
        },
        classification=classify(
            class_names,
            np.concatenate([np.zeros(0, int), *(true for true, _ in matched)]),
            np.concatenate([np.zeros(0, int), *(found for _, found in matched)]),
            *_unmatched(records, kept, pairs, border),
        ),
        intervals=bootstrap_intervals(principal, border, resamples),
        pairs=pairs,
    )


def _unmatched(
    records: Sequence[ImageRecord],
    kept: Sequence[np.ndarray],
    pairs: Sequence[np.ndarray],
    border: Border,
) -> tuple[np.ndarray, np.ndarray]:
    """Class ids of the objects that were missed, and of the false alarms by a rule."""
    missed, false_alarms = [np.zeros(0, int)], [np.zeros(0, int)]
    for record, chosen, (rows, columns) in zip(
        records, kept, (pair.T for pair in pairs), strict=True
    ):
        missed.append(np.delete(record.truth.class_ids, rows))
        others = np.setdiff1d(chosen, columns)
        if border == "ignore":
            others = others[~record.predictions.at_border[others]]
        false_alarms.append(record.predictions.class_ids[others])
    return np.concatenate(missed), np.concatenate(false_alarms)


def _pairs(record: ImageRecord, chosen: np.ndarray, min_iou: float) -> np.ndarray:
    pairs = match_one_to_one(record.iou[:, chosen], min_iou)
    pairs[:, 1] = chosen[pairs[:, 1]]
    return pairs


def without_nan(value: Any) -> Any:
    """The same lists and dictionaries with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
