"""Measurements of cells against shapes with known figures."""

import csv
import io
import math

import numpy as np
import pytest

from mrcnn.report.detection_files import ImageCells, cell_rows, cells_csv, summary_csv
from rbc_detect import visible_cells
from rbc_model import Cells

NAMES = ("large", "small")


def cells_of(boxes, scores=None, class_ids=None, crops=None) -> Cells:
    boxes = np.array(boxes).reshape(-1, 4)
    if crops is None:
        crops = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
    count = len(boxes)
    return Cells(
        boxes,
        crops,
        np.ones(count, int) if class_ids is None else np.array(class_ids),
        np.linspace(0.9, 0.8, count) if scores is None else np.array(scores),
    )


def rows_of(cells: Cells, shape, pixel_size=None) -> list[dict]:
    cells, labels = visible_cells(shape, cells)
    rows = cell_rows("dir/a.png", "a", cells, labels, NAMES, pixel_size)
    text = cells_csv([ImageCells("dir/a.png", "a", shape, rows)], pixel_size is not None)
    return list(csv.DictReader(io.StringIO(text)))


def test_rectangle_has_its_known_moments():
    (row,) = rows_of(cells_of([[10, 20, 16, 30]], [0.98765]), (40, 50))
    assert [row[key] for key in ("image", "name", "label", "class")] == [
        "dir/a.png",
        "a",
        "1",
        "large",
    ]
    assert [int(row[key]) for key in ("y1", "x1", "y2", "x2")] == [10, 20, 16, 30]
    assert row["score"] in ("0.9876", "0.9877")
    assert int(row["area"]) == int(row["visible_area"]) == 60
    assert float(row["equivalent_diameter"]) == pytest.approx(math.sqrt(240 / math.pi), abs=1e-3)
    assert (float(row["centroid_y"]), float(row["centroid_x"])) == (12.5, 24.5)
    # Variance of n pixel centres in a row: (n ** 2 - 1) / 12.
    assert float(row["eccentricity"]) == pytest.approx(math.sqrt(1 - 35 / 99), abs=1e-4)
    assert "area_um2" not in row


def test_micrometres():
    (row,) = rows_of(cells_of([[10, 20, 16, 30]]), (40, 50), pixel_size=0.5)
    assert float(row["area_um2"]) == 15.0
    assert float(row["equivalent_diameter_um"]) == pytest.approx(math.sqrt(60 / math.pi), abs=1e-3)
    assert (float(row["centroid_y_um"]), float(row["centroid_x_um"])) == (6.25, 12.25)


def test_cell_in_two_pieces_is_one_row():
    crop = np.zeros((5, 10), bool)
    crop[:, :3] = crop[:, 8:] = True
    (row,) = rows_of(cells_of([[0, 0, 5, 10]], crops=[crop]), (20, 20))
    assert int(row["area"]) == 25


def test_overlap_goes_to_the_better_score_and_areas_say_so():
    cells, labels = visible_cells((20, 20), cells_of([[0, 0, 10, 10], [0, 5, 10, 15]]))
    assert labels.dtype == np.uint16
    assert (labels[:10, :10] == 1).all() and (labels[:10, 10:15] == 2).all()
    assert (labels == 0).sum() == 400 - 150
    rows = rows_of(cells, (20, 20))
    assert [int(row["area"]) for row in rows] == [100, 100]
    assert [int(row["visible_area"]) for row in rows] == [100, 50]


def test_a_cell_without_a_visible_pixel_has_no_label():
    cells = cells_of([[0, 0, 10, 10], [2, 2, 4, 4], [12, 12, 18, 18]], class_ids=[1, 1, 2])
    cells, labels = visible_cells((20, 20), cells)
    assert len(cells) == 2
    assert sorted(np.unique(labels)) == [0, 1, 2]
    assert list(cells.class_ids) == [1, 2]


def test_no_cells():
    cells, labels = visible_cells((4, 5), cells_of([]))
    assert len(cells) == 0 and labels.shape == (4, 5) and not labels.any()
    assert rows_of(cells, (4, 5)) == []


def test_summary_totals_and_unreadable_images():
    images = [
        ImageCells("a.png", "a", (4, 5), class_names=["large", "small", "large"]),
        ImageCells("bad.png", "bad", problem="bad.png: cut short"),
        ImageCells("b.png", "b", (6, 7), class_names=["small"]),
    ]
    rows = list(csv.DictReader(io.StringIO(summary_csv(images, NAMES))))
    assert [row["image"] for row in rows] == ["a.png", "bad.png", "b.png", "all images"]
    assert [row["cells"] for row in rows] == ["3", "", "1", "4"]
    assert [row["large"] for row in rows] == ["2", "", "0", "2"]
    assert [row["small"] for row in rows] == ["1", "", "1", "2"]
    assert rows[1]["problem"] == "bad.png: cut short"
    assert (rows[0]["height"], rows[0]["width"]) == ("4", "5")
