"""Outlines that people draw, split and merge."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry import LineString, MultiPolygon, Polygon
from shapely.ops import split, unary_union

from mrcnn.errors import DataError
from mrcnn.instances import Instances

Point = list[float]
_MOST_POINTS = 5_000
# Objects that are merged may be so many pixels apart.
_GAPS = (0.5, 1.0, 2.0, 4.0, 8.0)
# How far out a line is drawn on at its ends, so that it cuts the object that it was drawn through.
_BEYOND = 1e5
# Of a pixel: what is kept of places, as one over it.
_STEPS = 4


def checked_points(values: Any, least: int) -> np.ndarray:
    """Points [x, y] that somebody sent.

    Returns:
        float64 [K, 2].

    Raises:
        DataError: these are no points, or too few or too many.
    """
    try:
        points = np.array(values, np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    is_right = points.ndim == 2 and points.shape[1:] == (2,) and np.isfinite(points).all()
    if not is_right or not least <= len(points) <= _MOST_POINTS:
        raise DataError(f"Expected {least} to {_MOST_POINTS} points [x, y] in pixels.")
    return points


def drawn(values: Any, size: Sequence[int]) -> dict[str, Any]:
    """An object that somebody outlined, as plain values.

    Args:
        values: points [x, y] in pixels; where lines cross, the larger part counts.
        size: (height, width) of the picture, at whose border it is cut off.

    Raises:
        DataError: it has no pixel.
    """
    return _plain(Polygon(checked_points(values, 3)), size)


def parts_of(outline: Sequence[Point], line: Any, size: Sequence[int]) -> list[dict[str, Any]]:
    """What a line makes of an object: two or more.

    Args:
        outline: of the object.
        line: points [x, y]; drawn on at its ends.
        size: (height, width) of the picture.

    Raises:
        DataError: it does not go through the object.
    """
    points = checked_points(line, 2)
    ends = [_beyond(points[1], points[0]), _beyond(points[-2], points[-1])]
    cut = split(_polygon(outline), LineString(np.vstack([ends[0], points, ends[1]])))
    parts = [part for part in cut.geoms if part.area >= 1]
    if len(parts) < 2:
        raise DataError("The line does not go through the object: draw it from side to side.")
    return [_plain(part, size) for part in parts]


def _beyond(inner: np.ndarray, end: np.ndarray) -> np.ndarray:
    way = end - inner
    length = float(np.hypot(*way))
    return end if length == 0 else end + way / length * _BEYOND


def merged(outlines: Sequence[Sequence[Point]], size: Sequence[int]) -> dict[str, Any]:
    """One object made of several that touch, or nearly do.

    Args:
        outlines: of two or more.
        size: (height, width) of the picture.

    Raises:
        DataError: they are too far apart.
    """
    polygons = [_polygon(outline) for outline in outlines]
    for gap in (0.0, *_GAPS):
        grown = unary_union([polygon.buffer(gap) for polygon in polygons]).buffer(-gap)
        if isinstance(grown, Polygon):
            return _plain(grown, size)
    raise DataError(f"These are more than {2 * _GAPS[-1]:g} pixels apart: merge those that touch.")


def _polygon(outline: Sequence[Point]) -> Polygon:
    return _largest(Polygon(outline))


def _largest(shape: Any) -> Polygon:
    """The largest part of an outline, which may cross itself."""
    if not shape.is_valid:
        shape = shapely.make_valid(shape)
    if isinstance(shape, Polygon):
        return shape
    parts = [part for part in getattr(shape, "geoms", ()) if part.area]
    parts = [each for part in parts for each in getattr(part, "geoms", (part,))]
    return max(parts, key=lambda part: part.area, default=Polygon())


def _plain(polygon: Polygon | MultiPolygon, size: Sequence[int]) -> dict[str, Any]:
    height, width = size
    frame = shapely.box(-0.5, -0.5, width - 0.5, height - 0.5)
    inside = _largest(_largest(polygon).intersection(frame))
    if not isinstance(inside, Polygon) or inside.is_empty:
        raise DataError("The outline holds no pixel of the picture.")
    points = np.round(np.array(inside.exterior.coords)[:-1] * _STEPS) / _STEPS
    found = Instances.from_polygons([points[:, ::-1]], [1], size)
    if not len(found):
        raise DataError("The outline holds no pixel of the picture.")
    return {
        "outline": points.tolist(),
        "box": found.boxes[0].tolist(),
        "area": int(found.areas()[0]),
    }
