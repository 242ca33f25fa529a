"""`mrcnn.data.molding` under the path that earlier programs know."""

from mrcnn.data.molding import (
    expand_mask,
    minimize_mask,
    mold_image,
    mold_mask,
    spread_mask,
    unmold_image,
    unmold_mask,
)

__all__ = [
    "expand_mask",
    "minimize_mask",
    "mold_image",
    "mold_mask",
    "spread_mask",
    "unmold_image",
    "unmold_mask",
]
