"""The anchors that a configuration gives for images of a shape."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.ops.anchors import generate_pyramid_anchors, normalize_anchors, with_whole_sides


def backbone_shapes(config: Any, image_shape: Sequence[int]) -> np.ndarray:
    """Heights and widths of the feature maps that the RPN looks at.

    Args:
        config: needs `BACKBONE`, `COMPUTE_BACKBONE_SHAPE` and `BACKBONE_STRIDES`.
        image_shape: (height, width, ...) of the molded image in pixels.

    Returns:
        int array [levels, 2] of (height, width), from the finest level to the coarsest.
    """
    if callable(config.BACKBONE) and config.COMPUTE_BACKBONE_SHAPE is not None:
        return np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    height, width = image_shape[:2]
    return np.array(
        [
            [math.ceil(height / stride), math.ceil(width / stride)]
            for stride in config.BACKBONE_STRIDES
        ]
    )


def pyramid_anchors(config: Any, image_shape: Sequence[int]) -> np.ndarray:
    """Anchors of an image shape, boxes in pixels: float64 [anchors, 4]."""
    anchors = generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        backbone_shapes(config, image_shape),
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
    )
    return with_whole_sides(anchors) if config.GEOMETRY == "torchvision" else anchors


def normalized_anchors(config: Any, image_shape: Sequence[int]) -> np.ndarray:
    """Anchors of an image shape, normalized as boxes are: float32 [anchors, 4]."""
    return normalize_anchors(pyramid_anchors(config, image_shape), image_shape)
