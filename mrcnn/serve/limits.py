"""What the page takes at most: files, bytes, pixels, work that waits."""

import warnings
from pathlib import Path

from PIL import Image

from mrcnn.errors import DataError
from mrcnn.pictures import Picture, open_picture
from mrcnn.pictures.tiff import TiffPicture

# Of one file that is sent.
MOST_BYTES = 4 * 2**30
# Of any other request: acts, settings.
MOST_SMALL_BYTES = 8 * 2**20
# Files that are decoded as a whole, 64 million pixels: 192 MB in memory.
MOST_WHOLE_PIXELS = 2**26
# Files of strips or tiles, which are read a part at a time.
MOST_PIXELS = 2**36
# Pixels for each byte of a file of more than `MOST_WHOLE_PIXELS`: slides have 100 at most.
MOST_PIXELS_A_BYTE = 500
MOST_PICTURES = 5_000
MOST_WAITING = 500
MOST_LISTENERS = 64


def open_checked(path: Path, shown: str | None = None) -> Picture:
    """Open an image file that somebody sent; its pixels are not decoded yet.

    Args:
        path: of the file.
        shown: what messages call it; its name by default.

    Raises:
        DataError: it is no image, or one that would fill the memory.
    """
    shown = shown or path.name
    _check_whole(path, shown)
    try:
        picture = open_picture(path)
        try:
            _check_parts(picture, path, shown)
        except BaseException:
            picture.close()
            raise
    except DataError as error:
        raise DataError(str(error).replace(str(path), shown)) from None
    picture.name = shown
    return picture


def _check_whole(path: Path, shown: str) -> None:
    """Refuse a file by the size that its first bytes tell: others would be decoded to know it."""
    try:
        with open(path, "rb") as file:
            if file.read(2) in _TIFF:
                # Read a part at a time, whatever its size.
                return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
    except Image.DecompressionBombError:
        raise DataError(
            f"{shown}: has more pixels than the {MOST_WHOLE_PIXELS} of a file that is decoded as a "
            f"whole. {_REMEDY}"
        ) from None
    except (OSError, ValueError, SyntaxError):
        # No image, which opening it as a picture tells with the reason.
        return
    if height * width > MOST_WHOLE_PIXELS:
        raise DataError(
            f"{shown}: {height} x {width} pixels are more than the {MOST_WHOLE_PIXELS} of a file "
            f"that is decoded as a whole. {_REMEDY}"
        )


_TIFF = (b"II", b"MM")
_REMEDY = "Save it as a tiled TIFF, which is read a part at a time, or send a part of it."


def _check_parts(picture: Picture, path: Path, shown: str) -> None:
    height, width = picture.shape
    pixels, size = height * width, path.stat().st_size
    most = MOST_PIXELS if isinstance(picture, TiffPicture) else MOST_WHOLE_PIXELS
    if pixels > most:
        raise DataError(f"{shown}: {height} x {width} pixels are more than the {most} that go.")
    if pixels > MOST_WHOLE_PIXELS and pixels > MOST_PIXELS_A_BYTE * size:
        raise DataError(
            f"{shown}: {height} x {width} pixels in a file of {size} bytes hold next to nothing. "
            "Send a picture."
        )
