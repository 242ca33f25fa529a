"""Kinds of blood cells as classes of the network, and the table that names white ones.

A network of kinds tells no sizes; those of its red cells are measured.

In the annotated fields all outlines are of some size class. A table of the laboratory, beside some
of them, has a box and a name for each cell; what it calls a leukocyte is a white cell.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mrcnn.errors import ConfigError, DataError
from rbc_cells.ways import LEARNED, MEASURED, SIZES

if TYPE_CHECKING:
    from mrcnn.formats import AnnotatedImage

RED, WHITE, PLATELET = "red blood cell", "white blood cell", "platelet"
KINDS = (RED, WHITE, PLATELET)
# File with the columns filename, category, y1, x1, y2, x2 (pixels).
OBJECTS = "objects.csv"

# The column that tells the kind of a cell.
KIND = "kind"

_LEUKOCYTE = "leukocyte"
# IoU of the box of an outline and that of the table, from which on they are of one cell.
_SAME = 0.5


def told_classes(class_names: Sequence[str], size_class: str = MEASURED) -> tuple[str, ...]:
    """The classes of cells: sizes of red cells, then the other kinds that a network tells.

    Args:
        class_names: of the network, classes 1, 2, ...
        size_class: how sizes are to be told.

    Raises:
        ConfigError: sizes learned by a network that tells kinds.
    """
    if RED not in class_names:
        return tuple(class_names)
    if size_class == LEARNED:
        raise ConfigError(
            f"--size-class {LEARNED}: this model has learned kinds of cells "
            f"({', '.join(class_names)}) and no sizes. Use --size-class {MEASURED}."
        )
    return (*SIZES, *(name for name in class_names if name != RED))


def kinds_of(class_ids: np.ndarray, class_names: Sequence[str]) -> np.ndarray:
    """The kind of each cell, an array of N str; "" where its class does not tell.

    Args:
        class_ids: int [N], from 1.
        class_names: of classes 1, 2, ...: kinds, or sizes, which red cells have.
    """
    kinds = [name if name in KINDS else RED if name in SIZES else "" for name in ("", *class_names)]
    return np.array(kinds)[np.asarray(class_ids, int)]


def name_white_cells(images: "Sequence[AnnotatedImage]", table: Path) -> None:
    """Make white cells of the outlines that a table calls leukocytes, in place.

    A leukocyte without an outline is added as a box. Nothing changes where there is no table.

    Raises:
        DataError: the table has other columns, or something else than numbers in them.
    """
    if not table.is_file():
        return
    by_name = {image.filename: image for image in images}
    with open(table, newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                if row["category"] != _LEUKOCYTE or row["filename"] not in by_name:
                    continue
                box = np.array([float(row[side]) for side in ("y1", "x1", "y2", "x2")])
            except (KeyError, TypeError, ValueError):
                raise DataError(
                    f"{table}, line {number}: expected are the columns filename, category, and "
                    "y1, x1, y2, x2 as numbers."
                ) from None
            _name_white_cell(by_name[row["filename"]], box)


def _name_white_cell(image: "AnnotatedImage", box: np.ndarray) -> None:
    overlaps = [_iou(outline, box) for outline in image.polygons]
    if overlaps and max(overlaps) >= _SAME:
        image.class_names[int(np.argmax(overlaps))] = WHITE
        return
    y1, x1, y2, x2 = box - 0.5
    image.polygons.append(np.array([(y1, x1), (y1, x2), (y2, x2), (y2, x1)]))
    image.class_names.append(WHITE)
    image.is_box.append(True)
    image.region_numbers.append(len(image.region_numbers))


def _iou(outline: np.ndarray, box: np.ndarray) -> float:
    low, high = outline.min(axis=0) + 0.5, outline.max(axis=0) + 0.5
    shared = np.maximum(np.minimum(high, box[2:]) - np.maximum(low, box[:2]), 0).prod()
    return float(shared / ((high - low).prod() + (box[2:] - box[:2]).prod() - shared))
