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
SIDE = 64
MEDIAN = 36
# How many numbers `shape_numbers` gives.
NUMBERS = 3
# Fields whose median cell is smaller than this show no shapes.
SMALLEST_MEDIAN = 8

# What the background becomes.
BACKGROUND = 230.0
_LARGEST_GAIN = 3.0
# The background is that of every so many pixels.
_STEP = 4


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
    gains: np.ndarray,
    side: int = SIDE,
) -> np.ndarray:
    """Cut out cells.

    Args:
        image: uint8 [H, W, 3], RGB.
        boxes: int [N, 4], pixel (y1, x1, y2, x2).
        masks: N bool arrays inside the boxes.
        diameter: of the field's median cell, pixels.
        gains: float [3], what colors are multiplied by, see `color_gains`.
        side: of the crops, pixels.

    Returns:
        uint8 [N, side, side, 4], RGB and the mask, 0 to 255; each cell in the middle.
    """
    crops = np.zeros((len(boxes), side, side, 4), np.uint8)
    half = side / MEDIAN * diameter / 2
    for crop, (y1, x1, y2, x2), mask in zip(crops, boxes, masks, strict=True):
        top, left = (y1 + y2) / 2 - half, (x1 + x2) / 2 - half
        first_row, first_column = int(np.floor(top)), int(np.floor(left))
        length = int(np.ceil(2 * half)) + 1
        rows = np.arange(first_row, first_row + length)
        columns = np.arange(first_column, first_column + length)
        # Beyond the border the picture goes on as it ends.
        window = image[
            np.clip(rows, 0, image.shape[0] - 1)[:, None], np.clip(columns, 0, image.shape[1] - 1)
        ]
        inside = np.zeros((length, length), np.uint8)
        a, b = max(y1 - first_row, 0), max(x1 - first_column, 0)
        part = mask[max(first_row - y1, 0) :, max(first_column - x1, 0) :][
            : length - a, : length - b
        ]
        inside[a : a + part.shape[0], b : b + part.shape[1]] = part * np.uint8(255)
        box = (left - first_column, top - first_row)
        box = (*box, box[0] + 2 * half, box[1] + 2 * half)
        for channels, pixels in ((np.s_[:3], window), (3, inside)):
            resized = Image.fromarray(pixels).resize(
                (side, side), Image.Resampling.BILINEAR, box=box
            )
            crop[..., channels] = np.asarray(resized)
    colors = np.clip(crops[..., :3] * gains.astype(np.float32) + 0.5, 0, 255)
    crops[..., :3] = colors.astype(np.uint8)
    return crops


def color_gains(image: np.ndarray, instances: Instances) -> np.ndarray:
    """What brings the background of a field to the same grey, float [3].

    The background is the median color outside of all masks; where nearly nothing is outside, all
    gains are 1.
    """
    outside = np.ones(image.shape[:2], bool)
    for (y1, x1, y2, x2), mask in zip(instances.boxes, instances.crops, strict=True):
        outside[y1:y2, x1:x2] &= ~mask
    colors = image[::_STEP, ::_STEP][outside[::_STEP, ::_STEP]]
    if len(colors) < outside.size / _STEP**2 / 100:
        return np.ones(3)
    return np.clip(
        BACKGROUND / np.maximum(np.median(colors, axis=0), 1), 1 / _LARGEST_GAIN, _LARGEST_GAIN
    )


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
