"""Anchors: the reference boxes that the region proposal network refines.

They depend on the shape of an image alone, never on what it shows, so they are numpy constants made
once. Those of a configuration: `mrcnn.data.anchors`.
"""

from collections.abc import Sequence

import numpy as np


def generate_anchors(
    scales: float | Sequence[float],
    ratios: Sequence[float],
    shape: Sequence[int],
    feature_stride: int,
    anchor_stride: int,
) -> np.ndarray:
    """Anchors of one feature map.

    An anchor of scale s and ratio r (width / height) has area s * s. Its center is the index of
    the feature cell times the stride.

    Args:
        scales: side(s) in pixels of the square anchor of equal area.
        ratios: width / height of each anchor shape.
        shape: (height, width) of the feature map.
        feature_stride: pixels of the image per feature cell.
        anchor_stride: anchors stand on every n-th feature cell.

    Returns:
        float64 [anchors, 4] boxes (y1, x1, y2, x2) in pixels, in the order row, column, then
        ratio by ratio with all scales of each.
    """
    ratio_grid, scale_grid = np.meshgrid(
        np.asarray(ratios, np.float64), np.atleast_1d(scales).astype(np.float64), indexing="ij"
    )
    heights = (scale_grid / np.sqrt(ratio_grid)).reshape(-1)
    widths = (scale_grid * np.sqrt(ratio_grid)).reshape(-1)

    rows = np.arange(0, shape[0], anchor_stride) * feature_stride
    columns = np.arange(0, shape[1], anchor_stride) * feature_stride
    center_y, center_x = np.meshgrid(rows, columns, indexing="ij")
    centers = np.stack([center_y, center_x], axis=-1).reshape(-1, 1, 2)
    sizes = np.stack([heights, widths], axis=-1)[None]
    return np.concatenate([centers - 0.5 * sizes, centers + 0.5 * sizes], axis=-1).reshape(-1, 4)


def generate_pyramid_anchors(
    scales: Sequence[float],
    ratios: Sequence[float],
    feature_shapes: Sequence[Sequence[int]] | np.ndarray,
    feature_strides: Sequence[int],
    anchor_stride: int,
) -> np.ndarray:
    """Anchors of all levels of a feature pyramid, one scale a level.

    Args:
        scales: one anchor side in pixels for each level.
        ratios: width / height of each anchor shape.
        feature_shapes: (height, width) of each level.
        feature_strides: pixels of the image per feature cell, for each level.
        anchor_stride: anchors stand on every n-th feature cell.

    Returns:
        float64 [anchors, 4] boxes (y1, x1, y2, x2) in pixels, the first level first.
    """
    return np.concatenate(
        [
            generate_anchors(scale, ratios, shape, stride, anchor_stride)
            for scale, shape, stride in zip(scales, feature_shapes, feature_strides, strict=False)
        ],
        axis=0,
    )


def with_whole_sides(anchors: np.ndarray) -> np.ndarray:
    """Anchors around whole pixels whose half sides are rounded to whole pixels.

    Args:
        anchors: float64 [anchors, 4] in pixels.
    """
    low, high = anchors[:, :2], anchors[:, 2:]
    centers, halves = np.rint((low + high) / 2), np.rint((high - low) / 2)
    return np.concatenate([centers - halves, centers + halves], axis=1)


def normalize_anchors(anchors: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """Anchors of an image, normalized as boxes are.

    The far edge of a pixel box lies one past its last pixel; normalized, it lies on that pixel.

    Args:
        anchors: float64 [anchors, 4] in pixels.
        image_shape: (height, width, ...) of the molded image in pixels.

    Returns:
        float32 [anchors, 4].
    """
    height, width = image_shape[:2]
    scale = np.array([height - 1, width - 1, height - 1, width - 1], np.float64)
    shift = np.array([0, 0, 1, 1], np.float64)
    return ((anchors - shift) / scale).astype(np.float32)
