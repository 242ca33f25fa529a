"""Tables (CSV) of boxes, a row for each: those of Roboflow and TensorFlow, and MakeSense's.

They are read, and written in Roboflow's columns. The boxes have no masks, and their numbers are
edges of pixels. An image without a row is not named.
"""

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.naming import check_class_names, check_classes, check_filenames
from mrcnn.formats.regions import Note, RawImage, RawRegion
from mrcnn.formats.shapes import image_size, rectangle, text_number
from mrcnn.formats.tables import first_row, rows
from mrcnn.instances import Instances


class _Columns(NamedTuple):
    """Names of the columns: image, its width and height, class, and the four numbers of a box."""

    image: str
    width: str
    height: str
    label: str
    box: tuple[str, str, str, str]
    # Whether the last two numbers are the other corner, else they are width and height.
    has_corners: bool


_ROBOFLOW = _Columns(
    "filename", "width", "height", "class", ("xmin", "ymin", "xmax", "ymax"), has_corners=True
)
_MAKESENSE = _Columns(
    "image_name",
    "image_width",
    "image_height",
    "label_name",
    ("bbox_x", "bbox_y", "bbox_width", "bbox_height"),
    has_corners=False,
)
# Earlier versions of MakeSense write no names of columns.
_NAMELESS = ("label_name", *_MAKESENSE.box, "image_name", "image_width", "image_height")


def is_box_table(content: object) -> bool:
    """Whether the bytes of a file are a table with the columns of one of these programs."""
    return _columns(first_row(content)) is not None


def _columns(first: list[str]) -> _Columns | None:
    for columns in (_ROBOFLOW, _MAKESENSE):
        if {columns.image, columns.label, *columns.box} <= set(first):
            return columns
    is_nameless = len(first) == len(_NAMELESS) and all(
        _is_number(first[place]) for place in (1, 2, 3, 4, 6, 7)
    )
    return _MAKESENSE if is_nameless else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def iterate_box_table(
    content: bytes, path: Path, classes: ClassReader, note: Note
) -> Iterator[RawImage]:
    """The images of a table with their boxes; messages count rows from 1.

    Args:
        content: of the file, for which `is_box_table` is true.
        path: the file, for messages.
        classes: is told where the class is.
        note: takes what is wrong with a row.

    Raises:
        DataError: the table is damaged.
    """
    attribute = classes.attribute or "class"
    classes.default_to(attribute)
    first = first_row(content)
    columns = _columns(first)
    assert columns is not None, "is_box_table"
    has_names = columns.image in first
    images: dict[str, RawImage] = {}
    table = rows(content, path)
    if has_names:
        next(table)
    for number, values in table:
        row = dict(zip(first if has_names else _NAMELESS, map(str.strip, values), strict=False))
        where = f"{path}, row {number}"
        try:
            name = row.get(columns.image)
            if not name:
                raise DataError(f"{where}: {columns.image!r}, the name of the image, is missing.")
            x, y, width, height = (text_number(row.get(key), key, where) for key in columns.box)
            if columns.has_corners:
                width, height = width - x, height - y
            if width < 0 or height < 0:
                raise DataError(f"{where}: the box is {width:g} x {height:g} pixels large.")
        except DataError as error:
            note(error)
            continue
        sides = [row.get(key, "") for key in (columns.height, columns.width)]
        known = all(side.isdecimal() and len(side) < 10 for side in sides)
        shape = image_size(*map(int, sides)) if known else None
        raw = images.setdefault(name, RawImage(name, image_shape=shape))
        label = row.get(columns.label)
        attributes = {} if label is None else {attribute: label}
        polygon = rectangle(x, y, width, height)
        raw.regions.append(RawRegion(where, len(raw.regions), polygon, attributes, is_box=True))
    yield from images.values()


# ---- writing


def write_box_table(
    path: str | os.PathLike, images: Mapping[str, Instances], class_names: Sequence[str]
) -> None:
    """Write the boxes of instances in Roboflow's columns; masks and scores are not kept.

    Args:
        path: the CSV file.
        images: file name, relative to the folder of the images -> what is on the image.
        class_names: the name of class 1, of class 2 and so on.

    Raises:
        ConfigError: class names that cannot be used.
        DataError: something that is no file name, or an instance of an unknown class.
    """
    check_class_names(class_names)
    check_filenames(images)
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    columns = _ROBOFLOW
    table.writerow([columns.image, columns.width, columns.height, columns.label, *columns.box])
    for filename, instances in images.items():
        check_classes(instances, class_names, filename)
        instances = instances.tight()
        height, width = instances.image_shape
        for row, (y1, x1, y2, x2) in enumerate(instances.boxes.tolist()):
            name = class_names[instances.class_ids[row] - 1]
            table.writerow([filename, width, height, name, x1, y1, x2, y2])
    atomic_write(path, text.getvalue())
