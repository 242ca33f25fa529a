"""The convex hulls of masks."""

from collections.abc import Sequence
from itertools import islice

import numpy as np

# Masks that are looked at together: enough to be quick, and of a slide not all.
_AT_ONCE = 1000
# Of a grid point on the edge of the hull, which belongs to it.
_ROUNDING = 1e-9


def hull_area(crop: np.ndarray) -> int:
    """Pixels of the convex hull of a mask: those whose middle is in it, or on its edge.

    The hull goes around the middles of the pixels' edges, as in scikit-image's
    `convex_hull_image`, whose pixels these are.

    Args:
        crop: bool [h, w], with at least one pixel.
    """
    return int(hull_areas([crop])[0])


def hull_areas(crops: Sequence[np.ndarray]) -> np.ndarray:
    """`hull_area` of many masks at once, int64 [N].

    Args:
        crops: bool [h, w] each, with at least one pixel.
    """
    areas = [np.zeros(0, np.int64)]
    remaining = iter(crops)
    while some := list(islice(remaining, _AT_ONCE)):
        areas.append(_areas(some))
    return np.concatenate(areas)


def _areas(crops: Sequence[np.ndarray]) -> np.ndarray:
    ends = [_ends(crop) for crop in crops]
    # Rows of all masks in one line, so far apart that no two meet.
    tops = np.cumsum([0, *(len(left) + 1 for left, _ in ends[:-1])])
    starts = _lower_hull([left for left, _ in ends], tops)
    stops = -_lower_hull([-right for _, right in ends], tops)
    counts = np.floor(stops + _ROUNDING) - np.ceil(starts - _ROUNDING) + 1
    lengths = [len(left) // 2 for left, _ in ends]
    return np.add.reduceat(counts, np.cumsum([0, *lengths[:-1]])).astype(np.int64)


def _ends(crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far a mask reaches to the left and to the right, at each half row.

    These are the ends of the first and last pixel of each row, and the middles of their upper and
    lower edges; where there are none, infinity.
    """
    rows = np.flatnonzero(crop.any(axis=1))
    filled = crop[rows]
    first = filled.argmax(axis=1).astype(np.float64)
    last = crop.shape[1] - 1 - filled[:, ::-1].argmax(axis=1).astype(np.float64)
    # Upper edges, middles and lower edges of rows: an edge is that of two rows.
    places = 2 * (rows - rows[0])
    left = np.full(places[-1] + 3, np.inf)
    right = np.full(places[-1] + 3, -np.inf)
    left[places], right[places] = first, last
    left[places + 1], right[places + 1] = first - 0.5, last + 0.5
    left[places + 2] = np.minimum(left[places + 2], first)
    right[places + 2] = np.maximum(right[places + 2], last)
    return left, right


def _lower_hull(values: Sequence[np.ndarray], tops: np.ndarray) -> np.ndarray:
    """The largest convex functions below some points, at whole rows.

    Args:
        values: of each function its points at half rows, infinite where there are none.
        tops: half rows where each begins.
    """
    heights = np.concatenate(values)
    lengths = np.array([len(each) for each in values])
    owners = np.repeat(np.arange(len(values)), lengths)
    begins = np.cumsum([0, *lengths[:-1]])
    within = np.arange(len(heights)) - begins[owners]
    places = tops[owners] + within
    rows = places[within % 2 == 1]
    known = np.isfinite(heights)
    heights, places, owners = heights[known], places[known], owners[known]
    while True:
        # What lies on or above the line from the point before to the one after it is no corner.
        ahead, back = heights[2:] - heights[:-2], heights[1:-1] - heights[:-2]
        is_above = back * (places[2:] - places[:-2]) >= ahead * (places[1:-1] - places[:-2])
        is_above &= owners[2:] == owners[:-2]
        if not is_above.any():
            return np.interp(rows, places, heights)
        kept = np.concatenate([[True], ~is_above, [True]])
        heights, places, owners = heights[kept], places[kept], owners[kept]
