"""The tables of `detect`: measurements of shapes with known figures, counts by class."""

import csv
import io
import math

import numpy as np
import pytest

from mrcnn.instances import Instances
from mrcnn.report.detection_files import DetectedImage, object_rows, objects_csv, summary_csv
from mrcnn.report.words import Words
from tests.drawn_objects import objects_of

NAMES = ("large", "small")


def rows_of(instances: Instances, pixel_size=None, measured=()) -> list[dict]:
    labels = instances.label_image()
    rows = object_rows("dir/a.png", "a", instances, labels, NAMES, pixel_size, measured)
    shape = instances.image_shape
    images = [DetectedImage("dir/a.png", "a", shape, rows)]
    text = objects_csv(images, pixel_size is not None, measured)
    return list(csv.DictReader(io.StringIO(text)))


def test_rectangle_has_its_known_moments():
    (row,) = rows_of(objects_of((40, 50), [[10, 20, 16, 30]], [0.98765]))
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
    (row,) = rows_of(objects_of((40, 50), [[10, 20, 16, 30]]), pixel_size=0.5)
    assert float(row["area_um2"]) == 15.0
    assert float(row["equivalent_diameter_um"]) == pytest.approx(math.sqrt(60 / math.pi), abs=1e-3)
    assert (float(row["centroid_y_um"]), float(row["centroid_x_um"])) == (6.25, 12.25)


def test_cell_in_two_pieces_is_one_row():
    crop = np.zeros((5, 10), bool)
    crop[:, :3] = crop[:, 8:] = True
    (row,) = rows_of(objects_of((20, 20), [[0, 0, 5, 10]], crops=[crop]))
    assert int(row["area"]) == 25


def test_summary_totals_and_unreadable_images():
    images = [
        DetectedImage("a.png", "a", (4, 5), class_names=["large", "small", "large"]),
        DetectedImage("bad.png", "bad", problem="bad.png: cut short"),
        DetectedImage("b.png", "b", (6, 7), class_names=["small"], quality="limit;scale"),
    ]
    rows = list(csv.DictReader(io.StringIO(summary_csv(images, NAMES, Words(objects="cells")))))
    assert [row["image"] for row in rows] == ["a.png", "bad.png", "b.png", "all images"]
    assert [row["cells"] for row in rows] == ["3", "", "1", "4"]
    assert [row["large"] for row in rows] == ["2", "", "0", "2"]
    assert [row["small"] for row in rows] == ["1", "", "1", "2"]
    assert rows[1]["problem"] == "bad.png: cut short"
    assert [row["quality"] for row in rows] == ["ok", "", "limit;scale", ""]
    assert (rows[0]["height"], rows[0]["width"]) == ("4", "5")


def test_what_an_application_measures_follows():
    told = objects_of((20, 20), [[0, 0, 5, 5], [6, 6, 9, 9]]).with_columns(
        darkness=[0.12345678, 2.0], kind=["round", "long"], other=[1, 2]
    )
    rows = rows_of(told, measured=("darkness", "kind"))
    assert [(row["darkness"], row["kind"]) for row in rows] == [
        ("0.123457", "round"),
        ("2", "long"),
    ]
    assert list(rows[0])[-2:] == ["darkness", "kind"]
