"""Outlines from the numbers of a file, which are checked here."""

import math
from typing import Any

import numpy as np

from mrcnn.errors import DataError, shown

# No image is larger; beyond it a number is a mistake, not a place.
LARGEST = 1e6

# Largest distance in pixels between a circle and the polygon that stands for it.
_ROUNDNESS = 0.05
# Enough for that up to a radius of 5,000 pixels; a file may hold a hundred thousand circles.
_MOST_CORNERS = 720


def checked_number(value: Any, key: str, where: str, smallest: float = -LARGEST) -> float:
    """A place or length in pixels; DataError, which names its key, for anything else."""
    if not _is_coordinate(value) or value < smallest:
        raise DataError(
            f"{where}: {key!r} is {shown(value)}; a number between {smallest:.0f} and "
            f"{LARGEST:.0f} is expected."
        )
    return float(value)


def text_number(text: Any, key: str, where: str, smallest: float = -LARGEST) -> float:
    """As `checked_number`, of a number that stands as text."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = text
    return checked_number(value, key, where, smallest)


def image_size(height: Any, width: Any) -> tuple[int, int] | None:
    """(height, width) of an image in pixels; None unless both are whole numbers above 0."""
    sides = (height, width)
    if all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides):
        return sides
    return None


def points_to_polygon(xs: Any, ys: Any, where: str, keys: tuple[str, str]) -> np.ndarray:
    """Lists of x and y as float64 [K, 2] of (y, x); DataError names the point that is wrong."""
    for key, values in zip(keys, (xs, ys), strict=True):
        if not isinstance(values, list):
            raise DataError(f"{where}: {key!r} must be a list of numbers, not {shown(values)}.")
    if len(xs) != len(ys):
        raise DataError(
            f"{where}: {keys[0]!r} has {len(xs)} numbers and {keys[1]!r} has {len(ys)}; "
            "they must be as many."
        )
    for key, values in zip(keys, (xs, ys), strict=True):
        if all(map(_is_coordinate, values)):
            continue
        position, value = next((n, v) for n, v in enumerate(values) if not _is_coordinate(v))
        raise DataError(
            f"{where}: {key!r}[{position}] is {shown(value)}; a number between "
            f"{-LARGEST:.0f} and {LARGEST:.0f} is expected."
        )
    return np.stack([np.asarray(ys, np.float64), np.asarray(xs, np.float64)], axis=-1)


def rectangle(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Outline float64 [4, 2] of (y, x) around `width` x `height` pixels from pixel (x, y) on."""
    top, left = y - 0.5, x - 0.5
    bottom, right = top + height, left + width
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)], np.float64)


def ellipse(x: float, y: float, rx: float, ry: float, theta: float = 0.0) -> np.ndarray:
    """Outline of an ellipse or circle.

    Args:
        x, y: its middle, in pixels.
        rx, ry: the radii, in pixels.
        theta: by how much `rx` is turned from the x axis toward the y axis, in radians.

    Returns:
        float64 [K, 2] of (y, x) in pixels, K at least 32.
    """
    radius = max(rx, ry)
    corners = 32
    if radius > _ROUNDNESS:
        corners = max(corners, math.ceil(math.pi / math.acos(1 - _ROUNDNESS / radius)))
        corners = min(corners, _MOST_CORNERS)
    angles = np.arange(corners) * (2 * math.pi / corners)
    along, across = rx * np.cos(angles), ry * np.sin(angles)
    cosine, sine = math.cos(theta), math.sin(theta)
    return np.stack(
        [y + along * sine + across * cosine, x + along * cosine - across * sine], axis=-1
    )


def join_outlines(outlines: list[np.ndarray]) -> np.ndarray:
    """Several outlines as one polygon: walked one after the other from the first one's start.

    The way to each further outline is gone forth and back, so it encloses nothing.
    """
    if len(outlines) == 1:
        return outlines[0]
    if not outlines:
        return np.zeros((0, 2))
    start = outlines[0][:1]
    return np.concatenate([part for outline in outlines for part in (outline, outline[:1], start)])


def has_area(polygon: np.ndarray) -> bool:
    """Whether there are three distinct points that do not lie on one line."""
    if len(polygon) < 3:
        return False
    edges = polygon[1:] - polygon[0]
    farthest = edges[np.argmax((edges**2).sum(axis=1))]
    return bool(np.any(np.abs(edges[:, 0] * farthest[1] - edges[:, 1] * farthest[0]) > 1e-6))


def _is_coordinate(value: Any) -> bool:
    # A comparison with NaN is False, so NaN is no coordinate.
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -LARGEST <= value <= LARGEST
    )
