"""The files of an evaluation: summary.json, and CSV tables by image and by object."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mrcnn.evaluation import Classification, Evaluation, ImageRecord, OperatingPoint
from mrcnn.evaluation.records import InstanceRecord
from mrcnn.measure.shape import equivalent_diameter
from mrcnn.report.evaluation_tables import with_ways
from mrcnn.report.figures import fixed
from mrcnn.report.table import Column, Row, Table
from mrcnn.report.table_text import csv_text
from mrcnn.report.words import Words

SCHEMA_VERSION = 2

IMAGE_COLUMNS = (
    "ground_truth",
    "detections",
    "segmented",
    "missed",
    "unmatched",
    "unmatched_at_border",
    "accuracy",
    "count_ratio",
    "precision",
    "recall",
    "f1",
    "mean_iou",
    "pq",
)
OBJECT_COLUMNS = (
    "image",
    "outcome",
    "iou",
    "truth",
    "truth_class",
    "truth_area",
    "truth_diameter",
    "truth_at_border",
    "detection",
    "class",
    "score",
    "area",
    "diameter",
    "at_border",
    "y1",
    "x1",
    "y2",
    "x2",
)


def summary_of(
    evaluation: Evaluation,
    context: dict[str, Any],
    schema: str,
    scored: bool = True,
    by_method: Mapping[str, Sequence[Classification]] | None = None,
    words: Words | None = None,
) -> dict[str, Any]:
    """All figures, to be written as JSON; ratios in 0..1, None where not defined.

    Args:
        context: what was evaluated (weights, data set, ...), copied into the result.
        schema: name of the form of the summary, "NAME.evaluation" of an application.
        scored: False for a method without confidences, whose operating point has none.
        by_method: classes at each operating point, by the way to tell them.
        words: what classes are called; `Words()` by default.
    """
    figures = evaluation.to_dict()
    points = with_ways(figures["operating_points"], by_method, words or Words())
    summary = {
        "schema": schema,
        "schema_version": SCHEMA_VERSION,
        **context,
        **figures,
        "operating_points": points,
    }
    if not scored:
        for point in summary["operating_points"]:
            point["min_confidence"] = None
    return summary


def summary_text(summary: dict[str, Any]) -> str:
    """The text of summary.json."""
    return json.dumps(summary, indent=2, allow_nan=False) + "\n"


def per_image_csv(
    evaluation: Evaluation, scored: bool = True, quality: Mapping[str, str] | None = None
) -> str:
    """A line for each image and operating point; ratios in 0..1, empty where not defined.

    Args:
        evaluation: of the images.
        scored: whether confidences mean anything.
        quality: of each image by its name, a last column.
    """
    last = [] if quality is None else ["quality"]
    columns = [Column("image"), Column("min_confidence"), Column("border")]
    columns += [*(Column(name, fixed(4)) for name in IMAGE_COLUMNS), *map(Column, last)]
    rows = []
    for point in evaluation.operating_points:
        for image in point.to_dict()["images"]:
            rows.append(
                Row(
                    [
                        image["name"],
                        f"{point.min_confidence:g}" if scored else None,
                        point.border,
                        *(image[name] for name in IMAGE_COLUMNS),
                        *([] if quality is None else [quality[image["name"]]]),
                    ]
                )
            )
    return csv_text(Table(columns, rows))


def _diameter(area: int) -> str:
    return f"{equivalent_diameter(area):.2f}"


def _truth_columns(truth: InstanceRecord, row: int, class_names: Sequence[str]) -> list:
    """What is told of an annotated object: from "truth" to "truth_at_border"."""
    return [
        row + 1,
        class_names[truth.class_ids[row] - 1],
        int(truth.areas[row]),
        _diameter(int(truth.areas[row])),
        int(truth.at_border[row]),
    ]


def _found_columns(found: InstanceRecord, row: int, class_names: Sequence[str]) -> list:
    """What is told of a detection: from "class" to "x2"."""
    return [
        class_names[found.class_ids[row] - 1],
        f"{found.scores[row]:.4f}",
        int(found.areas[row]),
        _diameter(int(found.areas[row])),
        int(found.at_border[row]),
        *map(int, found.boxes[row]),
    ]


def per_object_csv(
    records: Sequence[ImageRecord], point: OperatingPoint, class_names: Sequence[str]
) -> str:
    """A line for each matched pair, each missed object and each unmatched detection.

    Objects and detections of an image are numbered from 1, detections by falling score as in the
    label images of `detect`. Areas are in pixels, diameters are those of a circle of that area.

    Args:
        records: images with ground truth and predictions.
        point: whose matches and confidence count.
        class_names: of classes 1, 2, ...
    """
    rows: list[Sequence] = []
    for record, pairs in zip(records, point.pairs, strict=True):
        truth, found = record.truth, record.predictions
        counted = np.flatnonzero(found.scores >= point.min_confidence)
        order = counted[np.argsort(-found.scores[counted], kind="stable")]
        numbers = {int(index): number for number, index in enumerate(order, start=1)}
        partner = {int(row): int(column) for row, column in pairs}
        for row in range(len(truth)):
            column = partner.get(row)
            told = _truth_columns(truth, row, class_names)
            if column is None:
                rows.append([record.name, "missed", "", *told, *[""] * 10])
            else:
                iou = f"{record.iou[row, column]:.4f}"
                of_found = _found_columns(found, column, class_names)
                rows.append([record.name, "matched", iou, *told, numbers[column], *of_found])
        taken = set(partner.values())
        for column in map(int, order):
            if column not in taken:
                of_found = _found_columns(found, column, class_names)
                rows.append([record.name, "unmatched", "", *[""] * 5, numbers[column], *of_found])
    return csv_text(Table.of_values(OBJECT_COLUMNS, rows))
