"""Size and shape of one object, from its mask.

Every figure is that of scikit-image's `regionprops`, which the tests compare it with. What takes
long there, the convex hull and the moments, is found here from rows and columns of the mask.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mrcnn.measure.hull import hull_area, hull_areas
from mrcnn.measure.perimeter import crofton_perimeter

# Of so many objects the convex hulls are found at once.
_AT_A_TIME = 200


@dataclass(frozen=True)
class Shape:
    """What a mask tells, in pixels of the image.

    Attributes:
        area: pixels of the mask.
        perimeter: by Crofton's formula in four directions.
        major_axis, minor_axis: lengths of the axes of the ellipse with the same second moments.
        eccentricity: of that ellipse, 0 (a circle) to 1.
        orientation: of its major axis, degrees from the vertical, counterclockwise, -90 to 90.
        hull: pixels of the convex hull.
        centroid: (y, x); the middle of pixel (0, 0) lies at (0.5, 0.5).
    """

    area: int
    perimeter: float
    major_axis: float
    minor_axis: float
    eccentricity: float
    orientation: float
    hull: int
    centroid: tuple[float, float]

    @property
    def equivalent_diameter(self) -> float:
        """Diameter of the circle with that area."""
        return equivalent_diameter(self.area)

    @property
    def aspect_ratio(self) -> float:
        """Major over minor axis, 1 of a circle; NaN of a mask that is one pixel wide."""
        return self.major_axis / self.minor_axis if self.minor_axis > 0 else math.nan

    @property
    def circularity(self) -> float:
        """4 pi area over the square of the perimeter: 1 of a circle, less of all else."""
        return 4 * math.pi * self.area / self.perimeter**2

    @property
    def solidity(self) -> float:
        """Area over that of the convex hull."""
        return self.area / self.hull


def shape_of(box: Sequence[int], crop: np.ndarray) -> Shape:
    """Measure one object; several pieces of a mask are one object.

    Args:
        box: pixel (y1, x1, y2, x2).
        crop: bool, the mask inside the box, with at least one pixel.
    """
    return _shape_of(box, crop, hull_area(crop))


def shapes_of(
    boxes: Iterable[Sequence[int]], crops: Iterable[np.ndarray]
) -> Iterator[tuple[np.ndarray, Shape]]:
    """`shape_of` objects in less time than one after the other takes, each after its mask.

    Args:
        boxes, crops: of each, see there; no more than some hundred masks are held at a time.
    """
    pairs = zip(boxes, crops, strict=True)
    while some := list(islice(pairs, _AT_A_TIME)):
        hulls = hull_areas([crop for _, crop in some])
        for (box, crop), hull in zip(some, hulls, strict=True):
            yield crop, _shape_of(box, crop, int(hull))


def _shape_of(box: Sequence[int], crop: np.ndarray, hull: int) -> Shape:
    area = int(np.count_nonzero(crop))
    y, x = (np.arange(side, dtype=np.float64) for side in crop.shape)
    # Sums over rows and columns are all that moments up to the second need.
    in_rows, in_columns = np.count_nonzero(crop, axis=1), np.count_nonzero(crop, axis=0)
    middle_y, middle_x = in_rows @ y / area, in_columns @ x / area
    y -= middle_y
    x -= middle_x
    of_y, of_x = in_rows @ y**2 / area, in_columns @ x**2 / area
    mixed = float(y @ (crop.astype(np.float32) @ x)) / area
    half, spread = (of_y + of_x) / 2, math.hypot((of_y - of_x) / 2, mixed)
    # A line's smaller moment is 0, whatever rounding makes of it.
    larger, smaller = half + spread, max(half - spread, 0.0)
    if smaller < 1e-9 * larger:
        smaller = 0.0
    return Shape(
        area=area,
        perimeter=crofton_perimeter(crop),
        major_axis=4 * math.sqrt(larger),
        minor_axis=4 * math.sqrt(smaller),
        eccentricity=math.sqrt(1 - smaller / larger) if larger > 0 else 0.0,
        orientation=_orientation(of_y, of_x, mixed),
        hull=hull,
        centroid=(middle_y + int(box[0]) + 0.5, middle_x + int(box[1]) + 0.5),
    )


def _orientation(of_y: float, of_x: float, mixed: float) -> float:
    """Degrees from the rows' direction to the major axis, as scikit-image counts them."""
    if of_y == of_x:
        return 45.0 if mixed > 0 else -45.0
    return math.degrees(0.5 * math.atan2(2 * mixed, of_y - of_x))


def equivalent_diameter(area: float) -> float:
    """Diameter of the circle with an area, in the unit of its side."""
    return math.sqrt(4 * area / math.pi)


def equivalent_diameters(crops: Sequence[np.ndarray]) -> np.ndarray:
    """Diameters of the circles with the areas of masks, float [N] pixels."""
    areas = np.array([np.count_nonzero(crop) for crop in crops], float)
    return np.sqrt(4 * areas / np.pi)
