"""Tiles of a picture at any magnification, for the viewer of the page."""

import math
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import numpy as np
from PIL import Image

from mrcnn.errors import DataError, MrcnnError
from mrcnn.files import atomic_write
from mrcnn.pictures import Picture
from mrcnn.serve.limits import open_checked
from mrcnn.serve.pyramid import PART, SIDE, Pyramid, best_level, jpeg

THUMBNAIL_SIDE = 320
# Pixels that a tile may be made of while somebody waits: more take longer than 200 ms to decode.
MOST_READ = 3 * 2**19
# Pictures of so many pixels are in memory once they were decoded.
SMALL = 2**24
_MOST_OPEN = 3
_MOST_MADE = 2
# Seconds between two times that it is told how far they are.
_BETWEEN = 0.5
_Told = Callable[[str, float, str], None]


class Tiles:
    """Reads tiles of the pictures of a project. Any thread may use it.

    Level 0 is a picture of one pixel, each further one has twice the side, and the last has all
    pixels; as the Deep Zoom format counts. Levels that would take too long to read are made once,
    in the background, and a coarse copy is given until then.

    Args:
        folder: keeps what takes long to make.
        told: is called with the name of a picture whose levels are made, the share that is done,
            and what went wrong, which is mostly nothing.
    """

    def __init__(self, folder: Path, told: _Told = lambda name, share, problem: None) -> None:
        self._folder, self._told = folder, told
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, _Opened] = OrderedDict()
        self._made: dict[Path, Pyramid] = {}
        self._pool = ThreadPoolExecutor(_MOST_MADE, thread_name_prefix="tiles")
        for left in folder.glob(f".*{PART}"):
            left.unlink(missing_ok=True)

    def size(self, path: Path) -> tuple[int, int]:
        """(height, width) of a picture.

        Raises:
            DataError: it cannot be read.
        """
        return self._opened(path).picture.shape

    def is_prepared(self, path: Path) -> bool:
        """Whether all tiles of a picture are those that stay.

        Raises:
            DataError: it cannot be read.
        """
        pyramid = self._opened(path).pyramid
        return pyramid is None or pyramid.is_whole

    def tile(self, path: Path, level: int, x: int, y: int) -> tuple[bytes, bool]:
        """A tile as JPEG, and whether it stays so: another one comes once it is made.

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
        pyramid = opened.pyramid
        if pyramid is not None and factor >= pyramid.factor:
            return pyramid.tile(factor, x, y)
        part = opened.part(
            top * factor,
            left * factor,
            min(SIDE * factor, height - top * factor),
            min(SIDE * factor, width - left * factor),
            factor,
        )
        return jpeg(part), True

    def thumbnail(self, path: Path) -> tuple[bytes, bool]:
        """A small picture of the whole as JPEG, and whether it stays so; kept then.

        Raises:
            DataError: it cannot be read.
        """
        kept = self._folder / f"{path.name}.jpg"
        try:
            if kept.stat().st_mtime_ns >= path.stat().st_mtime_ns:
                return kept.read_bytes(), True
        except OSError:
            pass
        opened = self._opened(path)
        height, width = opened.picture.shape
        factor = max(1, math.ceil(max(height, width) / THUMBNAIL_SIDE))
        is_whole = True
        if opened.pyramid is None:
            content = jpeg(opened.part(0, 0, height, width, factor))
        else:
            content, is_whole = opened.pyramid.whole(THUMBNAIL_SIDE)
        if is_whole:
            atomic_write(kept, content)
        return content, is_whole

    def forget(self, path: Path) -> None:
        """Close a picture that is no more."""
        with self._lock:
            opened = self._open.pop(path, None)
            self._made.pop(path, None)
        if opened is not None and opened.pyramid is not None:
            opened.pyramid.close()
        for file in (self._tiles_file(path), self._folder / f"{path.name}.jpg"):
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Close all pictures; what is not made yet begins anew the next time."""
        with self._lock:
            self._open.clear()
            self._made.clear()
        self._pool.shutdown(cancel_futures=True)

    def _tiles_file(self, path: Path) -> Path:
        return self._folder / f"{path.name}.tiles"

    def _opened(self, path: Path) -> "_Opened":
        with self._lock:
            if path not in self._open:
                picture = open_checked(path)
                self._open[path] = _Opened(picture, self._pyramid(path, picture))
            self._open.move_to_end(path)
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return self._open[path]

    def _pyramid(self, path: Path, picture: Picture) -> Pyramid | None:
        """The levels that take too long to read, which are made from now on if they are not."""
        factor = first_slow(picture)
        if factor is None or path in self._made:
            return self._made.get(path)
        told = path.stat()
        version = f"{told.st_mtime_ns:x}-{told.st_size:x}"
        pyramid = Pyramid(self._tiles_file(path), picture.shape, factor, version)
        if not pyramid.is_whole:
            self._made[path] = pyramid
            self._pool.submit(self._make, path, pyramid)
        return pyramid

    def _make(self, path: Path, pyramid: Pyramid) -> None:
        said = 0.0

        def told(share: float) -> None:
            nonlocal said
            with self._lock:
                if self._made.get(path) is not pyramid:
                    raise _Unwanted
            if share == 1 or monotonic() - said >= _BETWEEN:
                said = monotonic()
                self._told(path.name, share, "")

        try:
            # A file of its own, so that nobody waits for it who looks at single pixels.
            with open_checked(path) as picture:
                pyramid.make(picture, told)
        except _Unwanted:
            return
        except (MrcnnError, OSError) as error:
            print(f"{path.name}: its coarse levels could not be made: {error}", file=sys.stderr)
            self._told(path.name, 1.0, str(error))
            return
        with self._lock:
            self._made.pop(path, None)


class _Unwanted(Exception):
    """The picture, or the server, is no more."""


def last_level(height: int, width: int) -> int:
    """Number of the level with all pixels."""
    return math.ceil(math.log2(max(height, width, 1)))


def first_slow(picture: Picture) -> int | None:
    """The first factor of which a tile cannot be read at once; None where all can."""
    height, width = picture.shape
    if height * width <= SMALL:
        return None
    for number in range(last_level(height, width) + 1):
        factor = 2**number
        _, level = best_level(picture, factor)
        side = SIDE * factor / level.downsample
        if min(side, level.height) * min(side, level.width) > MOST_READ:
            return factor
    return None


class _Opened:
    """A picture that is open until nobody has it any more; one thread at a time reads it."""

    def __init__(self, picture: Picture, pyramid: Pyramid | None) -> None:
        self.picture, self.pyramid = picture, pyramid
        weakref.finalize(self, picture.close)
        self._lock = threading.Lock()

    def part(self, y: int, x: int, height: int, width: int, factor: int) -> np.ndarray:
        """A region of the picture, made smaller by a whole factor.

        Args:
            y, x, height, width: in pixels of the picture.
            factor: 1 or more.

        Returns:
            uint8 [ceil(height / factor), ceil(width / factor), 3].
        """
        wanted = (-(-height // factor), -(-width // factor))
        number, level = best_level(self.picture, factor)
        times = level.downsample
        top, left = int(y / times), int(x / times)
        bottom = min(max(math.ceil((y + height) / times), top + 1), level.height)
        right = min(max(math.ceil((x + width) / times), left + 1), level.width)
        with self._lock:
            read = self.picture.region(top, left, bottom - top, right - left, number)
        if read.shape[:2] == wanted:
            return read
        resized = Image.fromarray(read).resize(wanted[::-1], Image.Resampling.BOX)
        return np.asarray(resized)
