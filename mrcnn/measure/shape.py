"""Size and shape of one object, from its mask."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from skimage.measure import regionprops


@dataclass(frozen=True)
class Shape:
    """What a mask tells, in pixels of the image.

    Attributes:
        area: pixels of the mask.
        equivalent_diameter: of the circle with that area.
        eccentricity: of the ellipse with the same second moments, 0 (a circle) to 1.
        centroid: (y, x).
    """

    area: int
    equivalent_diameter: float
    eccentricity: float
    centroid: tuple[float, float]


def shape_of(box: Sequence[int], crop: np.ndarray) -> Shape:
    """Measure one object; several pieces of a mask are one object.

    Args:
        box: pixel (y1, x1, y2, x2).
        crop: bool, the mask inside the box, with at least one pixel.
    """
    (region,) = regionprops(crop.astype(np.uint8))
    area = int(region.area)
    return Shape(
        area=area,
        equivalent_diameter=equivalent_diameter(area),
        eccentricity=float(region.eccentricity),
        centroid=(region.centroid[0] + int(box[0]), region.centroid[1] + int(box[1])),
    )


def equivalent_diameter(area: float) -> float:
    """Diameter of the circle with an area, in the unit of its side."""
    return math.sqrt(4 * area / math.pi)


def equivalent_diameters(crops: Sequence[np.ndarray]) -> np.ndarray:
    """Diameters of the circles with the areas of masks, float [N] pixels."""
    areas = np.array([np.count_nonzero(crop) for crop in crops], float)
    return np.sqrt(4 * areas / np.pi)
