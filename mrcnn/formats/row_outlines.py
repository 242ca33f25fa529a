"""The outline of a row of `Instances`, which may have no mask: it is then a box, or a point."""

import numpy as np

from mrcnn.formats.shapes import rectangle
from mrcnn.instances.outlines import Part, outline_parts


def is_point(box: np.ndarray, crop: np.ndarray | None) -> bool:
    """Whether a row has neither a mask nor an area: it is the point at its box's corner."""
    return crop is None and not (box[2:] > box[:2]).all()


def row_parts(box: np.ndarray, crop: np.ndarray | None) -> list[Part]:
    """The parts of a mask, or the edges of a box.

    Args:
        box: integer [4], pixel (y1, x1, y2, x2).
        crop: bool [h, w] with a pixel, or None.

    Returns:
        rings float64 [K, 2] of (y, x) in pixels, see `mrcnn.instances.outlines.outline_parts`.
    """
    if crop is not None:
        return outline_parts(crop, box[:2])
    y1, x1, y2, x2 = box.tolist()
    return [[rectangle(x1, y1, x2 - x1, y2 - y1)]]
