"""Boxes and masks as numpy arrays.

Boxes are (y1, x1, y2, x2); in pixels y2 and x2 lie just outside the box.
"""

from collections.abc import Sequence

import numpy as np


def extract_bboxes(mask: np.ndarray) -> np.ndarray:
    """Tight boxes around masks.

    Args:
        mask: [H, W, N], non-zero inside the instances.

    Returns:
        int32 [N, 4] pixel boxes; (0, 0, 0, 0) for an empty mask.
    """
    # Whole rows and columns of all masks at once: the masks lie side by side in memory.
    boxes = []
    for axis in (1, 0):
        filled = np.asarray(mask.any(axis=axis))
        some = filled.any(axis=0)
        first = filled.argmax(axis=0)
        end = len(filled) - filled[::-1].argmax(axis=0)
        boxes.append((np.where(some, first, 0), np.where(some, end, 0)))
    (y1, y2), (x1, x2) = boxes
    return np.stack([y1, x1, y2, x2], axis=1).astype(np.int32)


def tight_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """Pixel box (y1, x1, y2, x2) of the non-zero part of a [H, W] mask; None if it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return None
    columns = np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def compute_iou(
    box: np.ndarray, boxes: np.ndarray, box_area: float, boxes_area: np.ndarray
) -> np.ndarray:
    """Intersection over union of one box with many.

    Args:
        box: [4].
        boxes: [N, 4] in the same unit.
        box_area: area of `box`.
        boxes_area: [N] areas of `boxes`, given so that callers compute them once.

    Returns:
        float [N] in 0..1.
    """
    height = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    width = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    intersection = np.maximum(height, 0) * np.maximum(width, 0)
    union = box_area + boxes_area - intersection
    return np.divide(
        intersection, union, out=np.zeros(len(boxes), np.result_type(union, 1.0)), where=union != 0
    )


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """Areas of [N, 4] boxes, as [N] in the boxes' own type."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def compute_overlaps(boxes1: np.ndarray, boxes2: np.ndarray) -> np.ndarray:
    """Intersection over union of every box of one set with every box of another.

    Args:
        boxes1: [N, 4].
        boxes2: [M, 4] in the same unit.

    Returns:
        float64 [N, M] in 0..1; quickest when `boxes2` is the smaller set.
    """
    areas1, areas2 = box_areas(boxes1), box_areas(boxes2)
    overlaps = np.zeros((len(boxes1), len(boxes2)))
    for column, (box, area) in enumerate(zip(boxes2, areas2, strict=True)):
        overlaps[:, column] = compute_iou(box, boxes1, area, areas1)
    return overlaps


def compute_overlaps_masks(masks1: np.ndarray, masks2: np.ndarray) -> np.ndarray:
    """Intersection over union of every mask of one set with every mask of another.

    Args:
        masks1: [H, W, N], inside where above 0.5.
        masks2: [H, W, M].

    Returns:
        float32 [N, M] in 0..1; 0 where both masks are empty.
    """
    if masks1.shape[-1] == 0 or masks2.shape[-1] == 0:
        return np.zeros((masks1.shape[-1], masks2.shape[-1]), np.float32)
    flat1 = (masks1 > 0.5).reshape(-1, masks1.shape[-1]).astype(np.float32)
    flat2 = (masks2 > 0.5).reshape(-1, masks2.shape[-1]).astype(np.float32)
    intersections = flat1.T @ flat2
    # float32 counts are exact up to 2 ** 24, but sums of that many ones are not.
    areas1 = np.count_nonzero(flat1, axis=0).astype(np.float32)
    areas2 = np.count_nonzero(flat2, axis=0).astype(np.float32)
    unions = areas1[:, None] + areas2[None, :] - intersections
    return np.divide(intersections, unions, out=np.zeros_like(unions), where=unions > 0)


def non_max_suppression(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Greedy non-maximum suppression.

    Args:
        boxes: [N, 4].
        scores: [N].
        threshold: a box that overlaps a better one by more than this IoU is dropped.

    Returns:
        int32 indices of the kept boxes, best score first.
    """
    if boxes.dtype.kind != "f":
        boxes = boxes.astype(np.float32)
    areas = box_areas(boxes)
    order = scores.argsort()[::-1]
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        overlaps = compute_iou(boxes[best], boxes[rest], areas[best], areas[rest])
        order = rest[overlaps <= threshold]
    return np.array(kept, np.int32)


def apply_box_deltas(boxes: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Move and scale boxes.

    Args:
        boxes: [N, 4].
        deltas: [N, 4] of (dy, dx, log dh, log dw); shifts are in units of the box size.

    Returns:
        float32 [N, 4].
    """
    boxes = boxes.astype(np.float32)
    sizes = boxes[:, 2:] - boxes[:, :2]
    centers = boxes[:, :2] + 0.5 * sizes + deltas[:, :2] * sizes
    sizes = sizes * np.exp(deltas[:, 2:])
    corners = centers - 0.5 * sizes
    return np.concatenate([corners, corners + sizes], axis=1)


def box_refinement(box: np.ndarray, gt_box: np.ndarray) -> np.ndarray:
    """Deltas that turn boxes into ground-truth boxes; the inverse of `apply_box_deltas`.

    Args:
        box: [N, 4] with positive heights and widths.
        gt_box: [N, 4] in the same unit.

    Returns:
        float32 [N, 4] of (dy, dx, log dh, log dw).
    """
    return box_deltas(box.astype(np.float32), gt_box.astype(np.float32))


def box_deltas(boxes: np.ndarray, gt_boxes: np.ndarray) -> np.ndarray:
    """The same as `box_refinement` in the precision of the given float arrays."""
    sizes = boxes[:, 2:] - boxes[:, :2]
    gt_sizes = gt_boxes[:, 2:] - gt_boxes[:, :2]
    centers = boxes[:, :2] + 0.5 * sizes
    gt_centers = gt_boxes[:, :2] + 0.5 * gt_sizes
    return np.concatenate([(gt_centers - centers) / sizes, np.log(gt_sizes / sizes)], axis=1)


def norm_boxes(boxes: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Pixel boxes to normalized ones, in which the last pixel row and column stand at 1.

    Args:
        boxes: [N, 4] in pixels.
        shape: (height, width) of the image in pixels.

    Returns:
        float32 [N, 4].
    """
    scale, shift = _normalization(shape)
    return ((boxes - shift) / scale).astype(np.float32)


def denorm_boxes(boxes: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Normalized boxes to pixel boxes, int32 [N, 4]; the inverse of `norm_boxes`."""
    scale, shift = _normalization(shape)
    return np.around(boxes * scale + shift).astype(np.int32)


def _normalization(shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    height, width = shape
    scale = np.array([height - 1, width - 1, height - 1, width - 1])
    return scale, np.array([0, 0, 1, 1])


def trim_zeros(x: np.ndarray) -> np.ndarray:
    """The rows of a [rows, columns] array that are not all zero."""
    return x[np.any(x != 0, axis=1)]
