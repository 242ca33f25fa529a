"""How a stored picture is turned and mirrored to stand upright, by EXIF's and TIFF's number."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Orientation:
    """What makes a stored picture upright: first swap rows and columns, then mirror.

    Attributes:
        swaps: rows become columns.
        mirrors_rows, mirrors_columns: the order of rows, of columns is reversed.
    """

    swaps: bool = False
    mirrors_rows: bool = False
    mirrors_columns: bool = False

    @staticmethod
    def of(number: object) -> "Orientation":
        """Of a tag's value 1 to 8; any other counts as upright."""
        return _NUMBERS.get(number, Orientation())

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) upright of a stored one, or the reverse."""
        return (width, height) if self.swaps else (height, width)

    def stored(
        self, y: int, x: int, height: int, width: int, shape: tuple[int, int]
    ) -> tuple[int, int, int, int]:
        """Where a region of the upright picture, of this shape, is stored."""
        if self.mirrors_rows:
            y = shape[0] - y - height
        if self.mirrors_columns:
            x = shape[1] - x - width
        return (x, y, width, height) if self.swaps else (y, x, height, width)

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        """A stored region [H, W, ...] as it is seen."""
        if self.swaps:
            pixels = pixels.swapaxes(0, 1)
        rows = -1 if self.mirrors_rows else 1
        columns = -1 if self.mirrors_columns else 1
        return pixels[::rows, ::columns]


_NUMBERS: dict[object, Orientation] = {
    1: Orientation(),
    2: Orientation(mirrors_columns=True),
    3: Orientation(mirrors_rows=True, mirrors_columns=True),
    4: Orientation(mirrors_rows=True),
    5: Orientation(swaps=True),
    6: Orientation(swaps=True, mirrors_columns=True),
    7: Orientation(swaps=True, mirrors_rows=True, mirrors_columns=True),
    8: Orientation(swaps=True, mirrors_rows=True),
}
