"""The convex hull of a mask."""

import numpy as np

# Of a grid point on the edge of the hull, which belongs to it.
_ROUNDING = 1e-9


def hull_area(crop: np.ndarray) -> int:
    """Pixels of the convex hull of a mask: those whose middle is in it, or on its edge.

    The hull goes around the middles of the pixels' edges, as in scikit-image's
    `convex_hull_image`, whose pixels these are.

    Args:
        crop: bool [h, w], with at least one pixel.
    """
    rows = np.flatnonzero(crop.any(axis=1))
    filled = crop[rows]
    first = filled.argmax(axis=1).astype(np.float64)
    last = crop.shape[1] - 1 - filled[:, ::-1].argmax(axis=1).astype(np.float64)
    # Of each row: the ends of its first and last pixel, and the middles of their upper and lower
    # edges.
    at = np.concatenate([rows - 0.5, rows, rows + 0.5])
    order = np.argsort(at, kind="stable")
    at = at[order]
    left = np.concatenate([first, first - 0.5, first])[order]
    right = np.concatenate([last, last + 0.5, last])[order]
    every = np.arange(rows[0], rows[-1] + 1)
    starts = np.interp(every, *_lower_chain(at, left))
    ends = -np.interp(every, *_lower_chain(at, -right))
    counts = np.floor(ends + _ROUNDING) - np.ceil(starts - _ROUNDING) + 1
    return int(counts.sum())


def _lower_chain(at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of the largest convex function below some points, by rising `at`."""
    places, heights = at.tolist(), values.tolist()
    kept: list[int] = []
    for index, (place, height) in enumerate(zip(places, heights, strict=True)):
        while kept and places[kept[-1]] == place and heights[kept[-1]] >= height:
            kept.pop()
        if kept and places[kept[-1]] == place:
            continue
        while len(kept) > 1:
            before, last = kept[-2], kept[-1]
            rise = (heights[last] - heights[before]) * (place - places[before])
            if rise < (height - heights[before]) * (places[last] - places[before]):
                break
            kept.pop()
        kept.append(index)
    return at[kept], values[kept]
