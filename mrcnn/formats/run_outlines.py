"""Outlines of masks that are given as run lengths, in COCO's format.

The work is that of the runs, not of the pixels: a few bytes may stand for a mask of any size.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mrcnn.errors import DataError, shown
from mrcnn.instances.run_length import decompress

# As the places of other outlines.
_LARGEST_SIDE = 1_000_000


def mask_outlines(
    segmentation: Mapping, image_shape: Sequence[int] | None = None
) -> list[np.ndarray]:
    """The outlines of a mask, of holes as well.

    A pixel belongs to the mask when it lies inside an odd number of the outlines. They run along
    the edges of the pixels, outer ones and holes in opposite directions.

    Args:
        segmentation: COCO's object with "size", [height, width], and "counts": the lengths of the
            runs down the columns, background first, as a list or packed into text.
        image_shape: (height, width) of the image in pixels, which "size" must equal; None if it is
            not known.

    Returns:
        float64 [K, 2] of (y, x) in pixels for each outline; none for an empty mask.

    Raises:
        DataError: the code is damaged, or of an image of another size.
    """
    height, width = _size(segmentation, image_shape)
    counts = segmentation.get("counts")
    if isinstance(counts, str):
        lengths = decompress(counts).astype(np.int64)
    elif isinstance(counts, list) and all(_is_count(count) for count in counts):
        lengths = np.array(counts, np.int64)
    else:
        raise DataError(
            "'counts' of a run-length code must be a list of whole numbers, or text; it is "
            f"{shown(counts)}."
        )
    # Exact up to 2^53, and no sum of numbers that were made up comes round to a small one.
    covered = lengths.sum(dtype=np.float64)
    if covered != height * width:
        raise DataError(
            f"the run lengths cover {covered:.0f} pixels and 'size' says {height} x {width}: the "
            "code is damaged, or belongs to another image."
        )
    ends = np.cumsum(lengths)
    runs = np.stack([ends[0::2][: len(ends) // 2], ends[1::2]], axis=1)
    return _trace(_edges(_rectangles(runs[runs[:, 1] > runs[:, 0]], height)))


def label_outlines(labels: np.ndarray) -> dict[int, list[np.ndarray]]:
    """The outlines of all labels of a label image, each as those of `mask_outlines`.

    Args:
        labels: integers [H, W], 0 for background.

    Returns:
        label -> its outlines, float64 [K, 2] of (y, x) in pixels.
    """
    height, width = labels.shape
    if not labels.size:
        return {}
    columns = labels.T.ravel()
    begins = np.append(0, np.flatnonzero(columns[1:] != columns[:-1]) + 1)
    ends = np.append(begins[1:], columns.size)
    kept = columns[begins] != 0
    begins, ends = begins[kept], ends[kept]
    values, owners = np.unique(columns[begins], return_inverse=True)
    # Each label lies in an image of its own, and all of these side by side with a gap.
    shift = owners * (width + 1) * height
    order = np.lexsort((begins, owners))
    runs = np.stack([begins + shift, ends + shift], axis=1)[order]
    found: dict[int, list[np.ndarray]] = {}
    for outline in _trace(_edges(_rectangles(runs, height))):
        number = int((outline[0, 1] + 0.5) // (width + 1))
        outline[:, 1] -= number * (width + 1)
        found.setdefault(int(values[number]), []).append(outline)
    return dict(sorted(found.items()))


def _size(segmentation: Mapping, image_shape: Sequence[int] | None) -> tuple[int, int]:
    size = segmentation.get("size")
    sides: list[Any] = size if isinstance(size, list) and len(size) == 2 else [None]
    if not all(_is_count(side) and 1 <= side <= _LARGEST_SIDE for side in sides):
        raise DataError(
            "'size' of a run-length code must be the image's height and width in pixels; it is "
            f"{shown(size)}."
        )
    if image_shape is not None and tuple(sides) != tuple(image_shape):
        raise DataError(
            f"the run-length code is of an image of {sides[0]} x {sides[1]} pixels (height x "
            f"width), and this one has {shown(image_shape[0])} x {shown(image_shape[1])}."
        )
    return sides[0], sides[1]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40


def _rectangles(runs: np.ndarray, height: int) -> np.ndarray:
    """Rectangles [R, 4] (x1, y1, x2, y2) of the runs: a part of a column, whole columns, a part."""
    (x1, y1), (x2, y2) = (np.divmod(places, height) for places in runs.T)
    within = x1 == x2
    # The first column of a run that goes on is a part of its own unless the run begins at its top.
    head = ~within & (y1 > 0)
    whole = x1 + head
    middle, tail = ~within & (x2 > whole), ~within & (y2 > 0)
    top, bottom = np.zeros_like(x1), np.full_like(x1, height)
    parts = [
        (within, (x1, y1, x1 + 1, y2)),
        (head, (x1, y1, x1 + 1, bottom)),
        (middle, (whole, top, x2, bottom)),
        (tail, (x2, top, x2 + 1, y2)),
    ]
    return np.concatenate([np.stack(sides, axis=1)[chosen] for chosen, sides in parts])


def _edges(rectangles: np.ndarray) -> np.ndarray:
    """Vertical edges [E, 3] (x, y from, y to) between mask and background, the mask to their right.

    "Right" is as seen when walking from the first y to the second.
    """
    x1, y1, x2, y2 = rectangles.T
    # At its left border the mask begins, at its right border it ends.
    x, y = np.concatenate([x1, x1, x2, x2]), np.concatenate([y1, y2, y1, y2])
    is_left = np.arange(len(x)) < 2 * len(x1)
    order = np.lexsort((y, x))
    x, y, is_left = x[order], y[order], is_left[order]
    # Whether it begins, and ends, between a place and the next one; after the last of an x neither.
    begins = np.cumsum(is_left) % 2 == 1
    ends = np.cumsum(~is_left) % 2 == 1
    edge = np.flatnonzero((begins != ends)[:-1] & (y[1:] != y[:-1]))
    upper, lower, begins = y[edge], y[edge + 1], begins[edge]
    return np.stack(
        [x[edge], np.where(begins, lower, upper), np.where(begins, upper, lower)], axis=1
    )


def _trace(edges: np.ndarray) -> list[np.ndarray]:
    """Closed outlines from vertical edges, joined by the horizontal ones between them."""
    x, start, end = edges.T
    number = np.arange(len(edges))
    # On each line of y the ends of vertical edges are, from left to right, in pairs.
    order = np.lexsort((np.tile(number, 2), np.tile(x, 2), np.concatenate([start, end])))
    edge, leaves = order % max(len(edges), 1), order < len(edges)
    one, other = edge[::2], edge[1::2]
    following = np.empty(len(edges), np.int64)
    following[np.where(leaves[::2], other, one)] = np.where(leaves[::2], one, other)
    path, firsts = _circles(following.tolist())
    corners = np.stack([start - 0.5, x - 0.5, end - 0.5, x - 0.5], axis=1)[path].reshape(-1, 2)
    return np.split(corners, 2 * np.array(firsts[1:], np.int64)) if firsts else []


def _circles(following: list[int]) -> tuple[list[int], list[int]]:
    """All numbers in the order in which they follow one another, and where each circle begins."""
    path: list[int] = []
    firsts: list[int] = []
    seen = bytearray(len(following))
    for number in range(len(following)):
        if seen[number]:
            continue
        firsts.append(len(path))
        while not seen[number]:
            seen[number] = True
            path.append(number)
            number = following[number]
    return path, firsts
