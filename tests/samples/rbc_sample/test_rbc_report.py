"""Table I and the figures beside it."""

import csv
import io
import json

import pytest

from mrcnn.evaluation import Tally
from rbc_report import FieldResult, format_report, format_table, summary_json, table_csv

CONFIDENCES = (0.7, 0.9)
FIELDS = (
    FieldResult("one.jpg", (Tally(100, 104, 98, 3, 90.0), Tally(100, 90, 90, 0, 80.0)), "p/1.png"),
    FieldResult("two.jpg", (Tally(50, 40, 40, 0, 36.0), Tally(50, 10, 8, 1, 7.0)), "p/2.png"),
    FieldResult("none.jpg", (Tally(0, 2, 0, 1), Tally(0, 0, 0, 0)), "p/3.png"),
)


def test_table_has_every_field_and_the_means():
    columns = ["segmented", "accuracy", "unmatched"]
    lines = format_table(FIELDS, CONFIDENCES).splitlines()
    assert lines[0].split() == ["at", ">=0.7:", "at", ">=0.9:"]
    assert lines[1].split() == ["field", "ground", "truth", *columns, *columns]
    assert lines[3].split() == ["one.jpg", *"100 98 98.0 % 6 90 90.0 % 0".split()]
    assert lines[4].split() == ["two.jpg", *"50 40 80.0 % 0 8 16.0 % 2".split()]
    # Nothing is annotated there: no accuracy, and none in the mean.
    assert lines[5].split() == ["none.jpg", *"0 0 - 2 0 - 0".split()]
    assert lines[7].split() == "mean of 3 50.0 46.0 89.0 % 2.7 32.7 53.0 % 0.7".split()


def test_report_has_pooled_figures_for_both_borders_and_the_count_ratio():
    report = format_report(FIELDS, CONFIDENCES)
    rows = [line.split() for line in report.splitlines() if line.startswith(">=")]
    # 138 of 150 found; 8 unmatched, 4 of them at the border.
    assert rows[0] == [">=0.7", "ignored", "0.972", "0.920", "0.945", "0.913"]
    assert rows[1] == [">=0.7", "counted", "0.945", "0.920", "0.932", "0.913"]
    assert "here 92.0 % at 0.7, 55.0 % at 0.9" in report


def test_csv_is_the_table():
    rows = list(csv.DictReader(io.StringIO(table_csv(FIELDS, CONFIDENCES))))
    assert [row["field"] for row in rows] == ["one.jpg", "two.jpg", "none.jpg", "mean"]
    assert rows[0]["segmented_0.7"] == "98"
    assert rows[1]["accuracy_0.9"] == "16.00"
    assert rows[2]["accuracy_0.7"] == ""
    assert float(rows[3]["accuracy_0.7"]) == pytest.approx(89.0)
    assert float(rows[3]["ground_truth"]) == pytest.approx(50.0)


def test_json_has_the_figures_and_no_nan():
    text = summary_json(FIELDS, CONFIDENCES, {"weights": "w.h5"})
    summary = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert summary["schema_version"] == 1
    assert summary["weights"] == "w.h5"
    first, second = summary["results"]
    assert (first["min_confidence"], second["min_confidence"]) == CONFIDENCES
    assert first["pooled"]["segmented"] == 138
    assert first["pooled"]["border_ignored"]["precision"] == 138 / 142
    assert first["pooled"]["border_counted"]["precision"] == 138 / 146
    assert first["mean_over_images"]["accuracy"] == pytest.approx(0.89)
    assert first["images"][2]["accuracy"] is None
    assert first["images"][0]["picture"] == "p/1.png"
