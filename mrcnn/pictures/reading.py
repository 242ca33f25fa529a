"""Opening image files of any common kind, as pictures of 8-bit RGB or with all they hold."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrcnn.errors import DataError
from mrcnn.pictures.kinds import is_zarr, refuse_foreign
from mrcnn.pictures.picture import Picture
from mrcnn.pictures.pillow_files import PillowPicture
from mrcnn.pictures.tiff import TiffPicture
from mrcnn.pictures.zarr_files import ZarrPicture

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_SIGNATURE = b"\x89PNG"


def open_picture(
    path: str | os.PathLike,
    *,
    page: int | None = None,
    channels: Sequence[int] | None = None,
) -> Picture:
    """Open an image file.

    The file is known to be an image then; its pixels are decoded when they are first needed.
    `read_image` tells how any kind of pixels becomes RGB.

    TIFF files of any kind, slides among them, are read by their tags, a strip or tile at a time,
    with the levels of pyramids. So are the chunks of Zarr and OME-Zarr, which need the library
    zarr. Other files have one level and are decoded as a whole, once. Labels, overviews and
    thumbnails beside a picture are never read.

    Args:
        path: the file; for Zarr its folder.
        page: of a file with several pictures, such as a stack, the number of the one to take,
            counted from 1. By default the first, but for a thumbnail before a larger picture.
        channels: numbers of one channel, which is taken for gray, or of three, which are taken for
            red, green and blue; counted from 1. By default the colors that the file tells; of
            channels without a meaning the first three, or the first one of two.

    Returns:
        the picture. Close it, or use it in a `with` statement.

    Raises:
        DataError: missing, not an image, of a kind that cannot be read, or without this page or
            these channels. A damaged file may be found out later, when its pixels are read.
    """
    path = Path(path)
    if is_zarr(path):
        return ZarrPicture(path, page, channels)
    if path.is_dir():
        raise DataError(f"Cannot read the image {path}: it is a folder, not a file.")
    try:
        with open(path, "rb") as file:
            start = file.read(32)
    except FileNotFoundError:
        hint = "" if path.parent.is_dir() else f" Its folder {path.parent} does not exist either."
        raise DataError(f"The image {path} does not exist.{hint}") from None
    except OSError as error:
        raise DataError(f"Cannot read the image {path}: {error.strerror}.") from None
    if not start:
        raise DataError(f"Cannot read the image {path}: the file is empty.")
    refuse_foreign(path, start)
    if start[:4] in _TIFF_SIGNATURES:
        return TiffPicture(path, page, channels)
    is_deep_png = start[:4] == _PNG_SIGNATURE and start[24:25] == b"\x10"
    return PillowPicture(path, is_deep_png, page, channels)


def read_image(
    path: str | os.PathLike,
    *,
    page: int | None = None,
    channels: Sequence[int] | None = None,
) -> np.ndarray:
    """Read an image file.

    Gray images become RGB, palettes are looked up, transparency is dropped, and the orientation
    that cameras note is applied. Images with more than 8 bits are scaled so that their lowest
    value becomes 0 and their highest 255, of all channels together. Outliers, such as the hot
    pixels of a camera, count for neither: up to a thousandth of the values at either end, if they
    lie further from the others than half of the others' range and are no spot of several pixels.
    Where the file tells its own black and white, by SMaxSampleValue of TIFF or sBIT of PNG, and the
    values reach the upper half of that, they count instead.

    Args:
        path: the file.
        page, channels: see `open_picture`.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        DataError: missing, not an image, truncated, or of a kind that cannot be read.
    """
    with open_picture(path, page=page, channels=channels) as picture:
        return picture.pixels()


def read_channels(
    path: str | os.PathLike,
    *,
    page: int | None = None,
    channels: Sequence[int] | None = None,
) -> np.ndarray:
    """Read an image file with all its channels and bits, for networks of other than RGB.

    Values are those that the file holds: nothing is scaled, no color is made of them, and an alpha
    channel is one more. The orientation that cameras note is applied.

    Args:
        path: a TIFF file of any kind, or a file that Pillow reads.
        page: see `open_picture`.
        channels: numbers of the channels to take, counted from 1, in any order; all by default.

    Returns:
        [H, W, C] of the type of the file, such as uint8, uint16 or float32.

    Raises:
        DataError: see `read_image`; there is no such channel; or the file is Zarr, or a PNG file
            with colors of 16 bits.
    """
    with open_picture(path, page=page) as picture:
        if not isinstance(picture, TiffPicture | PillowPicture):
            raise DataError(f"{path}: channels of Zarr are not read as they are: save it as TIFF.")
        samples = picture.samples()
    if channels is None:
        return samples
    count = samples.shape[2]
    missing = [number for number in channels if not 1 <= number <= count]
    if missing:
        raise DataError(f"{path}: has no channel {missing[0]}: it has {count}, counted from 1.")
    return samples[..., [number - 1 for number in channels]]
