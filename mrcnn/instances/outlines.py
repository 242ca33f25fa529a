"""Turning masks into outlines with few corners.

Coordinates are (y, x) in pixels, and pixel (r, c) has its center at (r, c), as in
`mrcnn.instances.polygons`, which turns polygons into masks. Outlines run half-way between the
pixels inside and those outside, so their coordinates are whole or half numbers and no pixel center
lies on them. Pixels that touch by a corner belong together.

Formats in which a pixel is the square between its indices and the next ones put the center of
pixel (r, c) at (r + 0.5, c + 0.5): their coordinates are these, plus 0.5.
"""

import heapq
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from skimage.measure import find_contours, points_in_poly

from mrcnn.errors import DataError
from mrcnn.instances.polygons import rasterize_polygons

# Outlines are simplified as long as they keep this IoU with the mask, under any rule for pixels
# whose center lies exactly on an edge.
TARGET_IOU = 0.985
# Share of a mask's pixels that may be in dropped parts and filled holes where a single outline is
# asked for. It leaves room above TARGET_IOU.
_SPECKS = 0.01
# Outlines that have more rings, or would keep more corners, stay exact: nobody corrects those by
# hand, and testing that they stay free of crossings takes long.
_MOST_RINGS, _MOST_CORNERS = 64, 1000
# A ring is tied to the others at one of about so many of its corners.
_TIES = 256
# An outline of a single pixel has as many corners; with fewer, small parts and holes vanish.
_FEWEST = 4
# Rank of the corners that are never dropped.
_KEPT = np.iinfo(np.int64).max

# The outer ring and then the rings of the holes, each float64 [K, 2] without the first corner
# repeated at the end.
Part = list[np.ndarray]


def outline_parts(crop: np.ndarray, top_left: ArrayLike = (0, 0)) -> list[Part]:
    """Outlines of a mask, with all of its parts and holes.

    No two edges cross or touch, holes lie inside their part, and the IoU of the outlines with the
    mask is at least `TARGET_IOU`.

    Args:
        crop: bool [h, w] with at least one pixel.
        top_left: (y, x) of the crop's first pixel in the image.

    Returns:
        the parts, the one that comes first in the crop first.

    Raises:
        DataError: the mask has no pixel.
    """
    mask = _checked(crop)
    rings, owners = _exact_rings(mask)
    parts: dict[int, Part] = {}
    for owner, ring in zip(owners, _simplified(rings, mask), strict=True):
        parts.setdefault(owner, []).append(ring + np.asarray(top_left, np.float64))
    return list(parts.values())


def outline_polygon(crop: np.ndarray, top_left: ArrayLike = (0, 0)) -> np.ndarray:
    """The outline of a mask as a single polygon.

    Small parts are dropped and small holes filled; those that are too large for that are tied to
    the rest by a line that is walked forth and back, so that it encloses nothing. The polygon,
    filled by `mrcnn.instances.polygons.rasterize_polygons`, has an IoU with the mask of at least
    `TARGET_IOU`.

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
    rings = _simplified(rings, mask)
    polygon = _tied(rings) if len(rings) <= _MOST_RINGS else _walk(rings)[:-1]
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
    for contour in find_contours(padded.astype(np.float64), 0.5, fully_connected="high"):
        # The first point lies between two pixels, one of them of the part.
        sides = (
            parts[tuple(np.floor(contour[0]).astype(int))],
            parts[tuple(np.ceil(contour[0]).astype(int))],
        )
        ring = _without_straight_corners(contour[:-1] - 1)
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


def _simplified(rings: list[np.ndarray], mask: np.ndarray) -> list[np.ndarray]:
    """The rings with so few corners that they just keep `TARGET_IOU` with the mask, cross nothing
    and stay inside or outside each other.

    Corners are dropped in the order of Visvalingam and Whyatt (1993), those of all rings together,
    and how many of them is found by bisection.
    """
    if len(rings) > _MOST_RINGS:
        return rings
    ranks = _removal_ranks(rings)
    nesting = _nesting(rings)
    found, dropped = rings, 0
    too_many = 1 + sum(len(ring) - _FEWEST for ring in rings)
    while too_many - dropped > 1:
        middle = (dropped + too_many) // 2
        simpler = [ring[rank >= middle] for ring, rank in zip(rings, ranks, strict=True)]
        if (
            _least_iou(simpler, mask) >= TARGET_IOU
            and not _cross(simpler)
            and np.array_equal(_nesting(simpler), nesting)
        ):
            found, dropped = simpler, middle
        else:
            too_many = middle
    return found


def _removal_ranks(rings: list[np.ndarray]) -> list[np.ndarray]:
    """When each corner is dropped, int64 [K] of each ring; `_KEPT` for the last of a ring.

    Always next is the corner that makes the smallest triangle with its neighbors of then.
    """
    points = [ring.tolist() for ring in rings]
    before = [[len(ring) - 1, *range(len(ring) - 1)] for ring in rings]
    after = [[*range(1, len(ring)), 0] for ring in rings]
    left = [len(ring) for ring in rings]
    ranks = [np.full(len(ring), _KEPT) for ring in rings]

    def triangle(ring: int, corner: int) -> float:
        y, x = points[ring][corner]
        y0, x0 = points[ring][before[ring][corner]]
        y1, x1 = points[ring][after[ring][corner]]
        return abs((y0 - y) * (x1 - x) - (x0 - x) * (y1 - y))

    areas = [[triangle(ring, corner) for corner in range(left[ring])] for ring in range(len(rings))]
    queue = [
        (area, ring, corner) for ring, row in enumerate(areas) for corner, area in enumerate(row)
    ]
    heapq.heapify(queue)
    rank = 0
    while queue:
        area, ring, corner = heapq.heappop(queue)
        if area != areas[ring][corner] or left[ring] == _FEWEST:
            # The area is one from before a neighbor was dropped, or the ring is done.
            continue
        ranks[ring][corner] = rank
        rank += 1
        left[ring] -= 1
        areas[ring][corner] = -1.0
        low, high = before[ring][corner], after[ring][corner]
        after[ring][low], before[ring][high] = high, low
        for neighbor in (low, high):
            areas[ring][neighbor] = max(triangle(ring, neighbor), area)
            heapq.heappush(queue, (areas[ring][neighbor], ring, neighbor))
    return ranks


def _least_iou(rings: list[np.ndarray], mask: np.ndarray) -> float:
    """The IoU of the rings with the mask when pixel centers on an edge count as is worst."""
    height, width = mask.shape
    frame = np.array([(-0.75, -0.75), (-0.75, width), (height, width), (height, -0.75)])
    boxes, crops, indices = rasterize_polygons(
        [_walk(rings), _walk([frame, *rings])], (0, 0, height, width)
    )
    inside, outside = np.zeros((2, height, width), bool)
    for (y1, x1, y2, x2), crop, index in zip(boxes, crops, indices, strict=True):
        (outside if index else inside)[y1:y2, x1:x2] = crop
    return np.count_nonzero(mask & ~outside) / np.count_nonzero(mask | inside)


def _walk(rings: list[np.ndarray]) -> np.ndarray:
    """One polygon that goes around all rings, from the first one's start and back to it."""
    start = rings[0][:1]
    return np.concatenate([part for ring in rings for part in (ring, ring[:1], start)])


def _cross(rings: list[np.ndarray]) -> bool:
    """Whether two edges have a point in common other than the corner between neighbors.

    True as well when there are too many edges to find out.
    """
    starts = np.concatenate(rings)
    if len(starts) > _MOST_CORNERS:
        return True
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    edges = ends - starts
    offsets = np.cumsum([0, *(len(ring) for ring in rings)])
    following = np.concatenate([np.roll(np.arange(a, b), -1) for a, b in pairwise(offsets)])

    def side(points: np.ndarray) -> np.ndarray:
        """Sign of the side of each edge that each point is on, [edges, points]."""
        away = points[None] - starts[:, None]
        return np.sign(edges[:, None, 0] * away[..., 1] - edges[:, None, 1] * away[..., 0])

    parted = side(starts) * side(ends) <= 0
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    near = ((low[:, None] <= high[None]) & (low[None] <= high[:, None])).all(axis=2)
    meet = parted & parted.T & near
    numbers = np.arange(len(starts))
    meet[numbers, numbers] = meet[numbers, following] = meet[following, numbers] = False
    # Neighbors have more than their corner in common where the ring turns back on itself.
    onward = edges[following]
    turned_back = (edges[:, 0] * onward[:, 1] == edges[:, 1] * onward[:, 0]) & (
        (edges * onward).sum(axis=1) < 0
    )
    return bool(meet.any() or turned_back.any())


def _nesting(rings: list[np.ndarray]) -> np.ndarray:
    """Which ring's first corner lies inside which ring, bool [rings, rings]."""
    firsts = np.stack([ring[0] for ring in rings])
    nesting = np.stack([points_in_poly(firsts, ring) for ring in rings], axis=1)
    np.fill_diagonal(nesting, False)
    return nesting


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
