"""Turning masks into outlines with few corners.

Coordinates are (y, x) in pixels, and pixel (r, c) has its center at (r, c), as in
`mrcnn.instances.polygons`, which turns polygons into masks. Outlines run half-way between the
pixels inside and those outside, so their coordinates are whole or half numbers and no pixel center
lies on them. Pixels that touch by a corner belong together.

Formats in which a pixel is the square between its indices and the next ones put the center of
pixel (r, c) at (r + 0.5, c + 0.5): their coordinates are these, plus 0.5.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from mrcnn.errors import DataError
from mrcnn.instances.contours import contours_of
from mrcnn.instances.simplifying import MOST_RINGS, simplified, walk

# Share of a mask's pixels that may be in dropped parts and filled holes where a single outline is
# asked for. It leaves room above `simplifying.TARGET_IOU`.
_SPECKS = 0.01
# A ring is tied to the others at one of about so many of its corners.
_TIES = 256

# The outer ring and then the rings of the holes, each float64 [K, 2] without the first corner
# repeated at the end.
Part = list[np.ndarray]


def outline_parts(crop: np.ndarray, top_left: ArrayLike = (0, 0)) -> list[Part]:
    """Outlines of a mask, with all of its parts and holes.

    No two edges cross or touch, holes lie inside their part, and the IoU of the outlines with the
    mask is at least `mrcnn.instances.simplifying.TARGET_IOU`.

    Args:
        crop: bool [h, w] with at least one pixel.
        top_left: (y, x) of the crop's first pixel in the image.

    Returns:
        the parts, the one that comes first in the crop first.

    Raises:
        DataError: the mask has no pixel.
    """
    return outlines_of([crop], [top_left])[0]


def outlines_of(
    crops: Sequence[np.ndarray], top_lefts: Sequence[ArrayLike] | np.ndarray
) -> list[list[Part]]:
    """`outline_parts` of several masks, in less time than one after the other takes.

    Args:
        crops, top_lefts: of each, see there.

    Raises:
        DataError: a mask has no pixel.
    """
    masks = [_checked(crop) for crop in crops]
    exact = [_exact_rings(mask) for mask in masks]
    simpler = simplified([rings for rings, _ in exact], masks)
    found = []
    for rings, (_, owners), top_left in zip(simpler, exact, top_lefts, strict=True):
        parts: dict[int, Part] = {}
        for owner, ring in zip(owners, rings, strict=True):
            parts.setdefault(owner, []).append(ring + np.asarray(top_left, np.float64))
        found.append(list(parts.values()))
    return found


def outline_polygon(crop: np.ndarray, top_left: ArrayLike = (0, 0)) -> np.ndarray:
    """The outline of a mask as a single polygon.

    Small parts are dropped and small holes filled; those that are too large for that are tied to
    the rest by a line that is walked forth and back, so that it encloses nothing. The polygon,
    filled by `mrcnn.instances.polygons.rasterize_polygons`, has an IoU with the mask of at least
    `mrcnn.instances.simplifying.TARGET_IOU`.

    Args:
        crop: bool [h, w] with at least one pixel.
        top_left: (y, x) of the crop's first pixel in the image.

    Returns:
        float64 [K, 2], K at least 4, without the first corner repeated at the end.

    Raises:
        DataError: the mask has no pixel.
    """
    mask = _checked(crop)
    rings, _ = _exact_rings(_without_specks(mask))
    (rings,) = simplified([rings], [mask])
    polygon = _tied(rings) if len(rings) <= MOST_RINGS else walk(rings)[:-1]
    return polygon + np.asarray(top_left, np.float64)


def json_numbers(values: np.ndarray) -> list[int | float]:
    """Coordinates for JSON: whole numbers without a decimal point, which makes files shorter."""
    return [int(value) if value.is_integer() else value for value in values.tolist()]


def _checked(crop: np.ndarray) -> np.ndarray:
    mask = np.asarray(crop, bool)
    if mask.ndim != 2 or not mask.any():
        raise DataError(f"A mask [h, w] with pixels is expected, not {mask.shape} without any.")
    return mask


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """The mask without its smallest parts and then its smallest holes, as many as may change."""
    allowed = int(_SPECKS * np.count_nonzero(mask))
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel())
    small = _smallest(sizes, np.arange(1, count + 1), allowed)
    kept = mask & ~np.isin(parts, small)
    allowed -= int(sizes[small].sum())
    # The background around the mask is one region and no hole.
    holes, count = ndimage.label(np.pad(~kept, 1, constant_values=True))
    sizes = np.bincount(holes.ravel())
    inner = np.setdiff1d(np.arange(1, count + 1), holes[0, 0])
    return kept | np.isin(holes, _smallest(sizes, inner, allowed))[1:-1, 1:-1]


def _smallest(sizes: np.ndarray, labels: np.ndarray, allowed: int) -> np.ndarray:
    """Labels of the smallest regions that have at most so many pixels together."""
    labels = labels[np.argsort(sizes[labels], kind="stable")]
    return labels[np.cumsum(sizes[labels]) <= allowed]


def _exact_rings(mask: np.ndarray) -> tuple[list[np.ndarray], list[int]]:
    """All outlines of a mask, and the number of the part that each belongs to.

    Rings are in the order of their parts, the outer ring of a part before its holes. Each starts
    at the corner farthest from its middle, which simplification keeps.
    """
    padded = np.pad(mask, 1)
    parts, _ = ndimage.label(padded, np.ones((3, 3)))
    found = []
    (contours,) = contours_of([mask], corners_connect=True)
    for contour in contours:
        # The first point lies between two pixels, one of them of the part.
        sides = (
            parts[tuple(np.floor(contour[0] + 1).astype(int))],
            parts[tuple(np.ceil(contour[0] + 1).astype(int))],
        )
        ring = _without_straight_corners(contour[:-1])
        middle = (ring.min(axis=0) + ring.max(axis=0)) / 2
        start = int(((ring - middle) ** 2).sum(axis=1).argmax())
        found.append((int(max(sides)), -abs(signed_area(ring)), np.roll(ring, -start, axis=0)))
    # The outer ring encloses the most.
    found.sort(key=lambda entry: entry[:2])
    return [ring for _, _, ring in found], [part for part, _, _ in found]


def _without_straight_corners(ring: np.ndarray) -> np.ndarray:
    before = ring - np.roll(ring, 1, axis=0)
    after = np.roll(ring, -1, axis=0) - ring
    return ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]


def signed_area(ring: np.ndarray) -> float:
    """Area of a ring [K, 2], positive where it turns from the y axis to the x axis."""
    following = np.roll(ring, -1, axis=0)
    return float((ring[:, 0] * following[:, 1] - ring[:, 1] * following[:, 0]).sum() / 2)


def _tied(rings: list[np.ndarray]) -> np.ndarray:
    """All rings as one polygon: each tied to those before it where they are nearest."""
    polygon = rings[0]
    for ring in rings[1:]:
        ends = np.arange(0, len(ring), -(-len(ring) // _TIES))
        distances = ((polygon[:, None] - ring[None, ends]) ** 2).sum(axis=2)
        here, there = np.unravel_index(distances.argmin(), distances.shape)
        detour = np.roll(ring, -ends[there], axis=0)
        polygon = np.concatenate([polygon[: here + 1], detour, detour[:1], polygon[here:]])
    return polygon
