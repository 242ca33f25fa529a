"""Proposals that are chosen level by level, as torchvision chooses them.

Boxes are refined, clipped and compared in pixels, from edge to edge.
"""

import math
from collections.abc import Sequence

from keras import ops

from mrcnn.ops.boxes import (
    apply_box_deltas,
    clip_boxes,
    finite_boxes,
    normalize_boxes,
    pixel_boxes,
)
from mrcnn.ops.image_meta import ImageMeta
from mrcnn.ops.nms import non_max_suppression, order_by_score, take_rows
from mrcnn.ops.tensor import Tensor

# The largest logarithm of a change of size: of 16 pixels to 1,000.
LARGEST_GROWTH = math.log(1000.0 / 16.0)
# Proposals with a shorter side, in pixels, are none.
_LEAST_SIDE = 1e-3


def image_shape_of(image_meta: Tensor) -> tuple[Tensor, Tensor]:
    """Height and width of the images of a batch, which all have one shape, as floats."""
    height, width, _ = ops.unstack(ops.cast(ImageMeta(image_meta[0]).image_shape, "float32"))
    return height, width


def long_enough(boxes: Tensor, least: float) -> Tensor:
    """Which boxes [..., 4] have no side shorter than `least`, bool [...]."""
    low, high = ops.split(boxes, 2, axis=-1)
    return ops.all(high - low >= least, axis=-1)


def refine_by_level(
    scores: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    image_meta: Tensor,
    counts: Sequence[Tensor | int],
    pre_nms_limit: int,
    box_std_dev: Sequence[float],
) -> dict[str, Tensor]:
    """The anchors of the highest scores of each level, moved by their deltas.

    Args:
        scores: float32 [B, A, 2], probabilities of background and object.
        deltas: float32 [B, A, 4], divided by `box_std_dev`.
        anchors: float32 [B, A, 4], normalized, level by level.
        image_meta: float [B, M]; boxes are clipped to the windows.
        counts: anchors of each level.
        pre_nms_limit: anchors that are taken of each level, by score.
        box_std_dev: 4 numbers that the deltas are multiplied by.

    Returns:
        by falling score, K = levels * pre_nms_limit: pre_nms_anchors, refined_anchors and
        refined_anchors_clipped, each float32 [B, K, 4] and normalized; pixels, the last of these
        in pixels; level int32 [B, K]; and valid bool [B, K], false for padding, for boxes that are
        not finite and for those of hardly any height or width.
    """
    scores = scores[..., 1]
    # So that each level has as many as are taken.
    rows = [[0, 0], [0, pre_nms_limit]]
    scores = ops.pad(scores, rows, constant_values=-1.0)
    deltas, anchors = (ops.pad(value, [*rows, [0, 0]]) for value in (deltas, anchors))
    number = ops.arange(ops.shape(scores)[1], dtype="int32")
    best, levels, start = [], [], 0
    for level, count in enumerate(counts):
        here = ops.logical_and(number >= start, number < start + count)
        best.append(order_by_score(ops.where(here, scores, -1.0), pre_nms_limit))
        levels.append(ops.full_like(best[-1], level))
        start = start + count
    chosen, level = ops.concatenate(best, axis=1), ops.concatenate(levels, axis=1)
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    starts = ops.stack([ops.cast(each, "int32") for each in starts])
    # Where a level has fewer anchors, others of no score were taken.
    of_level = ops.logical_and(
        chosen >= ops.take(starts, level, axis=0), chosen < ops.take(starts, level + 1, axis=0)
    )
    scores = ops.where(of_level, take_rows(scores, chosen), -1.0)
    order = order_by_score(scores, scores.shape[1])
    chosen, level, scores = (take_rows(value, order) for value in (chosen, level, scores))

    shape = image_shape_of(image_meta)
    anchors = take_rows(anchors, chosen)
    deltas = take_rows(deltas, chosen) * ops.convert_to_tensor(box_std_dev, dtype="float32")
    refined = apply_box_deltas(pixel_boxes(anchors, shape), deltas, LARGEST_GROWTH)
    window = ops.cast(ImageMeta(image_meta).window, "float32")
    pixels, finite = finite_boxes(clip_boxes(refined, ops.expand_dims(window, 1)))
    valid = ops.logical_and(
        finite, ops.logical_and(scores >= 0.0, long_enough(pixels, _LEAST_SIDE))
    )
    return {
        "pre_nms_anchors": anchors,
        "refined_anchors": normalize_boxes(refined, shape),
        "refined_anchors_clipped": normalize_boxes(pixels, shape),
        "pixels": pixels,
        "level": level,
        "valid": valid,
    }


def propose_by_level(
    stages: dict[str, Tensor], image_meta: Tensor, count: int, nms_threshold: float
) -> Tensor:
    """The best refined anchors, without near duplicates of their own level.

    Args:
        stages: see `refine_by_level`.
        image_meta: float [B, M].
        count: proposals kept at most.
        nms_threshold: IoU above which the lower scored of two proposals of a level is dropped.

    Returns:
        float32 [B, count, 4], normalized, by falling score, padded with zeros.
    """
    boxes = stages["pixels"]
    kept, counts = non_max_suppression(
        boxes, stages["valid"], count, nms_threshold, stages["level"]
    )
    filled = ops.arange(count, dtype="int32") < ops.expand_dims(counts, 1)
    boxes = normalize_boxes(take_rows(boxes, kept), image_shape_of(image_meta))
    return boxes * ops.cast(ops.expand_dims(filled, -1), "float32")
