"""Which of the many images in a TIFF file is the picture, and where its planes are."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrcnn.pictures.explaining import Unreadable
from mrcnn.pictures.tiff_damage import ends_early
from mrcnn.pictures.tiff_pages import (
    ColumnsAsChannels,
    MissingPage,
    PageByPillow,
    PageReader,
    SegmentCache,
    needs_pillow,
)

Reader = PageReader | ColumnsAsChannels | MissingPage | PageByPillow

# What slides hold beside the picture. The label often shows a patient's name.
_LABELS = re.compile(r"(label|macro|map|thumbnail|overview)( image)?\s*\d*", re.IGNORECASE)
_REDUCED, _MASK = 1, 4  # bits of the tag NewSubfileType
# Narrower pages, one for each row, are channels that a program wrote in the wrong order.
_MOST_CHANNELS = 5


@dataclass(frozen=True)
class TiffImage:
    """Planes of one size in a TIFF file, at all resolutions: a series of tifffile.

    Attributes:
        series: of tifffile.
        number: of the series in the file.
        pages: how many pictures it holds, such as slices and moments.
        channels: how many planes each of them has.
        stride: how many planes lie between those of one picture.
        is_in_columns: see `ColumnsAsChannels`.
    """

    series: Any
    number: int
    pages: int
    channels: int
    stride: int = 1
    is_in_columns: bool = False

    def readers(self, page: int, path: Path, cache: SegmentCache) -> list[list[Reader]]:
        """For each level the planes of one page, one for each channel."""
        return [self._planes(level, page, path, cache) for level in self.series.levels]

    def ends_early(self, page: int) -> list[bool]:
        """For each level whether pixels of one page lie beyond the end of the file."""
        return [
            any(stored is not None and ends_early(stored, shift) for stored, shift in planes)
            for planes in (self._stored(level, page) for level in self.series.levels)
        ]

    def _planes(self, level: Any, page: int, path: Path, cache: SegmentCache) -> list[Reader]:
        stored = self._stored(level, page)
        if self.is_in_columns:
            return [ColumnsAsChannels([PageReader(row.aspage(), cache) for row, _ in stored])]
        return [self._reader(level, plane, shift, path, cache) for plane, shift in stored]

    def _stored(self, level: Any, page: int) -> list[tuple[Any, int]]:
        """The pages of tifffile that hold the planes of one page, and where their data begin.

        A page that is missing is None. The number of bytes is counted from the data of the page.
        """
        if self.is_in_columns:
            return [(row, 0) for row in level.pages]
        outer, inner = divmod(page, self.stride)
        first = outer * self.channels * self.stride + inner
        indices = range(first, first + self.channels * self.stride, self.stride)
        if len(level.pages) > 1:
            return [(level.pages[index], 0) for index in indices]
        # Further planes follow the first one's data, without tags of their own.
        only = level.pages[0]
        is_known = only is not None and only.dtype is not None
        size = math.prod(only.shape) * only.dtype.itemsize if is_known else 0
        return [(only, index * size) for index in indices]

    @staticmethod
    def _reader(level: Any, page: Any, shift: int, path: Path, cache: SegmentCache) -> Reader:
        if page is None:
            return MissingPage(level.keyframe)
        page = page.aspage()
        return PageByPillow(page, path) if needs_pillow(page) else PageReader(page, cache, shift)


def images_of(file: Any) -> tuple[list[TiffImage], int]:
    """The images of a file that are pictures, and the number of the one that is meant.

    Labels, overviews and thumbnails are no pictures. The first picture is meant that is not much
    smaller than another one.

    Args:
        file: a `tifffile.TiffFile`.

    Raises:
        Unreadable: there is none.
    """
    named = [
        (number, series)
        for number, series in enumerate(file.series)
        if not _LABELS.fullmatch(series.name.strip())
    ]
    if not file.series:
        raise Unreadable("it is damaged or cut short (it has no image)")
    if not named:
        raise Unreadable("it holds labels and overviews of a slide only, which are not read")
    masks = [pair for pair in named if not pair[1].keyframe.subfiletype & _MASK]
    full = [pair for pair in masks if not pair[1].keyframe.subfiletype & _REDUCED]
    images = [_image(series, number) for number, series in full or masks or named]
    areas = [
        image.series.keyframe.imagelength * image.series.keyframe.imagewidth for image in images
    ]
    return images, next(n for n, area in enumerate(areas) if 4 * area > max(areas))


def _image(series: Any, number: int) -> TiffImage:
    first, count = series.keyframe, len(series.pages)
    axes = zip(series.get_axes(False), series.get_shape(False), strict=True)
    leading = [(axis, size) for axis, size in axes if axis not in "YXS"]
    planes = math.prod(size for _, size in leading)
    has_planes_without_tags = count == 1 and first.is_contiguous and first.compression == 1
    if planes != count and not has_planes_without_tags:
        leading, planes = [("I", count)], count
    is_in_columns = (
        len(leading) == 1
        and planes == count > 1
        and first.imagewidth <= _MOST_CHANNELS < first.imagelength
        and first.samplesperpixel == 1
    )
    if is_in_columns:
        return TiffImage(series, number, 1, 1, is_in_columns=True)
    position = next((n for n, (axis, _) in enumerate(leading) if axis == "C"), None)
    if position is None:
        return TiffImage(series, number, planes, 1)
    channels = leading[position][1]
    stride = math.prod(size for _, size in leading[position + 1 :])
    return TiffImage(series, number, planes // channels, channels, stride)
