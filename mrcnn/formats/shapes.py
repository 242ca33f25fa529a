"""The shapes of VIA regions as polygons."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrcnn.errors import DataError, shown

SHAPES = ("polygon", "polyline", "rect", "circle", "ellipse", "point")

# Largest distance in pixels between a circle and the polygon that stands for it.
_ROUNDNESS = 0.05
# Enough for that up to a radius of 5,000 pixels; a file may hold a hundred thousand circles.
_MOST_CORNERS = 720
# No image is larger; beyond it a number is a mistake, not a place.
_LARGEST = 1e6


@dataclass
class RawRegion:
    """One region as the file has it: where it is, for messages; outline or None; attributes."""

    where: str
    number: int
    polygon: np.ndarray | None
    attributes: Mapping


@dataclass
class RawImage:
    """The regions of an image, and what the annotations tell of it.

    Attributes:
        filename: as it stands there.
        regions: that can be used.
        size: of the image file in bytes, or None.
        image_shape: (height, width) in pixels, or None.
        crowds: number of regions around many objects at once, which are left out.
    """

    filename: str
    regions: list[RawRegion] = field(default_factory=list)
    size: int | None = None
    image_shape: tuple[int, int] | None = None
    crowds: int = 0


def shape_to_polygon(shape: Any, where: str) -> np.ndarray | None:
    """The outline of a VIA shape.

    Corners of polygons are pixel centres. A rectangle covers `width` x `height` whole pixels from
    (x, y) on.

    Args:
        shape: VIA's "shape_attributes" of a region.
        where: names file, image and region in error messages.

    Returns:
        float64 [K, 2] of (y, x) in pixels; None for a point, which has no area.

    Raises:
        DataError: unknown shape, or a number that is missing or not usable.
    """
    if not isinstance(shape, Mapping):
        raise DataError(f"{where}: 'shape_attributes' must be an object, not {shown(shape)}.")
    name = shape.get("name")
    if name == "point":
        return None
    if name in ("polygon", "polyline"):
        return _polygon(shape, where)
    if name == "rect":
        x, y = _number(shape, "x", where), _number(shape, "y", where)
        width = _number(shape, "width", where, smallest=0)
        height = _number(shape, "height", where, smallest=0)
        return rectangle(x, y, width, height)
    if name == "circle":
        radius = _number(shape, "r", where, smallest=0)
        return _ellipse(shape, radius, radius, 0.0, where)
    if name == "ellipse":
        theta = _number(shape, "theta", where) if "theta" in shape else 0.0
        return _ellipse(
            shape,
            _number(shape, "rx", where, smallest=0),
            _number(shape, "ry", where, smallest=0),
            theta,
            where,
        )
    raise DataError(f"{where}: unknown shape {shown(name)}. Known shapes are {', '.join(SHAPES)}.")


def rectangle(x: float, y: float, width: float, height: float) -> np.ndarray:
    """Outline float64 [4, 2] of (y, x) around `width` x `height` pixels from pixel (x, y) on."""
    top, left = y - 0.5, x - 0.5
    bottom, right = top + height, left + width
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)], np.float64)


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
            f"{-_LARGEST:.0f} and {_LARGEST:.0f} is expected."
        )
    return np.stack([np.asarray(ys, np.float64), np.asarray(xs, np.float64)], axis=-1)


def _polygon(shape: Mapping, where: str) -> np.ndarray:
    keys = ("all_points_x", "all_points_y")
    for key in keys:
        if key not in shape:
            raise DataError(f"{where}: the {shape['name']} has no {key!r}.")
    return points_to_polygon(shape[keys[0]], shape[keys[1]], where, keys)


def _ellipse(shape: Mapping, rx: float, ry: float, theta: float, where: str) -> np.ndarray:
    x, y = _number(shape, "cx", where), _number(shape, "cy", where)
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


def _number(shape: Mapping, key: str, where: str, smallest: float = -_LARGEST) -> float:
    if key not in shape:
        raise DataError(f"{where}: the {shape['name']} has no {key!r}.")
    value = shape[key]
    if not _is_coordinate(value) or value < smallest:
        raise DataError(
            f"{where}: {key!r} is {shown(value)}; a number between {smallest:.0f} and "
            f"{_LARGEST:.0f} is expected."
        )
    return float(value)


def _is_coordinate(value: Any) -> bool:
    # A comparison with NaN is False, so NaN is no coordinate.
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_LARGEST <= value <= _LARGEST
    )
