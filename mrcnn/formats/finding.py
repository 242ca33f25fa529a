"""Which files of a folder hold the annotations of the images in it."""

import re
from collections.abc import Iterable
from pathlib import Path

from mrcnn.errors import DataError, listed
from mrcnn.formats.beside import ANNOTATION_FOLDERS, LABEL_FOLDERS, image_of_name, is_label_name
from mrcnn.formats.reading import format_of
from mrcnn.pictures import IMAGE_SUFFIXES

# Of these one is looked at after the other: a folder with a JSON file may hold others besides.
_SUFFIXES = (".json", ".geojson", ".xml", ".csv", ".zip", ".roi")
# Annotations that are not read, whose message says how they could be.
_NOT_READ = (".npy", ".h5", ".db")


def annotation_files(folder: Path) -> list[Path]:
    """The annotations in a folder: one file for all images, or one for each, sorted.

    A JSON file comes first, then GeoJSON, XML, CSV and ROI archives, then label images beside the
    images (`NAME_masks.png`) or in a folder `masks` or `labels`, then what is in a folder
    `annotations`; [] where there is none of all.

    Raises:
        DataError: several files could be meant.
    """
    unknown: list[Path] = []
    for suffix in _SUFFIXES:
        files = _visible(path for path in folder.iterdir() if path.suffix.lower() == suffix)
        if suffix != ".json":
            # Tables, archives and the like may be of anything.
            unknown += files
            files = [path for path in files if image_of_name(path) or _is_known(path)]
        strangers = [path for path in files if not image_of_name(path)]
        if len(files) > 1 and strangers:
            raise DataError(
                f"{folder}: {', '.join(path.name for path in files[:10])} could all be the "
                "annotations. Leave one there; or one for each image, with the image's name, which "
                f"{listed([path.name for path in strangers], 3)} has not."
            )
        if files:
            return files
    unknown += _visible(path for path in folder.iterdir() if path.suffix.lower() in _NOT_READ)
    for name in ANNOTATION_FOLDERS:
        if not _label_images(folder) and (folder / name).is_dir():
            return annotation_files(folder / name)
    # What cannot be read says what it is, where there is nothing else.
    return _label_images(folder) or unknown[:1]


def annotations_of_subset(folder: Path) -> Path | None:
    """The file for a subset in a folder `annotations` beside it, as COCO's own data sets have it.

    Args:
        folder: of the subset. Its name is a part of the file's: `instances_train2017.json`.
    """
    for name in ANNOTATION_FOLDERS:
        files = _visible((folder.parent / name).glob("*.json"))
        files = [path for path in files if folder.name in re.split(r"[^A-Za-z0-9]+", path.stem)]
        # Others hold captions and points of the same images.
        files = [path for path in files if path.name.startswith("instances")] or files
        if len(files) == 1:
            return files[0]
    return None


def _is_known(path: Path) -> bool:
    try:
        return bool(format_of(path))
    except DataError:
        return False


def _label_images(folder: Path) -> list[Path]:
    beside = _visible(path for path in folder.iterdir() if is_label_name(path))
    inner: list[Path] = []
    for name in LABEL_FOLDERS:
        if (folder / name).is_dir():
            inner += _visible(
                path
                for path in (folder / name).iterdir()
                if path.suffix.lower() in IMAGE_SUFFIXES and image_of_name(path)
            )
    if beside and inner:
        raise DataError(
            f"{folder}: there are label images beside the images ({beside[0].name}) and in "
            f"{inner[0].parent.name}: remove one of the two."
        )
    return beside or inner


def _visible(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file() and not path.name.startswith("."))
