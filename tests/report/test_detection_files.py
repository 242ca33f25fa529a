"""The tables of `detect`: measurements of shapes with known figures, counts by class."""

import csv
import io
import math

import numpy as np
import pytest
from skimage.measure import perimeter_crofton

from mrcnn.instances import Instances
from mrcnn.report.detection_files import (
    OBJECT_COLUMNS,
    DetectedImage,
    object_rows,
    object_titles,
    objects_csv,
    summary_csv,
)
from mrcnn.report.measured_columns import MICROMETER_COLUMNS
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
    assert (float(row["centroid_y"]), float(row["centroid_x"])) == (13.0, 25.0)
    # Variance of n pixel centers in a row: (n ** 2 - 1) / 12.
    assert float(row["eccentricity"]) == pytest.approx(math.sqrt(1 - 35 / 99), abs=1e-4)
    assert row["area_um2"] == row["perimeter_um"] == ""


def test_micrometers():
    (row,) = rows_of(objects_of((40, 50), [[10, 20, 16, 30]]), pixel_size=0.5)
    assert float(row["area_um2"]) == 15.0
    assert float(row["equivalent_diameter_um"]) == pytest.approx(math.sqrt(60 / math.pi), abs=1e-3)
    assert (float(row["centroid_y_um"]), float(row["centroid_x_um"])) == (6.5, 12.5)


def test_cell_in_two_pieces_is_one_row():
    crop = np.zeros((5, 10), bool)
    crop[:, :3] = crop[:, 8:] = True
    (row,) = rows_of(objects_of((20, 20), [[0, 0, 5, 10]], crops=[crop]))
    assert int(row["area"]) == 25


def test_summary_totals_and_unreadable_images():
    images = [
        DetectedImage(
            "a.png", "a", (4, 5), class_names=["large", "small", "large"], pixel_size=0.07
        ),
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
    assert [row["pixel_size_um"] for row in rows] == ["0.07", "", "", ""]
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
    place = len(OBJECT_COLUMNS)
    assert list(rows[0])[place : place + 2] == ["darkness", "kind"]


def test_what_is_not_defined_is_empty():
    told = objects_of((20, 20), [[0, 0, 5, 5]]).with_columns(darkness=[np.nan])
    assert rows_of(told, measured=("darkness",))[0]["darkness"] == ""


def test_columns_that_were_there_first_keep_their_places():
    """The micrometers too, where the user gives the size of a pixel."""
    told = objects_of((20, 20), [[2, 3, 5, 9]]).with_columns(darkness=[1.0])
    without, given = (list(rows_of(told, size, ("darkness",))[0].items()) for size in (None, 0.5))
    assert [name for name, _ in given[: len(OBJECT_COLUMNS) + 5]] == [
        *OBJECT_COLUMNS, *MICROMETER_COLUMNS, "darkness",
    ]  # fmt: skip
    assert [name for name, _ in without[-len(MICROMETER_COLUMNS) :]] == [*MICROMETER_COLUMNS]
    assert dict(given).keys() == dict(without).keys()


def test_shapes_borders_and_overlap():
    boxes = [[10, 20, 16, 30], [0, 0, 4, 4], [12, 26, 20, 34]]
    rows = rows_of(objects_of((40, 50), boxes), pixel_size=0.5)
    expected = perimeter_crofton(np.ones((6, 10), bool))
    assert float(rows[0]["perimeter_px"]) == pytest.approx(expected, abs=1e-3)
    assert float(rows[0]["major_axis_px"]) == pytest.approx(4 * math.sqrt(99 / 12), abs=1e-3)
    assert float(rows[0]["minor_axis_px"]) == pytest.approx(4 * math.sqrt(35 / 12), abs=1e-3)
    assert float(rows[0]["aspect_ratio"]) == pytest.approx(math.sqrt(99 / 35), abs=1e-4)
    assert float(rows[0]["orientation_deg"]) in (90, -90)
    assert (rows[0]["solidity"], rows[0]["touches_border"]) == ("1.0000", "0")
    assert rows[1]["touches_border"] == "1"
    assert float(rows[0]["perimeter_um"]) == pytest.approx(expected / 2, abs=1e-4)
    assert [float(row["overlap_share"]) for row in rows] == [
        pytest.approx(16 / 60, abs=1e-4), 0, pytest.approx(16 / 64, abs=1e-4),
    ]  # fmt: skip


def test_the_size_that_a_file_tells_counts_where_none_is_given():
    cell = objects_of((40, 50), [[10, 20, 16, 30]])
    for given, told, area in ((None, 0.5, 15), (0.1, 0.5, 0.6)):
        rows = object_rows("a.png", "a", cell, cell.label_image(), NAMES, given, (), told)
        titles = object_titles(given is not None)
        assert float(dict(zip(titles, rows[0], strict=True))["area_um2"]) == area


def test_sizes_against_limits():
    boxes = [[2, 2, 7, 7], [10, 10, 20, 20], [24, 24, 39, 39], [0, 30, 5, 35]]
    cells = objects_of((40, 40), boxes)
    for size, expected in ((0.5, ["small", "normal", "large", ""]), (None, [""] * 4)):
        labels = cells.label_image()
        rows = object_rows("a.png", "a", cells, labels, NAMES, size, size_limits=(3, 8))
        titles = object_titles(size is not None, has_limits=True)
        at = titles.index("size_by_limits")
        assert [row[at] for row in rows] == expected


def test_what_an_application_measures_in_pixels_has_micrometers_at_the_end():
    cells = objects_of((20, 20), [[0, 0, 5, 5], [6, 6, 9, 9]]).with_columns(
        length_px=[2.0, 4.0], od_px2=[8.0, np.nan], kind=["a", "b"]
    )
    rows = rows_of(cells, 0.5, ("length_px", "od_px2", "kind"))
    assert [(row["length_um"], row["od_um2"]) for row in rows] == [("1", "2"), ("2", "")]
    assert rows_of(cells, None, ("length_px",))[0]["length_um"] == ""
    own = cells.with_columns(length_um=[7.0, 8.0])
    assert rows_of(own, 0.5, ("length_px", "length_um"))[0]["length_um"] == "7"
