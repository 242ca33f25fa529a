"""Tiles of a picture at any magnification, for the viewer of the page."""

import io
import math
import threading
import weakref
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.pictures import Picture, overview
from mrcnn.serve.limits import open_checked

SIDE = 512
# Of the picture that stands for all smaller ones, where a file has no levels of its own.
OVERVIEW_SIDE = 4096
THUMBNAIL_SIDE = 320
_QUALITY = 88
_MOST_OPEN = 3


class Tiles:
    """Reads tiles of the pictures of a project. Any thread may use it.

    Level 0 is a picture of one pixel, each further one has twice the side, and the last has all
    pixels; as the Deep Zoom format counts.

    Args:
        folder: keeps what takes long to make.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, _Opened] = OrderedDict()

    def size(self, path: Path) -> tuple[int, int]:
        """(height, width) of a picture.

        Raises:
            DataError: it cannot be read.
        """
        return self._opened(path).picture.shape

    def tile(self, path: Path, level: int, x: int, y: int) -> bytes:
        """A tile as JPEG.

        Args:
            path: of the picture.
            level: of the pyramid.
            x, y: number of the tile.

        Raises:
            DataError: there is no such tile, or the file cannot be read.
        """
        opened = self._opened(path)
        height, width = opened.picture.shape
        last = last_level(height, width)
        if not 0 <= level <= last:
            raise DataError(f"There is no level {level} of {path.name}: the last is {last}.")
        factor = 2 ** (last - level)
        high, wide = -(-height // factor), -(-width // factor)
        top, left = y * SIDE, x * SIDE
        if not (0 <= top < high and 0 <= left < wide):
            raise DataError(f"There is no tile {x}, {y} in level {level} of {path.name}.")
        part = opened.part(
            top * factor,
            left * factor,
            min(SIDE * factor, height - top * factor),
            min(SIDE * factor, width - left * factor),
            factor,
            self._folder / f"{path.name}.overview.npy",
        )
        return jpeg(part)

    def thumbnail(self, path: Path) -> bytes:
        """A small picture of the whole as JPEG; kept.

        Raises:
            DataError: it cannot be read.
        """
        kept = self._folder / f"{path.name}.jpg"
        try:
            if kept.stat().st_mtime_ns >= path.stat().st_mtime_ns:
                return kept.read_bytes()
        except OSError:
            pass
        opened = self._opened(path)
        height, width = opened.picture.shape
        factor = max(1, math.ceil(max(height, width) / THUMBNAIL_SIDE))
        overview_file = self._folder / f"{path.name}.overview.npy"
        content = jpeg(opened.part(0, 0, height, width, factor, overview_file))
        atomic_write(kept, content)
        return content

    def forget(self, path: Path) -> None:
        """Close a picture that is no more."""
        with self._lock:
            self._open.pop(path, None)
        for name in (f"{path.name}.overview.npy", f"{path.name}.jpg"):
            (self._folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close all pictures."""
        with self._lock:
            self._open.clear()

    def _opened(self, path: Path) -> "_Opened":
        with self._lock:
            if path not in self._open:
                self._open[path] = _Opened(open_checked(path))
            self._open.move_to_end(path)
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return self._open[path]


def last_level(height: int, width: int) -> int:
    """Number of the level with all pixels."""
    return math.ceil(math.log2(max(height, width, 1)))


def jpeg(pixels: np.ndarray) -> bytes:
    """Pixels uint8 [h, w, 3] as JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


class _Opened:
    """A picture that is open until nobody has it any more; one thread at a time reads it."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        weakref.finalize(self, picture.close)
        self._lock = threading.Lock()
        self._overview: np.ndarray | None = None

    def part(self, y: int, x: int, height: int, width: int, factor: int, kept: Path) -> np.ndarray:
        """A region of the picture, made smaller by a whole factor.

        Args:
            y, x, height, width: in pixels of the picture.
            factor: 1 or more.
            kept: file of the overview, where the picture is large and has no such level.

        Returns:
            uint8 [ceil(height / factor), ceil(width / factor), 3].
        """
        wanted = (-(-height // factor), -(-width // factor))
        with self._lock:
            number, level = max(
                (
                    (number, level)
                    for number, level in enumerate(self.picture.levels)
                    if level.downsample <= factor * 1.01
                ),
                key=lambda each: each[1].downsample,
            )
            times = level.downsample
            if factor / times > 4 and max(level.height, level.width) > OVERVIEW_SIDE:
                pixels, times = self._of_overview(kept)
            else:
                pixels = None
            top, left = int(y / times), int(x / times)
            rows, columns = (level.height, level.width) if pixels is None else pixels.shape[:2]
            bottom = min(max(math.ceil((y + height) / times), top + 1), rows)
            right = min(max(math.ceil((x + width) / times), left + 1), columns)
            if pixels is None:
                read = self.picture.region(top, left, bottom - top, right - left, number)
            else:
                read = np.array(pixels[top:bottom, left:right])
        if read.shape[:2] == wanted:
            return read
        resized = Image.fromarray(read).resize(wanted[::-1], Image.Resampling.BOX)
        return np.asarray(resized)

    def _of_overview(self, kept: Path) -> tuple[np.ndarray, float]:
        """The overview uint8 [h, w, 3], and pixels of the picture for each of its pixels."""
        if self._overview is None:
            try:
                self._overview = np.load(kept, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError):
                small, _ = overview(self.picture, OVERVIEW_SIDE)
                atomic_write(kept, lambda file: np.save(file, small, allow_pickle=False))
                self._overview = small
        return self._overview, max(self.picture.shape) / max(self._overview.shape[:2])
