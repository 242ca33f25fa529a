"""Reading image files of any common kind as 8-bit RGB."""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mrcnn.errors import DataError

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an image file.

    Grey images become RGB, palettes are looked up, transparency is dropped, and the orientation
    that cameras note (EXIF) is applied. Images with more than 8 bits are scaled so that their
    lowest value becomes 0 and their highest 255 (of 16-bit colour PNG files the upper 8 bits are
    taken). Of a file with several pictures the first is read.

    Args:
        path: the file.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        DataError: missing, not an image, truncated, or of a kind that cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"Cannot read the image {path}: it is a folder, not a file.")
    try:
        with open(path, "rb") as file:
            signature = file.read(4)
    except FileNotFoundError:
        hint = "" if path.parent.is_dir() else f" Its folder {path.parent} does not exist either."
        raise DataError(f"The image {path} does not exist.{hint}") from None
    except OSError as error:
        raise DataError(f"Cannot read the image {path}: {error.strerror}.") from None
    if not signature:
        raise DataError(f"Cannot read the image {path}: the file is empty.")
    try:
        with Image.open(path) as image:
            if signature in _TIFF_SIGNATURES and image.mode in ("RGB", "RGBA") and _is_deep(image):
                return _read_tiff(path)
            return _to_rgb(ImageOps.exif_transpose(image))
    except DataError:
        raise
    except Image.UnidentifiedImageError:
        if signature in _TIFF_SIGNATURES:
            return _read_tiff(path)
        raise DataError(
            f"Cannot read {path}: it is not an image of a known kind (JPEG, PNG, TIFF, BMP, ...)."
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    # Decoders meet damaged files with exceptions of many kinds.
    except Exception as error:
        raise DataError(
            f"Cannot read the image {path}: it is damaged or cut short ({error})."
        ) from None


def _too_large(path: Path) -> DataError:
    return DataError(
        f"Cannot read the image {path}: it has too many pixels. Cut it into smaller images."
    )


def _is_deep(image: Image.Image) -> bool:
    """Whether a colour TIFF has more than 8 bits a channel, of which pillow would drop the rest."""
    bits_per_sample = 258
    return max(image.tag_v2.get(bits_per_sample, (8,))) > 8


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        return _grey_to_rgb(_scale_to_bytes(np.asarray(image)))
    if image.mode == "P" and "transparency" in image.info:
        # Straight to RGB, pillow would warn that a transparent palette is lost.
        image = image.convert("RGBA")
    if image.mode in ("LA", "La"):
        image = image.convert("L")
    return np.array(image.convert("RGB"))


def _read_tiff(path: Path) -> np.ndarray:
    """TIFF files that pillow does not know: 16-bit colour, unusual compressions."""
    # Here, since it is large and few files need it.
    from tifffile import TiffFile

    try:
        with TiffFile(path) as file:
            first = file.series[0]
            # Where pillow calls a file of another kind a bomb: twice its limit, four channels.
            if first.size > 8 * (Image.MAX_IMAGE_PIXELS or first.size):
                raise _too_large(path)
            pixels = np.asarray(first.asarray())
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"Cannot read the image {path}: {error}.") from None
    if pixels.ndim == 3 and pixels.shape[0] in (3, 4) and pixels.shape[2] not in (3, 4):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[2] in (1, 2):
        pixels = pixels[:, :, 0]
    is_colour = pixels.ndim == 3 and pixels.shape[2] in (3, 4)
    if not (pixels.ndim == 2 or is_colour) or 0 in pixels.shape:
        raise DataError(
            f"Cannot read the image {path}: its shape is {pixels.shape}; "
            "grey [H, W], RGB or RGBA is expected."
        )
    pixels = _scale_to_bytes(pixels[..., :3])
    return pixels if is_colour else _grey_to_rgb(pixels)


def _scale_to_bytes(pixels: np.ndarray) -> np.ndarray:
    """Lowest value to 0, highest to 255; a constant image by the range of its type."""
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        # A table takes an eighth of the memory.
        levels = np.arange(int(pixels.min()), int(pixels.max()) + 1)
        if len(levels) > 1:
            return _scale_to_bytes(levels)[pixels - pixels.min()]
    values = np.nan_to_num(pixels.astype(np.float64), posinf=0, neginf=0)
    lowest, highest = values.min(), values.max()
    if lowest == highest:
        limit = 2.0**16 - 1 if pixels.dtype.kind in "iu" else 1.0
        lowest, highest = 0.0, max(limit, highest)
    scaled = (values - lowest) * (255.0 / (highest - lowest))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _grey_to_rgb(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels[:, :, None], 3, axis=2)
