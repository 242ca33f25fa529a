"""How far an object lies over or under its neighbors."""

from collections.abc import Sequence

import numpy as np


class Neighbors:
    """Which of the objects of a picture may share pixels, found without comparing all with all.

    Args:
        boxes: integer [N, 4], pixel (y1, x1, y2, x2).
    """

    def __init__(self, boxes: np.ndarray) -> None:
        self._boxes = np.asarray(boxes, np.int64).reshape(-1, 4)
        self._order = np.argsort(self._boxes[:, 0], kind="stable")
        self._tops = self._boxes[self._order, 0]
        heights = self._boxes[:, 2] - self._boxes[:, 0]
        self._tallest = int(heights.max(initial=0))

    def of(self, row: int) -> np.ndarray:
        """The objects whose boxes overlap that of one, int64 [K]."""
        y1, x1, y2, x2 = self._boxes[row]
        ends = np.searchsorted(self._tops, (y1 - self._tallest, y2))
        others = self._order[slice(*ends)]
        boxes = self._boxes[others]
        meets = (boxes[:, 2] > y1) & (boxes[:, 1] < x2) & (boxes[:, 3] > x1) & (others != row)
        return others[meets]

    def shared(self, row: int, crops: Sequence[np.ndarray]) -> float:
        """The share of an object's pixels that others cover as well, 0 to 1.

        Args:
            row: of the object.
            crops: the masks of all, each bool of its box's size; those of this object and of its
                neighbors are looked at.
        """
        others = self.of(row)
        if not others.size:
            return 0.0
        crop, covered = crops[row], np.zeros(crops[row].shape, bool)
        top_left = self._boxes[row, :2]
        for other in others:
            y1, x1 = np.maximum(self._boxes[other, :2], top_left)
            y2, x2 = np.minimum(self._boxes[other, 2:], self._boxes[row, 2:])
            (top, left), (dy, dx) = top_left, self._boxes[other, :2]
            part = crops[other][y1 - dy : y2 - dy, x1 - dx : x2 - dx]
            covered[y1 - top : y2 - top, x1 - left : x2 - left] |= part
        return float(np.count_nonzero(covered & crop) / np.count_nonzero(crop))
