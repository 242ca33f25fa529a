"""`Pyramid`: the small tiles of a large picture, made once and kept in a file."""

import contextlib
import hashlib
import io
import math
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mrcnn.pictures import Picture
from mrcnn.pictures.picture import Level

SIDE = 512
# How files end that are not done; those of a server that was killed can go.
PART = ".tiles-part"
# The coarsest copy that is shown while the tiles are made.
_PREVIEW = 1024
_QUALITY = 88
_GREY = 200


class Pyramid:
    """Tiles of one picture from a level on: each level has half the side of the one before.

    While they are made, a coarse copy stands for those that are not there yet, gray where the
    picture was not read. Any thread may ask for tiles; one makes them.

    Args:
        path: of the file, a ZIP archive of JPEG files; it is there once all tiles are.
        size: (height, width) of the picture.
        factor: pixels of the picture along the side of one of the finest level here.
        version: tells the picture from another one of its name.
    """

    def __init__(self, path: Path, size: tuple[int, int], factor: int, version: str) -> None:
        self._path, self._version = path, version
        self._lock = threading.Lock()
        self._archive: zipfile.ZipFile | None = None
        # (height, width) of each level, the finest first; one tile holds the last.
        height, width = size
        self._sizes = [(-(-height // factor), -(-width // factor))]
        while max(self._sizes[-1]) > SIDE:
            high, wide = self._sizes[-1]
            self._sizes.append((-(-high // 2), -(-wide // 2)))
        self.factor = factor
        shown = math.ceil(math.log2(max(self._sizes[0]) / _PREVIEW))
        # Rows of tiles have whole rows of the copy.
        self._shown = min(max(shown, 0), int(math.log2(SIDE)))
        small = (-(-side // 2**self._shown) for side in self._sizes[0])
        self._preview = np.full((*small, 3), _GREY, np.uint8)
        self.is_whole = self._open()

    def _open(self) -> bool:
        with contextlib.suppress(OSError, zipfile.BadZipFile):
            archive = zipfile.ZipFile(self._path)
            if archive.comment.decode("utf-8", "replace") == self._version:
                self._archive = archive
                return True
            archive.close()
        return False

    def tile(self, factor: int, x: int, y: int) -> tuple[bytes, bool]:
        """A tile as JPEG, and whether it is what the picture has there.

        Args:
            factor: pixels of the picture along the side of one of the tile, a power of two.
            x, y: number of the tile.
        """
        level = round(math.log2(factor / self.factor))
        beyond = level + 1 - len(self._sizes)
        if beyond > 0:
            return self.whole(max(-(-max(self._sizes[-1]) // 2**beyond), 1))
        with self._lock:
            if self._archive is not None:
                with contextlib.suppress(KeyError):
                    return self._archive.read(_name(level, x, y)), True
            return jpeg(self._of_preview(level, x, y)), False

    def whole(self, side: int) -> tuple[bytes, bool]:
        """The whole picture as JPEG, and whether it is all there.

        Args:
            side: pixels of the longer one, no more than of the coarsest tile.
        """
        content, is_whole = self.tile(self.factor * 2 ** (len(self._sizes) - 1), 0, 0)
        image = Image.open(io.BytesIO(content))
        height, width = self._sizes[-1]
        times = side / max(height, width)
        size = max(round(width * times), 1), max(round(height * times), 1)
        return jpeg(np.asarray(image.resize(size, Image.Resampling.BOX))), is_whole

    def _of_preview(self, level: int, x: int, y: int) -> np.ndarray:
        height, width = self._sizes[level]
        high, wide = min(SIDE, height - y * SIDE), min(SIDE, width - x * SIDE)
        if not self._preview.size:
            return np.full((high, wide, 3), _GREY, np.uint8)
        times = 2.0 ** (level - self._shown)
        rows, columns = self._preview.shape[:2]
        place = (
            x * SIDE * times,
            y * SIDE * times,
            min((x * SIDE + wide) * times, columns),
            min((y * SIDE + high) * times, rows),
        )
        image = Image.fromarray(self._preview)
        return np.asarray(image.resize((wide, high), Image.Resampling.BILINEAR, place))

    def make(self, picture: Picture, told: Callable[[float], None]) -> None:
        """Read the picture and make all tiles.

        Args:
            picture: is read by nobody else meanwhile.
            told: is called with the share that is done; what it raises ends the work.

        Raises:
            DataError: it cannot be read.
            OSError: the file cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        mark = hashlib.blake2b(self._path.name.encode(), digest_size=8).hexdigest()
        part = self._path.with_name(f".{mark}{PART}")
        try:
            with open(part, "w+b") as file, zipfile.ZipFile(file, "w") as archive:
                archive.comment = self._version.encode()
                with self._lock:
                    self._archive = archive
                try:
                    self._fill(picture, told)
                finally:
                    with self._lock:
                        self._archive = None
            with self._lock:
                os.replace(part, self._path)
                self.is_whole = self._open()
                self._preview = np.empty((0, 0, 3), np.uint8)
        finally:
            part.unlink(missing_ok=True)
        told(1.0)

    def _fill(self, picture: Picture, told: Callable[[float], None]) -> None:
        number, _ = best_level(picture, self.factor)
        high, wide = self._sizes[0]
        # Of each level the rows of tiles that the next one waits for.
        bands: list[list[np.ndarray]] = [[] for _ in self._sizes]
        rows = -(-high // SIDE)
        for y in range(rows):
            band = np.empty((min(SIDE, high - y * SIDE), wide, 3), np.uint8)
            for left in range(0, wide, SIDE):
                right = min(left + SIDE, wide)
                top, bottom = y * SIDE, y * SIDE + len(band)
                band[:, left:right] = _read(
                    picture, number, (top, left, bottom, right), (high, wide)
                )
                told((y + right / wide) / rows * 0.999)
            small = np.asarray(Image.fromarray(band).reduce(2**self._shown))
            with self._lock:
                top = y * SIDE >> self._shown
                self._preview[top : top + len(small)] = small
            self._add(0, y, band, bands)

    def _add(self, level: int, y: int, band: np.ndarray, bands: list[list[np.ndarray]]) -> None:
        """Keep a row of tiles, and make that of the next level once it is complete."""
        height = self._sizes[level][0]
        for x in range(-(-band.shape[1] // SIDE)):
            content = jpeg(band[:, x * SIDE : (x + 1) * SIDE])
            with self._lock:
                assert self._archive is not None
                self._archive.writestr(_name(level, x, y), content)
        if level + 1 == len(self._sizes):
            return
        bands[level].append(band)
        if len(bands[level]) < 2 and y * SIDE + len(band) < height:
            return
        image = Image.fromarray(np.concatenate(bands[level]))
        bands[level].clear()
        self._add(level + 1, y // 2, np.asarray(image.reduce(2)), bands)

    def close(self) -> None:
        """Close the file, if it is whole."""
        with self._lock:
            if self.is_whole and self._archive is not None:
                self._archive.close()
                self._archive = None


def _name(level: int, x: int, y: int) -> str:
    return f"{level}/{x}_{y}.jpg"


def _read(
    picture: Picture, number: int, place: tuple[int, int, int, int], size: tuple[int, int]
) -> np.ndarray:
    """A part of the finest level, uint8 [h, w, 3].

    Args:
        picture: to read.
        number: of its level that is as fine or finer.
        place: (y1, x1, y2, x2) in pixels of the finest level.
        size: (height, width) of the finest level.
    """
    level = picture.levels[number]
    ways = level.height / size[0], level.width / size[1]
    top, left = int(place[0] * ways[0]), int(place[1] * ways[1])
    bottom = min(max(math.ceil(place[2] * ways[0]), top + 1), level.height)
    right = min(max(math.ceil(place[3] * ways[1]), left + 1), level.width)
    image = Image.fromarray(picture.region(top, left, bottom - top, right - left, number))
    wanted = (place[3] - place[1], place[2] - place[0])
    times = max(image.width // wanted[0], 1), max(image.height // wanted[1], 1)
    # Means of squares first, since that is fast; then to the pixel.
    if times != (1, 1):
        image = image.reduce(times)
    if image.size != wanted:
        image = image.resize(wanted, Image.Resampling.BOX)
    return np.asarray(image)


def best_level(picture: Picture, factor: float) -> tuple[int, Level]:
    """The coarsest level that is as fine as a factor asks for: its number, and itself."""
    return max(
        (
            (number, level)
            for number, level in enumerate(picture.levels)
            if level.downsample <= factor * 1.01
        ),
        key=lambda each: each[1].downsample,
    )


def jpeg(pixels: np.ndarray) -> bytes:
    """Pixels uint8 [h, w, 3] as JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
