"""Training targets of the region proposal network: which anchors hold objects, and where.

The rules of Faster R-CNN (Ren et al. 2015): an anchor is positive when it overlaps a ground-truth
box by IoU >= 0.7 or is the best for one, negative when it overlaps none by 0.3, else neutral.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mrcnn.data.molding import IGNORED_CLASS_ID, IGNORED_SHARE
from mrcnn.instances.geometry import box_areas, box_deltas, compute_iou, compute_overlaps

_POSITIVE_IOU = 0.7
_NEGATIVE_IOU = 0.3
# A crowd that overlaps an anchor by more than this keeps it from being a negative.
_CROWD_IOU = 0.001


class AnchorIndex:
    """Anchors arranged so that those near a box are found without looking at all.

    Anchors of one size stand on a regular grid, in which the ones that meet a box are a range of
    rows and a range of columns. Sizes that stand on no such grid are searched one by one.

    Args:
        anchors: [A, 4] pixel boxes.
    """

    def __init__(self, anchors: np.ndarray) -> None:
        self.anchors = np.asarray(anchors, np.float64).reshape(-1, 4)
        self.areas = box_areas(self.anchors)
        self._grids: list[_AnchorGrid] = []
        scattered = []
        sizes = np.rint((self.anchors[:, 2:] - self.anchors[:, :2]) * 1024).astype(np.int64)
        _, group = np.unique(sizes, axis=0, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        bounds = np.flatnonzero(np.diff(group.reshape(-1)[order])) + 1
        for members in np.split(order, bounds):
            grid = _AnchorGrid.build(self.anchors, members)
            if grid is None:
                scattered.append(members)
            else:
                self._grids.append(grid)
        self._scattered = np.concatenate(scattered) if scattered else np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self.anchors)

    def near_each(self, boxes: np.ndarray) -> Iterator[np.ndarray]:
        """For each of [N, 4] pixel boxes the int64 indices of the anchors that overlap it.

        Some that merely touch it may be among them.
        """
        ranges = [grid.ranges(boxes) for grid in self._grids]
        tables = [grid.indices for grid in self._grids]
        scattered = self.anchors[self._scattered]
        for number, box in enumerate(boxes):
            found = []
            for table, (tops, bottoms, lefts, rights) in zip(tables, ranges, strict=True):
                part = table[tops[number] : bottoms[number], lefts[number] : rights[number]]
                found.append(part.ravel())
            if self._scattered.size:
                meets = (scattered[:, :2] < box[2:]) & (scattered[:, 2:] > box[:2])
                found.append(self._scattered[meets.all(axis=1)])
            yield np.concatenate(found) if found else self._scattered


class _AnchorGrid:
    """Anchors of one size on the crossings of some rows and columns."""

    def __init__(
        self, tops: np.ndarray, lefts: np.ndarray, height: float, width: float, indices: np.ndarray
    ) -> None:
        self.tops, self.lefts = tops, lefts
        self.height, self.width = height, width
        self.indices = indices

    @classmethod
    def build(cls, anchors: np.ndarray, members: np.ndarray) -> "_AnchorGrid | None":
        """A grid of the given anchors; None if they do not form one."""
        boxes = anchors[members]
        tops, row = np.unique(boxes[:, 0], return_inverse=True)
        lefts, column = np.unique(boxes[:, 1], return_inverse=True)
        if len(tops) * len(lefts) != len(members):
            return None
        indices = np.full((len(tops), len(lefts)), -1, np.int64)
        indices[row.reshape(-1), column.reshape(-1)] = members
        if indices.min() < 0:
            return None
        height = (boxes[:, 2] - boxes[:, 0]).max()
        width = (boxes[:, 3] - boxes[:, 1]).max()
        return cls(tops, lefts, height, width, indices)

    def ranges(self, boxes: np.ndarray) -> tuple[list[int], list[int], list[int], list[int]]:
        """First and end rows, first and end columns of the grid that meet each box."""
        return (
            np.searchsorted(self.tops, boxes[:, 0] - self.height).tolist(),
            np.searchsorted(self.tops, boxes[:, 2]).tolist(),
            np.searchsorted(self.lefts, boxes[:, 1] - self.width).tolist(),
            np.searchsorted(self.lefts, boxes[:, 3]).tolist(),
        )


def build_rpn_targets(
    image_shape: Any,
    anchors: "np.ndarray | AnchorIndex",
    gt_class_ids: np.ndarray,
    gt_boxes: np.ndarray,
    config: Any,
    *,
    rng: "np.random.Generator | np.random.RandomState | None" = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Match anchors with ground truth and draw the ones that train.

    A ground-truth box that no anchor overlaps has no positive anchor, and without any ground
    truth all anchors are negative.

    Args:
        image_shape: (height, width, ...) in pixels.
        anchors: [A, 4] pixel boxes, or an `AnchorIndex` of them, which saves sorting them anew.
        gt_class_ids: int [N]; negative ids mark crowds, which are never positive and keep the
            anchors that they overlap from being negative. Those of `IGNORED_CLASS_ID` are regions
            to ignore: they keep the anchors of which they hold half from being negative, counting
            what lies in the image.
        gt_boxes: [N, 4] pixel boxes.
        config: needs `RPN_TRAIN_ANCHORS_PER_IMAGE` and `RPN_BBOX_STD_DEV`.
        rng: draws the anchors where there are more than needed; numpy's global state by default.

    Returns:
        rpn_match int32 [A]: 1 positive, -1 negative, 0 neutral; at most half of the drawn anchors
        are positive. rpn_bbox float64 [RPN_TRAIN_ANCHORS_PER_IMAGE, 4]: deltas from the positive
        anchors, in their order, to their boxes, divided by the deviations; then zeros.
    """
    index = anchors if isinstance(anchors, AnchorIndex) else AnchorIndex(anchors)
    draw = np.random if rng is None else rng
    gt_class_ids = np.asarray(gt_class_ids)
    gt_boxes = np.asarray(gt_boxes).reshape(-1, 4)
    ignored = gt_class_ids == IGNORED_CLASS_ID
    crowd = (gt_class_ids < 0) & ~ignored
    boxes = gt_boxes[~crowd & ~ignored]

    best_iou, best_box, best_anchors = _match(index, boxes)
    match = np.zeros(len(index), np.int32)
    match[best_iou < _NEGATIVE_IOU] = -1
    if crowd.any():
        match[(match == -1) & ~_is_free_of_crowds(index, gt_boxes[crowd])] = 0
    for region, near in zip(gt_boxes[ignored], index.near_each(gt_boxes[ignored]), strict=True):
        share = _share_inside(index.anchors[near], region, image_shape)
        match[near[share >= IGNORED_SHARE]] = 0
    match[best_anchors] = 1
    match[best_iou >= _POSITIVE_IOU] = 1

    count = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    _keep_at_most(match, 1, count // 2, draw)
    _keep_at_most(match, -1, count - np.count_nonzero(match == 1), draw)

    deltas = np.zeros((count, 4))
    positive = np.flatnonzero(match == 1)
    if positive.size:
        targets = boxes[best_box[positive]].astype(np.float64)
        deltas[: positive.size] = (
            box_deltas(index.anchors[positive], targets) / config.RPN_BBOX_STD_DEV
        )
    return match, deltas


def _match(index: AnchorIndex, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best IoU and box of each anchor (the first of equals), and the best anchors of the boxes."""
    best_iou = np.zeros(len(index))
    best_box = np.zeros(len(index), np.int64)
    best_anchors = [np.zeros(0, np.int64)]
    areas = box_areas(boxes)
    for number, (box, near) in enumerate(zip(boxes, index.near_each(boxes), strict=True)):
        overlaps = compute_iou(box, index.anchors[near], areas[number], index.areas[near])
        highest = overlaps.max(initial=0.0)
        if highest > 0:
            best_anchors.append(near[overlaps == highest])
        better = overlaps > best_iou[near]
        best_iou[near[better]] = overlaps[better]
        best_box[near[better]] = number
    return best_iou, best_box, np.concatenate(best_anchors)


def _is_free_of_crowds(index: AnchorIndex, crowds: np.ndarray) -> np.ndarray:
    """bool [A]: anchors that overlap no crowd. Crowds are few and large: no search for nearness."""
    return compute_overlaps(index.anchors, crowds).max(axis=1) < _CROWD_IOU


def _share_inside(anchors: np.ndarray, region: np.ndarray, image_shape: Any) -> np.ndarray:
    """float [K]: which share of what anchors [K, 4] show of the image lies in a region of it."""
    low = np.maximum(anchors[:, :2], 0)
    high = np.minimum(anchors[:, 2:], image_shape[:2])
    sides = np.minimum(high, region[2:]) - np.maximum(low, region[:2])
    areas = np.maximum(high - low, 0).prod(axis=1)
    return np.maximum(sides, 0).prod(axis=1) / np.maximum(areas, 1e-9)


def _keep_at_most(match: np.ndarray, value: int, limit: int, draw: Any) -> None:
    """Turn randomly drawn anchors neutral until `limit` of those marked `value` are left."""
    marked = np.flatnonzero(match == value)
    surplus = len(marked) - limit
    if surplus > 0:
        match[draw.choice(marked, surplus, replace=False)] = 0
