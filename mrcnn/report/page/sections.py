"""The sections of the report page below its headline; None where the summary has no such part.

Each gives what the template of its name shows, `templates/IDENT.html`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mrcnn.measure.shape import equivalent_diameters
from mrcnn.report import evaluation_tables as tables
from mrcnn.report.figures import lookup, number
from mrcnn.report.page import charts
from mrcnn.report.page.gallery import at_border, card_data
from mrcnn.report.page.report import Report, Section, summary_section
from mrcnn.report.page.texts import (
    CALIBRATION,
    CLASSES,
    COCO,
    COUNTING,
    FIELDS,
    GALLERY,
    QUALITY,
    SIZES,
    SWEEP,
)
from mrcnn.report.page.typeset import MISSING, confidence, figure, signed


def _fields_section(report: Report) -> Section:
    data = {
        "texts": report.explained(FIELDS),
        "table": tables.paper_table(report.points, report.words),
        "links": {field.name: f"#field-{n}" for n, field in enumerate(report.fields, start=1)},
    }
    return Section("fields", report.words("{Image} by {image}"), data)


def _quality_section(report: Report) -> Section:
    def make(point: dict[str, Any]) -> dict[str, Any]:
        ends = (point.get("intervals") or {}).values()
        known = any(number(end) is not None for pair in ends for end in pair or ())
        by_figure = tables.interval_table([point], report.border)
        return {
            "intervals": by_figure.transposed("figure", [report.words("value (95 % interval)")])
            if known
            else None,
            "tables": [
                tables.quality_table(point, pooling, report.words) for pooling in tables.POOLINGS
            ],
        }

    data = {"texts": report.explained(QUALITY), "points": list(map(make, report.points))}
    return Section("quality", report.words("Matching and outlines"), data)


def _coco_section(report: Report) -> Section | None:
    average_precision = report.summary.get("average_precision")
    if not average_precision:
        return None
    limits = [number(lookup(average_precision, kind, "max_detections")) for kind in ("mask", "box")]
    limit = next((value for value in limits if value is not None), None)
    texts = report.explained(COCO)
    if limit is not None:
        texts.append(
            report.words(
                "Up to {limit} detections of an image count here, so that none is cut.",
                limit=f"{limit:.0f}",
            )
        )
    data = {"table": tables.precision_table(average_precision), "texts": texts}
    return Section("coco", report.words("COCO average precision"), data)


def _sweep_section(report: Report) -> Section | None:
    sweep = report.summary.get("sweep")
    if not sweep or not sweep.get("thresholds"):
        return None
    best = [
        report.words(
            "{name} is highest, {value}, at confidence ≥ {confidence}.",
            name=name,
            value=figure(entry["value"]),
            confidence=confidence(entry["min_confidence"]),
        )
        for key, name in (("f1", "F1"), ("pq", "PQ"))
        if number(lookup(entry := lookup(sweep, "best", key), "value")) is not None
    ]
    data = {
        "chart": charts.sweep_chart(sweep, report.confidences, report.words),
        "legend": [
            (key, report.words(text))
            for key, text in (*charts.SWEEP_CURVES, ("evaluated-key", "evaluated above"))
        ],
        "lead": " ".join(best),
        "texts": report.explained(SWEEP),
        "more": report.words("Curve in numbers"),
        "table": tables.sweep_table(sweep),
        "table_class": "",
    }
    return Section("sweep", report.words("Choosing the threshold"), data)


def _calibration_section(report: Report) -> Section | None:
    calibration = report.summary.get("calibration")
    if not calibration or not calibration.get("bins"):
        return None
    bins = calibration["bins"]
    data = {
        "chart": charts.reliability_chart(bins, report.words),
        "legend": [
            ("bar correct", report.words("precision of the bin")),
            ("ideal", report.words("confidence = precision")),
            ("bar counts", report.words("detections")),
        ],
        "lead": report.words(
            "Expected calibration error (ECE): {value}.", value=figure(calibration.get("ece"))
        ),
        "texts": report.explained(CALIBRATION),
        "more": report.words("Diagram in numbers"),
        "table": tables.reliability_table(bins),
        "table_class": "narrow",
    }
    return Section("calibration", report.words("Can the confidence be believed?"), data)


def _classes_section(report: Report) -> Section | None:
    if not any(lookup(point, "classification", "labels") for point in report.points):
        return None

    def make(point: dict[str, Any]) -> dict[str, Any]:
        if not lookup(point, "classification", "labels"):
            return {"table": None}
        accuracy = figure(point["classification"].get("accuracy"))
        return {
            "lead": report.words(
                "Right class for {accuracy} of the matched {objects}.", accuracy=accuracy
            ),
            "table": tables.class_table(point, report.words),
            "by_way": tables.class_method_table(point, report.words),
        }

    points = list(map(make, report.points))
    data = {
        "texts": report.explained(CLASSES),
        "points": points,
        "ways": report.words(report.words.class_methods),
    }
    return Section("classes", report.words("Classes of the {objects}"), data)


def _counting_section(report: Report) -> Section | None:
    if not any(point.get("counting") for point in report.points):
        return None

    def make(index: int, point: dict[str, Any]) -> dict[str, Any]:
        pairs = [
            (entry["name"], float(entry["ground_truth"]), float(entry["detections"]))
            for entry in point.get("images") or []
        ]
        bias = signed(lookup(point, "counting", "all", "bias"))
        return {
            "index": index,
            "lead": report.words("Mean error: {bias} {objects} {an_image}.", bias=bias),
            "chart": charts.scatter_chart(f"counts-{index}", pairs, report.words),
            "table": tables.counting_table(point, report.words),
        }

    made = [make(i, point) for i, point in enumerate(report.points) if point.get("counting")]
    return Section(
        "counting", report.words("Counting"), {"texts": report.explained(COUNTING), "points": made}
    )


def _sizes_section(report: Report) -> Section | None:
    if not report.fields:
        return None

    def whole_objects(cells_of: Callable[[Any], Any]) -> list[np.ndarray]:
        found = []
        for field in report.fields:
            cells = cells_of(field)
            found.append(
                np.where(at_border(field, cells), np.nan, equivalent_diameters(cells.crops))
            )
        return found

    truth = whole_objects(lambda field: field.truth)
    predicted = whole_objects(lambda field: field.detections)
    truth_sizes = _defined(truth)
    edges = charts.histogram_bins(np.concatenate([truth_sizes, _defined(predicted)]))

    def make(index: int) -> dict[str, Any]:
        shown = [field.shown(report.confidences[index]) for field in report.fields]
        sizes = _defined([s[kept] for s, kept in zip(predicted, shown, strict=True)])
        true, found = (
            f"{float(np.median(values)):.1f} px" if len(values) else MISSING
            for values in (truth_sizes, sizes)
        )
        return {
            "chart": charts.size_chart(f"sizes-{index}", truth_sizes, sizes, edges, report.words),
            "lead": report.words(
                "Median diameter: {true} in the ground truth, {found} as detected.",
                true=true,
                found=found,
            ),
        }

    data = {
        "points": list(map(make, range(len(report.points)))),
        "legend": [
            ("bar truth-size", report.words("ground truth")),
            ("detection-size", report.words("detections")),
        ],
        "texts": report.explained(SIZES),
    }
    return Section("sizes", report.words("Sizes of the {objects}"), data)


def _defined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    values = np.concatenate([np.zeros(0), *arrays])
    return values[~np.isnan(values)]


def _gallery_section(report: Report) -> Section | None:
    if not report.fields:
        return None
    by_point = [{e["name"]: e.get("f1") for e in p.get("images") or []} for p in report.points]
    cards = [
        card_data(
            field,
            report.confidences,
            report.border == "ignore",
            [number(f1.get(field.name)) for f1 in by_point],
            report.words,
        )
        for field in report.fields
    ]
    data = {
        "texts": report.explained(GALLERY),
        "images": report.words.images,
        "cards": cards,
    }
    return Section("gallery", report.words("The {images}"), data)


SECTIONS = (
    summary_section,
    _fields_section,
    _quality_section,
    _coco_section,
    _sweep_section,
    _calibration_section,
    _classes_section,
    _counting_section,
    _sizes_section,
    _gallery_section,
)
