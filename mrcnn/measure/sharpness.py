"""How sharp the edges of objects are."""

import numpy as np
from scipy import ndimage

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
    outline = objects & ~ndimage.binary_erosion(objects, border_value=1)
    reach = max(2, round(_REACH * diameter))
    # Not where the picture ends.
    outline[:reach] = outline[-reach:] = False
    outline[:, :reach] = outline[:, -reach:] = False
    if np.count_nonzero(outline) < _FEWEST:
        return None
    gray = ndimage.gaussian_filter(image.mean(axis=2, dtype=np.float32), _NOISE * diameter)
    size = 2 * reach + 1
    contrast = ndimage.maximum_filter(gray, size) - ndimage.minimum_filter(gray, size)
    slope = np.hypot(*np.gradient(gray))
    steepest = ndimage.maximum_filter(slope, size)
    width = contrast[outline] / np.maximum(steepest[outline], 1e-6)
    return float(np.median(width)) / diameter
