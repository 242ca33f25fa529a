"""VIA's CSV export, a row for each region; read and written.

The shapes are JSON in a column, so that all is as in VIA's JSON.
"""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mrcnn.errors import DataError, shown
from mrcnn.files import atomic_write
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.json_text import parse_json
from mrcnn.formats.regions import Note, RawImage
from mrcnn.formats.tables import first_row, rows
from mrcnn.formats.via import iterate_via
from mrcnn.formats.via_project import via_project
from mrcnn.instances import Instances

_SHAPE, _ATTRIBUTES = "region_shape_attributes", "region_attributes"
# Version 1 marks the line with the names of the columns, and names the size otherwise.
_SIZES = ("file_size", "size")
_COLUMNS = (
    "filename", "file_size", "file_attributes", "region_count", "region_id", _SHAPE, _ATTRIBUTES,
)  # fmt: skip


def is_via_csv(content: object) -> bool:
    """Whether the bytes of a file are a table with the columns of VIA 1 or 2."""
    names = _names(first_row(content))
    return "filename" in names and _SHAPE in names


def _names(row: Sequence[str]) -> list[str]:
    return [name.strip().removeprefix("#") for name in row]


def iterate_via_csv(
    content: bytes, path: Path, classes: ClassReader, note: Note
) -> Iterator[RawImage]:
    """The images of a table with their regions, as `mrcnn.formats.via.iterate_via` gives them.

    Args:
        content: of the file, for which `is_via_csv` is true.
        path: the file, for messages.
        classes: finds out later which attribute holds the class.
        note: takes what is wrong with a row or a region.

    Raises:
        DataError: the table is damaged.
    """
    table = rows(content, path)
    _, titles = next(table)
    names = _names(titles)
    entries: dict[str, dict] = {}
    for number, values in table:
        row = dict(zip(names, values, strict=False))
        where = f"{path}, row {number}"
        try:
            filename = row["filename"]
            size = next((row[key] for key in _SIZES if key in row), "")
            entry = entries.setdefault(
                f"{filename} {size}",
                {
                    "filename": filename,
                    "size": int(size) if size.isdecimal() and len(size) < 19 else -1,
                    "regions": [],
                },
            )
            shape = _cell(row.get(_SHAPE), where)
            if shape:
                region = {"shape_attributes": shape}
                entry["regions"].append(
                    {**region, "region_attributes": _cell(row.get(_ATTRIBUTES), where)}
                )
        except DataError as error:
            note(error)
    yield from iterate_via(entries, path, classes, note)


def _cell(text: str | None, where: str) -> Any:
    """What the JSON in a cell holds; {} of an empty one."""
    if not text or not text.strip():
        return {}
    try:
        return parse_json(text.encode("utf-8", "surrogatepass"), Path(where))
    except DataError:
        raise DataError(f"{where}: {shown(text)} is not the JSON that VIA writes there.") from None


# ---- writing


def write_via_csv(
    path: str | os.PathLike,
    images: Mapping[str, Instances],
    class_names: Sequence[str],
    *,
    sizes: Mapping[str, int] | None = None,
    attribute: str = "name",
) -> None:
    """Write VIA's table; the arguments are those of `mrcnn.formats.via_project.via_project`."""
    project = via_project(images, class_names, sizes=sizes, attribute=attribute)
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for entry in project["_via_img_metadata"].values():
        regions = entry["regions"] or [{"shape_attributes": {}, "region_attributes": {}}]
        for number, region in enumerate(regions):
            cells = [json.dumps(region[key]) for key in ("shape_attributes", "region_attributes")]
            count = len(entry["regions"])
            table.writerow([entry["filename"], entry["size"], "{}", count, number, *cells])
    atomic_write(path, text.getvalue())
