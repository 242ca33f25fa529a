"""Outlines of masks as SVG paths of few points."""

from collections.abc import Sequence

import numpy as np

from mrcnn.drawing.results import outlines


def simplified(points: np.ndarray, tolerance: float) -> np.ndarray:
    """A closed line with fewer points, after Douglas and Peucker, all its parts side by side.

    Args:
        points: float [K, 2], the last like the first.
        tolerance: largest distance of a point left out from the line, in the points' unit.

    Returns:
        float [L, 2], not closed.
    """
    if len(points) < 4:
        return points[:-1]
    farthest = int(np.argmax(((points - points[0]) ** 2).sum(axis=1)))
    kept = np.array([0, farthest, len(points) - 1]) if farthest else np.array([0, len(points) - 1])
    while True:
        lengths = np.diff(kept)
        start = np.repeat(points[kept[:-1]], lengths, axis=0)
        along = np.repeat(points[kept[1:]] - points[kept[:-1]], lengths, axis=0)
        beside = points[:-1] - start
        across = np.abs(along[:, 0] * beside[:, 1] - along[:, 1] * beside[:, 0])
        norm = np.hypot(along[:, 0], along[:, 1])
        # Between equal ends the distance is that from the point.
        distance = np.where(norm > 0, across / np.maximum(norm, 1e-12), np.hypot(*beside.T))
        worst = np.maximum.reduceat(distance, kept[:-1])
        is_worst = (distance == np.repeat(worst, lengths)) & (distance > tolerance)
        if not is_worst.any():
            return points[kept[:-1]]
        # Of several that are equally far the first alone: the others may do without.
        candidates = np.flatnonzero(is_worst)
        part = np.searchsorted(kept, candidates, side="right")
        kept = np.union1d(kept, candidates[np.unique(part, return_index=True)[1]])


def outline_path(box: Sequence[int], crop: np.ndarray, tolerance: float) -> str:
    """Outlines of a mask as an SVG path in pixels of the image, to a tenth of a pixel."""
    written = []
    for contour in outlines(box, crop):
        # From pixel centres at whole numbers to their corners there.
        places = np.round((simplified(contour, tolerance) + 0.5) * 10).astype(int)
        steps = np.diff(places, axis=0)
        tenths = [places[0], *(step for step in steps if step.any())]
        numbers = [f"{x / 10:g} {y / 10:g}" for x, y in tenths]
        written.append(f"M{numbers[0]}l{' '.join(numbers[1:])}z" if len(numbers) > 1 else "")
    return "".join(written)
