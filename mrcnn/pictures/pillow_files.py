"""Files that Pillow decodes, which are all but TIFF: JPEG, PNG, GIF, JPEG 2000, WebP, BMP, ..."""

import contextlib
import functools
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mrcnn.errors import DataError
from mrcnn.pictures.channels import check_channels, chosen_page, page_note
from mrcnn.pictures.conversion import (
    ALPHA_DROPPED,
    Range,
    ToldRange,
    gray_to_rgb,
    scale_to_bytes,
)
from mrcnn.pictures.explaining import Unreadable, check_size, explained
from mrcnn.pictures.orientation import Orientation
from mrcnn.pictures.picture import Level, Picture
from mrcnn.pictures.pixel_size import PixelSize, of_dots_per_inch

_ORIENTATION = 274  # the tag of EXIF
# Where a PNG file says how its samples are kept, and the end of that part.
_PNG_KIND, _PNG_HEAD = slice(12, 29), slice(29, 33)


class PillowPicture(Picture):
    """A file of one level that is decoded as a whole, once; see `open_picture`.

    Args:
        path: of the file.
        is_deep_png: it is a PNG file of 16 bits a sample.
        page, channels: see `open_picture`.
    """

    def __init__(
        self, path: Path, is_deep_png: bool, page: int | None, channels: Sequence[int] | None
    ):
        self.name, self.path = str(path), path
        self._is_deep_png = is_deep_png
        self._pixels: np.ndarray | None = None
        self._conversion_notes: list[str] = []
        self._is_closed = False
        with explained(path):
            self._channels = check_channels(channels, 3)
            self._image = Image.open(path)
        try:
            with explained(path):
                # Once the file is decoded, which its size may take, Pillow does not tell it.
                tiles = self._image.tile
                self._is_deep_gray = bool(tiles) and tiles[0].args == "LA;16B"
                # To count the pictures Pillow goes through them: only where it is asked for.
                self._page = 1 if page is None else chosen_page(page, self._count)
                if self._page > 1:
                    self._image.seek(self._page - 1)
        except BaseException:
            self._image.close()
            raise

    @property
    def levels(self) -> tuple[Level, ...]:
        return (Level(*self._shape),)

    @functools.cached_property
    def _shape(self) -> tuple[int, int]:
        if self._pixels is not None:
            height, width = self._pixels.shape[:2]
            return height, width
        self._check_open()
        with explained(self.path):
            width, height = self._image.size
            return self._orientation.shape(height, width)

    @property
    def _orientation(self) -> Orientation:
        # Of PNG files it may stand at the end: pillow decodes them to find it.
        return Orientation.of(self._image.getexif().get(_ORIENTATION))

    @functools.cached_property
    def pixel_size(self) -> PixelSize | None:
        self._check_open()
        kind = self._image.format
        told_by = {"PNG": "PNG pHYs", "JPEG": "JPEG density"}.get(kind, f"{kind} resolution")
        found = of_dots_per_inch(self._image.info.get("dpi"), told_by)
        with explained(self.path):
            if found and self._orientation.swaps:
                return PixelSize(found.x, found.y, found.told_by)
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        return (*page_note(self._page, self._count), *self._conversion_notes)

    @functools.cached_property
    def _count(self) -> int:
        """How many pictures the file has, 1 if it cannot be told."""
        with contextlib.suppress(Exception), Image.open(self.path) as image:
            return getattr(image, "n_frames", 1)
        return 1

    def pixels(self, level: int = 0) -> np.ndarray:
        if self._pixels is None:
            self._check_open()
            pixels = self._decode(self._conversion_notes)
            # Asked now, since the file is closed: it would keep its own copy of the pixels.
            _ = self.pixel_size
            self._image.close()
            self._pixels = pixels
        self._level(level)
        return self._pixels

    def samples(self) -> np.ndarray:
        """All channels as they are stored, upright: [H, W, C] of the type of the file.

        Raises:
            DataError: it is a PNG file with colors of 16 bits, of which Pillow gives 8.
        """
        self._check_open()
        check_size(self.path, *self._shape)
        with explained(self.path):
            if self._is_deep_png and not self._image.mode.startswith("I"):
                raise Unreadable("colors of 16 bits in PNG are read as 8 bits: save it as TIFF")
            image = self._image
            if image.mode == "P":
                image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            return self._orientation.upright(np.atleast_3d(np.asarray(image)))

    def close(self) -> None:
        self._is_closed = True
        self._pixels = None
        self._image.close()

    def _read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        return self.pixels()[y : y + height, x : x + width].copy()

    def _check_open(self) -> None:
        if self._is_closed:
            raise DataError(f"The picture {self.path} was closed. Open it again to read it.")

    def _decode(self, notes: list[str]) -> np.ndarray:
        with explained(self.path):
            check_size(self.path, *self._image.size)
            if self._is_deep_png and self._image.mode in ("RGB", "RGBA", "LA"):
                pixels = self._decode_deep_png(notes)
            else:
                told = _told_range(self.path) if self._is_deep_png else None
                pixels = image_to_rgb(ImageOps.exif_transpose(self._image), notes, told)
            if self._channels is None:
                return pixels
            return np.array(np.broadcast_to(pixels[..., self._channels], pixels.shape))

    def _decode_deep_png(self, notes: list[str]) -> np.ndarray:
        """16-bit color, of which Pillow decodes one half of each sample at a time."""
        mode = self._image.mode
        if self._is_deep_gray:
            samples = _gray_of_deep_png(self.path)
        else:
            with Image.open(self.path) as low:
                # The second byte of a sample is the low one. Unpacked as if the first were, it is
                # what is kept.
                low.tile = [part._replace(args=f"{mode};16L") for part in low.tile]
                low_bytes = np.asarray(low)
            high_bytes = np.asarray(self._image)
            samples = (high_bytes.astype(np.uint16) << 8 | low_bytes)[..., :3]
        if mode != "RGB" or "transparency" in self._image.info:
            notes.append(ALPHA_DROPPED)
        values = scale_to_bytes(self._orientation.upright(samples), notes, _told_range(self.path))
        return gray_to_rgb(values) if values.ndim == 2 else np.ascontiguousarray(values)


def image_to_rgb(image: Image.Image, notes: list[str], told: ToldRange | None = None) -> np.ndarray:
    """An image that pillow decoded, of any mode.

    Args:
        image: upright.
        notes: what was left out is appended.
        told: black and white of more than 8 bits, where the file tells them.

    Returns:
        uint8 [H, W, 3].
    """
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        return gray_to_rgb(scale_to_bytes(np.asarray(image), notes, told))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        notes.append(ALPHA_DROPPED)
    if image.mode == "P" and "transparency" in image.info:
        # Straight to RGB, pillow would warn that a transparent palette is lost.
        image = image.convert("RGBA")
    if image.mode in ("LA", "La"):
        image = image.convert("L")
    return np.array(image.convert("RGB"))


def _told_range(path: Path) -> ToldRange | None:
    """Black and white of a PNG of 16 bits whose part sBIT says that fewer were measured.

    Its values are spread over 16 bits, by the standard.
    """
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind == b"sBIT":
                bits = max(file.read(size), default=16)
                # Either way to spread them: zeros behind, or the first bits again.
                is_less = 0 < bits < 16
                return ToldRange(Range(0.0, 65535.0), "sBIT") if is_less else None
            if kind in (b"IDAT", b"IEND"):
                break
            file.seek(size + 4, 1)
    return None


def _gray_of_deep_png(path: Path) -> np.ndarray:
    """uint16 [H, W] of 16-bit gray with alpha, whose bytes lie as those of 8-bit RGBA do."""
    content = bytearray(path.read_bytes())
    content[24:26] = bytes([8, 6])
    content[_PNG_HEAD] = struct.pack(">I", zlib.crc32(content[_PNG_KIND]))
    with Image.open(io.BytesIO(content)) as image:
        as_bytes = np.asarray(image)
    return as_bytes[..., 0].astype(np.uint16) << 8 | as_bytes[..., 1]
