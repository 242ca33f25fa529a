"""Kinds of blood cells as classes of the network, and the table that names white ones.

In the annotated fields all outlines are of some size class. A table of the laboratory, beside some
of them, has a box and a name for each cell; what it calls a leukocyte is a white cell.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mrcnn.errors import DataError

if TYPE_CHECKING:
    from mrcnn.formats import AnnotatedImage

RED, WHITE, PLATELET = "red blood cell", "white blood cell", "platelet"
KINDS = (RED, WHITE, PLATELET)
# File with the columns filename, category, y1, x1, y2, x2 (pixels).
OBJECTS = "objects.csv"

_LEUKOCYTE = "leukocyte"
# IoU of the box of an outline and that of the table, from which on they are of one cell.
_SAME = 0.5


def name_white_cells(images: "Sequence[AnnotatedImage]", table: Path) -> None:
    """Make white cells of the outlines that a table calls leukocytes, in place.

    A leukocyte without an outline is added as a box. Nothing changes where there is no table.

    Raises:
        DataError: the table has other columns, or something else than numbers in them.
    """
    if not table.is_file():
        return
    by_name = {image.filename: image for image in images}
    with open(table, newline="", encoding="utf-8") as file:
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
