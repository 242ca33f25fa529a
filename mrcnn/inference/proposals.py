"""Boxes as the network refines and suppresses them, once more in NumPy.

The limits of a configuration are judged by what would be there without them, whatever runs the
network. Values are those of `mrcnn.ops.boxes` and `mrcnn.ops.nms` in float32.
"""

import numpy as np

from mrcnn.instances.geometry import non_max_suppression

# The bounds of `mrcnn.ops.boxes`: what lies beyond comes from a network that has diverged.
_FARTHEST = 1e9
_LARGEST_GROWTH = 20.0


def refine_boxes(boxes: np.ndarray, deltas: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Boxes moved and scaled by deltas, and clipped.

    Args:
        boxes: float32 [N, 4], normalized.
        deltas: float32 [N, 4] of (dy, dx, log dh, log dw).
        window: float32 [4], normalized, to which boxes are clipped.

    Returns:
        float32 [N, 4]; NaN where a value is.
    """
    boxes, deltas = (np.clip(values, -_FARTHEST, _FARTHEST) for values in (boxes, deltas))
    sides = boxes[:, 2:] - boxes[:, :2]
    centers = boxes[:, :2] + np.float32(0.5) * sides + deltas[:, :2] * sides
    sides = sides * np.exp(np.minimum(deltas[:, 2:], np.float32(_LARGEST_GROWTH)))
    corners = centers - np.float32(0.5) * sides
    low, high = np.tile(window[:2], 2), np.tile(window[2:], 2)
    return np.maximum(np.minimum(np.hstack([corners, corners + sides]), high), low)


def keep_best(boxes: np.ndarray, threshold: float) -> np.ndarray:
    """Indices of the boxes that suppression keeps.

    Args:
        boxes: float [N, 4] by falling score; of equal scores the first counts.
        threshold: a box that overlaps a kept one by more than this IoU is dropped.
    """
    return non_max_suppression(boxes, -np.arange(len(boxes)), threshold)
