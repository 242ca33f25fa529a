"""TIFF files as pictures: all their tags decide, and only what a region needs is decoded."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError
from mrcnn.pictures.channels import (
    channels_note,
    check_channels,
    chosen_page,
    page_note,
    usual_channels,
)
from mrcnn.pictures.explaining import Unreadable, check_size, explained
from mrcnn.pictures.layered import LayeredPicture
from mrcnn.pictures.orientation import Orientation
from mrcnn.pictures.pixel_size import SIZE_TAGS, PixelSize, of_tiff_tags
from mrcnn.pictures.tiff_colors import Colors, told_range
from mrcnn.pictures.tiff_damage import LOST_NOTE, damage_heard, notes_on_end
from mrcnn.pictures.tiff_layout import Reader, TiffImage, images_of
from mrcnn.pictures.tiff_pages import PageByPillow, SegmentCache

_ORIENTATION, _SUB_IFDS = 274, 330


class TiffPicture(LayeredPicture):
    """One picture of a TIFF file; see `open_picture`."""

    planes: "Sequence[_Planes]"

    def __init__(self, path: Path, page: int | None, channels: Sequence[int] | None):
        # Here, since it is large.
        from tifffile import TiffFile

        super().__init__(path)
        self._cache = SegmentCache()
        with damage_heard() as damage:
            with explained(path):
                self._file = TiffFile(path)
            try:
                with explained(path):
                    self._open(page, channels)
            except BaseException:
                self._file.close()
                raise
        if damage and self._has_levels_elsewhere:
            self._file.close()
            raise DataError(f"Cannot read the image {path}: {LOST_NOTE}.")
        self.page_notes += damage

    def _open(self, page: int | None, channels: Sequence[int] | None) -> None:
        images, meant = images_of(self._file)
        counts = [image.pages for image in images]
        number = chosen_page(page, sum(counts), 1 + sum(counts[:meant]))
        self.page_notes = page_note(number, sum(counts))
        # (image, number of its page) of every page of the file.
        pages = [(image, index) for image in images for index in range(image.pages)]
        image, index = pages[number - 1]
        levels = image.readers(index, self.path, self._cache)
        self._has_levels_elsewhere = _SUB_IFDS in image.series.keyframe.tags
        turned = _orientation(levels[0][0])
        planes = [_Planes(readers, channels, turned) for readers in levels]
        (finest, is_cut), *coarser = zip(planes, image.ends_early(index), strict=True)
        self.planes = [finest, *(each for each, ends_early in coarser if not ends_early)]
        lost = [each.shape for each, ends_early in coarser if ends_early]
        others = [*pages[: number - 1], *pages[number:]]
        lost_pages = sum(any(other.ends_early(inner)) for other, inner in others)
        self.page_notes += notes_on_end(is_cut, lost, lost_pages)
        self.size = self._pixel_size_by_tags(image, turned)
        self.told_range = told_range(image.series.keyframe)

    def _pixel_size_by_tags(self, image: TiffImage, turned: Orientation) -> PixelSize | None:
        with contextlib.suppress(Exception):
            tags = image.series.keyframe.tags
            told = {tag: tags[tag].value for tag in SIZE_TAGS if tag in tags}
            description = self._file.pages.first.description
            found = of_tiff_tags(told, description, image.number, self.page_notes)
            if found and turned.swaps:
                return PixelSize(found.x, found.y, found.told_by)
            return found
        return None

    def samples(self) -> np.ndarray:
        """All channels as they are stored, upright: [H, W, C] of the type of the file."""
        found = self._level(0)
        check_size(self.path, found.height, found.width)
        with explained(self.path):
            return self.planes[0].samples()

    def _close_file(self) -> None:
        self._cache.clear()
        self._file.close()


class _Planes:
    """The planes of one picture at one level as gray values or colors, upright.

    Attributes:
        shape: (height, width) upright.
        notes: what of them is left out.
    """

    def __init__(
        self, readers: list[Reader], channels: Sequence[int] | None, orientation: Orientation
    ):
        first = readers[0]
        self._orientation, self._readers = orientation, readers
        self.shape = orientation.shape(first.height, first.width)
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
        if taken is None:
            taken = usual_channels(count)
            self.notes.append(channels_note(taken, count))
        for number in taken:
            reader = readers[number // samples]
            colors = Colors(_page_of(reader), (number % samples,), samples)
            self._parts.append((reader, colors))

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Gray [height, width] or colors [height, width, 3] of a region; uint8 is final."""
        stored = self._orientation.stored(y, x, height, width, self.shape)
        parts = [
            colors(reader.read(*stored)) if colors else reader.read(*stored)
            for reader, colors in self._parts
        ]
        values = parts[0] if len(parts) == 1 else np.stack(parts, axis=-1)
        return self._orientation.upright(values)

    def samples(self) -> np.ndarray:
        """All channels of the whole, [height, width, C], as they are stored."""
        stored = self._orientation.stored(0, 0, *self.shape, self.shape)
        parts = [np.atleast_3d(reader.read(*stored)) for reader in self._readers]
        values = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
        return self._orientation.upright(values)


def _orientation(first: Reader) -> Orientation:
    """Of all levels: those of a pyramid often lack the tag."""
    tag = None if first.page is None else first.page.tags.get(_ORIENTATION)
    return Orientation.of(tag.value if tag is not None else 1)


def _page_of(reader: Reader) -> Any:
    """The tags of a plane among several."""
    if isinstance(reader, PageByPillow):
        raise Unreadable("its planes are of a rare kind of YCbCr: save it as RGB")
    return reader.page
