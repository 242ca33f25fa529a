"""What is kept of the instances of an image to evaluate with: no pixels, but what they share."""

from dataclasses import dataclass

import numpy as np

from mrcnn.instances import Instances
from mrcnn.instances.overlap import mask_areas, touches_border
from mrcnn.instances.run_length import encode


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
        """Measure instances; one without a mask fills its box."""
        shape, boxes = instances.image_shape, instances.boxes.astype(np.int64)
        crops = instances.filled_crops()
        return cls(
            boxes=boxes,
            areas=mask_areas(crops),
            class_ids=instances.class_ids.astype(np.int64),
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
        iou: float64 [G, P] in 0..1.
    """

    name: str
    image_shape: tuple[int, int]
    truth: InstanceRecord
    predictions: InstanceRecord
    intersections: np.ndarray
    iou: np.ndarray

    @classmethod
    def of(cls, name: str, truth: Instances, predictions: Instances) -> "ImageRecord":
        """Compare predictions with the ground truth of their image.

        An object of which only the box is known is compared by its box. Where that is so of all,
        all figures are those of boxes.
        """
        if len(truth) and not truth.has_mask().any():
            predictions = predictions.replaced(crops=[None] * len(predictions))
        return cls(
            name,
            truth.image_shape,
            InstanceRecord.of(truth),
            InstanceRecord.of(predictions),
            truth.intersections(predictions),
            truth.overlap(predictions),
        )
