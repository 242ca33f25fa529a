"""The outline of a row of `Instances`, which may have no mask: it is then a box, or a point."""

from collections.abc import Iterable

import numpy as np

from mrcnn.formats.shapes import rectangle
from mrcnn.instances.outlines import Part, outlines_of


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
    return rows_parts(box[None], [crop])[0]


def rows_parts(boxes: np.ndarray, crops: Iterable[np.ndarray | None]) -> list[list[Part]]:
    """`row_parts` of several rows, in less time than one after the other takes.

    Args:
        boxes: integer [N, 4].
        crops: of each, see there.
    """
    masks = {row: crop for row, crop in enumerate(crops) if crop is not None}
    outlines = outlines_of(list(masks.values()), boxes[list(masks), :2])
    of_masks = dict(zip(masks, outlines, strict=True))
    return [of_masks.get(row) or [[_edges(box)]] for row, box in enumerate(boxes)]


def _edges(box: np.ndarray) -> np.ndarray:
    y1, x1, y2, x2 = box.tolist()
    return rectangle(x1, y1, x2 - x1, y2 - y1)
