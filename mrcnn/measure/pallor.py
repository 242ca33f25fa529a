"""The pale middle of cells: how large it is, and how pale.

Each cell is read along rays from its middle to its outline, all cells of a picture at once.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

_RAYS, _STEPS, _TRIED = 32, 32, 64
# Middles of the steps of a ray, 0 to 1.
_PLACES = (np.arange(_STEPS) + 0.5) / _STEPS
# Parts of a ray: where the middle is looked at, where the rim may be densest, and where what is
# pale may belong to the middle.
_MIDDLE, _RIM, _INSIDE = 0.125, (0.2, 0.9), 0.8
# What counts as the highest density, as a part of it.
_HIGH = 0.985
# A middle less pale than this (share of the rim's density) is none, and a cell with a rim of less
# density shows none.
LEAST_DEPTH, _LEAST_DENSITY = 0.08, 0.02
# In a cell of a smaller diameter (pixels) there is nothing to be seen.
SMALLEST = 12.0


def pallors(
    channel: np.ndarray,
    light: np.ndarray,
    boxes: np.ndarray,
    crops: Sequence[np.ndarray],
    centers: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the area that the pale middle of each cell has, and how pale it is.

    The rim has the highest optical density of the median ray, the middle that to which a parabola
    through its innermost eighth leads. The depth is 1 - middle / rim. The pale middle reaches,
    along each ray, to where the density crosses halfway between the two. Its own middle is found
    first: rays start from the center of what is pale.

    Args:
        channel: uint8 [H, W].
        light: float [N], logarithm to base 10 of the light at each cell.
        boxes: integer [N, 4], pixel (y1, x1, y2, x2).
        crops: bool, the masks inside the boxes.
        centers: float [N, 2], (y, x) of the masks; the middle of the first pixel at 0.5.

    Returns:
        shares and depths, float [N], 0 to 1; both 0 where the middle is not pale, NaN where a rim
        cannot be told.
    """
    if not len(crops):
        return np.zeros(0), np.zeros(0)
    areas = np.array([np.count_nonzero(crop) for crop in crops], float)
    lengths = _ray_lengths(boxes, crops, centers)
    density = _densities(channel, light, centers, lengths, is_rough=True)
    centers = _pale_centers(density, lengths, centers, boxes, crops)
    lengths = _ray_lengths(boxes, crops, centers)
    density = _densities(channel, light, centers, lengths)
    rim = _rims(density)
    middle = _middles(density)
    with np.errstate(divide="ignore", invalid="ignore"):
        depths = np.clip(1 - middle / rim, 0, 1)
    depths[rim < _LEAST_DENSITY] = np.nan
    reached = _crossings(density, (middle + rim) / 2) * lengths
    shares = (reached**2).sum(axis=1) * np.pi / _RAYS / areas
    shares[depths < LEAST_DEPTH] = 0.0
    shares[np.isnan(depths)] = np.nan
    return np.minimum(shares, 1.0), np.where(depths < LEAST_DEPTH, 0.0, depths)


def _directions() -> np.ndarray:
    """Unit vectors (y, x), float [2, rays]."""
    angles = 2 * np.pi * np.arange(_RAYS) / _RAYS
    return np.stack([np.sin(angles), np.cos(angles)])


def _ray_lengths(boxes: np.ndarray, crops: Sequence[np.ndarray], centers: np.ndarray) -> np.ndarray:
    """How far each ray stays in the mask of its cell, float [N, rays] pixels."""
    directions = _directions()
    lengths = np.empty((len(crops), _RAYS))
    for row, (box, crop, center) in enumerate(zip(boxes, crops, centers, strict=True)):
        height, width = crop.shape
        start = center - box[:2]
        reach = float(np.hypot(height, width))
        along = reach * (np.arange(_TRIED) + 0.5) / _TRIED
        y, x = (
            (start[axis] + directions[axis][:, None] * along).astype(np.int32) for axis in (0, 1)
        )
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        inside &= crop[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
        # To the last place that is inside: bays and holes do not end a ray.
        last = _TRIED - inside[:, ::-1].argmax(axis=1)
        lengths[row] = np.where(inside.any(axis=1), reach * last / _TRIED, 0.0)
    return lengths


def _densities(
    channel: np.ndarray,
    light: np.ndarray,
    centers: np.ndarray,
    lengths: np.ndarray,
    is_rough: bool = False,
) -> np.ndarray:
    """Optical density along the rays, float32 [N, rays, steps], smoothed over 3 x 3 of them.

    Between the middles of pixels it is interpolated, unless the nearest ones are enough.
    """
    along = lengths[:, :, None] * _PLACES
    places = [
        centers[:, axis, None, None] + _directions()[axis][:, None] * along for axis in (0, 1)
    ]
    if is_rough:
        y, x = (
            np.clip(each.astype(int), 0, side - 1)
            for each, side in zip(places, channel.shape, strict=True)
        )
        values = channel[y, x].astype(np.float32)
    else:
        # Place 0 is the middle of the first pixel here.
        places = [each - 0.5 for each in places]
        values = ndimage.map_coordinates(channel, places, np.float32, order=1, mode="nearest")
    density = light[:, None, None].astype(np.float32) - np.log10(np.maximum(values, 0.5))
    density = ndimage.uniform_filter1d(density, 3, axis=1, mode="wrap")
    return ndimage.uniform_filter1d(density, 3, axis=2, mode="nearest")


def _rims(density: np.ndarray) -> np.ndarray:
    """The highest density of each cell's median ray, float [N].

    It is the mean of what is hardly less: a step of the 8 bits may be as large.
    """
    low, high = _RIM
    where = (low < _PLACES) & (high > _PLACES)
    profile = np.median(density[:, :, where], axis=1)
    is_high = profile >= _HIGH * profile.max(axis=1, keepdims=True)
    return (profile * is_high).sum(axis=1) / np.maximum(is_high.sum(axis=1), 1)


def _middles(density: np.ndarray) -> np.ndarray:
    """The density of each cell's middle, float [N].

    The median ray is continued to its beginning by a parabola, for a middle of no even density.
    """
    inside = _PLACES < _MIDDLE
    profile = np.median(density[:, :, inside], axis=1)
    # Rays lie closer together further in: there they tell less.
    weights = np.sqrt(_PLACES[inside])
    design = np.stack([np.ones(inside.sum()), _PLACES[inside] ** 2], axis=1)
    return np.asarray((profile * weights) @ np.linalg.pinv(design * weights[:, None])[0])


def _pale_centers(
    density: np.ndarray,
    lengths: np.ndarray,
    centers: np.ndarray,
    boxes: np.ndarray,
    crops: Sequence[np.ndarray],
) -> np.ndarray:
    """The centers of what is pale inside, or those of the cells, float [N, 2]."""
    inside = _PLACES < _INSIDE
    rim = _rims(density)
    palest = np.quantile(density[:, :, inside], 0.1, axis=(1, 2))
    halfway = ((rim + palest) / 2)[:, None, None]
    along = lengths[:, :, None] * _PLACES[inside]
    # A ray stands for a wedge, which grows with the distance.
    weights = np.maximum(halfway - density[:, :, inside], 0) * along * lengths[:, :, None]
    total = np.maximum(weights.sum(axis=(1, 2)), 1e-12)
    moved = centers.copy()
    for axis in (0, 1):
        offsets = _directions()[axis][:, None] * along
        moved[:, axis] += (weights * offsets).sum(axis=(1, 2)) / total
    for row, (box, crop) in enumerate(zip(boxes, crops, strict=True)):
        y, x = np.minimum(moved[row] - box[:2], np.subtract(crop.shape, 1)).astype(int)
        if y < 0 or x < 0 or not crop[y, x]:
            moved[row] = centers[row]
    return moved


def _crossings(density: np.ndarray, halfway: np.ndarray) -> np.ndarray:
    """Where each ray first rises above a level, 0 to 1, float [N, rays]."""
    low, high = density[:, :, :-1], density[:, :, 1:]
    level = halfway[:, None, None]
    rises = high > level
    at = rises.argmax(axis=2)
    rows = np.take_along_axis
    before, after = (rows(each, at[:, :, None], axis=2)[:, :, 0] for each in (low, high))
    step = np.maximum(after - before, 1e-9)
    places = _PLACES[at] + np.clip((halfway[:, None] - before) / step, 0, 1) / _STEPS
    places = np.where(density[:, :, 0] > halfway[:, None], 0.0, places)
    return np.where(rises.any(axis=2), places, _RIM[1])
