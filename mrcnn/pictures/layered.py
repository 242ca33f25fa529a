"""Pictures of one or more levels whose values may need more than 8 bits."""

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from mrcnn.errors import DataError
from mrcnn.pictures.conversion import Range, ToldRange, gray_to_rgb
from mrcnn.pictures.explaining import check_size, explained
from mrcnn.pictures.picture import Level, Picture
from mrcnn.pictures.pixel_size import PixelSize

# Pixels up to which a range of values is taken from all of them, and a picture is decoded whole.
_SMALL = 2**24
# How many regions a side, and of which side, stand for a picture that is too large for that.
_SAMPLES, _SIDE = 8, 256


class Planes(Protocol):
    """A picture at one level.

    Attributes:
        shape: (height, width).
        notes: what is left out.
    """

    shape: tuple[int, int]
    notes: list[str]

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Gray [height, width] or colors [height, width, 3] of any type; uint8 is final."""


class LayeredPicture(Picture):
    """A picture of planes that are read a region at a time.

    A kind of files derives from it: its constructor fills the attributes, after `name` and `path`.

    Attributes:
        path: of the file.
        planes: of each level, the finest first.
        page_notes: which page was taken, and what else is known before pixels are read.
        size: see `pixel_size`.
        told_range: black and white, where the file tells them.
    """

    planes: Sequence[Planes]
    page_notes: list[str]
    size: PixelSize | None = None
    told_range: ToldRange | None = None

    def __init__(self, path: Path):
        self.name, self.path = str(path), path
        self._pixels: np.ndarray | None = None
        self._is_closed = False

    @functools.cached_property
    def levels(self) -> tuple[Level, ...]:
        height, width = self.planes[0].shape
        return tuple(
            Level(*planes.shape, math.sqrt(height / planes.shape[0] * width / planes.shape[1]))
            for planes in self.planes
        )

    @property
    def pixel_size(self) -> PixelSize | None:
        return self.size

    @property
    def notes(self) -> tuple[str, ...]:
        ranges = self._range[1] if "_range" in self.__dict__ else []
        return (*self.page_notes, *self.planes[0].notes, *ranges)

    def pixels(self, level: int = 0) -> np.ndarray:
        found = self._level(level)
        if self._pixels is not None and level == 0:
            return self._pixels
        check_size(self.path, found.height, found.width)
        pixels = self._read(level, 0, 0, found.height, found.width)
        if len(self.levels) == 1:
            self._pixels = pixels
            self._close_file()
        return pixels

    def close(self) -> None:
        self._is_closed = True
        self._pixels = None
        self._close_file()

    def _close_file(self) -> None:
        raise NotImplementedError

    def _read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        if self._is_closed:
            raise DataError(f"The picture {self.path} was closed. Open it again to read it.")
        whole = self.levels[level]
        is_whole = (height, width) == (whole.height, whole.width)
        if self._pixels is None and not is_whole and self._is_small:
            self.pixels()
        if self._pixels is not None:
            return self._pixels[y : y + height, x : x + width].copy()
        with explained(self.path):
            values = self.planes[level].read(y, x, height, width)
            if values.dtype != np.uint8:
                if is_whole and len(self.levels) == 1 and "_range" not in self.__dict__:
                    # Or all would be read again.
                    self.__dict__["_range"] = Range.noted(values, self.told_range)
                values = self._range[0].to_bytes(values)
            if values.ndim == 2:
                return gray_to_rgb(values)
            return np.require(values, requirements=["C", "W"])

    @property
    def _is_small(self) -> bool:
        first = self.levels[0]
        return len(self.levels) == 1 and first.height * first.width <= _SMALL

    @functools.cached_property
    def _range(self) -> tuple[Range, list[str]]:
        """The range of values that all regions and levels share, with notes on it."""
        coarsest = min(self.planes, key=lambda planes: planes.shape[0] * planes.shape[1])
        height, width = coarsest.shape
        if height * width <= _SMALL:
            return Range.noted(coarsest.read(0, 0, height, width), self.told_range)
        high, wide = min(height, _SIDE), min(width, _SIDE)
        tops = np.linspace(0, height - high, _SAMPLES).astype(int)
        lefts = np.linspace(0, width - wide, _SAMPLES).astype(int)
        parts = [coarsest.read(int(y), int(x), high, wide) for y in tops for x in lefts]
        return Range.noted(np.concatenate(parts), self.told_range)
