"""Opening image files of any common kind as pictures of 8-bit RGB."""

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from mrcnn.errors import DataError
from mrcnn.pictures.conversion import image_to_rgb, is_channels_first, samples_to_rgb
from mrcnn.pictures.picture import Level, Picture
from mrcnn.pictures.pixel_size import (
    SIZE_TAGS,
    PixelSize,
    description_of,
    imagej_values,
    of_dots_per_inch,
    of_tiff_tags,
)

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_SIGNATURE = b"\x89PNG"
_ORIENTATION = 274  # the tag of EXIF and TIFF
_SIDEWAYS = (5, 6, 7, 8)  # its values that turn by 90 degrees


def open_picture(path: str | os.PathLike) -> Picture:
    """Open an image file.

    The file is known to be an image then; its pixels are decoded when they are first needed, and
    kept. `read_image` tells how any kind of pixels becomes RGB. Each file is a picture of one
    level.

    Args:
        path: the file.

    Returns:
        the picture. Close it, or use it in a `with` statement.

    Raises:
        DataError: missing, not an image, or of a kind that cannot be read. A damaged file may be
            found out later, when its pixels are read.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"Cannot read the image {path}: it is a folder, not a file.")
    try:
        with open(path, "rb") as file:
            start = file.read(25)
    except FileNotFoundError:
        hint = "" if path.parent.is_dir() else f" Its folder {path.parent} does not exist either."
        raise DataError(f"The image {path} does not exist.{hint}") from None
    except OSError as error:
        raise DataError(f"Cannot read the image {path}: {error.strerror}.") from None
    if not start:
        raise DataError(f"Cannot read the image {path}: the file is empty.")
    is_tiff = start[:4] in _TIFF_SIGNATURES
    with _explained(path):
        try:
            image = Image.open(path)
        except Image.UnidentifiedImageError:
            if is_tiff:
                return _TifffilePicture(path)
            raise
        try:
            is_deep = is_tiff and image.mode in ("RGB", "RGBA") and _is_deep(image)
        except BaseException:
            image.close()
            raise
        if is_deep:
            image.close()
            return _TifffilePicture(path)
        is_deep_png = start[:4] == _PNG_SIGNATURE and start[24:] == b"\x10"
        return _PillowPicture(path, image, is_deep_png)


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an image file.

    Grey images become RGB, palettes are looked up, transparency is dropped, and the orientation
    that cameras note (EXIF) is applied. Images with more than 8 bits are scaled so that their
    lowest value becomes 0 and their highest 255 (of 16-bit color PNG files the upper 8 bits are
    taken). Of a file with several pictures the first is read.

    Args:
        path: the file.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        DataError: missing, not an image, truncated, or of a kind that cannot be read.
    """
    with open_picture(path) as picture:
        return picture.pixels()


class _WholePicture(Picture):
    """A file of one level that is decoded as a whole, once."""

    def __init__(self, path: Path):
        self.path = path
        self.name = str(path)
        self._pixels: np.ndarray | None = None
        self._conversion_notes: list[str] = []
        self._is_closed = False

    @property
    def levels(self) -> tuple[Level, ...]:
        return (Level(*self._shape),)

    @functools.cached_property
    def _shape(self) -> tuple[int, int]:
        if self._pixels is not None:
            height, width = self._pixels.shape[:2]
            return height, width
        self._check_open()
        return self._shape_by_header()

    @functools.cached_property
    def pixel_size(self) -> PixelSize | None:
        self._check_open()
        return self._pixel_size_by_header()

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self._notes_on_the_file, *self._conversion_notes)

    @functools.cached_property
    def _notes_on_the_file(self) -> list[str]:
        count = self._count()
        return [f"{count - 1} of {count} pictures in the file were left out"] if count > 1 else []

    def pixels(self, level: int = 0) -> np.ndarray:
        if self._pixels is None:
            self._check_open()
            pixels = self._decode(self._conversion_notes)
            # Asked now, since the file is closed: it would keep its own copy of the pixels.
            _ = self.pixel_size
            self._close_file()
            self._pixels = pixels
        self._level(level)
        return self._pixels

    def close(self) -> None:
        self._is_closed = True
        self._pixels = None
        self._close_file()

    def _read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        return self.pixels()[y : y + height, x : x + width].copy()

    def _check_open(self) -> None:
        if self._is_closed:
            raise DataError(f"The picture {self.path} was closed. Open it again to read it.")

    def _shape_by_header(self) -> tuple[int, int]:
        """Without decoding, if possible."""
        raise NotImplementedError

    def _pixel_size_by_header(self) -> PixelSize | None:
        raise NotImplementedError

    def _count(self) -> int:
        """How many pictures the file has, 1 if it cannot be told."""
        raise NotImplementedError

    def _decode(self, notes: list[str]) -> np.ndarray:
        """uint8 [H, W, 3]; appends what is left out."""
        raise NotImplementedError

    def _close_file(self) -> None:
        raise NotImplementedError


class _PillowPicture(_WholePicture):
    def __init__(self, path: Path, image: Image.Image, is_deep_png: bool):
        super().__init__(path)
        self._image = image
        self._is_deep_png = is_deep_png
        # Asked now: pillow turns TIFF files by itself and forgets it.
        self._is_tiff = image.format == "TIFF"
        self._is_sideways_tiff = _tag(image, _ORIENTATION) in _SIDEWAYS

    def _shape_by_header(self) -> tuple[int, int]:
        with _explained(self.path):
            width, height = self._image.size
            # The size of a TIFF file is that of the upright picture.
            turned = not self._is_tiff and self._is_sideways()
        return (width, height) if turned else (height, width)

    def _is_sideways(self) -> bool:
        if self._is_tiff:
            return self._is_sideways_tiff
        # Of PNG files the orientation may stand at the end: pillow decodes them to find it.
        return self._image.getexif().get(_ORIENTATION) in _SIDEWAYS

    def _pixel_size_by_header(self) -> PixelSize | None:
        if self._is_tiff:
            found = of_tiff_tags(_pillow_tags(self._image))
        else:
            kind = self._image.format
            told_by = {"PNG": "PNG pHYs", "JPEG": "JPEG density"}.get(kind, f"{kind} resolution")
            found = of_dots_per_inch(self._image.info.get("dpi"), told_by)
        with _explained(self.path):
            if found and self._is_sideways():
                return PixelSize(found.x, found.y, found.told_by)
        return found

    def _count(self) -> int:
        # The file is opened again: to count the pictures pillow goes through them.
        with contextlib.suppress(Exception), Image.open(self.path) as image:
            told = imagej_values(description_of(_pillow_tags(image)))
            return max(getattr(image, "n_frames", 1), int(told.get("images", 1)))
        return 1

    def _decode(self, notes: list[str]) -> np.ndarray:
        with _explained(self.path):
            if self._is_deep_png and self._image.mode in ("RGB", "RGBA", "LA"):
                notes.append("of 16 bits a channel the upper 8 were taken")
            return image_to_rgb(ImageOps.exif_transpose(self._image), notes)

    def _close_file(self) -> None:
        self._image.close()


class _TifffilePicture(_WholePicture):
    """TIFF files that pillow does not know: 16-bit color, unusual compressions."""

    def __init__(self, path: Path):
        # Here, since it is large and few files need it.
        from tifffile import TiffFile

        super().__init__(path)
        with _explained_by_tifffile(path):
            self._file = TiffFile(path)
        try:
            with _explained_by_tifffile(path):
                self._first = self._file.series[0]
        except DataError:
            self._file.close()
            raise

    def _shape_by_header(self) -> tuple[int, int]:
        shape = _channels_last(self._first.shape)
        if len(shape) not in (2, 3):
            raise self._unexpected(shape)
        return shape[0], shape[1]

    def _pixel_size_by_header(self) -> PixelSize | None:
        with contextlib.suppress(Exception):
            tags = self._file.pages[0].tags
            return of_tiff_tags({tag: tags[tag].value for tag in SIZE_TAGS if tag in tags})
        return None

    def _count(self) -> int:
        with contextlib.suppress(Exception):
            return len(self._file.series)
        return 1

    def _decode(self, notes: list[str]) -> np.ndarray:
        with _explained_by_tifffile(self.path):
            # Where pillow calls a file of another kind a bomb: twice its limit, four channels.
            if self._first.size > 8 * (Image.MAX_IMAGE_PIXELS or self._first.size):
                raise _too_large(self.path)
            samples = np.asarray(self._first.asarray())
        with _explained(self.path):
            pixels = samples_to_rgb(samples, notes)
        if pixels is None:
            raise self._unexpected(_channels_last(samples.shape))
        return pixels

    def _unexpected(self, shape: tuple[int, ...]) -> DataError:
        return DataError(
            f"Cannot read the image {self.path}: its shape is {shape}; "
            "grey [H, W], RGB or RGBA is expected."
        )

    def _close_file(self) -> None:
        self._file.close()


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[1:], shape[0]) if is_channels_first(shape) else shape


def _is_deep(image: Any) -> bool:
    """Whether a color TIFF has more than 8 bits a channel, of which pillow would drop the rest."""
    bits_per_sample = 258
    return max(image.tag_v2.get(bits_per_sample, (8,))) > 8


def _pillow_tags(image: Any) -> dict[int, Any]:
    """What the tags of a TIFF file say of its size; empty of other files."""
    return {tag: value for tag in SIZE_TAGS if (value := _tag(image, tag)) is not None}


def _tag(image: Any, number: int) -> Any:
    """The value of a tag, None if there is none or if it is damaged."""
    with contextlib.suppress(Exception):
        return image.tag_v2.get(number)
    return None


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Decoders meet files that they cannot read with exceptions of many kinds: as one of ours."""
    try:
        yield
    except DataError:
        raise
    except Image.UnidentifiedImageError:
        raise DataError(
            f"Cannot read {path}: it is not an image of a known kind (JPEG, PNG, TIFF, BMP, ...)."
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except Exception as error:
        raise DataError(
            f"Cannot read the image {path}: it is damaged or cut short ({error})."
        ) from None


@contextlib.contextmanager
def _explained_by_tifffile(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"Cannot read the image {path}: {error}.") from None


def _too_large(path: Path) -> DataError:
    return DataError(
        f"Cannot read the image {path}: it has too many pixels. Cut it into smaller images."
    )
