"""The evaluator: ground truth once, predictions image by image, then all figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.errors import DataError
from mrcnn.evaluation.calibration import Reliability, reliability
from mrcnn.evaluation.coco import CocoImage, IouType, average_precision
from mrcnn.evaluation.matching import match_by_score
from mrcnn.evaluation.operating_point import OperatingPoint, operating_point, without_nan
from mrcnn.evaluation.quality import Border, Quality, check_border, pooled, tally_image
from mrcnn.evaluation.records import ImageRecord
from mrcnn.evaluation.sweep import Sweep, sweep_confidence
from mrcnn.instances import Instances


@dataclass(frozen=True)
class Evaluation:
    """The outcome of `InstanceEvaluator.evaluate`.

    Attributes:
        border: rule of the false alarms behind `calibration`, `sweep` and the intervals.
        average_precision: COCO's figures, see `InstanceEvaluator.average_precision`.
        operating_points: by rising confidence.
        calibration: None where no prediction has a confidence that means anything.
        sweep: all confidences; None for the same reason.
    """

    border: Border
    average_precision: dict[str, Any]
    operating_points: tuple[OperatingPoint, ...]
    calibration: Reliability | None
    sweep: Sweep | None
    min_iou: float

    def to_dict(self) -> dict[str, Any]:
        """All figures for JSON: ratios in 0..1, None where not defined."""
        calibration = self.calibration and {
            "border": self.border,
            "min_iou": self.min_iou,
            "bins": [
                {
                    "from": each.low,
                    "to": each.high,
                    "count": each.count,
                    "confidence": each.confidence,
                    "precision": each.precision,
                }
                for each in self.calibration.bins
            ],
            "ece": self.calibration.ece,
        }
        return without_nan(
            {
                "border": self.border,
                "average_precision": self.average_precision,
                "operating_points": [point.to_dict() for point in self.operating_points],
                "calibration": calibration,
                "sweep": self.sweep and self.sweep.to_dict(),
            }
        )


class InstanceEvaluator:
    """Compares predicted instances with annotated ones, image by image.

    The ground truth is given once and stays; `reset` forgets the predictions, for another round
    with another model. Of predictions only boxes, areas, run lengths and the pixels that they
    share with the ground truth are kept, never a mask of the size of an image.

        evaluator = InstanceEvaluator(["cell"])
        evaluator.add_truth("a.png", Instances(shape, boxes, crops, class_ids))
        evaluator.process("a.png", Instances.from_detection(model.detect([image])[0], shape))
        evaluation = evaluator.evaluate([0.5, 0.7])

    Args:
        class_names: of classes 1, 2, ...
        iou_thresholds: smallest IoU of a match, the principal one first.
        border: "ignore" takes an unmatched prediction that touches the image border for no false
            alarm in the headline figures; tables have both rules always.

    Raises:
        DataError: no class, an IoU outside 0..1, or an unknown `border`.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        *,
        iou_thresholds: Sequence[float] = (0.5, 0.75),
        border: Border = "ignore",
    ) -> None:
        check_border(border)
        self.class_names = tuple(class_names)
        if not self.class_names:
            raise DataError("An evaluation needs at least one class name.")
        self.iou_thresholds = tuple(float(threshold) for threshold in iou_thresholds)
        if not self.iou_thresholds or not all(0 < each <= 1 for each in self.iou_thresholds):
            raise DataError(
                f"iou_thresholds are {self.iou_thresholds}: expected at least one above 0 and at "
                "most 1."
            )
        self.border = border
        self._truth: dict[str, Instances] = {}
        self._records: dict[str, ImageRecord] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images with ground truth, in the order in which it was given."""
        return tuple(self._truth)

    @property
    def records(self) -> tuple[ImageRecord, ...]:
        """The images that have their predictions, in the order of the ground truth."""
        return tuple(self._records[name] for name in self._truth if name in self._records)

    def add_truth(self, name: str, truth: Instances) -> None:
        """Add the annotated instances of an image; there may be none.

        Where no mask is known, boxes are compared.

        Raises:
            DataError: the image has ground truth already, a class does not exist, or a mask has
                no pixel.
        """
        if name in self._truth:
            raise DataError(f"{name}: has ground truth already.")
        self._check(name, truth)
        for index in np.flatnonzero(truth.areas() == 0):
            raise DataError(
                f"{name}: ground-truth mask {index} has no pixel, so nothing can match it. "
                "Leave it out."
            )
        self._truth[name] = truth

    def process(self, name: str, predictions: Instances) -> ImageRecord:
        """Take the predictions for an image; none is given as `Instances` of length 0.

        Raises:
            DataError: the image has no ground truth, is given a second time or has another size, a
                class does not exist, or there are no scores.
        """
        if name not in self._truth:
            known = ", ".join(self.names[:5]) + (", ..." if len(self._truth) > 5 else "")
            raise DataError(
                f"{name}: predictions for an image that is not in the ground truth ({known})."
            )
        if name in self._records:
            raise DataError(f"{name}: has predictions already; reset() starts a new round.")
        self._check(name, predictions)
        for index in np.flatnonzero(~predictions.has_mask()):
            raise DataError(
                f"{name}: prediction {index} is a box without a mask, and masks are compared here. "
                "Give those that `has_mask()`."
            )
        truth = self._truth[name]
        if predictions.image_shape != truth.image_shape:
            raise DataError(
                f"{name}: predictions for {predictions.image_shape[0]} x "
                f"{predictions.image_shape[1]} pixels, ground truth of {truth.image_shape[0]} x "
                f"{truth.image_shape[1]}: both must be in the pixels of one image."
            )
        if predictions.scores is None:
            raise DataError(f"{name}: predictions need scores.")
        self._records[name] = ImageRecord.of(name, truth, predictions)
        return self._records[name]

    def reset(self) -> None:
        """Forget the predictions and keep the ground truth."""
        self._records.clear()

    def evaluate(
        self, min_confidences: Sequence[float] = (0.7,), *, scored: bool = True
    ) -> Evaluation:
        """All figures.

        Args:
            min_confidences: operating points.
            scored: False for a method whose scores mean nothing, as they are all one: there is
                then no calibration, no sweep and no average precision.

        Raises:
            DataError: there is no image, an image has no predictions yet, or there is no
                confidence.
        """
        records = self._complete()
        if not len(min_confidences):
            raise DataError("An evaluation needs at least one confidence.")
        return Evaluation(
            border=self.border,
            average_precision=self.average_precision() if scored else {},
            operating_points=tuple(
                operating_point(
                    records, self.class_names, confidence, self.iou_thresholds, self.border
                )
                for confidence in sorted(set(map(float, min_confidences)))
            ),
            calibration=self.calibration() if scored else None,
            sweep=self.sweep() if scored else None,
            min_iou=self.iou_thresholds[0],
        )

    def average_precision(self) -> dict[str, Any]:
        """COCO's AP, AP50, AP75 and AR of masks and boxes, over all predictions.

        Returns:
            for "mask" and "box": "any_class", in which classes play no part; "by_class", the mean
            over classes, with the figures of each in "classes"; and "max_detections".

        Raises:
            DataError: see `evaluate`.
        """
        images = [_coco_image(record) for record in self._complete()]
        return {kind: _coco_figures(images, self.class_names, kind) for kind in ("mask", "box")}

    def quality(self, min_confidence: float, min_iou: float | None = None) -> Quality:
        """Precision, recall, F1 and so on, pooled over images.

        Args:
            min_confidence: predictions with a lower score are not there.
            min_iou: smallest IoU of a match; the principal one by default.

        Raises:
            DataError: see `evaluate`.
        """
        return pooled(
            tally_image(
                record.iou,
                record.predictions.scores,
                record.predictions.at_border,
                min_confidence,
                self.iou_thresholds[0] if min_iou is None else min_iou,
            )
            for record in self._complete()
        ).quality(self.border)

    def sweep(self) -> Sweep:
        """Figures over all confidences, at the principal IoU."""
        return sweep_confidence(self._complete(), self.border, self.iou_thresholds[0])

    def calibration(self) -> Reliability:
        """Confidence against precision at the principal IoU.

        A prediction is right when it finds an object by COCO's rule, the best score first. With
        `border="ignore"`, wrong ones that touch the image border are left out.
        """
        scores, right = [np.zeros(0)], [np.zeros(0, bool)]
        for record in self._complete():
            predictions = record.predictions
            found = match_by_score(record.iou, predictions.scores, self.iou_thresholds[0]) >= 0
            counted = np.ones_like(found)
            if self.border == "ignore":
                counted = found | ~predictions.at_border
            scores.append(predictions.scores[counted])
            right.append(found[counted])
        return reliability(np.concatenate(scores), np.concatenate(right))

    def _complete(self) -> tuple[ImageRecord, ...]:
        if not self._truth:
            raise DataError("There is no image to evaluate on: add_truth() comes first.")
        waiting = [name for name in self._truth if name not in self._records]
        if waiting:
            shown = ", ".join(waiting[:5]) + (", ..." if len(waiting) > 5 else "")
            raise DataError(
                f"{len(waiting)} of {len(self._truth)} images have no predictions yet: {shown}. "
                "Where nothing was found, process() takes Instances of length 0."
            )
        return self.records

    def _check(self, name: str, instances: Instances) -> None:
        for index in np.flatnonzero(instances.ignore):
            raise DataError(
                f"{name}: instance {index} is to be ignored: take what counts with "
                "`mrcnn.evaluation.without_ignored`."
            )
        highest = len(self.class_names)
        wrong = (instances.class_ids < 1) | (instances.class_ids > highest)
        if wrong.any():
            index = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{name}: instance {index} is of class {instances.class_ids[index]}, which does "
                f"not exist: classes are 1 to {highest} ({', '.join(self.class_names)})."
            )


def _coco_image(record: ImageRecord) -> CocoImage:
    return CocoImage(record.image_shape, record.truth, record.predictions)


def _coco_figures(
    images: Sequence[CocoImage], class_names: Sequence[str], kind: IouType
) -> Mapping[str, Any]:
    by_class = average_precision(images, class_names, kind)
    any_class = average_precision(images, class_names, kind, ignore_classes=True)
    limit = by_class.pop("max_detections")
    return {
        "any_class": {name: any_class[name] for name in ("AP", "AP50", "AP75", "AR")},
        "by_class": by_class,
        "max_detections": limit,
    }
