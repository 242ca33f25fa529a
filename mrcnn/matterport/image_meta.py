"""Matterport's functions that take image meta apart into dictionaries."""

from typing import Any

import numpy as np

from mrcnn.ops.image_meta import ImageMeta
from mrcnn.ops.tensor import Tensor

_PARTS = (
    "image_id",
    "original_image_shape",
    "image_shape",
    "window",
    "scale",
    "active_class_ids",
)


def parse_image_meta(meta: np.ndarray) -> dict[str, np.ndarray]:
    """Take the vectors of `compose_image_meta` apart.

    Args:
        meta: [B, M].

    Returns:
        image_id [B], original_image_shape [B, 3], image_shape [B, 3], window [B, 4] in pixels and
        active_class_ids [B, classes] as int32, scale [B] as float32.
    """
    parts = parse_image_meta_graph(meta)
    return {
        name: part.astype(np.float32 if name == "scale" else np.int32)
        for name, part in parts.items()
    }


def parse_image_meta_graph(meta: Tensor) -> dict[str, Any]:
    """As `parse_image_meta`, of a tensor [B, M] and in its dtype."""
    parts = ImageMeta(meta)
    return {name: getattr(parts, name) for name in _PARTS}
