"""Instances of one image as plain arrays, and what is kept of them to evaluate with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.errors import DataError
from mrcnn.evaluation.matching import (
    check_crops,
    intersection_over_union,
    mask_areas,
    mask_intersections,
    touches_border,
)
from mrcnn.instances.geometry import extract_bboxes
from mrcnn.instances.run_length import encode


@dataclass
class Instances:
    """Annotated or predicted instances of one image, each mask only as large as its box.

    Attributes:
        image_shape: (height, width) in pixels.
        boxes: int64 [N, 4], pixel (y1, x1, y2, x2), y2 and x2 excluded, inside the image.
        crops: N bool arrays, each of its box's size.
        class_ids: int64 [N], from 1.
        scores: float64 [N] in 0..1; None for ground truth.

    Raises:
        DataError: the arrays do not fit together, a box leaves the image, or a score is NaN or
            outside 0..1.
    """

    image_shape: tuple[int, int]
    boxes: np.ndarray
    crops: Sequence[np.ndarray]
    class_ids: np.ndarray
    scores: np.ndarray | None = None

    def __post_init__(self) -> None:
        self.image_shape = (int(self.image_shape[0]), int(self.image_shape[1]))
        self.crops = [np.asarray(crop, bool) for crop in self.crops]
        self.boxes = check_crops(self.boxes, self.crops, "instances")
        self.class_ids = np.asarray(self.class_ids, np.int64).reshape(-1)
        if len(self.class_ids) != len(self.crops):
            raise DataError(f"{len(self.crops)} masks but {len(self.class_ids)} class ids.")
        outside = (self.boxes[:, :2] < 0) | (self.boxes[:, 2:] > np.array(self.image_shape))
        if outside.any():
            index = int(np.flatnonzero(outside.any(axis=1))[0])
            raise DataError(
                f"Box {index}, {tuple(map(int, self.boxes[index]))}, leaves the image of "
                f"{self.image_shape[0]} x {self.image_shape[1]} pixels: boxes are (y1, x1, y2, x2) "
                "in pixels of the image that was annotated."
            )
        if self.scores is not None:
            self.scores = np.asarray(self.scores, np.float64).reshape(-1)
            if len(self.scores) != len(self.crops):
                raise DataError(f"{len(self.crops)} masks but {len(self.scores)} scores.")
            wrong = ~((self.scores >= 0) & (self.scores <= 1))
            if wrong.any():
                index = int(np.flatnonzero(wrong)[0])
                raise DataError(f"Score {index} is {self.scores[index]}: expected is 0 to 1.")

    def __len__(self) -> int:
        return len(self.crops)

    @classmethod
    def from_masks(
        cls, masks: np.ndarray, class_ids: ArrayLike, scores: ArrayLike | None = None
    ) -> "Instances":
        """From a stack of whole masks.

        Args:
            masks: [H, W, N], non-zero inside the instances.
            class_ids, scores: [N].

        Raises:
            DataError: see the class; or the stack has another shape.
        """
        masks = np.asarray(masks)
        if masks.ndim != 3:
            raise DataError(f"Masks have the shape {masks.shape}: expected [height, width, N].")
        boxes = extract_bboxes(masks)
        crops = [masks[y1:y2, x1:x2, n] != 0 for n, (y1, x1, y2, x2) in enumerate(boxes)]
        scores = None if scores is None else np.asarray(scores)
        return cls(masks.shape[:2], boxes, crops, np.asarray(class_ids), scores)

    @classmethod
    def from_detection(cls, result: Mapping[str, Any], image_shape: Sequence[int]) -> "Instances":
        """From what `MaskRCNN.detect` returns for an image, with whole masks or crops.

        Args:
            result: `rois`, `class_ids`, `scores` and `masks`.
            image_shape: (height, width, ...) of the image.

        Raises:
            DataError: see the class; or the masks are of an image of another size.
        """
        masks = result["masks"]
        if isinstance(masks, np.ndarray) and masks.ndim == 3:
            if masks.shape[:2] != tuple(image_shape[:2]):
                raise DataError(
                    f"Masks of {masks.shape[0]} x {masks.shape[1]} pixels for an image of "
                    f"{image_shape[0]} x {image_shape[1]}: both must have one size."
                )
            return cls.from_masks(masks, result["class_ids"], result["scores"])
        height, width = image_shape[:2]
        return cls((height, width), result["rois"], masks, result["class_ids"], result["scores"])


@dataclass(frozen=True)
class InstanceRecord:
    """What the figures need to know of N instances, without their pixels.

    Attributes:
        boxes: int64 [N, 4], pixel.
        areas: int64 [N], pixels of the masks.
        class_ids: int64 [N], from 1.
        at_border: bool [N], whether the mask touches the image border.
        run_lengths: N arrays of COCO run-length counts.
        scores: float64 [N]; zeros for ground truth.
    """

    boxes: np.ndarray
    areas: np.ndarray
    class_ids: np.ndarray
    at_border: np.ndarray
    run_lengths: list[np.ndarray]
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.areas)

    @classmethod
    def of(cls, instances: Instances) -> "InstanceRecord":
        """Measure instances."""
        boxes, crops, shape = instances.boxes, instances.crops, instances.image_shape
        return cls(
            boxes=boxes,
            areas=mask_areas(crops),
            class_ids=instances.class_ids,
            at_border=touches_border(boxes, crops, shape),
            run_lengths=[encode(box, crop, shape) for box, crop in zip(boxes, crops, strict=True)],
            scores=np.zeros(len(crops)) if instances.scores is None else instances.scores,
        )


@dataclass(frozen=True)
class ImageRecord:
    """One image with its ground truth and its predictions.

    Attributes:
        name: of the image.
        image_shape: (height, width).
        truth: G annotated instances.
        predictions: P predicted instances.
        intersections: int64 [G, P], pixels that two masks share.
    """

    name: str
    image_shape: tuple[int, int]
    truth: InstanceRecord
    predictions: InstanceRecord
    intersections: np.ndarray

    @classmethod
    def of(cls, name: str, truth: Instances, predictions: Instances) -> "ImageRecord":
        """Compare predictions with the ground truth of their image."""
        return cls(
            name,
            truth.image_shape,
            InstanceRecord.of(truth),
            InstanceRecord.of(predictions),
            mask_intersections(truth.boxes, truth.crops, predictions.boxes, predictions.crops),
        )

    @cached_property
    def iou(self) -> np.ndarray:
        """float64 [G, P] in 0..1."""
        return intersection_over_union(self.intersections, self.truth.areas, self.predictions.areas)
