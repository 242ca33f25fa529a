"""Errors of decoders as errors that name the file and the reason."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from mrcnn.errors import DataError


class Unreadable(Exception):
    """A file of a kind that is not read; the text is the reason, without the file's name."""


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Decoders meet files that they cannot read with exceptions of many kinds: as one of ours.

    Raises:
        DataError: instead of any of them.
    """
    try:
        yield
    except DataError:
        raise
    except Unreadable as error:
        raise DataError(f"Cannot read the image {path}: {error}.") from None
    except Image.UnidentifiedImageError:
        raise DataError(
            f"Cannot read {path}: it is not an image of a known kind (JPEG, PNG, TIFF, BMP, ...)."
        ) from None
    except Image.DecompressionBombError:
        raise too_large(path) from None
    except Exception as error:
        raise DataError(
            f"Cannot read the image {path}: it is damaged or cut short ({error})."
        ) from None


def too_large(path: Path) -> DataError:
    """Of a file whose pixels would fill the memory."""
    return DataError(
        f"Cannot read the image {path}: it has too many pixels. Cut it into smaller images, save "
        "it as a TIFF of tiles, or read it a region at a time (open_picture)."
    )


def check_size(path: Path, height: int, width: int) -> None:
    """Refuse what Pillow calls a bomb, also where it is not Pillow that decodes it."""
    if height * width > 2 * (Image.MAX_IMAGE_PIXELS or height * width):
        raise too_large(path)
