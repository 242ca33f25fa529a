"""Reading annotations of any format; the content of the files tells which one it is."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mrcnn.errors import DataError
from mrcnn.formats.annotations import AnnotatedImage
from mrcnn.formats.box_tables import is_box_table, iterate_box_table
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.coco import is_coco, iterate_coco
from mrcnn.formats.cvat import is_cvat, iterate_cvat
from mrcnn.formats.geojson import is_geojson, iterate_geojson
from mrcnn.formats.imagej import is_imagej, iterate_imagej
from mrcnn.formats.json_text import parse_json, read_bytes
from mrcnn.formats.label_images import is_label_image, iterate_labels
from mrcnn.formats.labelme import is_labelme, iterate_labelme
from mrcnn.formats.regions import Iterate, Note, RawImage, collect_images
from mrcnn.formats.unknown import what_it_is
from mrcnn.formats.via import is_via, iterate_via
from mrcnn.formats.via_csv import is_via_csv, iterate_via_csv
from mrcnn.formats.voc import is_voc, iterate_voc
from mrcnn.formats.yolo import is_yolo, read_yolo


class Reader(NamedTuple):
    """How a format is known and read.

    Attributes:
        recognizes: whether a file is of this format, by its bytes or by what JSON holds.
        iterate: gives the images of such a file.
    """

    recognizes: Callable[[Any], bool]
    iterate: Iterate


# The first that recognizes a file reads it.
READERS = {
    "label images": Reader(is_label_image, iterate_labels),
    "ImageJ ROIs": Reader(is_imagej, iterate_imagej),
    "CVAT XML": Reader(is_cvat, iterate_cvat),
    "Pascal VOC XML": Reader(is_voc, iterate_voc),
    "VIA CSV": Reader(is_via_csv, iterate_via_csv),
    "CSV of boxes": Reader(is_box_table, iterate_box_table),
    "COCO": Reader(is_coco, iterate_coco),
    "LabelMe": Reader(is_labelme, iterate_labelme),
    "GeoJSON": Reader(is_geojson, iterate_geojson),
    "VIA": Reader(is_via, iterate_via),
}


def read_annotations(
    path: str | os.PathLike | Sequence[str | os.PathLike],
    class_names: Sequence[str] | None = None,
    attribute: str | None = None,
    class_aliases: Mapping[str, str] | None = None,
    *,
    problems: list[str] | None = None,
) -> list[AnnotatedImage]:
    """Read annotation files in any of the formats of `READERS`, or YOLO's folder of label files.

    What counts for VIA is told at `mrcnn.formats.via.read_via`, for COCO at
    `mrcnn.formats.coco.read_coco`, and for YOLO at `mrcnn.formats.yolo.read_yolo`. A file that is
    for one image and does not name it belongs to the image of its name in the same folder.

    Args:
        path: the file, or files of one subset, or the folder of YOLO's label files.
        class_names: the known classes; None takes every class that is there.
        attribute: of a region, which holds the class, where the format has attributes; None finds
            it.
        class_aliases: other names -> class names.
        problems: takes the message of each file, image and region that cannot be used, which is
            then left out, up to 10,000 of them; None raises the first one. A single file that is
            useless as a whole is an error all the same.

    Returns:
        one `AnnotatedImage` for each image, in the order of the file.

    Raises:
        DataError: a file is missing or in none of the formats, or what its reader raises.
    """
    if isinstance(path, str | os.PathLike) and is_yolo(Path(path)):
        return read_yolo(path, class_names, class_aliases, problems=problems)
    files = [Path(path)] if isinstance(path, str | os.PathLike) else [Path(each) for each in path]
    where = files[0] if len(files) == 1 else files[0].parent if files else Path()
    return collect_images(files, where, _all, class_names, attribute, class_aliases, problems)


def format_of(path: str | os.PathLike) -> str:
    """The name in `READERS` of the format that a file has.

    Raises:
        DataError: it is missing or in none of the formats.
    """
    return _recognized(Path(path))[0]


def _all(files: list[Path], path: Path, classes: ClassReader, note: Note) -> Iterator[RawImage]:
    for file in files:
        try:
            name, content = _recognized(file)
            images: Iterable[RawImage] = READERS[name].iterate(content, file, classes, note)
            if len(files) == 1:
                yield from images
                continue
            images = list(images)
        except DataError as error:
            if len(files) == 1:
                raise
            note(error)
            continue
        yield from images


def _recognized(path: Path) -> tuple[str, Any]:
    """The name of a file's format, and what its reader is given."""
    content = read_bytes(path)
    name, known = _reader_of(content), what_it_is(content)
    if name:
        return name, content
    if not known:
        parsed = parse_json(content, path)
        name, known = _reader_of(parsed), what_it_is(parsed)
        if name:
            return name, parsed
    if known:
        raise DataError(f"{path} is {known}.")
    raise DataError(
        f"{path} is in none of the formats that are read: {', '.join(READERS)}. Export the "
        "annotations in one of them."
    )


def _reader_of(content: Any) -> str:
    return next((name for name, reader in READERS.items() if reader.recognizes(content)), "")
