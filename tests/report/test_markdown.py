"""The report in Markdown, the CSV files and the summary of one small evaluation."""

import csv
import io
import json
import math

import numpy as np
import pytest

from mrcnn.evaluation import InstanceEvaluator, Instances, classify
from mrcnn.report.card import card_table, headline_sentence
from mrcnn.report.evaluation_files import (
    OBJECT_COLUMNS,
    per_image_csv,
    per_object_csv,
    summary_of,
    summary_text,
)
from mrcnn.report.evaluation_tables import (
    class_method_table,
    class_table,
    counting_table,
    interval_table,
    paper_table,
    precision_table,
    quality_table,
    reliability_table,
    sweep_line,
    sweep_table,
)
from mrcnn.report.languages import in_language
from mrcnn.report.markdown import format_report, format_short
from mrcnn.report.page import report_page
from mrcnn.report.table import Table
from mrcnn.report.table_text import markdown_table
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


@pytest.fixture(scope="module")
def figures(evaluation):
    return evaluation.to_dict()


def rows_of(table: Table) -> list[list[str]]:
    lines = markdown_table(table).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [rows[0], *rows[2:]]


def test_paper_table_has_every_field_and_the_means(figures):
    head, *rows = rows_of(paper_table(figures["operating_points"], WORDS))
    titles = ["accuracy", "unmatched", "det. / truth"]
    assert head == [
        "field", "ground truth", ">=0.7", *titles, ">=0.9", *titles
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


def test_quality_table_has_both_borders_and_both_ious(figures):
    point = figures["operating_points"][0]
    head, *rows = rows_of(quality_table(point, "pooled", WORDS))
    assert [row[:2] for row in rows] == [
        ["ignored", "0.50"],
        ["ignored", "0.75"],
        ["counted", "0.50"],
        ["counted", "0.75"],
    ]
    # 4 of 6 are found; 2 are unmatched, one of them at the border.
    assert rows[0][2:11] == ["4", "1", "2", "0.800", "0.667", "0.727", "0.571", "1.000", "0.727"]
    assert rows[2][2:8] == ["4", "2", "2", "0.667", "0.667", "0.667"]
    assert rows[0][11:] == [f"{400 / 700:.3f}"] * 2
    assert rows[1][11:] == ["-", "-"]
    assert len(head) == len(rows[0]) == 13
    # The same as means over the fields.
    means = rows_of(quality_table(point, "mean_over_images", WORDS))
    assert means[0] == head and means[1][:5] == ["ignored", "0.50", "1.3", "0.3", "0.7"]


def test_intervals_stand_after_their_figures(figures):
    head, low, _ = rows_of(interval_table(figures["operating_points"], figures["border"]))
    assert head[:3] == ["confidence", "accuracy", "detected / truth"]
    assert low[0] == ">=0.7"
    (lowest, highest) = figures["operating_points"][0]["intervals"]["f1"]
    assert low[head.index("F1")] == f"0.727 ({lowest:.3f} to {highest:.3f})"


def test_counts_and_classes(figures):
    point = figures["operating_points"][0]
    rows = rows_of(counting_table(point, WORDS))
    assert rows[1] == ["all cells", "6", "6", "75.0 %", "+0.00", "0.67", "25.0 %", "0.750"]
    assert rows[2] == ["large", "1", "1", "100.0 %", "+0.00", "0.00", "0.0 %", "1.000"]
    rows = rows_of(class_table(point, WORDS))
    assert rows[0][5:] == ["predicted large", "predicted normal", "missed"]
    assert rows[1] == ["large", "1", "0.000", "0.000", "0.000", "0", "1", "0"]
    assert rows[2] == ["normal", "3", "0.750", "1.000", "0.857", "0", "3", "2"]
    assert rows[3] == ["false alarms", "-", "-", "-", "-", "1", "0", "-"]
    assert rows[4] == ["mean of classes", "4", "0.375", "0.500", "0.429", "0", "4", "2"]
    # What an earlier version wrote says nothing of them.
    found = point["classification"].items()
    older = {name: value for name, value in found if name not in ("missed", "false_alarms")}
    rows = rows_of(class_table({**point, "classification": older}, WORDS))
    assert rows[0][-1] == "predicted normal"
    assert [row[0] for row in rows[1:]] == ["large", "normal", "mean of classes"]


def test_ways_to_tell_classes_are_in_the_report_and_the_summary(evaluation, figures):
    ways = {
        # Two operating points each.
        "learned": [classify(CLASSES, [1, 2], [1, 2]), classify(CLASSES, [1], [2])],
        "measured": [classify(CLASSES, [1, 2, 2, 2], [1, 2, 2, 1])] * 2,
    }
    report = format_report(evaluation, "Evaluation", by_method=ways, words=WORDS)
    head = "| size class     | cells | accuracy | precision | recall |    F1 |"
    assert f"{WORDS.class_methods}\n\n{head}" in report
    assert "| learned >=0.7  |     2 |    1.000 |     1.000 |  1.000 | 1.000 |" in report
    assert "| measured >=0.9 |     4 |    0.750 |     0.750 |  0.833 | 0.733 |" in report
    summary = summary_of(evaluation, {}, "rbc.evaluation", by_method=ways, words=WORDS)
    first, second = summary["operating_points"]
    assert first["size_classes"]["learned"] == {
        "precision": 1.0, "recall": 1.0, "f1": 1.0, "accuracy": 1.0, "support": 2
    }  # fmt: skip
    assert second["size_classes"]["learned"]["accuracy"] == 0
    without = [{**point, "size_classes": None} for point in figures["operating_points"]]
    assert class_method_table(without[0], WORDS) is None
    # In another language the summary has the same keys.
    assert in_language(WORDS, "id").ways_key == "size_classes"
    page = report_page(summary, [], in_language(WORDS, "id"))
    assert "Kelas ukuran sel yang berpasangan menurut cara menentukannya" in page


def test_reliability_has_every_bin(figures):
    bins = figures["calibration"]["bins"]
    rows = rows_of(reliability_table(bins))[1:]
    assert len(rows) == len(bins) and rows[0] == ["0.0 to 0.1", "0", "-", "-"]
    assert [row[1] for row in rows] == [str(each["count"]) for each in bins]


def test_average_precision_and_sweep(evaluation, figures):
    rows = rows_of(precision_table(figures["average_precision"]))
    assert [row[0] for row in rows[1:5]] == [
        "mask, any class", "mask, mean of classes", "mask, large", "mask, normal",
    ]  # fmt: skip
    assert rows[3][1:] == ["0.000"] * 4
    marked = {row[-1]: row for row in rows_of(sweep_table(figures["sweep"])) if row[-1]}
    del marked["note"]
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
    # Each table has the rows of both operating points.
    for name in ("all cells", "large", "mean of classes"):
        assert [report.count(f"| {name} >={least} ") > 0 for least in (0.7, 0.9)] == [True, True]
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


def test_what_is_printed_is_the_headline_of_each_operating_point(evaluation, figures):
    points = figures["operating_points"]
    head, *rows = rows_of(card_table(points, "ignore", WORDS))
    assert head == [
        "confidence", "cells found", "precision", "recall", "F1", "F1 at IoU 0.75", "PQ"
    ]  # fmt: skip
    for row, point in zip(rows, points, strict=True):
        pooled = point["quality"]["ignore"]["0.50"]["pooled"]
        strict = point["quality"]["ignore"]["0.75"]["pooled"]
        assert row[0] == f">={point['min_confidence']:g}"
        assert row[2:] == [
            f"{value:.3f}"
            for value in (
                pooled["precision"], pooled["recall"], pooled["f1"], strict["f1"], pooled["pq"]
            )
        ]  # fmt: skip
    # At 0.7 four of six cells; the false alarm at the border of the empty field is none.
    said = headline_sentence(points[0], "ignore", WORDS)
    assert "cells found 4, missed 2, false alarms 1." in said and "border ignored" in said
    short = format_short(evaluation, "Evaluation of 3 fields", True, WORDS)
    assert short.startswith("Evaluation of 3 fields\n\n| confidence")
    assert said in short and len(short) < 1000
    unscored = format_short(evaluation, "x", False, WORDS)
    assert "| all" in unscored and ">=" not in unscored
