"""Counts by picture and slide, made of the tables of a run."""

import csv
import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn.app.counts import slide_of, write_counts
from mrcnn.app.option_types import slide_rule
from mrcnn.errors import DataError
from mrcnn.measure.intervals import count_interval
from mrcnn.report.detection_files import DetectedImage, object_rows, objects_csv, summary_csv
from mrcnn.report.tally import Counting
from mrcnn.report.words import Words
from tests.drawn_objects import objects_of

NAMES = ("normal", "undefined", "white")
APPLICATION = SimpleNamespace(
    words=Words(object="cell", objects="cells", image="field", images="fields"),
    counting=Counting("red", ("white", "platelet"), ("undefined",), (4, 1000)),
)
SHAPE = (100, 200)
# Three whole red cells, one at the left, one at the lower border, a clump, a white cell.
BOXES = [
    (10, 10, 20, 20), (30, 30, 42, 42), (50, 50, 64, 64), (70, 0, 80, 9), (90, 80, 100, 90),
    (20, 100, 40, 120), (50, 120, 80, 150),
]  # fmt: skip
CLASSES = [1, 1, 1, 1, 1, 2, 3]


def run_of(out, pictures, pixel_size=None, **columns):
    """Writes the tables of a run; pictures are (image, boxes, class ids), or (image, problem)."""
    images = []
    for number, (image, *rest) in enumerate(pictures):
        if len(rest) == 1:
            images.append(DetectedImage(image, f"n{number}", problem=rest[0]))
            continue
        boxes, classes = rest
        cells = objects_of(SHAPE, boxes, class_ids=classes)
        cells = cells.with_columns(**{key: value[: len(cells)] for key, value in columns.items()})
        rows = object_rows(
            image, f"n{number}", cells, cells.label_image(), NAMES, pixel_size, tuple(columns)
        )
        images.append(
            DetectedImage(
                image,
                f"n{number}",
                SHAPE,
                rows,
                [NAMES[each - 1] for each in classes],
                pixel_size=pixel_size,
            )
        )
    text = objects_csv(images, pixel_size is not None, tuple(columns))
    (out / "cells.csv").write_text(text)
    (out / "summary.csv").write_text(summary_csv(images, NAMES, APPLICATION.words))


def read(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_counts_of_a_picture(tmp_path):
    run_of(tmp_path, [("a.png", BOXES, CLASSES)], pixel_size=0.5)
    lines = write_counts(APPLICATION, tmp_path)
    (row,) = read(tmp_path / "fields.csv")
    assert (row["image"], row["name"], row["slide"], row["repeats"]) == ("a.png", "n0", "all", "")
    assert (row["cells"], row["whole"], row["cut"]) == ("6", "4", "2")
    # The one at the left is left out, the one at the lower border counts, a white cell is none.
    assert row["frame_count"] == "5"
    assert float(row["frame_count_low"]) == pytest.approx(1.623, abs=1e-3)
    assert float(row["frame_count_high"]) == pytest.approx(11.67, abs=1e-2)
    assert float(row["area_mm2"]) == pytest.approx(100 * 200 * 0.25e-6)
    assert float(row["per_mm2"]) == pytest.approx(5 / 0.005)
    # Sizes are those of the three whole red ones; a clump and a white cell have none.
    areas = np.array([100, 144, 196]) * 0.25
    diameters = np.sqrt(4 * areas / np.pi)
    assert row["measured"] == "3"
    assert float(row["area_mean_um2"]) == pytest.approx(areas.mean(), rel=1e-4)
    assert float(row["area_cv"]) == pytest.approx(areas.std(ddof=1) / areas.mean(), rel=1e-4)
    assert float(row["diameter_mean_um"]) == pytest.approx(diameters.mean(), rel=1e-4)
    assert float(row["diameter_mean_px"]) == pytest.approx(2 * diameters.mean(), rel=1e-4)
    assert float(row["diameter_sd_um"]) == pytest.approx(diameters.std(ddof=1), rel=1e-3)
    # Four whole red cells, the clump among them; one white cell to five red ones in the frame.
    assert row["enough"] == ">=4"
    assert float(row["whites_per_1000"]) == 200
    assert float(row["whites_per_1000_low"]) < 200 < float(row["whites_per_1000_high"])
    assert row["platelets_per_1000"] == "0"
    assert lines == [
        "4 whole cells and 2 at the border; 5 (2 to 12) in the counting frame, which leaves out "
        "those at the upper and left border"
    ]


def test_slides_of_several_pictures(tmp_path):
    pictures = [
        ("s1/a.png", BOXES, CLASSES),
        ("s1/broken.png", "cut short"),
        ("s1/b.png", BOXES[:2], CLASSES[:2]),
        ("s2/c.png", [], []),
    ]
    run_of(tmp_path, pictures)
    lines = write_counts(APPLICATION, tmp_path, "folder")
    fields, slides = read(tmp_path / "fields.csv"), read(tmp_path / "slides.csv")
    assert [row["slide"] for row in fields] == ["s1", "s1", "s2"]
    assert [(row["slide"], row["fields"]) for row in slides] == [("s1", "2"), ("s2", "1")]
    assert [row["whole"] for row in slides] == ["6", "0"]
    assert [row["frame_count"] for row in slides] == ["7", "0"]
    # Two pictures of 5 and 2: Student's distribution with one degree of freedom.
    assert float(slides[0]["frame_count_high"]) == pytest.approx(7 + 12.706 * 3, rel=1e-3)
    areas = np.array([100, 144, 196, 100, 144])
    assert float(slides[0]["area_mean_px2"]) == pytest.approx(areas.mean())
    assert float(slides[0]["area_sd_px2"]) == pytest.approx(areas.std(ddof=1), rel=1e-4)
    assert slides[0]["per_mm2"] == slides[0]["area_mean_um2"] == slides[1]["area_mean_px2"] == ""
    assert slides[1]["enough"] == "no"
    assert "s2: 0 whole reds are counted; a report needs 4" in lines


def test_shares_have_wilsons_intervals_and_kinds_come_from_their_column(tmp_path):
    kinds = ["red", "red", "red", "red", "red", "platelet", "white"]
    shapes = ["burr", "target", "burr", "burr", "", "", ""]
    run_of(tmp_path, [("a.png", BOXES, [1] * 7)], kind=kinds, shape=shapes)
    write_counts(APPLICATION, tmp_path)
    rows = {(row["column"], row["value"]): row for row in read(tmp_path / "shares.csv")}
    assert [(key, row["count"], row["total"]) for key, row in rows.items()] == [
        (("kind", "red"), "4", "6"),
        (("kind", "platelet"), "1", "6"),
        (("kind", "white"), "1", "6"),
        (("class", "normal"), "3", "3"),
        (("shape", "burr"), "2", "3"),
        (("shape", "target"), "1", "3"),
    ]
    assert float(rows["shape", "burr"]["share"]) == pytest.approx(2 / 3, abs=1e-4)
    assert float(rows["shape", "burr"]["share_low"]) == pytest.approx(0.2077, abs=1e-4)
    assert float(rows["shape", "burr"]["share_high"]) == pytest.approx(0.9385, abs=1e-4)


@pytest.mark.parametrize(("pixel_size", "unit", "width"), [(0.5, "um", 0.25), (None, "px", 1)])
def test_the_histogram_has_all_measured_cells(tmp_path, pixel_size, unit, width):
    run_of(tmp_path, [("a.png", BOXES, CLASSES), ("b.png", BOXES[:4], CLASSES[:4])], pixel_size)
    write_counts(APPLICATION, tmp_path)
    rows = read(tmp_path / "histogram.csv")
    assert {row["unit"] for row in rows} == {unit}
    assert sum(int(row["count"]) for row in rows) == 6
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1, abs=1e-3)
    for row, later in itertools.pairwise(rows):
        assert float(row["to"]) - float(row["from"]) == pytest.approx(width)
        assert row["to"] == later["from"]
    diameters = np.sqrt(4 / np.pi * np.array([100, 144, 196] * 2)) * (pixel_size or 1)
    for row in rows:
        inside = (diameters >= float(row["from"])) & (diameters < float(row["to"]))
        assert int(row["count"]) == inside.sum()


def test_pictures_that_are_there_twice_are_told(tmp_path):
    pictures = [(f"s{number // 2}/{number}.png", BOXES, CLASSES) for number in range(3)]
    pictures.append(("s1/3.png", BOXES[:2], CLASSES[:2]))
    run_of(tmp_path, pictures)
    lines = write_counts(APPLICATION, tmp_path, "folder")
    repeats = [row["repeats"] for row in read(tmp_path / "fields.csv")]
    # Also on another slide.
    assert repeats == ["", "the same as s0/0.png", "the same as s0/0.png", ""]
    assert sum("s0/1.png: the same as s0/0.png" in line for line in lines) == 1


def test_pictures_of_no_slide_are_told(tmp_path):
    run_of(tmp_path, [("s1_a.png", BOXES, CLASSES), ("b.png", BOXES[:2], CLASSES[:2])])
    said = [line for line in write_counts(APPLICATION, tmp_path, r"(s\d+)_") if "--group" in line]
    assert said == [
        r"Warning: --group (s\d+)_ does not fit the path of 1 field, counted as the slide (none) "
        "in slides.csv."
    ]
    assert [row["slide"] for row in read(tmp_path / "slides.csv")] == ["s1", "(none)"]


def test_pictures_with_the_same_count_do_not_make_it_certain(tmp_path):
    run_of(tmp_path, [(f"{number}.png", BOXES, CLASSES) for number in range(3)])
    write_counts(APPLICATION, tmp_path)
    (row,) = read(tmp_path / "slides.csv")
    interval = float(row["frame_count_low"]), float(row["frame_count_high"])
    assert interval == pytest.approx(count_interval(15), rel=1e-4)


def test_the_slide_of_a_picture():
    assert slide_of("a/b/c.png", None) == "all"
    assert slide_of("a/b/c.png", "folder") == "a/b"
    assert slide_of("a/s12_03.png", slide_rule(r"(s\d+)_")) == "s12"
    assert slide_of("a/other.png", r"(s\d+)_") == "(none)"


@pytest.mark.parametrize("text", ["(", "abc", "(a)(b)"])
def test_a_rule_needs_one_group(text):
    with pytest.raises(Exception, match="regular expression"):
        slide_rule(text)


def test_tables_that_do_not_fit_together_are_told(tmp_path):
    run_of(tmp_path, [("a.png", BOXES, CLASSES), ("b.png", BOXES, CLASSES)])
    text = (tmp_path / "summary.csv").read_text().splitlines(keepends=True)
    (tmp_path / "summary.csv").write_text("".join([text[0], *text[2:]]))
    with pytest.raises(DataError, match="Leave the tables of a run as they are"):
        write_counts(APPLICATION, tmp_path)


def test_kinds_that_the_model_does_not_know_are_not_counted_as_none(tmp_path):
    run_of(tmp_path, [("a.png", BOXES, CLASSES)])
    text = (tmp_path / "summary.csv").read_text()
    (tmp_path / "summary.csv").write_text(text.replace("white", "other"))
    write_counts(APPLICATION, tmp_path)
    (row,) = read(tmp_path / "slides.csv")
    assert not [title for title in row if "per_1000" in title]
    assert {row["column"] for row in read(tmp_path / "shares.csv")} == {"class"}


@pytest.mark.parametrize(("pixel_size", "told"), [(0.5, 0), (None, 1)])
def test_limits_of_size_need_the_size_of_pixels(tmp_path, pixel_size, told):
    cells = objects_of(SHAPE, BOXES[:1])
    rows = object_rows(
        "a.png", "n0", cells, cells.label_image(), NAMES, pixel_size, size_limits=(3, 8)
    )
    images = [DetectedImage("a.png", "n0", SHAPE, rows, ["normal"], pixel_size=pixel_size)]
    (tmp_path / "cells.csv").write_text(objects_csv(images, pixel_size is not None, (), True))
    (tmp_path / "summary.csv").write_text(summary_csv(images, NAMES, APPLICATION.words))
    lines = write_counts(APPLICATION, tmp_path)
    assert sum("--size-limits has no meaning for 1 field" in line for line in lines) == told
    columns = {row["column"] for row in read(tmp_path / "shares.csv")}
    assert ("size_by_limits" in columns) is not bool(told)


def test_a_rate_is_the_share_of_whole_red_cells_that_have_it(tmp_path):
    """Parasitemia: cells that nobody judged do not count, nor do other kinds."""
    counting = replace(APPLICATION.counting, rates=(("infected", "parasitemia"),))
    application = SimpleNamespace(words=APPLICATION.words, counting=counting)
    infected = ["1", "0", "0", "", "1", "", "1"]
    run_of(tmp_path, [("a.png", BOXES, CLASSES)], infected=infected)
    lines = write_counts(application, tmp_path)
    (row,) = read(tmp_path / "fields.csv")
    # Of the four whole red ones three were judged.
    count, total = 1, 3
    assert float(row["parasitemia"]) == pytest.approx(count / total, rel=1e-5)
    assert float(row["parasitemia_low"]) < count / total < float(row["parasitemia_high"])
    assert any(line.startswith(f"parasitemia {count / total:.2%} (") for line in lines)
