"""Red cells cut out for the network that names their shapes.

A crop shows one cell at its size relative to the others of its field, whatever the magnification:
the median cell has the same diameter in all crops. Colors are relative to the background, so that
lamps and cameras differ less. A fourth channel is the mask, which says which cell is meant where
others touch it.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from mrcnn.instances import Instances

# Pixels: the side of a crop, and the diameter that the median cell of a field has in it.
SIDE = 96
MEDIAN = 54
# How many numbers `shape_numbers` gives.
NUMBERS = 3
# Fields whose median cell is smaller than this show no shapes.
SMALLEST_MEDIAN = 8

# What the background becomes.
BACKGROUND = 230.0
_LARGEST_GAIN = 3.0
# Colors of a field are those of every so many pixels.
_STEP = 4
# Stains that the network was taught: density of the median stained pixel in green (natural
# logarithm), and what red and blue have of it. Then the usual ones.
_GREEN, _RED, _BLUE = (0.1, 0.8), (0.0, 0.8), (0.35, 1.2)
_USUAL_GREEN, _USUAL_HUE = (0.2, 0.5), (0.373, 1.0, 0.637)
# Below this density there is no color to speak of.
_NO_STAIN = 0.002


def median_diameter(instances: Instances, usual: np.ndarray) -> float | None:
    """Median equivalent diameter of a field's cells, pixels; None where they are too small.

    Args:
        instances: cells with masks.
        usual: bool [N], the cells that count, as far as they do not touch the border; those at
            the border count where there are no others.
    """
    inner = usual & ~instances.touches_border()
    usual = inner if inner.any() else usual
    if not usual.any():
        return None
    median = float(np.median(np.sqrt(4 * instances.areas()[usual] / np.pi)))
    return median if median >= SMALLEST_MEDIAN else None


def shape_crops(
    image: np.ndarray,
    boxes: np.ndarray,
    masks: Sequence[np.ndarray],
    diameter: float,
    curves: np.ndarray,
    side: int = SIDE,
) -> np.ndarray:
    """Cut out cells.

    Args:
        image: uint8 [H, W, 3], RGB.
        boxes: int [N, 4], pixel (y1, x1, y2, x2).
        masks: N bool arrays inside the boxes.
        diameter: of the field's median cell, pixels.
        curves: what becomes of its colors, see `color_curves`.
        side: of the crops, pixels.

    Returns:
        uint8 [N, side, side, 4], RGB and the mask, 0 to 255; each cell in the middle.
    """
    crops = np.zeros((len(boxes), side, side, 4), np.uint8)
    half = side / MEDIAN * diameter / 2
    length = int(np.ceil(2 * half)) + 1
    # Middles of cells lie in the image, so that no crop goes farther beyond.
    beyond = length // 2 + 2
    framed = _framed(image, beyond)
    for crop, (y1, x1, y2, x2), mask in zip(crops, boxes, masks, strict=True):
        top, left = (y1 + y2) / 2 - half, (x1 + x2) / 2 - half
        row, column = int(np.floor(top)), int(np.floor(left))
        window = framed[row + beyond :, column + beyond :][:length, :length].copy()
        a, b = max(y1 - row, 0), max(x1 - column, 0)
        part = mask[max(row - y1, 0) :, max(column - x1, 0) :][: length - a, : length - b]
        window[a : a + part.shape[0], b : b + part.shape[1], 3] = part * np.uint8(255)
        x, y = left - column, top - row
        box = (x, y, x + 2 * half, y + 2 * half)
        # Four channels that have nothing to do with each other: the last one is no opacity here.
        whole = Image.frombuffer("RGBX", (length, length), window, "raw", "RGBX", 0, 1)
        crop[:] = whole.resize((side, side), Image.Resampling.BILINEAR, box=box)
    for channel, curve in enumerate(curves):
        crops[..., channel] = curve[crops[..., channel]]
    return crops


def _framed(image: np.ndarray, width: int) -> np.ndarray:
    """An image that goes on beyond its border as it ends, with a fourth channel of zeros."""
    height, breadth = image.shape[:2]
    framed = np.zeros((height + 2 * width, breadth + 2 * width, 4), np.uint8)
    rows = framed[width : width + height]
    for channel in range(3):
        # One after the other: groups of three values are slow to copy.
        rows[:, width : width + breadth, channel] = image[..., channel]
    rows[:, :width], rows[:, width + breadth :] = rows[:, width, None], rows[:, -width - 1, None]
    framed[:width], framed[width + height :] = rows[0], rows[-1]
    return framed


def color_curves(image: np.ndarray, cells: Instances) -> np.ndarray:
    """What brings the colors of a field to those that the network knows.

    The background, which is the median color outside of all masks, becomes a bright gray; where
    nearly nothing is outside, it stays. A stain that is unlike all that the network was taught gets
    the color of its usual one.

    Args:
        image: uint8 [H, W, 3], RGB.
        cells: with masks.

    Returns:
        uint8 [3, 256], the new value of each value of red, green and blue.
    """
    outside = np.ones([-(-side // _STEP) for side in image.shape[:2]], bool)
    for (y1, x1, _, _), mask in zip(cells.boxes, cells.crops, strict=True):
        part = mask[-y1 % _STEP :: _STEP, -x1 % _STEP :: _STEP]
        top, left = -(-y1 // _STEP), -(-x1 // _STEP)
        outside[top : top + part.shape[0], left : left + part.shape[1]] &= ~part
    small = image[::_STEP, ::_STEP]
    background, stained = small[outside], small[~outside]
    gains = np.ones(3)
    if len(background) >= outside.size / 100:
        gains = BACKGROUND / np.maximum(_medians(background), 1)
        gains = np.clip(gains, 1 / _LARGEST_GAIN, _LARGEST_GAIN)
    light = np.arange(256) * gains[:, None] / BACKGROUND
    if len(stained):
        median = np.maximum(_medians(stained) * gains, 1)
        density = -np.log(median / BACKGROUND)
        if density.min() > _NO_STAIN and not _is_known(density):
            usual = np.clip(density[1], *_USUAL_GREEN) * np.array(_USUAL_HUE)
            light **= (usual / density)[:, None]
    return np.clip(light * BACKGROUND + 0.5, 0, 255).astype(np.uint8)


def _medians(colors: np.ndarray) -> np.ndarray:
    """`numpy.median` of each channel of colors, uint8 [N, C], N at least 1; float64 [C]."""
    middle = [(len(colors) - 1) // 2 + 1, len(colors) // 2 + 1]
    counts = (np.bincount(channel, minlength=256).cumsum() for channel in colors.T)
    return np.array([np.searchsorted(each, middle).mean() for each in counts])


def _is_known(density: np.ndarray) -> bool:
    """Whether the network was taught a stain of these densities of red, green and blue."""
    red, green, blue = density
    ranges = ((green, _GREEN), (red / green, _RED), (blue / green, _BLUE))
    return all(low <= value <= high for value, (low, high) in ranges)


def shape_numbers(crops: np.ndarray) -> np.ndarray:
    """What the masks of crops measure, in diameters of the field's median cell.

    Args:
        crops: uint8 or float [N, S, S, 4], see `shape_crops`.

    Returns:
        float32 [N, 3]: equivalent diameter, and the axes of the ellipse with the same moments,
        the longer one first.
    """
    mask = crops[..., 3].astype(np.float32) / 255
    places = np.arange(mask.shape[1], dtype=np.float32) - (mask.shape[1] - 1) / 2
    rows, columns = mask.sum(axis=2), mask.sum(axis=1)
    area = np.maximum(rows.sum(axis=1), 1)
    y, x = rows @ places / area, columns @ places / area
    yy, xx = rows @ places**2 / area - y**2, columns @ places**2 / area - x**2
    xy = np.einsum("nij,i,j->n", mask, places, places) / area - x * y
    half, spread = (yy + xx) / 2, np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    axes = [4 * np.sqrt(np.maximum(each, 0)) for each in (half + spread, half - spread)]
    return (np.stack([np.sqrt(4 * area / np.pi), *axes], axis=1) / MEDIAN).astype(np.float32)
