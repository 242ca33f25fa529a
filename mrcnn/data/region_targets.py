"""Regions that are drawn from the data instead of an RPN, and targets of the heads for them.

For training the heads alone (`USE_RPN_ROIS` False) and for looking at targets: what the training
graph computes from the RPN's proposals (`mrcnn.training.targets`), here on one image in numpy.
"""

from typing import Any

import numpy as np

from mrcnn.data.molding import expand_mask
from mrcnn.data.resizing import resize
from mrcnn.errors import DataError
from mrcnn.instances.geometry import box_refinement, compute_overlaps

_POSITIVE_IOU = 0.5
# Regions that lie around objects; the others lie anywhere.
_SHARE_AROUND_OBJECTS = 0.9


def generate_random_rois(
    image_shape: Any,
    count: int,
    gt_class_ids: np.ndarray,
    gt_boxes: np.ndarray,
    *,
    rng: Any = None,
) -> np.ndarray:
    """Random regions, nine of ten around the objects, each at most one box size away.

    Args:
        image_shape: (height, width, ...) in pixels.
        count: number of regions.
        gt_class_ids: not used; part of the established signature.
        gt_boxes: [N, 4] pixel boxes inside the image; without any, all regions lie anywhere.
        rng: numpy's global state by default.

    Returns:
        int32 [count, 4] pixel boxes of at least one pixel.
    """
    height, width = (int(side) for side in image_shape[:2])
    gt_boxes = np.asarray(gt_boxes).reshape(-1, 4)
    around_each = int(_SHARE_AROUND_OBJECTS * count / len(gt_boxes)) if len(gt_boxes) else 0
    parts = []
    for y1, x1, y2, x2 in gt_boxes:
        rows = (max(y1 - (y2 - y1), 0), min(y2 + (y2 - y1), height))
        columns = (max(x1 - (x2 - x1), 0), min(x2 + (x2 - x1), width))
        parts.append(_random_boxes(rows, columns, around_each, rng))
    remaining = count - around_each * len(gt_boxes)
    parts.append(_random_boxes((0, height), (0, width), remaining, rng))
    return np.concatenate(parts).astype(np.int32)


def _random_boxes(
    rows: tuple[int, int], columns: tuple[int, int], count: int, rng: Any
) -> np.ndarray:
    """Boxes int [count, 4] whose edges are drawn from two ranges (low, high)."""
    if count == 0:
        return np.zeros((0, 4), np.int64)
    integers = np.random.randint if rng is None else rng.integers
    while True:
        # Twice as many as needed, since those without area are left out.
        edges = [
            np.asarray(integers(low, max(high, low + 2), (2 * count, 2)))
            for low, high in (rows, columns)
        ]
        edges = [pairs[pairs[:, 0] != pairs[:, 1]][:count] for pairs in edges]
        if all(len(pairs) == count for pairs in edges):
            (y1, y2), (x1, x2) = (np.sort(pairs, axis=1).T for pairs in edges)
            return np.stack([y1, x1, y2, x2], axis=1)


def build_detection_targets(
    rpn_rois: np.ndarray,
    gt_class_ids: np.ndarray,
    gt_boxes: np.ndarray,
    gt_masks: np.ndarray,
    config: Any,
    *,
    rng: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sample regions of one image and give each its class, box deltas and mask.

    Args:
        rpn_rois: int [N, 4] pixel boxes.
        gt_class_ids: int [G]; rows that are not positive (padding, crowds) are left out.
        gt_boxes: [G, 4] pixel boxes.
        gt_masks: bool [H, W, G], or with USE_MINI_MASK [h, w, G].
        config: TRAIN_ROIS_PER_IMAGE, ROI_POSITIVE_RATIO, NUM_CLASSES, BBOX_STD_DEV, MASK_SHAPE,
            USE_MINI_MASK and IMAGE_SHAPE are used.
        rng: numpy's global state by default.

    Returns:
        rois [T, 4] pixel boxes in the dtype of `rpn_rois`; class ids int32 [T], 0 for negatives;
        deltas float32 [T, classes, 4], filled at the class alone; masks float32
        [T, mask height, mask width, classes], likewise, 0 to 1. T = TRAIN_ROIS_PER_IMAGE, the
        positives first.

    Raises:
        DataError: there are no regions.
    """
    draw = np.random if rng is None else rng
    rpn_rois = np.asarray(rpn_rois).reshape(-1, 4)
    if len(rpn_rois) == 0:
        raise DataError("rpn_rois is empty: at least one region is needed to sample from.")
    objects = np.flatnonzero(np.asarray(gt_class_ids) > 0)
    gt_class_ids, gt_boxes = np.asarray(gt_class_ids)[objects], np.asarray(gt_boxes)[objects]

    count = int(config.TRAIN_ROIS_PER_IMAGE)
    best_object = np.zeros(len(rpn_rois), np.int64)
    best_iou = np.zeros(len(rpn_rois))
    if len(objects):
        overlaps = compute_overlaps(rpn_rois, gt_boxes)
        best_object, best_iou = overlaps.argmax(axis=1), overlaps.max(axis=1)
    positive = np.flatnonzero(best_iou > _POSITIVE_IOU)
    negative = np.flatnonzero(best_iou < _POSITIVE_IOU)
    limit = int(count * config.ROI_POSITIVE_RATIO)
    if len(positive) > limit:
        positive = draw.choice(positive, limit, replace=False)
    if len(negative) > count - len(positive):
        negative = draw.choice(negative, count - len(positive), replace=False)
    chosen = np.concatenate([positive, negative])
    missing = count - len(chosen)
    if missing > 0:
        # Regions are repeated: negatives, or whatever there is.
        pool = negative if len(negative) else chosen if len(chosen) else np.arange(len(rpn_rois))
        chosen = np.concatenate([chosen, draw.choice(pool, missing, replace=True)])

    rois = rpn_rois[chosen]
    instance = best_object[chosen]
    is_positive = best_iou[chosen] > _POSITIVE_IOU
    class_ids = np.zeros(count, np.int32)
    deltas = np.zeros((count, config.NUM_CLASSES, 4), np.float32)
    masks = np.zeros((count, *config.MASK_SHAPE, config.NUM_CLASSES), np.float32)
    rows = np.flatnonzero(is_positive)
    class_ids[rows] = gt_class_ids[instance[rows]]
    if len(rows):
        deltas[rows, class_ids[rows]] = (
            box_refinement(rois[rows], gt_boxes[instance[rows]]) / config.BBOX_STD_DEV
        )
    for row in rows:
        mask = gt_masks[:, :, objects[instance[row]]][:, :, None]
        if config.USE_MINI_MASK:
            mask = expand_mask(gt_boxes[instance[row]][None], mask, config.IMAGE_SHAPE)
        y1, x1, y2, x2 = (int(edge) for edge in rois[row])
        crop = mask[y1:y2, x1:x2, 0]
        masks[row, :, :, class_ids[row]] = resize(crop, config.MASK_SHAPE)
    return rois, class_ids, deltas, masks
