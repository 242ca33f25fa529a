"""The report in Markdown, the CSV files and the summary of one small evaluation."""

import csv
import io
import json
import math

import numpy as np
import pytest

from mrcnn.evaluation import InstanceEvaluator, Instances
from mrcnn.report.evaluation_files import (
    OBJECT_COLUMNS,
    per_image_csv,
    per_object_csv,
    summary_of,
    summary_text,
)
from mrcnn.report.markdown import format_report
from mrcnn.report.markdown_tables import (
    class_table,
    counting_table,
    markdown_table,
    paper_table,
    precision_table,
    quality_table,
    sweep_line,
    sweep_table,
)
from rbc import WORDS

CLASSES = ("large", "normal")
SHAPE = (100, 100)


def cells(corners, class_ids, scores=None, side: int = 10) -> Instances:
    boxes = [(y, x, y + side, x + side) for y, x in corners]
    return Instances(SHAPE, boxes, [np.ones((side, side), bool)] * len(boxes), class_ids, scores)


@pytest.fixture(scope="module")
def evaluator() -> InstanceEvaluator:
    """Four cells, two cells and an empty field with a false alarm at its border."""
    evaluator = InstanceEvaluator(CLASSES)
    corners = [(10, 10), (10, 40), (40, 10), (40, 40)]
    evaluator.add_truth("one|a.jpg", cells(corners, [1, 2, 2, 2]))
    evaluator.add_truth("two.jpg", cells(corners[:2], [2, 2]))
    evaluator.add_truth("none.jpg", cells([], []))
    found = [*corners[:3], (70, 70)]
    evaluator.process("one|a.jpg", cells(found, [2, 2, 2, 1], [0.95, 0.9, 0.75, 0.8]))
    evaluator.process("two.jpg", cells(corners[:2], [2, 2], [0.99, 0.4]))
    evaluator.process("none.jpg", cells([(0, 0)], [2], [0.7]))
    return evaluator


@pytest.fixture(scope="module")
def evaluation(evaluator):
    return evaluator.evaluate([0.7, 0.9])


def rows_of(table: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return [rows[0], *rows[2:]]


def test_paper_table_has_every_field_and_the_means(evaluation):
    head, *rows = rows_of(paper_table(evaluation.operating_points, WORDS))
    figures = ["accuracy", "unmatched", "det. / truth"]
    assert head == [
        "field", "ground truth", ">=0.7", *figures, ">=0.9", *figures
    ]  # fmt: skip
    assert rows[0] == ["one\\|a.jpg", "4", *"3|75.0 %|1|100.0 %|2|50.0 %|0|50.0 %".split("|")]
    assert rows[1] == ["two.jpg", "2", *"1|50.0 %|0|50.0 %|1|50.0 %|0|50.0 %".split("|")]
    # Nothing is annotated there: no accuracy, and none in the mean.
    assert rows[2] == ["none.jpg", "0", *"0|-|1|-|0|-|0|-".split("|")]
    assert rows[3] == [
        "mean of 3",
        "2.0",
        *"1.3|62.5 %|0.7|75.0 %|1.0|50.0 %|0.0|50.0 %".split("|"),
    ]


def test_quality_table_has_both_borders_and_both_ious(evaluation):
    head, *rows = rows_of(quality_table(evaluation.operating_points))
    assert [row[:3] for row in rows[:4]] == [
        [">=0.7", "ignored", "0.50"],
        [">=0.7", "ignored", "0.75"],
        [">=0.7", "counted", "0.50"],
        [">=0.7", "counted", "0.75"],
    ]
    # 4 of 6 are found; 2 are unmatched, one of them at the border.
    assert rows[0][3:12] == ["4", "1", "2", "0.800", "0.667", "0.727", "0.571", "1.000", "0.727"]
    assert rows[2][3:9] == ["4", "2", "2", "0.667", "0.667", "0.667"]
    assert rows[0][12:] == [f"{400 / 700:.3f}"] * 2
    assert rows[1][12:] == ["-", "-"]
    assert len(head) == len(rows[0]) == 14


def test_counts_and_classes(evaluation):
    rows = rows_of(counting_table(evaluation.operating_points, WORDS))
    assert rows[1] == ["all cells >=0.7", "6", "6", "75.0 %", "+0.00", "0.67", "25.0 %", "0.750"]
    assert rows[2] == ["large >=0.7", "1", "1", "100.0 %", "+0.00", "0.00", "0.0 %", "1.000"]
    rows = rows_of(class_table(evaluation.operating_points, WORDS))
    assert rows[1] == ["large >=0.7", "1", "0.000", "0.000", "0.000"]
    assert rows[2] == ["normal >=0.7", "3", "0.750", "1.000", "0.857"]
    assert rows[3] == ["mean of classes >=0.7", "4", "0.375", "0.500", "0.429"]


def test_average_precision_and_sweep(evaluation):
    rows = rows_of(precision_table(evaluation))
    assert [row[0] for row in rows[1:5]] == [
        "mask, any class", "mask, mean of classes", "mask, large", "mask, normal",
    ]  # fmt: skip
    assert rows[3][1:] == ["0.000"] * 4
    marked = {row[-1]: row for row in rows_of(sweep_table(evaluation.sweep)) if row[-1]}
    (best,) = marked
    assert best == "best F1, best PQ"
    assert marked[best][0] == ">=0.4000"
    # 5 of 6 with one false alarm inside the image.
    assert marked[best][1:4] == ["0.833", "0.833", "0.833"]
    assert sweep_line(evaluation.sweep) == (
        "Best F1 0.833 at confidence 0.4000; best PQ 0.833 at 0.4000."
    )


def test_the_whole_report(evaluation):
    report = format_report(evaluation, "Evaluation of 3 fields", words=WORDS)
    headings = [line for line in report.splitlines() if line.startswith("#")]
    assert headings == [
        "# Evaluation of 3 fields", "## Quality", "## Counting",
        "## Size classes of the matched cells", "## Average precision", "## Which confidence",
        "## Calibration",
    ]  # fmt: skip
    assert "nan" not in report.lower()
    assert "border ignored: an unmatched detection at the border\nis no false alarm" in report


def test_a_method_without_confidences_has_no_curve(evaluator):
    unscored = evaluator.evaluate([0.0], scored=False)
    report = format_report(unscored, "Watershed", scored=False, words=WORDS)
    assert ">=" not in report.split("## Quality")[1]
    assert "## Which confidence" not in report
    assert "## Calibration" not in report
    summary = summary_of(unscored, {}, "rbc.evaluation", scored=False)
    assert [point["min_confidence"] for point in summary["operating_points"]] == [None]
    assert summary["average_precision"] == {}
    rows = list(csv.DictReader(io.StringIO(per_image_csv(unscored, scored=False))))
    assert {row["min_confidence"] for row in rows} == {""}


def test_per_image_csv(evaluation):
    rows = list(csv.DictReader(io.StringIO(per_image_csv(evaluation))))
    assert [(row["image"], row["min_confidence"]) for row in rows] == [
        ("one|a.jpg", "0.7"), ("two.jpg", "0.7"), ("none.jpg", "0.7"),
        ("one|a.jpg", "0.9"), ("two.jpg", "0.9"), ("none.jpg", "0.9"),
    ]  # fmt: skip
    assert rows[0]["segmented"] == "3"
    assert rows[0]["accuracy"] == "0.7500"
    assert rows[2]["accuracy"] == ""
    assert (rows[2]["unmatched"], rows[2]["unmatched_at_border"]) == ("1", "1")
    assert "quality" not in rows[0]


def test_the_quality_of_an_image_stands_last_at_each_confidence(evaluation):
    quality = {"one|a.jpg": "ok", "two.jpg": "blur;scale", "none.jpg": "foreign"}
    rows = list(csv.DictReader(io.StringIO(per_image_csv(evaluation, quality=quality))))
    assert list(rows[0])[-1] == "quality"
    assert [row["quality"] for row in rows] == ["ok", "blur;scale", "foreign"] * 2


def test_per_object_csv(evaluator, evaluation):
    text = per_object_csv(evaluator.records, evaluation.operating_points[0], CLASSES)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == OBJECT_COLUMNS
    outcomes = [(row["image"], row["outcome"], row["truth"], row["detection"]) for row in rows]
    # Detections are numbered by falling score.
    assert outcomes == [
        ("one|a.jpg", "matched", "1", "1"),
        ("one|a.jpg", "matched", "2", "2"),
        ("one|a.jpg", "matched", "3", "4"),
        ("one|a.jpg", "missed", "4", ""),
        ("one|a.jpg", "unmatched", "", "3"),
        ("two.jpg", "matched", "1", "1"),
        ("two.jpg", "missed", "2", ""),
        ("none.jpg", "unmatched", "", "1"),
    ]
    first = rows[0]
    assert (first["truth_class"], first["class"], first["iou"]) == ("large", "normal", "1.0000")
    assert (first["truth_area"], first["area"], first["score"]) == ("100", "100", "0.9500")
    assert float(first["diameter"]) == pytest.approx(math.sqrt(400 / math.pi), abs=0.005)
    assert [first[side] for side in ("y1", "x1", "y2", "x2")] == ["10", "10", "20", "20"]
    assert rows[-1]["at_border"] == "1"
    assert rows[3]["score"] == ""


def test_summary_is_strict_json_with_its_context(evaluation):
    text = summary_text(summary_of(evaluation, {"weights": "w.h5"}, "rbc.evaluation"))
    summary = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert (summary["schema"], summary["schema_version"]) == ("rbc.evaluation", 2)
    assert summary["weights"] == "w.h5"
    assert [point["min_confidence"] for point in summary["operating_points"]] == [0.7, 0.9]
    assert summary["operating_points"][0]["quality"]["ignore"]["0.50"]["pooled"]["tp"] == 4
    assert summary["sweep"]["best"]["f1"]["min_confidence"] == 0.4


def test_markdown_is_aligned():
    assert markdown_table([["a", "bcd"], ["long | one", "1"]]) == (
        "| a           | bcd |\n| ----------- | --: |\n| long \\| one |   1 |"
    )
