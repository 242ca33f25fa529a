"""How sharp the edges of objects are."""

import numpy as np
from scipy import ndimage

from mrcnn.instances.framing import framed

# Half of the width across an edge that is looked at (diameters).
_REACH = 0.2
# Smoothing (diameters): noise is steep, and no edge.
_NOISE = 0.02
# Fewer points of an outline tell nothing.
_FEWEST = 50


def edge_width(image: np.ndarray, objects: np.ndarray, diameter: float) -> float | None:
    """How wide the edges between objects and background are, in diameters of the objects.

    The difference of brightness across the edge is divided by its steepest slope, which for a sharp
    edge blurred by a Gaussian is 2.5 times its standard deviation.

    Args:
        image: uint8 [H, W, C].
        objects: bool [H, W], where some object is.
        diameter: of objects, in pixels.

    Returns:
        the median over the outlines, or None where there are too few.
    """
    inside = framed(objects, outside=True)
    inner = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    reach = max(2, round(_REACH * diameter))
    # Not where the picture ends.
    outline = (objects & ~inner)[reach:-reach, reach:-reach]
    if np.count_nonzero(outline) < _FEWEST:
        return None
    # The mean of the channels, one after the other: those of a pixel alone are slow to add.
    total = sum(image[..., channel].astype(np.float32) for channel in range(image.shape[2]))
    gray = ndimage.gaussian_filter(total / np.float32(image.shape[2]), _NOISE * diameter)
    contrast = _of_squares(np.maximum, gray, reach) - _of_squares(np.minimum, gray, reach)
    steepest = _of_squares(np.maximum, np.hypot(*np.gradient(gray)), reach)
    width = contrast[outline] / np.maximum(steepest[outline], 1e-6)
    return float(np.median(width)) / diameter


def _of_squares(larger: np.ufunc, values: np.ndarray, reach: int) -> np.ndarray:
    """The largest, or smallest, of each square of 2 `reach` + 1 values.

    Args:
        larger: of two arrays; `numpy.maximum` or `numpy.minimum`.
        values: [H, W], more than 2 `reach` both.
        reach: 1 or more.

    Returns:
        [H - 2 reach, W - 2 reach], of the squares that are whole.
    """
    size = 2 * reach + 1
    for axis in (0, 1):
        lines, width = np.moveaxis(values, axis, 0), 1
        while width < size:
            # A run of twice the length is two that lie beside or over each other.
            step = min(width, size - width)
            lines = larger(lines[:-step], lines[step:])
            width += step
        values = np.moveaxis(lines, 0, axis)
    return values
