"""TIFF files as pictures: all their tags decide, and only what a region needs is decoded."""

import contextlib
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError
from mrcnn.pictures.channels import channels_note, check_channels, chosen_page, page_note
from mrcnn.pictures.conversion import Range, grey_to_rgb
from mrcnn.pictures.explaining import Unreadable, check_size, explained
from mrcnn.pictures.orientation import Orientation
from mrcnn.pictures.picture import Level, Picture
from mrcnn.pictures.pixel_size import SIZE_TAGS, PixelSize, of_tiff_tags
from mrcnn.pictures.tiff_colors import GREY, Colors
from mrcnn.pictures.tiff_layout import Reader, TiffImage, images_of
from mrcnn.pictures.tiff_pages import PageByPillow, SegmentCache

_ORIENTATION = 274
# Pixels up to which a range of values is taken from all of them, and a picture is decoded whole.
_SMALL = 2**24
# How many regions of which side stand for a picture that is too large for that.
_SAMPLES, _SIDE = 8, 256


class TiffPicture(Picture):
    """One picture of a TIFF file; see `open_picture`."""

    def __init__(self, path: Path, page: int | None, channels: Sequence[int] | None):
        # Here, since it is large.
        from tifffile import TiffFile

        self.name, self.path = str(path), path
        self._cache = SegmentCache()
        self._pixels: np.ndarray | None = None
        self._is_closed = False
        with explained(path):
            self._file = TiffFile(path)
        try:
            with explained(path):
                self._file.filehandle.lock = True  # several threads read
                self._open(page, channels)
        except BaseException:
            self._file.close()
            raise

    def _open(self, page: int | None, channels: Sequence[int] | None) -> None:
        images, meant = images_of(self._file)
        counts = [image.pages for image in images]
        number = chosen_page(page, sum(counts), 1 + sum(counts[:meant]))
        self._page_notes = page_note(number, sum(counts))
        # (image, number of its page) of every page of the file.
        pages = [(image, index) for image in images for index in range(image.pages)]
        image, index = pages[number - 1]
        self._planes = [
            _Planes(readers, channels) for readers in image.readers(index, self.path, self._cache)
        ]
        height, width = self._planes[0].shape
        self._levels = tuple(
            Level(*planes.shape, math.sqrt(height / planes.shape[0] * width / planes.shape[1]))
            for planes in self._planes
        )
        self._pixel_size = self._pixel_size_by_tags(image)

    def _pixel_size_by_tags(self, image: TiffImage) -> PixelSize | None:
        with contextlib.suppress(Exception):
            tags = image.series.keyframe.tags
            told = {tag: tags[tag].value for tag in SIZE_TAGS if tag in tags}
            found = of_tiff_tags(told, self._file.pages.first.description, image.number)
            if found and self._planes[0].orientation.swaps:
                return PixelSize(found.x, found.y, found.told_by)
            return found
        return None

    @property
    def levels(self) -> tuple[Level, ...]:
        return self._levels

    @property
    def pixel_size(self) -> PixelSize | None:
        return self._pixel_size

    @property
    def notes(self) -> tuple[str, ...]:
        ranges = self._range[1] if "_range" in self.__dict__ else []
        return (*self._page_notes, *self._planes[0].notes, *ranges)

    def pixels(self, level: int = 0) -> np.ndarray:
        found = self._level(level)
        if self._pixels is not None and level == 0:
            return self._pixels
        check_size(self.path, found.height, found.width)
        pixels = self._read(level, 0, 0, found.height, found.width)
        if len(self._levels) == 1:
            self._pixels = pixels
            self._close_file()
        return pixels

    def close(self) -> None:
        self._is_closed = True
        self._pixels = None
        self._close_file()

    def _close_file(self) -> None:
        self._cache.clear()
        self._file.close()

    def _read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        if self._is_closed:
            raise DataError(f"The picture {self.path} was closed. Open it again to read it.")
        whole = self._levels[level]
        is_whole = (height, width) == (whole.height, whole.width)
        if self._pixels is None and not is_whole and self._is_small:
            self.pixels()
        if self._pixels is not None:
            return self._pixels[y : y + height, x : x + width].copy()
        with explained(self.path):
            values = self._planes[level].read(y, x, height, width)
            if values.dtype != np.uint8:
                if is_whole and level == 0 and "_range" not in self.__dict__:
                    self.__dict__["_range"] = Range.noted(values)
                values = self._range[0].to_bytes(values)
            if values.ndim == 2:
                return grey_to_rgb(values)
            return np.require(values, requirements=["C", "W"])

    @property
    def _is_small(self) -> bool:
        first = self._levels[0]
        return len(self._levels) == 1 and first.height * first.width <= _SMALL

    @functools.cached_property
    def _range(self) -> "tuple[Range, list[str]]":
        """The range of values that all regions share, with notes on it."""
        coarsest = min(self._planes, key=lambda planes: planes.shape[0] * planes.shape[1])
        height, width = coarsest.shape
        if height * width <= _SMALL:
            return Range.noted(coarsest.read(0, 0, height, width))
        high, wide = min(height, _SIDE), min(width, _SIDE)
        tops = np.linspace(0, height - high, _SAMPLES).astype(int)
        lefts = np.linspace(0, width - wide, _SAMPLES).astype(int)
        parts = [coarsest.read(int(y), int(x), high, wide) for y in tops for x in lefts]
        return Range.noted(np.stack(parts))


class _Planes:
    """The planes of one picture at one level as grey values or colors, upright.

    Attributes:
        orientation: how they are turned.
        shape: (height, width) upright.
        notes: what of them is left out.
    """

    def __init__(self, readers: list[Reader], channels: Sequence[int] | None):
        first = readers[0]
        tag = None if first.page is None else first.page.tags.get(_ORIENTATION)
        self.orientation = Orientation.of(tag.value if tag is not None else 1)
        self.shape = self.orientation.shape(first.height, first.width)
        self.notes: list[str] = []
        self._parts: list[tuple[Reader, Colors | None]] = []
        if isinstance(first, PageByPillow):
            check_channels(channels, 1)
            self._parts = [(first, None)]
        elif len(readers) == 1:
            colors = Colors(first.page, check_channels(channels, first.samples), first.samples)
            self.notes, self._parts = colors.notes, [(first, colors)]
        else:
            self._choose(readers, channels)

    def _choose(self, readers: list[Reader], channels: Sequence[int] | None) -> None:
        """Channels that are planes of their own."""
        samples = readers[0].samples
        count = len(readers) * samples
        taken = check_channels(channels, count)
        if taken is None and int(_page_of(readers[0]).photometric) not in GREY:
            # Several pictures in color, such as of several lamps.
            taken = tuple(range(3))
        if taken is None:
            taken = (0, 1, 2) if count >= 3 else (0,)
        if channels is None:
            self.notes.append(channels_note(taken, count))
        for number in taken:
            reader = readers[number // samples]
            colors = Colors(_page_of(reader), (number % samples,), samples)
            self._parts.append((reader, colors))

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Grey [height, width] or colors [height, width, 3] of a region; uint8 is final."""
        stored = self.orientation.stored(y, x, height, width, self.shape)
        parts = [
            colors(reader.read(*stored)) if colors else reader.read(*stored)
            for reader, colors in self._parts
        ]
        values = parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
        return self.orientation.upright(values)


def _page_of(reader: Reader) -> Any:
    """The tags of a plane among several."""
    if isinstance(reader, PageByPillow):
        raise Unreadable("its planes are of a rare kind of YCbCr: save it as RGB")
    return reader.page
