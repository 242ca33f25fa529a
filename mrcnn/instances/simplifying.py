"""Outlines of masks with fewer corners, which stay free of crossings.

Corners are dropped in the order of Visvalingam and Whyatt (1993), those of all rings of a mask
together, and how many of them is found by bisection. That asks for an overlap again and again; of
several masks these are told together, which takes a fraction of the time.
"""

import heapq
from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise

import numpy as np
from skimage.measure import points_in_poly

from mrcnn.instances.polygons import fill_with_and_without_edges

# Outlines are simplified as long as they keep this IoU with the mask, under any rule for pixels
# whose center lies exactly on an edge.
TARGET_IOU = 0.985
# Outlines that have more rings, or would keep more corners, stay exact: nobody corrects those by
# hand, and testing that they stay free of crossings takes long.
MOST_RINGS, _MOST_CORNERS = 64, 1000
# An outline of a single pixel has as many corners; with fewer, small parts and holes vanish.
_FEWEST = 4
# Rank of the corners that are never dropped.
_KEPT = np.iinfo(np.int64).max
# Masks of so many pixels are filled at a time.
_AT_A_TIME = 1 << 20

# The outlines of a mask, each float64 [K, 2] of (y, x) in its pixels.
Rings = list[np.ndarray]


def simplified(rings: Sequence[Rings], masks: Sequence[np.ndarray]) -> list[Rings]:
    """The rings with so few corners that they just keep `TARGET_IOU` with their mask, cross nothing
    and stay inside or outside each other.

    Args:
        rings: of each mask, each from a corner that stays.
        masks: bool [h, w], each with a pixel.
    """
    searches = [_fewer_corners(each) for each in rings]
    found: list[Rings] = [[] for _ in searches]
    answers: dict[int, float | None] = dict.fromkeys(range(len(searches)))
    while answers:
        asked: dict[int, Rings] = {}
        for number, answer in answers.items():
            try:
                # The first answer is None: the search begins.
                asked[number] = searches[number].send(answer)  # type: ignore[arg-type]
            except StopIteration as over:
                found[number] = over.value
        ious = _least_ious(list(asked.values()), [masks[number] for number in asked])
        answers = dict(zip(asked, ious, strict=True))
    return found


def _fewer_corners(rings: Rings) -> Generator[Rings, float, Rings]:
    """The search for one mask: asks for the IoU of simpler rings."""
    if len(rings) > MOST_RINGS:
        return rings
    ranks = _removal_ranks(rings)
    nesting = _nesting(rings)
    found, dropped = rings, 0
    too_many = 1 + sum(len(ring) - _FEWEST for ring in rings)
    while too_many - dropped > 1:
        middle = (dropped + too_many) // 2
        simpler = [ring[rank >= middle] for ring, rank in zip(rings, ranks, strict=True)]
        iou = yield simpler
        if iou >= TARGET_IOU and not _cross(simpler) and np.array_equal(_nesting(simpler), nesting):
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


def _least_ious(rings: Sequence[Rings], masks: Sequence[np.ndarray]) -> list[float]:
    """The IoU of the rings with each mask when pixel centers on an edge count as is worst."""
    ious: list[float] = []
    for some in _groups([mask.size for mask in masks]):
        polygons = [walk(each) for each in rings[some]]
        filled = fill_with_and_without_edges(polygons, [mask.shape for mask in masks[some]])
        for mask, (least, most) in zip(masks[some], filled, strict=True):
            ious.append(np.count_nonzero(mask & least) / np.count_nonzero(mask | most))
    return ious


def _groups(sizes: Sequence[int]) -> Iterator[slice]:
    """Neighbors that have no more than so many pixels together, or are one."""
    begin = total = 0
    for number, size in enumerate(sizes):
        if number > begin and total + size > _AT_A_TIME:
            yield slice(begin, number)
            begin, total = number, 0
        total += size
    if begin < len(sizes):
        yield slice(begin, len(sizes))


def walk(rings: list[np.ndarray]) -> np.ndarray:
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
