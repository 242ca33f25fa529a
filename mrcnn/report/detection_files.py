"""The tables of `detect`: a line for each object, and the counts of each image."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mrcnn.measure.shape import shape_of
from mrcnn.report.csv_text import csv_text

CELL_COLUMNS = (
    "image",
    "name",
    "label",
    "class",
    "score",
    "y1",
    "x1",
    "y2",
    "x2",
    "area",
    "visible_area",
    "equivalent_diameter",
    "eccentricity",
    "centroid_y",
    "centroid_x",
)
MICROMETRE_COLUMNS = (
    "area_um2",
    "equivalent_diameter_um",
    "centroid_y_um",
    "centroid_x_um",
)


@dataclass(frozen=True)
class ImageCells:
    """What is written about one image; an image that could not be read has a `problem`."""

    image: str
    name: str
    size: tuple[int, int] | None = None
    rows: list[list] = field(default_factory=list)
    class_names: list[str] = field(default_factory=list)
    problem: str = ""


def _column(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


def cell_rows(
    image: str,
    name: str,
    cells: Any,
    labels: np.ndarray,
    class_names: Sequence[str],
    pixel_size: float | None,
) -> list[list]:
    """A row of `CELL_COLUMNS` for each cell, and of `MICROMETRE_COLUMNS` with a pixel size.

    The figures are those of the cell's whole mask, in pixels; `visible_area` counts its pixels in
    the label image, which are fewer where a better detection covers it.

    Args:
        image: path as given by the user.
        name: stem of the pictures.
        cells: cells 1, 2, ... of `labels`.
        labels: uint16 [H, W].
        class_names: of classes 1, 2, ...
        pixel_size: micrometres, or None.
    """
    visible = np.bincount(labels.ravel(), minlength=len(cells) + 1)
    rows = []
    for index in range(len(cells)):
        y1, x1, y2, x2 = map(int, cells.boxes[index])
        shape = shape_of(cells.boxes[index], cells.crops[index])
        centroid_y, centroid_x = shape.centroid
        area, diameter = shape.area, shape.equivalent_diameter
        row = [
            image,
            name,
            index + 1,
            class_names[int(cells.class_ids[index]) - 1],
            _column(cells.scores[index], 4),
            y1,
            x1,
            y2,
            x2,
            area,
            int(visible[index + 1]),
            _column(diameter, 3),
            _column(shape.eccentricity, 4),
            _column(centroid_y, 2),
            _column(centroid_x, 2),
        ]
        if pixel_size is not None:
            row += [
                _column(area * pixel_size**2, 4),
                _column(diameter * pixel_size, 4),
                _column(centroid_y * pixel_size, 3),
                _column(centroid_x * pixel_size, 3),
            ]
        rows.append(row)
    return rows


def cells_csv(images: Sequence[ImageCells], with_micrometres: bool) -> str:
    """The text of cells.csv: a line for each cell of each image."""
    head = list(CELL_COLUMNS) + (list(MICROMETRE_COLUMNS) if with_micrometres else [])
    return csv_text([head, *(row for image in images for row in image.rows)])


def summary_csv(images: Sequence[ImageCells], class_names: Sequence[str]) -> str:
    """The text of summary.csv: cells by class for each image, then for all together.

    The counts of an image that could not be read are empty, and its last column says why.
    """
    rows: list[list] = [["image", "name", "height", "width", "cells", *class_names, "problem"]]
    total: Counter[str] = Counter()
    for image in images:
        if image.size is None:
            blank = [""] * (3 + len(class_names))
            rows.append([image.image, image.name, *blank, image.problem])
            continue
        counts = Counter(image.class_names)
        total += counts
        rows.append(
            [
                image.image,
                image.name,
                *image.size,
                counts.total(),
                *(counts[name] for name in class_names),
                "",
            ]
        )
    rows.append(
        ["all images", "", "", "", total.total(), *(total[name] for name in class_names), ""]
    )
    return csv_text(rows)
