"""The report's tables of figures, from the parsed summary.json; a part that is missing is None."""

from collections.abc import Mapping, Sequence
from typing import Any

from mrcnn.report.page.gallery import point_name
from mrcnn.report.page.html import (
    MISSING,
    Markup,
    cell,
    column_head,
    count,
    element,
    figure,
    interval,
    lookup,
    name_text,
    number,
    percent,
    row,
    row_head,
    table,
)
from mrcnn.report.words import Words

BORDERS = {"ignore": "ignored", "count": "counted"}


def mean(values: Sequence[Any]) -> float | None:
    """Mean of what is defined; None for nothing."""
    defined = [value for value in map(number, values) if value is not None]
    return sum(defined) / len(defined) if defined else None


def paper_table(points: Sequence[dict[str, Any]], links: Mapping[str, str], words: Words) -> Markup:
    """Each image and the mean, side by side for each operating point: Table I of the paper.

    Args:
        points: operating points of the summary.
        links: addresses of the images' pictures on the page, by name.
        words: what images are called.
    """
    columns = ("segmented", "accuracy", "unmatched", "count ratio")
    head = [
        row(
            column_head(words("{Image}"), rows=2),
            column_head("Ground truth", rows=2),
            *(
                column_head(f"At {point_name(point.get('min_confidence'))}", len(columns))
                for point in points
            ),
        ),
        row(*(column_head(name.capitalize()) for _ in points for name in columns)),
    ]
    by_name = [{entry["name"]: entry for entry in point.get("images") or []} for point in points]
    rows = []
    for name, first in (by_name[0] if by_name else {}).items():
        title = name_text(name)
        if name in links:
            title = element("a", title, href=links[name])
        cells = [count(first.get("ground_truth"))]
        for images in by_name:
            entry = images.get(name, {})
            cells += [
                count(entry.get("segmented")),
                percent(entry.get("accuracy")),
                count(entry.get("unmatched")),
                percent(entry.get("count_ratio")),
            ]
        rows.append(row(row_head(title), *cells))

    def column_mean(images: dict[str, Any], key: str) -> float | None:
        return mean([entry.get(key) for entry in images.values()])

    cells = [figure(column_mean(by_name[0], "ground_truth"), 1)] if by_name else [MISSING]
    for point, images in zip(points, by_name, strict=True):
        accuracy = number(point.get("accuracy_mean"))
        ratio = number(lookup(point, "counting", "all", "count_ratio_mean"))
        cells += [
            figure(column_mean(images, "segmented"), 1),
            percent(column_mean(images, "accuracy") if accuracy is None else accuracy),
            figure(column_mean(images, "unmatched"), 1),
            percent(column_mean(images, "count_ratio") if ratio is None else ratio),
        ]
    title = f"Mean of {words.counted(len(rows), 'image')}"
    mean_row = row(row_head(title), *cells, class_="total")
    caption = (
        "The paper’s table, {image} by {image}" if words.follows_paper else "{Image} by {image}"
    )
    return table(words(caption), head, [rows, [mean_row]], "wide")


QUALITY_COLUMNS = (
    ("tp", "TP", count),
    ("fp", "FP", count),
    ("fn", "FN", count),
    ("precision", "Precision", figure),
    ("recall", "Recall", figure),
    ("f1", "F1", figure),
    ("ap", "AP@t", figure),
    ("mean_iou", "Mean IoU", figure),
    ("pq", "PQ", figure),
)
OVERLAP_COLUMNS = (("aji", "AJI"), ("aji_plus", "AJI+"))
_POOLING = (
    ("pooled", "All {objects} of all {images} pooled"),
    ("mean_over_images", "Mean over the {images}"),
)


def quality_table(point: dict[str, Any], headline_border: str, words: Words) -> Markup:
    """Figures with both rules for the border, at each IoU, pooled and as means over the images."""
    head = [
        row(
            column_head("Border"),
            column_head("IoU ≥"),
            *(column_head(name) for _, name, _ in QUALITY_COLUMNS),
            *(column_head(name) for _, name in OVERLAP_COLUMNS),
        )
    ]
    width = 2 + len(QUALITY_COLUMNS) + len(OVERLAP_COLUMNS)
    bodies = []
    for pooling, title in _POOLING:
        rows = [row(cell(words(title), "th", scope="rowgroup", colspan=width, class_="body-title"))]
        for border in sorted(BORDERS, key=lambda rule: rule != headline_border):
            by_iou = lookup(point, "quality", border) or {}
            for position, min_iou in enumerate(sorted(by_iou, key=float)):
                quality = lookup(by_iou, min_iou, pooling) or {}
                cells = [row_head(BORDERS[border], rowspan=len(by_iou))] if not position else []
                cells += [row_head(f"{float(min_iou):g}")]
                cells += [cell(show(quality.get(key))) for key, _, show in QUALITY_COLUMNS]
                if not position:
                    overlap = lookup(point, "overlap", border, pooling) or {}
                    cells += [
                        cell(figure(overlap.get(key)), rowspan=len(by_iou))
                        for key, _ in OVERLAP_COLUMNS
                    ]
                rows.append(row(*cells))
        bodies.append(rows)
    caption = f"Matching and outlines at {point_name(point.get('min_confidence'))}"
    return table(caption, head, bodies)


INTERVAL_ROWS = (
    ("f1", "F1", figure),
    ("precision", "Precision", figure),
    ("recall", "Recall", figure),
    ("pq", "PQ", figure),
    ("mean_iou", "Mean IoU of matched {objects}", figure),
    ("accuracy", "Accuracy", percent),
    ("count_ratio", "Count ratio", percent),
)


def interval_table(
    point: dict[str, Any], headline: Mapping[str, Any], words: Words
) -> Markup | None:
    """The headline figures with their 95 % intervals; None where there are no intervals.

    Args:
        point: an operating point.
        headline: value of each figure of `INTERVAL_ROWS`.
        words: what objects are called.
    """
    intervals = point.get("intervals") or {}
    rows = [
        row(
            row_head(words(name)),
            show(headline.get(key)),
            interval(intervals[key], show) or MISSING,
        )
        for key, name, show in INTERVAL_ROWS
        if intervals.get(key) is not None
    ]
    if not rows:
        return None
    head = [row(column_head("Figure"), column_head("Value"), column_head("95 % interval"))]
    caption = f"How far chance may move them, at {point_name(point.get('min_confidence'))}"
    return table(caption, head, [rows], "narrow")


def sweep_table(sweep: dict[str, Any]) -> Markup:
    """The sweep's curves at some twelve thresholds, and at the best."""
    thresholds = sweep["thresholds"]
    last = len(thresholds) - 1
    chosen = {round(last * index / 11) for index in range(12)} if thresholds else set()
    marks: dict[int, list[str]] = {}
    for key, name in (("f1", "F1"), ("pq", "PQ")):
        best = number(lookup(sweep, "best", key, "min_confidence"))
        if best is not None and thresholds:
            index = min(range(len(thresholds)), key=lambda i: abs(thresholds[i] - best))
            marks.setdefault(index, []).append(f"highest {name}")
    columns = (
        ("precision", "Precision", figure),
        ("recall", "Recall", figure),
        ("f1", "F1", figure),
        ("pq", "PQ", figure),
        ("accuracy_mean", "Accuracy", percent),
        ("count_ratio_mean", "Count ratio", percent),
    )
    head = [row(column_head("Confidence ≥"), *(column_head(name) for _, name, _ in columns))]
    rows = []
    for index in sorted(chosen | set(marks)):
        values = (
            show(sweep[key][index]) if sweep.get(key) is not None else MISSING
            for key, _, show in columns
        )
        title = f"{thresholds[index]:.4g}"
        if index in marks:
            title += f" ({', '.join(marks[index])})"
        rows.append(row(row_head(title), *values, class_="total" if index in marks else None))
    return table("The same in numbers", head, [rows])


def reliability_table(bins: Sequence[dict[str, Any]]) -> Markup:
    """The reliability diagram in numbers."""
    names = ("Confidence", "Detections", "Mean confidence", "Precision")
    rows = [
        row(
            row_head(f"{float(entry['from']):g} to {float(entry['to']):g}"),
            count(entry["count"]),
            figure(entry.get("confidence")),
            figure(entry.get("precision")),
        )
        for entry in bins
    ]
    return table("The same in numbers", [row(*map(column_head, names))], [rows], "narrow")
