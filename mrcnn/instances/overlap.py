"""What masks of one image share, pair by pair, and which of them lie at its border.

A mask is held as a pixel box (y1, x1, y2, x2), y2 and x2 excluded, and a boolean crop of exactly
that box's size. Whole-image stacks are never needed, so a field of 250 cells costs what its cells
cost.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.errors import DataError


def check_crops(boxes: ArrayLike, crops: Sequence[Any], name: str) -> np.ndarray:
    """Return `boxes` as int64 [N, 4] after checking that every crop has its box's size.

    Raises:
        DataError: boxes and crops do not fit together; the message calls them `name`.
    """
    boxes = np.asarray(boxes)
    if boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"{name}: boxes must have the shape [N, 4], not {boxes.shape}.")
    if len(boxes) != len(crops):
        raise DataError(f"{name}: {len(boxes)} boxes but {len(crops)} masks.")
    boxes = boxes.astype(np.int64)
    for index, (box, crop) in enumerate(zip(boxes, crops, strict=True)):
        check_size(box, crop.shape, index, name)
    return boxes


def check_size(box: np.ndarray, shape: tuple[int, ...], index: int, name: str) -> None:
    """DataError unless the mask of number `index` has its box's size."""
    size = (int(box[2] - box[0]), int(box[3] - box[1]))
    if shape != size:
        raise DataError(
            f"{name}: mask {index} has the shape {shape}, its box {tuple(map(int, box))} needs "
            f"{size}."
        )


def mask_intersections(
    boxes_a: ArrayLike,
    crops_a: Sequence[np.ndarray],
    boxes_b: ArrayLike,
    crops_b: Sequence[np.ndarray],
) -> np.ndarray:
    """Pixels that every mask in `a` shares with every mask in `b`.

    Only pairs whose boxes overlap are looked at pixel by pixel, and only inside the overlap.

    Args:
        boxes_a: integer [A, 4], pixel (y1, x1, y2, x2), y2 and x2 excluded.
        crops_a: A boolean arrays, each of its box's size.
        boxes_b, crops_b: the same for B masks, in the same image.

    Returns:
        int64 [A, B].

    Raises:
        DataError: boxes and crops do not fit together.
    """
    # What one mask shares with another the other shares with it.
    is_symmetric = boxes_a is boxes_b and crops_a is crops_b
    boxes_a = check_crops(boxes_a, crops_a, "first masks")
    # Packed masks are made anew at each access.
    crops_a = list(crops_a)
    if is_symmetric:
        boxes_b, crops_b = boxes_a, crops_a
    else:
        boxes_b, crops_b = check_crops(boxes_b, crops_b, "second masks"), list(crops_b)
    top_left = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    bottom_right = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    meet = (bottom_right > top_left).all(axis=2)
    shared = np.zeros(meet.shape, np.int64)
    for a, b in np.argwhere(np.triu(meet) if is_symmetric else meet):
        (top, left), (bottom, right) = top_left[a, b], bottom_right[a, b]
        y, x = boxes_a[a, :2]
        part_a = crops_a[a][top - y : bottom - y, left - x : right - x]
        y, x = boxes_b[b, :2]
        part_b = crops_b[b][top - y : bottom - y, left - x : right - x]
        shared[a, b] = np.count_nonzero(np.logical_and(part_a, part_b))
    if is_symmetric:
        shared += np.triu(shared, 1).T
    return shared


def mask_areas(crops: Sequence[np.ndarray]) -> np.ndarray:
    """Pixels of each mask, int64 [N]."""
    return np.array([np.count_nonzero(crop) for crop in crops], dtype=np.int64)


def labeled_pixels(boxes: ArrayLike, labels: np.ndarray) -> np.ndarray:
    """Pixels that each object has in a label image, int64 [N].

    Args:
        boxes: integer [N, 4], pixel (y1, x1, y2, x2), of labels 1, 2, ...
        labels: integer [H, W], see `Instances.label_image`.
    """
    counts = [
        np.count_nonzero(labels[y1:y2, x1:x2] == label)
        for label, (y1, x1, y2, x2) in enumerate(np.asarray(boxes), start=1)
    ]
    return np.array(counts, np.int64)


def intersection_over_union(
    intersections: np.ndarray, areas_a: np.ndarray, areas_b: np.ndarray
) -> np.ndarray:
    """IoU float64 [A, B] from shared pixels [A, B] and areas [A], [B]; 0 for two empty masks."""
    unions = areas_a[:, None] + areas_b[None, :] - intersections
    return np.divide(intersections, unions, out=np.zeros(unions.shape), where=unions > 0)


def mask_iou(
    boxes_a: ArrayLike,
    crops_a: Sequence[np.ndarray],
    boxes_b: ArrayLike,
    crops_b: Sequence[np.ndarray],
) -> np.ndarray:
    """Intersection over union of every mask in `a` with every mask in `b`.

    Args:
        boxes_a, crops_a, boxes_b, crops_b: see `mask_intersections`.

    Returns:
        float64 [A, B] in 0..1; 0 where both masks are empty.

    Raises:
        DataError: boxes and crops do not fit together.
    """
    shared = mask_intersections(boxes_a, crops_a, boxes_b, crops_b)
    return intersection_over_union(shared, mask_areas(crops_a), mask_areas(crops_b))


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
    boxes = check_crops(boxes, crops, "masks")
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


# Of a mask that others make up: the share of each of them that lies inside, their size over its
# own at most, their mask IoU with one another at most, the share of it that they fill together at
# least, and their scores over its own at least. Chosen on overlapping red blood cells.
INSIDE, SMALLER, APART, FILLED, NEARLY_AS_SURE = 0.65, 0.9, 0.45, 0.9, 0.65


def split_unions(
    boxes: ArrayLike, crops: Sequence[np.ndarray], class_ids: ArrayLike, scores: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out predictions that several others make up together, and be as sure of those.

    Where objects overlap, a detector finds each of them, and the two as if they were one, of which
    it is the surest. Then suppression by score would keep that one alone. That something is there
    holds for the parts as well, so they take its score where theirs is lower.

    Args:
        boxes, crops: N predicted masks, see `mask_iou`.
        class_ids: int [N]; what makes up a prediction is of its class.
        scores: float [N].

    Returns:
        int64 [K], the kept indices in their order; and float64 [N], the scores of all.
    """
    crops, scores = list(crops), np.asarray(scores, np.float64)
    class_ids = np.asarray(class_ids)
    shared, areas = mask_intersections(boxes, crops, boxes, crops), mask_areas(crops)
    iou = intersection_over_union(shared, areas, areas)
    kept = np.ones(len(areas), bool)
    raised = scores.copy()
    by_score = np.argsort(-scores, kind="stable")
    # The largest first: what makes up one of them may be made up itself.
    for whole in np.argsort(-areas, kind="stable"):
        is_part = (
            kept
            & (class_ids == class_ids[whole])
            & (areas < SMALLER * areas[whole])
            & (shared[whole] >= INSIDE * areas)
            & (scores >= NEARLY_AS_SURE * scores[whole])
            & (areas > 0)
        )
        parts: list[int] = []
        for part in by_score[is_part[by_score]]:
            if (iou[part, parts] < APART).all():
                parts.append(int(part))
        if len(parts) < 2:
            continue
        twice = np.triu(shared[np.ix_(parts, parts)], 1).sum()
        if shared[whole, parts].sum() - twice >= FILLED * areas[whole]:
            kept[whole] = False
            raised[parts] = np.maximum(raised[parts], raised[whole])
    return np.flatnonzero(kept), raised


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
