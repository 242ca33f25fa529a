"""Outlines of masks as SVG paths of few points."""

from collections.abc import Sequence

import numpy as np
import shapely

from mrcnn.drawing.results import outlines


def simplified(points: np.ndarray, tolerance: float) -> np.ndarray:
    """A closed line with fewer points, after Douglas and Peucker.

    Args:
        points: float [K, 2], the last like the first.
        tolerance: largest distance of a point left out from the line, in the points' unit.

    Returns:
        float [L, 2], not closed.
    """
    line = shapely.simplify(shapely.LineString(points), tolerance, preserve_topology=False)
    kept = shapely.get_coordinates(line)[:-1]
    distinct = np.ptp(kept, axis=0).any()
    # All of a small outline may be near its first point.
    return kept if distinct else points[:-1]


def outline_path(box: Sequence[int], crop: np.ndarray, tolerance: float) -> str:
    """Outlines of a mask as an SVG path in pixels of the image, to a tenth of a pixel."""
    written = []
    for contour in outlines(box, crop):
        # From pixel centers at whole numbers to their corners there.
        places = np.round((simplified(contour, tolerance) + 0.5) * 10).astype(int)
        steps = np.diff(places, axis=0)
        tenths = [places[0], *(step for step in steps if step.any())]
        numbers = [f"{x / 10:g} {y / 10:g}" for x, y in tenths]
        written.append(f"M{numbers[0]}l{' '.join(numbers[1:])}z" if len(numbers) > 1 else "")
    return "".join(written)
