"""A picture: 8-bit RGB of any size, of which regions are read."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mrcnn.errors import DataError
from mrcnn.pictures.pixel_size import PixelSize


@dataclass(frozen=True)
class Level:
    """One resolution of a picture.

    Attributes:
        height, width: in pixels of this level.
        downsample: pixels of level 0 along the side of one pixel of this level.
    """

    height: int
    width: int
    downsample: float = 1.0


class Picture:
    """A picture that is read a region at a time.

    `open_picture` makes one of a file, `Picture.of` of an array. It is a context manager, which
    closes the file.

    Kinds of pictures derive from this class; they say their `levels` and `_read` a region.

    Attributes:
        name: what messages call it, such as the path of its file.
        pixel_size: of level 0, if the file says it.
        notes: what of the file was not taken or was changed, such as further pages or more than 8
            bits. Complete once pixels were read.
    """

    name: str = "the picture"

    @staticmethod
    def of(
        array: np.ndarray, *, name: str = "the picture", pixel_size: PixelSize | None = None
    ) -> "Picture":
        """A picture of pixels that are there already.

        Args:
            array: uint8 [H, W, 3], RGB. It is kept, not copied.
            name: what messages call it.
            pixel_size: if it is known.

        Raises:
            DataError: another shape or type.
        """
        return ArrayPicture(array, name, pixel_size)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The resolutions, the finest first."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of level 0 in pixels."""
        return self.levels[0].height, self.levels[0].width

    @property
    def pixel_size(self) -> PixelSize | None:
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def region(self, y: int, x: int, height: int, width: int, level: int = 0) -> np.ndarray:
        """Read a rectangle.

        Args:
            y, x: its upper left pixel, in pixels of the level.
            height, width: its size, in pixels of the level.
            level: number in `levels`.

        Returns:
            uint8 [height, width, 3], RGB, an array of its own.

        Raises:
            DataError: the rectangle is empty or not inside the picture, there is no such level, or
                the file cannot be read.
        """
        found = self._level(level)
        inside = 0 <= y < y + height <= found.height and 0 <= x < x + width <= found.width
        if not inside:
            raise DataError(
                f"Cannot read {height} x {width} pixels at y={y}, x={x} of {self.name}: its level "
                f"{level} has {found.height} x {found.width} pixels (height x width). Ask for a "
                "region inside it."
            )
        return self._read(level, y, x, height, width)

    def pixels(self, level: int = 0) -> np.ndarray:
        """All of one level.

        Returns:
            uint8 [H, W, 3], RGB. It may be what the picture itself keeps: copy it to change it.

        Raises:
            DataError: there is no such level, or the file cannot be read.
        """
        found = self._level(level)
        return self._read(level, 0, 0, found.height, found.width)

    def close(self) -> None:
        """Close the file and forget its pixels; nothing can be read any more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _level(self, number: int) -> Level:
        levels = self.levels
        if not 0 <= number < len(levels):
            sizes = ", ".join(f"{level.height} x {level.width}" for level in levels)
            raise DataError(
                f"{self.name} has no level {number}: it has {len(levels)}, counted from 0, of "
                f"{sizes} pixels (height x width)."
            )
        return levels[number]

    def _read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        """A new uint8 [height, width, 3] of a region that is known to be inside."""
        raise NotImplementedError


class ArrayPicture(Picture):
    """A picture of pixels in memory; see `Picture.of`."""

    def __init__(self, array: np.ndarray, name: str, pixel_size: PixelSize | None = None):
        array = np.asarray(array)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
            raise DataError(
                f"An array of shape {array.shape} and type {array.dtype} was given as {name}: "
                "expected (height, width, 3) and uint8, RGB of 0 to 255."
            )
        self.name = name
        self._array = array
        self._pixel_size = pixel_size

    @property
    def levels(self) -> tuple[Level, ...]:
        return (Level(*self._array.shape[:2]),)

    @property
    def pixel_size(self) -> PixelSize | None:
        return self._pixel_size

    def pixels(self, level: int = 0) -> np.ndarray:
        self._level(level)
        return self._array

    def _read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        return self._array[y : y + height, x : x + width].copy()
