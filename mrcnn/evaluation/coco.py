"""COCO's average precision (AP) and average recall (AR), of masks and of boxes.

Definition (Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the page
https://cocodataset.org/#detection-eval): at one IoU threshold, the detections of an image are taken
by falling score and each is matched to the free object of its class that it overlaps most, if that
reaches the threshold. The detections of ALL images are then ranked together by score; that gives
one curve of precision over recall for the class, made non-increasing and read at the 101 recalls
0, .01, ..., 1 (0 beyond the highest recall that is reached). Their mean is the AP at the threshold.

- AP: mean over the IoU thresholds .50, .55, ..., .95 and over the classes.
- AP50, AP75: at the IoU thresholds .50 and .75, mean over the classes.
- AR: the highest recall that is reached, mean over the same IoU thresholds and classes.

What is not defined, or a convention:

- A class without an object in any image has no recall: its figures are NaN, and the mean over the
  classes leaves it out, whatever was detected as that class.
- Without any object at all, every figure is NaN, with detections and without. An image that has
  neither objects nor detections changes nothing; one that has only detections adds false alarms.
- With objects and no detection at all, every figure is 0.
- Equal scores keep the order of the images, and in an image the order of the detections.

How many detections an image may have is part of the definition. The customary limit is 100; in a
field of 250 cells it throws 150 away and about halves AP and AR. Here the limit is the largest
number of detections or objects in any image, so nothing is thrown away; it is reported.

These figures must not be compared with `mrcnn.evaluation.matterport.compute_ap`, which makes a
curve of every single image, with its own area under it at one IoU threshold, so that the mean over
images never ranks the detections of one image against those of another.

The computation is that of the library faster-coco-eval, on run-length codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mrcnn.errors import DataError
from mrcnn.evaluation.records import InstanceRecord

IouType = Literal["mask", "box"]

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
_LIBRARY_NAMES = {"mask": "segm", "box": "bbox"}


@dataclass(frozen=True)
class CocoImage:
    """One image of a data set: what is in it and what was detected.

    Attributes:
        image_shape: (height, width, ...).
        truth: annotated objects; their scores are not looked at.
        predictions: detections with their scores; none is left out for its score here.

    Raises:
        DataError: the arrays differ in length, a score is not finite, or a run-length code
            belongs to an image of another size.
    """

    image_shape: Sequence[int]
    truth: InstanceRecord
    predictions: InstanceRecord

    def __post_init__(self) -> None:
        for name, record in (("truth", self.truth), ("predictions", self.predictions)):
            _check_record(record, name, self.image_shape)
        scores = np.asarray(self.predictions.scores, np.float64)
        if scores.shape != (len(self.predictions.run_lengths),) or not np.isfinite(scores).all():
            raise DataError(
                f"The {len(self.predictions.run_lengths)} predictions of an image need one finite"
                f" score each, not {scores}."
            )


def _check_record(record: InstanceRecord, name: str, image_shape: Sequence[int]) -> None:
    number = len(record.run_lengths)
    height, width = image_shape[:2]
    if np.shape(record.boxes) != (number, 4) or np.shape(record.class_ids) != (number,):
        raise DataError(
            f"The {name} of an image have {number} run-length codes, but boxes of the shape"
            f" {np.shape(record.boxes)} and class ids of the shape {np.shape(record.class_ids)}."
        )
    for index, counts in enumerate(record.run_lengths):
        if np.sum(counts, dtype=np.int64) != height * width or np.min(counts) < 0:
            raise DataError(
                f"Run-length code {index} of the {name} does not fit an image of {height} x"
                f" {width} pixels: its counts must be at least 0 and their sum {height * width}."
            )


def _check_classes(images: Sequence[CocoImage], class_names: Sequence[str]) -> None:
    if len(set(class_names)) != len(class_names):
        raise DataError(f"Two classes have the same name: {', '.join(class_names)}.")
    for index, image in enumerate(images):
        for name, record in (("truth", image.truth), ("predictions", image.predictions)):
            class_ids = np.asarray(record.class_ids)
            wrong = (class_ids < 1) | (class_ids > len(class_names))
            if wrong.any():
                raise DataError(
                    f"The {name} of image {index} have the class id {class_ids[wrong][0]}; there"
                    f" are {len(class_names)} classes, with the ids 1..{len(class_names)}"
                    f" ({', '.join(class_names)})."
                )


def _annotations(
    images: Sequence[CocoImage], side: str, iou_type: IouType, ignore_classes: bool
) -> list[dict[str, Any]]:
    """Ground truth or predictions of all images in COCO's form.

    All ids start from 1: to the matching, an annotation with the id 0 is an unmatched one.
    """
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(images, 1):
        record: InstanceRecord = getattr(image, side)
        size = [int(edge) for edge in image.image_shape[:2]]
        # COCO's box is (x, y, width, height), of continuous coordinates: with y2 and x2 excluded,
        # width and height are plain differences.
        y1, x1, y2, x2 = np.asarray(record.boxes, np.float64).T
        coco_boxes = np.stack([x1, y1, x2 - x1, y2 - y1], axis=1).tolist()
        for index, box in enumerate(coco_boxes):
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image_id,
                "category_id": 1 if ignore_classes else int(record.class_ids[index]),
                "bbox": box,
                # Asked for, but without effect where all sizes are one range.
                "area": box[2] * box[3],
                "iscrowd": 0,
            }
            if iou_type == "mask":
                counts = np.asarray(record.run_lengths[index]).tolist()
                annotation["segmentation"] = {"size": size, "counts": counts}
            if side == "predictions":
                annotation["score"] = float(record.scores[index])
            annotations.append(annotation)
    return annotations


def _curves(
    image_shapes: Sequence[Sequence[int]],
    names: Sequence[str],
    truth: list[dict[str, Any]],
    predictions: list[dict[str, Any]],
    iou_type: IouType,
    max_detections: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Precision [IoU thresholds, RECALLS, classes] and highest recall [IoU thresholds, classes].

    Both are -1 for a class without an object.
    """
    if not truth:
        shape = (len(IOU_THRESHOLDS), len(RECALLS), len(names))
        return np.full(shape, -1.0), np.full(shape[::2], -1.0)
    # Late, so that importing mrcnn does not load a compiled library that few calls need.
    from faster_coco_eval import COCO, COCOeval_faster

    header = {
        "images": [
            {"id": image_id, "height": int(height), "width": int(width)}
            for image_id, (height, width, *_) in enumerate(image_shapes, 1)
        ],
        "categories": [{"id": class_id, "name": name} for class_id, name in enumerate(names, 1)],
    }
    # Two data sets side by side, not a result file: reading one measures all masks again, and in
    # other libraries fails where nothing was detected.
    evaluator = COCOeval_faster(
        COCO({**header, "annotations": truth}),
        COCO({**header, "annotations": predictions}),
        _LIBRARY_NAMES[iou_type],
        print_function=lambda *_: None,
        rle_iou_max_workers=1,  # milliseconds of work; no threads beside those of a training
    )
    evaluator.params.iouThrs = IOU_THRESHOLDS
    evaluator.params.recThrs = RECALLS
    evaluator.params.maxDets = [max_detections]
    evaluator.params.areaRng = [[0, 1e10]]
    evaluator.params.areaRngLbl = ["all"]
    evaluator.evaluate()
    evaluator.accumulate()
    # The last axes are the area ranges and the limits, one of each.
    precision = np.asarray(evaluator.eval["precision"])[:, :, :, 0, 0]
    recall = np.asarray(evaluator.eval["recall"])[:, :, 0, 0]
    return precision, recall


def _figures(precision: np.ndarray, recall: np.ndarray) -> dict[str, float]:
    """AP, AP50, AP75 and AR of one class.

    Args:
        precision: [IoU thresholds, recalls], and recall [IoU thresholds]; -1 where not defined.
    """
    if (recall < 0).any():
        return dict.fromkeys(("AP", "AP50", "AP75", "AR"), float("nan"))
    by_threshold = precision.mean(axis=1)
    return {
        "AP": float(by_threshold.mean()),
        "AP50": float(by_threshold[0]),
        "AP75": float(by_threshold[5]),
        "AR": float(recall.mean()),
    }


def average_precision(
    images: Sequence[CocoImage],
    class_names: Sequence[str],
    iou_type: IouType = "mask",
    ignore_classes: bool = False,
) -> dict[str, Any]:
    """COCO AP and AR of a data set; definition and conventions are at the top of this module.

    Args:
        images: all images of the data set, those without an object as well.
        class_names: names of the classes with the ids 1, 2, ...; no background.
        iou_type: "mask" compares the masks, "box" the boxes as they are given (those of the
            predictions need not be tight around their masks).
        ignore_classes: take all objects and detections as of one class.

    Returns:
        {"AP", "AP50", "AP75", "AR"}: floats in 0..1, or NaN where not defined;
        "max_detections": the number of detections an image was allowed, which is the largest
        number of detections or of objects in any image, and at least 1;
        "classes": the four figures for each class by name; not there with `ignore_classes`.

    Raises:
        DataError: a class id without a name, or two classes of the same name.
        ValueError: `iou_type` is neither "mask" nor "box".
    """
    if iou_type not in _LIBRARY_NAMES:
        raise ValueError(f'iou_type must be "mask" or "box", not {iou_type!r}')
    _check_classes(images, class_names)
    names = ["any"] if ignore_classes else list(class_names)
    max_detections = max(
        [1, *(len(record) for image in images for record in (image.truth, image.predictions))]
    )
    truth, predictions = (
        _annotations(images, side, iou_type, ignore_classes) for side in ("truth", "predictions")
    )
    image_shapes = [image.image_shape for image in images]
    precision, recall = _curves(image_shapes, names, truth, predictions, iou_type, max_detections)
    by_class = {
        name: _figures(precision[:, :, index], recall[:, index]) for index, name in enumerate(names)
    }
    defined = [figures for figures in by_class.values() if not np.isnan(figures["AR"])]
    result: dict[str, Any] = {
        figure: float(np.mean([figures[figure] for figures in defined]))
        if defined
        else float("nan")
        for figure in ("AP", "AP50", "AP75", "AR")
    }
    result["max_detections"] = max_detections
    if not ignore_classes:
        result["classes"] = by_class
    return result
