"""What a reader of annotation files gives: for each image its outlines and their classes."""

import itertools
import os
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from mrcnn.errors import DataError, shown

_IMAGES = "images"
# Of a folder with more files it is not told which ones have almost the name of a missing one.
_MOST_ENTRIES = 5_000
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
        is_box: of each region, whether its outline is the box of an object that has no mask.
        crowds: outlines around many objects at once (COCO's `iscrowd`), which are not among the
            polygons.
        crowd_class_names: the class of each crowd.
    """

    filename: str
    size: int | None = None
    polygons: list[np.ndarray] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    region_numbers: list[int] = field(default_factory=list)
    point_regions: int = 0
    degenerate_regions: list[int] = field(default_factory=list)
    image_shape: tuple[int, int] | None = None
    is_box: list[bool] = field(default_factory=list)
    crowds: list[np.ndarray] = field(default_factory=list)
    crowd_class_names: list[str] = field(default_factory=list)

    @property
    def crowd_regions(self) -> int:
        """Number of crowds."""
        return len(self.crowds)


def locate_image(folder: str | os.PathLike, filename: str) -> Path:
    """The image file that an annotation names, which must lie in the dataset's folder.

    Names are told apart as people read them: letters with accents may be one character or two, and
    folders may be separated as on Windows. Names in projects for VIA may be escaped as in a URL.

    The folder itself may be a link, as may its parents: it is what the user named. Links inside of
    it count by where they lead: within the folder they are followed, out of it they are refused.

    Raises:
        DataError: the name leads out of the folder, or there is no such file.
    """
    folder = Path(folder)
    path = _inside(folder, filename)
    try:
        found = path if path.is_file() else _otherwise_written(folder, filename)
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(
            f"The annotations name the image {shown(filename)}, which cannot be looked up in "
            f"{folder}: {getattr(error, 'strerror', None) or error}."
        ) from None
    if found is None:
        raise DataError(
            f"The annotations name the image {shown(filename)}, but it does not exist in {folder}"
            f"{_why_not(folder, filename)}: put it there, or remove it from the annotations."
        )
    return found


def _inside(folder: Path, filename: str) -> Path:
    """Where a file would be; DataError where that is not inside the folder."""
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
    return path


def _otherwise_written(folder: Path, filename: str) -> Path | None:
    """A file whose name reads the same; None where there is none, or more than one.

    Programs that export images lay them into a folder `images`.
    """
    inner = folder / _IMAGES
    if inner.is_dir():
        path = _inside(folder, f"{_IMAGES}/{filename}")
        if path.is_file():
            return path
    for name in dict.fromkeys((filename, unquote(filename))):
        name = name.replace("\\", "/")
        path = _inside(folder, name)
        if path.is_file():
            return path
        found = [folder]
        for part in Path(name).parts:
            found = [same for parent in found for same in _same_names(parent, part)]
        if len(found) == 1 and found[0].is_file():
            return _inside(folder, str(found[0].relative_to(folder)))
    return None


def _why_not(folder: Path, filename: str) -> str:
    """What stands in a message of the cause, where a file of almost this name is there."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    try:
        if name and name != filename and (folder / name).is_file():
            return f" (there is {shown(name)} in the folder itself)"
        with os.scandir(folder) as entries:
            names = [entry.name for entry in itertools.islice(entries, _MOST_ENTRIES)]
    except (OSError, ValueError):
        names = []
    for other in names:
        if other.casefold() == name.casefold():
            return f" (there is {shown(other)}, with other letters in capitals)"
    if "\\" in filename:
        return " (\\ was taken for a separator of folders, as on Windows, as well)"
    return ""


def _same_names(folder: Path, name: str) -> list[Path]:
    """The entries of a folder that have this name, however its letters are composed."""
    if (folder / name).exists():
        return [folder / name]
    if name.isascii() or not folder.is_dir():
        return []
    wanted = unicodedata.normalize("NFC", name)
    return [path for path in folder.iterdir() if unicodedata.normalize("NFC", path.name) == wanted]
