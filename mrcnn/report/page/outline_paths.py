"""Outlines of masks as SVG paths of few points."""

from collections.abc import Sequence

import numpy as np
import shapely

from mrcnn.drawing.results import outlines_of


def simplified(lines: Sequence[np.ndarray], tolerance: float) -> list[np.ndarray]:
    """Closed lines with fewer points, after Douglas and Peucker.

    Args:
        lines: float [K, 2] each, the last point like the first.
        tolerance: largest distance of a point left out from the line, in the points' unit.

    Returns:
        float [L, 2] each, not closed.
    """
    if not len(lines):
        return []
    owners = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    closed = shapely.linestrings(np.concatenate(lines), indices=owners)
    fewer = shapely.simplify(closed, tolerance, preserve_topology=False)
    ends = np.cumsum(shapely.get_num_coordinates(fewer))[:-1]
    found = []
    for line, kept in zip(lines, np.split(shapely.get_coordinates(fewer), ends), strict=True):
        kept = kept[:-1]
        # All of a small outline may be near its first point.
        found.append(kept if (kept != kept[0]).any() else line[:-1])
    return found


def outline_path(box: Sequence[int], crop: np.ndarray, tolerance: float) -> str:
    """Outlines of a mask as an SVG path in pixels of the image, to a tenth of a pixel."""
    return outline_paths(outlines_of([box], [crop]), tolerance)[0]


def outline_paths(traced: Sequence[Sequence[np.ndarray]], tolerance: float) -> list[str]:
    """`outline_path` of many masks.

    Args:
        traced: of each mask its outlines, see `outlines_of`.
        tolerance: see `simplified`.
    """
    fewer = iter(simplified([line for lines in traced for line in lines], tolerance))
    return ["".join(_path(next(fewer)) for _ in lines) for lines in traced]


def _path(line: np.ndarray) -> str:
    # From pixel centers at whole numbers to their corners there.
    places = np.round((line + 0.5) * 10).astype(int)
    steps = np.diff(places, axis=0)
    steps = steps[steps.any(axis=1)]
    if not len(steps):
        return ""
    first, *others = (f"{x / 10:g} {y / 10:g}" for x, y in [*places[:1].tolist(), *steps.tolist()])
    return f"M{first}l{' '.join(others)}z"
