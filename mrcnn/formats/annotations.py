"""What a reader of annotation files gives: for each image its outlines and their classes."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrcnn.errors import DataError, shown

# Names that lead elsewhere on Windows, which are refused on every system.
_LEADS_AWAY = re.compile(r"[A-Za-z]:[\\/]|\\\\|\.\.\\|.*\\\.\.(\\|$)", re.DOTALL)


@dataclass
class AnnotatedImage:
    """The annotations of one image.

    Attributes:
        filename: as it stands in the annotation file; `locate_image` finds the file.
        size: of the image file in bytes, where the annotations have it; else None.
        image_shape: (height, width) in pixels, where the annotations have it; else None.
        polygons: one float64 [K, 2] of (y, x) in pixels for each region.
        class_names: the class of each region.
        region_numbers: the place of each region in the annotation file, counted from 0.
        point_regions: number of `point` regions, which have no area and are left out.
        degenerate_regions: numbers of regions without area, which are left out.
        crowd_regions: number of outlines around many objects at once (COCO's `iscrowd`), which are
            left out.
    """

    filename: str
    size: int | None = None
    polygons: list[np.ndarray] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    region_numbers: list[int] = field(default_factory=list)
    point_regions: int = 0
    degenerate_regions: list[int] = field(default_factory=list)
    image_shape: tuple[int, int] | None = None
    crowd_regions: int = 0


def locate_image(folder: str | os.PathLike, filename: str) -> Path:
    """The image file that an annotation names, which must lie in the dataset's folder.

    The folder itself may be a link, as may its parents: it is what the user named. Links inside of
    it count by where they lead: within the folder they are followed, out of it they are refused.

    Raises:
        DataError: the name leads out of the folder, or there is no such file.
    """
    folder = Path(folder)
    path = folder / filename
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        # A circle of links, or a name that no file can have.
        inside = False
    if not inside or "\0" in filename or _LEADS_AWAY.match(filename):
        raise DataError(
            f"The annotations name the image {shown(filename)}, which is not inside the folder "
            f"{folder}. Put the image there; a link to elsewhere is not followed."
        )
    try:
        found = path.is_file()
    except (OSError, ValueError) as error:
        raise DataError(
            f"The annotations name the image {shown(filename)}, which cannot be looked up in "
            f"{folder}: {getattr(error, 'strerror', None) or error}."
        ) from None
    if not found:
        raise DataError(
            f"The annotations name the image {shown(filename)}, but it does not exist in {folder}: "
            "put it there, or remove it from the annotations."
        )
    return path
