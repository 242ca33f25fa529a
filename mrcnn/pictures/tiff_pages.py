"""Regions of one page of a TIFF file."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.pictures.explaining import Unreadable
from mrcnn.pictures.tiff_segments import (
    JPEG,
    OLD_JPEG,
    RAW,
    YCBCR,
    Segments,
    decodes_colors,
)

# Bytes of decoded segments that are kept: the next region often needs them again.
CACHE = 32 * 2**20


class SegmentCache:
    """Decoded segments, those that were not used longest forgotten. Threads may share it."""

    def __init__(self, most_bytes: int = CACHE):
        self._kept: OrderedDict[tuple, np.ndarray] = OrderedDict()
        self._bytes, self._most = 0, most_bytes
        self._lock = threading.Lock()

    def get(self, key: tuple) -> np.ndarray | None:
        with self._lock:
            found = self._kept.pop(key, None)
            if found is not None:
                self._kept[key] = found
            return found

    def put(self, key: tuple, segment: np.ndarray) -> None:
        with self._lock:
            if segment.nbytes > self._most or key in self._kept:
                return
            self._kept[key] = segment
            self._bytes += segment.nbytes
            while self._bytes > self._most:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self._bytes = 0


class PageReader:
    """Samples of a page as they are stored, not yet upright.

    Attributes:
        height, width: as stored.
        samples: of a pixel.
    """

    def __init__(self, page: Any, cache: SegmentCache, shift: int = 0):
        self.page = page
        self.height, self.width = page.imagelength, page.imagewidth
        self.samples = page.samplesperpixel
        self._segments = Segments(page, shift)
        self._cache = cache

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """A region [height, width, samples] in pixels as stored."""
        segments = self._segments
        planes = self.samples if segments.is_separate else 1
        out = None
        for plane in range(planes):
            for down in range(y // segments.height, (y + height - 1) // segments.height + 1):
                top = down * segments.height
                first, last = max(y - top, 0), min(y + height - top, segments.height)
                for across in range(x // segments.width, (x + width - 1) // segments.width + 1):
                    index = (plane * segments.down + down) * segments.across + across
                    part = self._rows(index, first, last)
                    left = across * segments.width
                    begin, end = max(x - left, 0), min(x + width - left, segments.width)
                    if out is None:
                        out = np.empty((height, width, self.samples), part.dtype)
                    channels = slice(plane, plane + 1) if segments.is_separate else slice(None)
                    out[
                        top + first - y : top + last - y,
                        left + begin - x : left + end - x,
                        channels,
                    ] = part[:, begin:end]
        assert out is not None
        return out

    def _rows(self, index: int, first: int, last: int) -> np.ndarray:
        segments = self._segments
        if segments.is_raw:
            return segments.read(index, first, last)
        key = (id(self), index)
        whole = self._cache.get(key)
        if whole is None:
            whole = segments.read(index)
            self._cache.put(key, whole)
        return whole[first:last]


class ColumnsAsChannels:
    """A picture [H, W, C] that a program kept as H pages of W x C samples.

    Args:
        readers: one for each row.
    """

    def __init__(self, readers: list[PageReader]):
        self.page = readers[0].page
        self._readers = readers
        self.height, self.width, self.samples = len(readers), readers[0].height, readers[0].width

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        rows = [reader.read(x, 0, width, self.samples) for reader in self._readers[y : y + height]]
        return np.stack(rows)[..., 0]


class MissingPage:
    """A page that a file speaks of and does not have.

    Args:
        like: a page with the same tags.
    """

    def __init__(self, like: Any):
        self.page = like
        self.height, self.width = like.imagelength, like.imagewidth
        self.samples = like.samplesperpixel

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        raise Unreadable("a plane of it is missing, or the file that it is in")


class PageByPillow:
    """A page that Pillow decodes as a whole, upright and to RGB: rare kinds of JPEG and YCbCr.

    Args:
        page: one of the file's main pages.
        path: of the file.
    """

    def __init__(self, page: Any, path: Path):
        if len(page.treeindex) > 1:
            raise Unreadable("its colors are of a rare kind in a pyramid: save it as RGB")
        self._path, self._number = path, page.index
        with self._opened() as image:
            self.width, self.height = image.size
        self.page = None
        self.samples = 3
        self._pixels: np.ndarray | None = None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Image.Image]:
        # By a file object: of a name Pillow maps the file, and turns the map without its pixels.
        with open(self._path, "rb") as file, Image.open(file) as image:
            image.seek(self._number)
            yield image

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        if self._pixels is None:
            with self._opened() as image:
                self._pixels = np.asarray(image.convert("RGB"))
        return self._pixels[y : y + height, x : x + width]


def needs_pillow(page: Any) -> bool:
    """Whether more than the tags of a page tells what its samples are."""
    if page.compression == OLD_JPEG:
        return True
    if page.compression == JPEG:
        # A file of two channels is no JPEG file of its own.
        return page.samplesperpixel == 2 and page.planarconfig == 1
    is_ycbcr = int(page.photometric) == YCBCR
    is_plain = page.compression == RAW and page.subsampling in (None, (1, 1))
    return is_ycbcr and not is_plain and not decodes_colors(page)
