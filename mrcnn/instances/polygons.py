"""Turning polygons into masks, all polygons of an image at once.

A polygon is float64 [K, 2] of (y, x) in pixels; pixel (r, c) has its center at (r, c), and belongs
to the polygon when that point lies inside it or on its edge (the rule of `skimage.draw.polygon`).
"""

from collections.abc import Sequence

import numpy as np

# Farther out than any image reaches, and small enough for exact arithmetic on pixel indices.
_FARTHEST = 1e6
# Distance to a pixel center below which an edge is compared with it exactly.
_NEAR = 1e-6
# Distance at which a corner counts as lying on a pixel center.
_CORNER = 1e-12


def rasterize_polygons(
    polygons: Sequence[np.ndarray], window: Sequence[int]
) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Masks of polygons, each only as large as its own box.

    Args:
        polygons: each float [K, 2] of (y, x) in pixels, closed by itself. Parts outside the window
            are cut off.
        window: (y1, x1, y2, x2) in pixels, the part of the image that may be filled.

    Returns:
        boxes int32 [N, 4], tight around the masks; the masks, bool, each of its box's size; and
        the indices int64 [N] of the polygons that they belong to. Polygons that hold no pixel are
        left out.
    """
    kept, boxes = _reach(polygons, window)
    if kept.size == 0:
        return np.zeros((0, 4), np.int32), [], kept
    points = [np.clip(polygons[index], -_FARTHEST, _FARTHEST) for index in kept]
    fields = _fill(points, boxes)

    tight_boxes, crops, indices = [], [], []
    for index, (y1, x1, _, _), field in zip(kept, boxes, fields, strict=True):
        rows = np.flatnonzero(field.any(axis=1))
        if rows.size == 0:
            continue
        columns = np.flatnonzero(field.any(axis=0))
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        left, right = int(columns[0]), int(columns[-1]) + 1
        tight_boxes.append((y1 + top, x1 + left, y1 + bottom, x1 + right))
        crops.append(field[top:bottom, left:right])
        indices.append(index)
    return (
        np.array(tight_boxes, np.int32).reshape(-1, 4),
        crops,
        np.array(indices, np.int64),
    )


def _reach(polygons: Sequence[np.ndarray], window: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Polygons that may hold pixels of the window, and the boxes int64 [N, 4] of those pixels."""
    indices, boxes = [], []
    for index, polygon in enumerate(polygons):
        if len(polygon) == 0:
            continue
        lowest = np.maximum(polygon.min(axis=0), -_FARTHEST)
        highest = np.minimum(polygon.max(axis=0), _FARTHEST)
        # A corner within the tolerance of a pixel center claims that pixel.
        y1, x1 = np.ceil(lowest - _CORNER)
        y2, x2 = np.floor(highest + _CORNER) + 1
        y1, x1 = max(y1, window[0]), max(x1, window[1])
        y2, x2 = min(y2, window[2]), min(x2, window[3])
        if y1 < y2 and x1 < x2:
            indices.append(index)
            boxes.append((y1, x1, y2, x2))
    return np.array(indices, np.int64), np.array(boxes, np.int64).reshape(-1, 4)


def fill_with_and_without_edges(
    polygons: Sequence[np.ndarray], shapes: Sequence[Sequence[int]]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The pixels of images that lie inside polygons, and those inside or on an edge.

    Args:
        polygons: each float64 [K, 2] of (y, x) in pixels, K at least 1, of which no corner is the
            center of a pixel.
        shapes: (height, width) of the image of each.

    Returns:
        of each, bool [H, W] without and with those on an edge. Lines that are walked forth and back
        count as no edge.
    """
    if not polygons:
        return []
    boxes = np.array([(0, 0, *shape) for shape in shapes], np.int64)
    layout = _Layout(list(polygons), boxes)
    from_right, from_left = layout.parity(True), layout.parity(False)
    without, with_edges = (
        layout.fields(values) for values in (from_right & from_left, from_right | from_left)
    )
    return list(zip(without, with_edges, strict=True))


def _fill(polygons: list[np.ndarray], boxes: np.ndarray) -> list[np.ndarray]:
    """The pixels of each box that belong to its polygon.

    Along a row, a pixel is inside when an odd number of edges cross the row on its right. Each
    crossing is therefore one toggle, and a running parity over the row fills it. Points on an edge
    have a different parity on their left, so both sides are counted.
    """
    layout = _Layout(polygons, boxes)
    inside = layout.parity(True) | layout.parity(False)
    _add_corners(inside, layout.corner, layout.owner, boxes, layout.starts, layout.widths)
    return layout.fields(inside)


class _Layout:
    """The edges of polygons, and the pixels of their boxes in one row.

    One column more than a box has takes the toggles beyond it; it also closes every row, as
    crossings come in pairs, so that one running parity serves all rows of all boxes.
    """

    def __init__(self, polygons: list[np.ndarray], boxes: np.ndarray) -> None:
        counts = np.array([len(polygon) for polygon in polygons])
        self.boxes = boxes
        self.owner = np.repeat(np.arange(len(polygons)), counts)
        ends = np.cumsum(counts)
        self.corner = np.concatenate(polygons).astype(np.float64)
        following = np.arange(len(self.corner)) + 1
        following[ends - 1] = ends - counts
        # Edges run from the previous corner to the corner, as in the reference.
        self.previous = np.empty_like(self.corner)
        self.previous[following] = self.corner
        self.heights = boxes[:, 2] - boxes[:, 0]
        self.widths = boxes[:, 3] - boxes[:, 1]
        self.sizes = self.heights * (self.widths + 1)
        self.starts = np.cumsum(self.sizes) - self.sizes

    def parity(self, toward_right: bool) -> np.ndarray:
        """Which pixels see an odd number of edges on their right, or on their left."""
        boxes, widths = self.boxes, self.widths
        owners, rows, toggles = _crossings(
            self.corner, self.previous, self.owner, boxes, toward_right
        )
        columns = np.clip(toggles - boxes[owners, 1], 0, widths[owners])
        positions = self.starts[owners] + (rows - boxes[owners, 0]) * (widths[owners] + 1) + columns
        flips = np.bincount(positions, minlength=int(self.sizes.sum())).astype(np.uint8)
        return np.bitwise_xor.accumulate(flips & 1).astype(bool)

    def fields(self, values: np.ndarray) -> list[np.ndarray]:
        """Values of pixels, of each box as [h, w]."""
        return [
            values[start : start + size].reshape(height, width + 1)[:, :width]
            for start, size, height, width in zip(
                self.starts, self.sizes, self.heights, self.widths, strict=True
            )
        ]


def _crossings(
    corner: np.ndarray,
    previous: np.ndarray,
    owner: np.ndarray,
    boxes: np.ndarray,
    toward_right: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where edges cross pixel rows, as seen by pixels that look to the right (or to the left).

    Returns:
        int64 arrays: owner (number of the polygon), row, and the first column whose pixels see
        the parity after the crossing.
    """
    lower = np.minimum(corner[:, 0], previous[:, 0])
    upper = np.maximum(corner[:, 0], previous[:, 0])
    if toward_right:
        # Rows r with (y1 > r) != (y2 > r): lower <= r < upper.
        first, last = np.ceil(lower), np.ceil(upper)
    else:
        # Rows r with (y1 < r) != (y2 < r): lower < r <= upper.
        first, last = np.floor(lower) + 1, np.floor(upper) + 1
    first = np.maximum(first, boxes[owner, 0]).astype(np.int64)
    last = np.minimum(last, boxes[owner, 2]).astype(np.int64)
    counts = np.maximum(last - first, 0)
    edge = np.repeat(np.arange(len(counts)), counts)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]

    y1, x1 = corner[edge, 0] - rows, corner[edge, 1]
    y0, x0 = previous[edge, 0] - rows, previous[edge, 1]
    crossing = (x0 * y1 - x1 * y0) / (y1 - y0)
    nearest = np.rint(crossing)
    toggles = np.ceil(crossing) if toward_right else np.floor(crossing) + 1
    # Next to a pixel center rounding decides, so it is done as the reference does: with the
    # coordinates taken relative to that pixel.
    near = np.flatnonzero(np.abs(crossing - nearest) < _NEAR)
    if near.size:
        pixel = nearest[near]
        x0, x1, y0, y1 = x0[near] - pixel, x1[near] - pixel, y0[near], y1[near]
        offset = (x0 * y1 - x1 * y0) / (y1 - y0)
        toggles[near] = np.where(offset > 0 if toward_right else offset >= 0, pixel + 1, pixel)
    return owner[edge], rows, toggles.astype(np.int64)


def _add_corners(
    inside: np.ndarray,
    corner: np.ndarray,
    owner: np.ndarray,
    boxes: np.ndarray,
    starts: np.ndarray,
    widths: np.ndarray,
) -> None:
    """Pixels that a corner lies on belong to the polygon, even where no area surrounds them."""
    pixel = np.rint(corner)
    box = boxes[owner]
    hits = np.flatnonzero(
        (np.abs(corner - pixel) < _CORNER).all(axis=1)
        & (pixel >= box[:, :2]).all(axis=1)
        & (pixel < box[:, 2:]).all(axis=1)
    )
    rows, columns = (pixel[hits] - box[hits, :2]).astype(np.int64).T
    inside[starts[owner[hits]] + rows * (widths[owner[hits]] + 1) + columns] = True
