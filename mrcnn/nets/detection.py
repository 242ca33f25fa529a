"""From head outputs to detections: refine, filter, suppress duplicates."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.config import Config
from mrcnn.nets.layers import register
from mrcnn.ops.boxes import (
    apply_box_deltas,
    clip_boxes,
    finite_boxes,
    normalize_boxes,
    normalized_windows,
    pixel_boxes,
)
from mrcnn.ops.levelled import LARGEST_GROWTH, image_shape_of, long_enough
from mrcnn.ops.nms import non_max_suppression, order_by_score, take_rows
from mrcnn.ops.tensor import Shape, Tensor

# In torchvision's geometry detections with a shorter side, in pixels, are none.
_LEAST_SIDE = 1e-2


def refine_detections(
    rois: Tensor,
    probabilities: Tensor,
    deltas: Tensor,
    windows: Tensor,
    max_instances: int,
    min_confidence: float,
    nms_threshold: float,
    box_std_dev: Sequence[float] | np.ndarray,
    score: str = "class",
    across_classes: bool = False,
    image_shape: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """The final boxes, classes and scores of each image.

    Args:
        rois: float32 [B, R, 4], normalized; rows of zeros are padding, and no detections.
        probabilities: float32 [B, R, num_classes].
        deltas: float32 [B, R, num_classes, 4], divided by `box_std_dev`.
        windows: float32 [B, 4], normalized part of each image that is not padding.
        max_instances: detections kept at most.
        min_confidence: lower scores are dropped; 0 drops none.
        nms_threshold: IoU above which the lower scored of two boxes of one class is dropped.
        box_std_dev: 4 numbers that the deltas are multiplied by.
        score: "class" takes the most probable class and its probability, "object" the most
            probable class but the background and the probability of all of these, "each" every
            class but the background, with its own box.
        across_classes: whether a box suppresses those of other classes as well.
        image_shape: (height, width) of the images in pixels. Where it is given, boxes are refined
            and compared in pixels, from edge to edge, as in torchvision.

    Returns:
        float32 [B, max_instances, 6] of (y1, x1, y2, x2, class id, score), normalized, by falling
        score, padded with zeros. As in the original, a box without area can be among them. What
        is not a finite number, as a network that diverged predicts, is none of them.
    """
    # The heads have an opinion on padding as well, the same for all of it: where that is an object,
    # it would take the places of real ones.
    is_proposal = ops.any(ops.not_equal(rois, 0.0), axis=-1)
    if score == "each":
        region, class_ids, scores = _each_class(probabilities, min_confidence)
        rois, is_proposal = take_rows(rois, region), take_rows(is_proposal, region)
        classes = probabilities.shape[-1]
        of_classes = ops.reshape(deltas, (-1, deltas.shape[1] * classes, 4))
        deltas = take_rows(of_classes, region * classes + class_ids)
    else:
        if score == "object":
            class_ids = 1 + _most_probable(probabilities[..., 1:])
            scores = ops.sum(probabilities[..., 1:], axis=-1)
        else:
            class_ids = _most_probable(probabilities)
            scores = ops.max(probabilities, axis=-1)
        index = ops.expand_dims(ops.expand_dims(class_ids, -1), -1)
        index = ops.broadcast_to(index, (*ops.shape(rois)[:2], 1, 4))
        deltas = ops.squeeze(ops.take_along_axis(deltas, index, axis=2), axis=2)
    deltas = deltas * ops.convert_to_tensor(box_std_dev, dtype="float32")
    windows = ops.expand_dims(windows, 1)
    if image_shape is None:
        boxes = clip_boxes(apply_box_deltas(rois, deltas), windows)
    else:
        boxes = apply_box_deltas(pixel_boxes(rois, image_shape), deltas, LARGEST_GROWTH)
        boxes = clip_boxes(boxes, pixel_boxes(windows, image_shape))

    boxes, finite = finite_boxes(boxes)
    finite = ops.logical_and(finite, ops.isfinite(scores))
    scores = ops.where(finite, scores, 0.0)
    valid = ops.logical_and(ops.logical_and(finite, is_proposal), class_ids > 0)
    if image_shape is not None:
        valid = ops.logical_and(valid, long_enough(boxes, _LEAST_SIDE))
    if min_confidence:
        valid = ops.logical_and(valid, scores >= min_confidence)

    order = order_by_score(ops.where(valid, scores, -1.0), scores.shape[1])
    boxes, scores, class_ids, valid = (
        take_rows(value, order) for value in (boxes, scores, class_ids, valid)
    )
    kept, counts = non_max_suppression(
        boxes, valid, max_instances, nms_threshold, None if across_classes else class_ids
    )
    if image_shape is not None:
        boxes = normalize_boxes(boxes, image_shape)
    rows = ops.concatenate(
        [
            boxes,
            ops.expand_dims(ops.cast(class_ids, "float32"), -1),
            ops.expand_dims(scores, -1),
        ],
        axis=-1,
    )
    filled = ops.arange(max_instances, dtype="int32") < ops.expand_dims(counts, 1)
    return take_rows(rows, kept) * ops.cast(ops.expand_dims(filled, -1), "float32")


def _each_class(probabilities: Tensor, min_confidence: float) -> tuple[Tensor, Tensor, Tensor]:
    """Every class of every region but the background, by falling score.

    Args:
        probabilities: float32 [B, R, classes], which sum up to 1 for each region.
        min_confidence: what is below it may be left out; 0 leaves out nothing.

    Returns:
        numbers of the regions int32, class ids int32 and scores float32, each [B, K].
    """
    regions, objects = probabilities.shape[1], probabilities.shape[2] - 1
    scores = ops.reshape(probabilities[..., 1:], (-1, regions * objects))
    # So many classes of one region can be that probable.
    most = min(objects, int(1.0 / min_confidence) + 1) if min_confidence else objects
    best = order_by_score(scores, regions * most)
    return best // objects, 1 + best % objects, take_rows(scores, best)


def _most_probable(probabilities: Tensor) -> Tensor:
    """The first of the highest along the last axis, int32 [...]; 0 where one is not a number."""
    # Of whole numbers: for floats Keras has TensorFlow ask for the sign of zeros, by an operation
    # that ONNX has not.
    highest = ops.equal(probabilities, ops.max(probabilities, axis=-1, keepdims=True))
    return ops.cast(ops.argmax(ops.cast(highest, "int32"), axis=-1), "int32")


@register
class DetectionLayer(keras.layers.Layer):
    """Detections of each image; see `refine_detections`.

    Inputs: [rois [B, R, 4] normalized, mrcnn_class [B, R, classes],
    mrcnn_bbox [B, R, classes, 4], image_meta [B, M]].
    Output: float32 [B, max_instances, 6].

    Args:
        config: gives the values below, or pass them.
        max_instances, min_confidence, nms_threshold, box_std_dev, score, across_classes: see
            `refine_detections`.
        edge_to_edge: whether boxes are refined and compared in pixels, from edge to edge.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        max_instances: int = 100,
        min_confidence: float = 0.7,
        nms_threshold: float = 0.3,
        box_std_dev: Sequence[float] = (0.1, 0.1, 0.2, 0.2),
        score: str = "class",
        across_classes: bool = False,
        edge_to_edge: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if config is not None:
            max_instances = config.DETECTION_MAX_INSTANCES
            min_confidence = config.DETECTION_MIN_CONFIDENCE
            nms_threshold = config.DETECTION_NMS_THRESHOLD
            box_std_dev = config.BBOX_STD_DEV
            score = config.DETECTION_SCORE
            across_classes = config.DETECTION_NMS_ACROSS_CLASSES
            edge_to_edge = config.GEOMETRY == "torchvision"
        self.max_instances = max_instances
        self.min_confidence = min_confidence
        self.nms_threshold = nms_threshold
        self.box_std_dev = [float(value) for value in box_std_dev]
        self.score = score
        self.across_classes = across_classes
        self.edge_to_edge = edge_to_edge

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        rois, probabilities, deltas, image_meta = inputs
        return refine_detections(
            rois,
            probabilities,
            deltas,
            normalized_windows(image_meta),
            max_instances=self.max_instances,
            min_confidence=self.min_confidence,
            nms_threshold=self.nms_threshold,
            box_std_dev=self.box_std_dev,
            score=self.score,
            across_classes=self.across_classes,
            image_shape=image_shape_of(image_meta) if self.edge_to_edge else None,
        )

    def compute_output_shape(self, inputs_shape: Sequence[Shape]) -> Shape:
        return (inputs_shape[0][0], self.max_instances, 6)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_instances": self.max_instances,
            "min_confidence": self.min_confidence,
            "nms_threshold": self.nms_threshold,
            "box_std_dev": self.box_std_dev,
            "score": self.score,
            "across_classes": self.across_classes,
            "edge_to_edge": self.edge_to_edge,
        }
