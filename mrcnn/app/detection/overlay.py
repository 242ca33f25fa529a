"""The overlay of a picture as a file: JPEG, WebP or PNG."""

from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from mrcnn.app.result_files import OVERLAYS
from mrcnn.files import atomic_write

JPEG, WEBP, PNG = "jpeg", "webp", "png"
# What a file of a format is saved with. Colors of lines one or two pixels wide need all samples of
# color; of a photograph PNG's usual level 6 takes four times as long and saves a fifteenth.
_SAVED: dict[str, dict[str, Any]] = {
    JPEG: {"quality": 88, "subsampling": 0},
    WEBP: {"quality": 85, "method": 2},
    PNG: {"compress_level": 1},
}
# A file of a format has no more pixels along a side than these.
_LONGEST = {JPEG: 65500, WEBP: 16383}


def write_overlay(out: Path, name: str, picture: Image.Image, kind: str) -> str:
    """Write an overlay; one that is too long for its format becomes a PNG.

    Args:
        out: folder of the results.
        name: stem of its name.
        picture: see `overlay_picture`.
        kind: one of the names of `OVERLAYS`.

    Returns:
        the name of the file.

    Raises:
        OutputError: it cannot be written.
    """
    if max(picture.size) > _LONGEST.get(kind, max(picture.size)):
        kind = PNG
    file = f"{name}{OVERLAYS[kind]}"
    atomic_write(out / file, partial(picture.save, format=kind, **_SAVED[kind]))
    return file
