"""The columns of measurements that follow the others in the table of objects."""

from collections.abc import Sequence

import numpy as np

from mrcnn.instances import Instances
from mrcnn.instances.overlap import touches_border
from mrcnn.measure.neighbors import Neighbors
from mrcnn.measure.shape import Shape

SHAPE_COLUMNS = (
    "perimeter_px",
    "major_axis_px",
    "minor_axis_px",
    "aspect_ratio",
    "circularity",
    "solidity",
    "orientation_deg",
    "touches_border",
    "overlap_share",
)
SHAPE_MICROMETER_COLUMNS = ("perimeter_um", "major_axis_um", "minor_axis_um")
# Of figures that the first columns have in pixels.
MICROMETER_COLUMNS = (
    "area_um2",
    "equivalent_diameter_um",
    "centroid_y_um",
    "centroid_x_um",
)
LIMITS_COLUMN = "size_by_limits"
SMALL, NORMAL, LARGE = "small", "normal", "large"


def in_micrometers(shape: Shape, pixel_size: float | None) -> list[str]:
    """The values of `MICROMETER_COLUMNS`; empty where the size of a pixel is not known."""
    if pixel_size is None:
        return [""] * len(MICROMETER_COLUMNS)
    y, x = shape.centroid
    return [
        f"{shape.area * pixel_size**2:.4f}",
        f"{shape.equivalent_diameter * pixel_size:.4f}",
        f"{y * pixel_size:.3f}",
        f"{x * pixel_size:.3f}",
    ]


# Names of earlier versions.
SHAPE_MICROMETRE_COLUMNS, MICROMETRE_COLUMNS = SHAPE_MICROMETER_COLUMNS, MICROMETER_COLUMNS
in_micrometres = in_micrometers


class MeasuredColumns:
    """What is measured of the objects of one picture.

    Args:
        instances: the objects, each with a mask.
        pixel_size: micrometers, or None.
        measured: names of the columns of `instances` that are written. Of one that ends in "_px" or
            "_px2" the same in micrometers follows.
        size_limits: micrometers; an object with a smaller equivalent diameter than the first is
            small, with a larger one than the second large. None leaves the column out.
    """

    def __init__(
        self,
        instances: Instances,
        pixel_size: float | None,
        measured: Sequence[str] = (),
        size_limits: tuple[float, float] | None = None,
    ) -> None:
        self._instances, self._pixel_size = instances, pixel_size
        self._scaled = _in_pixels(measured)
        self._limits = size_limits
        self._neighbors = Neighbors(instances.boxes)

    @staticmethod
    def titles(measured: Sequence[str] = (), has_limits: bool = False) -> Sequence[str]:
        """Names of the columns.

        Args:
            measured: see the class.
            has_limits: sizes are compared with limits.
        """
        limits = (LIMITS_COLUMN,) if has_limits else ()
        scaled = (name for name, _, _ in _in_pixels(measured))
        return (*SHAPE_COLUMNS, *SHAPE_MICROMETER_COLUMNS, *scaled, *limits)

    def values(self, row: int, crop: np.ndarray, shape: Shape) -> list:
        """The values of one object.

        Args:
            row: its number in the instances, from 0.
            crop: its mask.
            shape: measured of the mask.
        """
        instances, size = self._instances, self._pixel_size
        lengths = (shape.perimeter, shape.major_axis, shape.minor_axis)
        boxes = instances.boxes[row : row + 1]
        cut = bool(touches_border(boxes, [crop], instances.image_shape)[0])
        ratio = shape.aspect_ratio
        return [
            *(f"{length:.3f}" for length in lengths),
            "" if np.isnan(ratio) else f"{ratio:.4f}",
            f"{shape.circularity:.4f}",
            f"{shape.solidity:.4f}",
            f"{shape.orientation:.2f}",
            int(cut),
            f"{self._neighbors.shared(row, instances.crops):.4f}",
            *("" if size is None else f"{length * size:.4f}" for length in lengths),
            *(self._in_micrometers(name, power, row) for _, name, power in self._scaled),
            *([] if self._limits is None else [self._size(shape, cut)]),
        ]

    def _in_micrometers(self, name: str, power: int, row: int) -> str:
        value = float(self._instances.columns[name][row])
        if self._pixel_size is None or np.isnan(value):
            return ""
        return f"{value * self._pixel_size**power:.6g}"

    def _size(self, shape: Shape, cut: bool) -> str:
        """Small, normal or large by the limits; empty where the whole size is not known."""
        if self._pixel_size is None or self._limits is None or cut:
            return ""
        diameter = shape.equivalent_diameter * self._pixel_size
        small, large = self._limits
        return SMALL if diameter < small else LARGE if diameter > large else NORMAL


def _in_pixels(measured: Sequence[str]) -> list[tuple[str, str, int]]:
    """Name in micrometers, name, and power of the pixel's side, of the columns in pixels."""
    found = []
    for name in measured:
        for unit, power in (("px", 1), ("px2", 2)):
            stem = name.removesuffix(f"_{unit}")
            scaled = f"{stem}_{unit.replace('px', 'um')}"
            if stem != name and scaled not in measured:
                found.append((scaled, name, power))
    return found
