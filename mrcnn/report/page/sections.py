"""The sections of the report page below its headline; None where the summary has no such part."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.measure.shape import equivalent_diameters
from mrcnn.report.page import charts, class_tables, tables
from mrcnn.report.page.axes import legend as chart_legend
from mrcnn.report.page.gallery import at_border, field_card
from mrcnn.report.page.html import (
    MISSING,
    Markup,
    confidence,
    element,
    figure,
    join,
    lookup,
    number,
    signed,
    unbroken,
)
from mrcnn.report.page.report import (
    Report,
    Section,
    beside,
    more,
    paragraphs,
    section,
    summary_section,
)
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

_TOOLBAR = Path(__file__).with_name("toolbar.html")


def _fields_section(report: Report) -> Section:
    links = {field.name: f"#field-{n}" for n, field in enumerate(report.fields, start=1)}
    return section(
        "fields",
        report.words("{Image} by {image}"),
        paragraphs(FIELDS, report.words),
        tables.paper_table(report.points, links, report.words),
    )


def _quality_section(report: Report) -> Section:
    def make(index: int, point: dict[str, Any]) -> Markup:
        intervals = tables.interval_table(point, report.headline(point), report.words)
        texts = paragraphs(QUALITY, report.words)
        explained = beside(intervals, texts) if intervals else texts
        return join([explained, tables.quality_table(point, report.border, report.words)])

    return section("quality", "Matching and outlines", report.at_each_point(make))


def _coco_section(report: Report) -> Section | None:
    average_precision = report.summary.get("average_precision")
    if not average_precision:
        return None
    limits = [number(lookup(average_precision, kind, "max_detections")) for kind in ("mask", "box")]
    limit = next((value for value in limits if value is not None), None)
    texts = [*COCO]
    if limit is not None:
        texts.append(f"Up to {limit:.0f} detections of an image count here, so that none is cut.")
    explained = beside(class_tables.coco_table(average_precision), paragraphs(texts, report.words))
    return section("coco", "COCO average precision", explained)


def _sweep_section(report: Report) -> Section | None:
    sweep = report.summary.get("sweep")
    if not sweep or not sweep.get("thresholds"):
        return None
    chart = charts.sweep_chart(sweep, report.confidences)
    best = [
        f"{name} is highest, {figure(entry['value'])}, at confidence ≥ "
        f"{confidence(entry['min_confidence'])}."
        for key, name in (("f1", "F1"), ("pq", "PQ"))
        if number(lookup(entry := lookup(sweep, "best", key), "value")) is not None
    ]
    legend = chart_legend(
        [*((key, name) for key, name in charts.SWEEP_CURVES), ("evaluated-key", "evaluated above")]
    )
    return section(
        "sweep",
        "Choosing the threshold",
        beside(
            join([chart, legend]),
            element("p", unbroken(" ".join(best)), class_="lead") if best else None,
            paragraphs(SWEEP, report.words),
        ),
        more("Curve in numbers", tables.sweep_table(sweep)),
    )


def _calibration_section(report: Report) -> Section | None:
    calibration = report.summary.get("calibration")
    if not calibration or not calibration.get("bins"):
        return None
    bins = calibration["bins"]
    legend = chart_legend(
        [("bar correct", "precision of the bin"), ("ideal", "confidence = precision"),
         ("bar counts", "detections")]
    )  # fmt: skip
    ece = f"Expected calibration error (ECE): {figure(calibration.get('ece'))}."
    return section(
        "calibration",
        "Can the confidence be believed?",
        beside(
            join([charts.reliability_chart(bins), legend]),
            element("p", ece, class_="lead"),
            paragraphs(CALIBRATION, report.words),
        ),
        more("Diagram in numbers", tables.reliability_table(bins)),
    )


def _classes_section(report: Report) -> Section | None:
    if not any(lookup(point, "classification", "labels") for point in report.points):
        return None

    def make(index: int, point: dict[str, Any]) -> Markup:
        if not lookup(point, "classification", "labels"):
            return element("p", "Nothing was classified at this operating point.")
        accuracy = figure(point["classification"].get("accuracy"))
        lead = f"Right class for {accuracy} of the matched {report.words.objects}."
        table = class_tables.confusion_table(point, report.words)
        return join([element("p", lead, class_="lead"), table])

    title = report.words("Classes of the {objects}")
    texts = paragraphs(CLASSES, report.words)
    return section("classes", title, texts, report.at_each_point(make))


def _counting_section(report: Report) -> Section | None:
    if not any(point.get("counting") for point in report.points):
        return None

    def make(index: int, point: dict[str, Any]) -> Markup | None:
        if not point.get("counting"):
            return None
        pairs = [
            (entry["name"], float(entry["ground_truth"]), float(entry["detections"]))
            for entry in point.get("images") or []
        ]
        bias = signed(lookup(point, "counting", "all", "bias"))
        mean = f"Mean error: {bias} " + report.words("{objects} {an_image}.")
        lead = element("p", mean, class_="lead")
        chart = charts.scatter_chart(f"counts-{index}", pairs, report.words)
        texts = paragraphs(COUNTING, report.words)
        return join([beside(chart, lead, texts), class_tables.counting_table(point, report.words)])

    return section("counting", "Counting", report.at_each_point(make))


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

    def make(index: int, point: dict[str, Any]) -> Markup:
        shown = [field.shown(report.confidences[index]) for field in report.fields]
        sizes = _defined([s[kept] for s, kept in zip(predicted, shown, strict=True)])
        chart = charts.size_chart(f"sizes-{index}", truth_sizes, sizes, edges, report.words)
        legend = chart_legend(
            [("bar truth-size", "ground truth"), ("detection-size", "detections")]
        )
        medians = (
            f"{float(np.median(values)):.1f} px" if len(values) else MISSING
            for values in (truth_sizes, sizes)
        )
        lead = "Median diameter: {} in the ground truth, {} as detected.".format(*medians)
        text = element("p", lead, class_="lead")
        return beside(join([chart, legend]), text, paragraphs(SIZES, report.words))

    return section("sizes", report.words("Sizes of the {objects}"), report.at_each_point(make))


def _defined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    values = np.concatenate([np.zeros(0), *arrays])
    return values[~np.isnan(values)]


def _gallery_section(report: Report) -> Section | None:
    if not report.fields:
        return None
    by_point = [{e["name"]: e.get("f1") for e in p.get("images") or []} for p in report.points]
    cards = [
        field_card(
            n,
            field,
            report.confidences,
            report.border == "ignore",
            [number(f1.get(field.name)) for f1 in by_point],
            report.words,
        )
        for n, field in enumerate(report.fields, start=1)
    ]
    return section(
        "gallery",
        report.words("The {images}"),
        paragraphs(GALLERY, report.words),
        element("p", "The outlines are drawn by a script of this page.", id="without-script"),
        Markup(report.words(_TOOLBAR.read_text(encoding="utf-8"))),
        element("div", *cards, class_="cards"),
    )


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
