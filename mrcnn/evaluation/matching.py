"""Which prediction is which ground-truth instance: mask IoU on crops and one-to-one matching.

A mask is held as a pixel box (y1, x1, y2, x2), y2 and x2 excluded, and a boolean crop of exactly
that box's size. Whole-image stacks are never needed, so a field of 250 cells costs what its cells
cost.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment


def _check_instances(boxes: ArrayLike, crops: Sequence[np.ndarray], name: str) -> np.ndarray:
    """Return `boxes` as int64 [N, 4] after checking that every crop has its box's size."""
    boxes = np.asarray(boxes)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes_{name} must have the shape [N, 4], not {boxes.shape}")
    if len(boxes) != len(crops):
        raise ValueError(f"{len(boxes)} boxes_{name} but {len(crops)} crops_{name}")
    boxes = boxes.astype(np.int64)
    for index, (box, crop) in enumerate(zip(boxes, crops, strict=True)):
        size = (box[2] - box[0], box[3] - box[1])
        if crop.shape != size:
            raise ValueError(
                f"crops_{name}[{index}] has the shape {crop.shape}, its box {tuple(map(int, box))}"
                f" needs {tuple(map(int, size))}"
            )
    return boxes


def mask_iou(
    boxes_a: ArrayLike,
    crops_a: Sequence[np.ndarray],
    boxes_b: ArrayLike,
    crops_b: Sequence[np.ndarray],
) -> np.ndarray:
    """Intersection over union of every mask in `a` with every mask in `b`.

    Only pairs whose boxes overlap are looked at pixel by pixel, and only inside the overlap.

    Args:
        boxes_a: integer [A, 4], pixel (y1, x1, y2, x2), y2 and x2 excluded.
        crops_a: A boolean arrays, each of its box's size.
        boxes_b, crops_b: the same for B masks, in the same image.

    Returns:
        float64 [A, B] in 0..1; 0 where both masks are empty.

    Raises:
        ValueError: boxes and crops do not fit together.
    """
    boxes_a = _check_instances(boxes_a, crops_a, "a")
    boxes_b = _check_instances(boxes_b, crops_b, "b")
    areas_a = np.array([np.count_nonzero(crop) for crop in crops_a], dtype=np.int64)
    areas_b = np.array([np.count_nonzero(crop) for crop in crops_b], dtype=np.int64)
    top_left = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    bottom_right = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    iou = np.zeros((len(boxes_a), len(boxes_b)))
    for a, b in np.argwhere((bottom_right > top_left).all(axis=2)):
        (top, left), (bottom, right) = top_left[a, b], bottom_right[a, b]
        y, x = boxes_a[a, :2]
        part_a = crops_a[a][top - y : bottom - y, left - x : right - x]
        y, x = boxes_b[b, :2]
        part_b = crops_b[b][top - y : bottom - y, left - x : right - x]
        intersection = np.count_nonzero(np.logical_and(part_a, part_b))
        if intersection:
            iou[a, b] = intersection / (areas_a[a] + areas_b[b] - intersection)
    return iou


def match_one_to_one(iou: ArrayLike, threshold: float) -> np.ndarray:
    """Pair rows with columns so that the sum of the pairs' IoU is as large as possible.

    A pair must reach `threshold`; every row and every column is used at most once. The optimum is
    found by linear sum assignment, so no order of the instances and no score changes the result.

    Args:
        iou: float [A, B] in 0..1, usually ground truth by prediction.
        threshold: smallest IoU of a pair, above 0 and at most 1.

    Returns:
        int64 [P, 2] of (row, column), ordered by row.

    Raises:
        ValueError: `iou` is not a finite matrix or `threshold` is out of range.
    """
    iou = np.asarray(iou, dtype=np.float64)
    if iou.ndim != 2 or not np.isfinite(iou).all():
        raise ValueError("iou must be a matrix of finite numbers")
    if not 0 < threshold <= 1:
        raise ValueError(f"the IoU threshold must be above 0 and at most 1, not {threshold}")
    # A pair below the threshold is worth nothing, so it never displaces one that counts.
    worth = np.where(iou >= threshold, iou, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    reached = iou[rows, columns] >= threshold
    return np.stack([rows[reached], columns[reached]], axis=1).astype(np.int64)


def touches_border(
    boxes: ArrayLike, crops: Sequence[np.ndarray], image_shape: Sequence[int]
) -> np.ndarray:
    """Whether a mask has a pixel in the first or last row or column of the image.

    Args:
        boxes: integer [N, 4], pixel (y1, x1, y2, x2), y2 and x2 excluded.
        crops: N boolean arrays, each of its box's size.
        image_shape: (height, width) or (height, width, channels).

    Returns:
        bool [N].
    """
    boxes = _check_instances(boxes, crops, "")
    height, width = image_shape[:2]
    touching = np.zeros(len(boxes), dtype=bool)
    for index, ((y1, x1, y2, x2), crop) in enumerate(zip(boxes, crops, strict=True)):
        touching[index] = (
            (y1 <= 0 < y2 and crop[-y1].any())
            or (y1 < height <= y2 and crop[height - 1 - y1].any())
            or (x1 <= 0 < x2 and crop[:, -x1].any())
            or (x1 < width <= x2 and crop[:, width - 1 - x1].any())
        )
    return touching


def drop_duplicates(
    boxes: ArrayLike, crops: Sequence[np.ndarray], scores: ArrayLike, max_iou: float
) -> np.ndarray:
    """Keep the best of the predictions that cover the same object under different classes.

    Suppression inside a detector works class by class; where one object has one class only, this
    does it across classes, by mask. A prediction is left out when its mask IoU with a better kept
    one is above `max_iou`. Filtering by score before or after gives the same result.

    Args:
        boxes, crops: N predicted masks, see `mask_iou`.
        scores: float [N]; equal scores are taken in order.
        max_iou: 0..1; 1 keeps everything.

    Returns:
        int64 [K], the kept indices by falling score.
    """
    iou = mask_iou(boxes, crops, boxes, crops)
    kept: list[int] = []
    for index in np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable"):
        if not (iou[index, kept] > max_iou).any():
            kept.append(int(index))
    return np.array(kept, dtype=np.int64)
