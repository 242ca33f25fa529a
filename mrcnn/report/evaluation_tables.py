"""The tables of an evaluation, from what summary.json holds; table.md and the page show them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mrcnn.evaluation import Classification, Sweep, mean_over_images
from mrcnn.evaluation.operating_point import without_nan
from mrcnn.evaluation.sweep import near_round_confidences
from mrcnn.report.figures import (
    at_confidence,
    figure,
    fixed,
    lookup,
    number,
    percent,
    signed,
    with_interval,
)
from mrcnn.report.table import Column, Name, Row, Share, Table
from mrcnn.report.words import Words

BORDER_NAMES = {"ignore": "ignored", "count": "counted"}
# The page says beside its tables what a count ratio is.
_PLAIN = {"count ratio": "detected / truth"}
_mean_count = fixed(1)


def point_name(min_confidence: float | None, words: Words | None = None) -> str:
    """An operating point in words."""
    words = words or Words()
    if min_confidence is None:
        return words("all detections")
    return words("confidence ≥ {value}", value=f"{min_confidence:.4g}")


def _at(point: Mapping[str, Any], words: Words | None = None) -> str:
    words = words or Words()
    return words("at {point}", point=point_name(number(point.get("min_confidence")), words))


def headline_quality(point: Mapping[str, Any], border: str) -> dict[str, Any]:
    """Pooled figures of an operating point at its principal IoU, which is the first."""
    by_iou = lookup(point, "quality", border) or {}
    return lookup(next(iter(by_iou.values()), None), "pooled") or {}


def headline(point: Mapping[str, Any], border: str) -> dict[str, Any]:
    """The figures of an operating point that may have an interval, by their names there."""
    return {
        **headline_quality(point, border),
        "accuracy": point.get("accuracy_mean"),
        "count_ratio": lookup(point, "counting", "all", "count_ratio_mean"),
    }


def paper_table(points: Sequence[dict[str, Any]], words: Words) -> Table:
    """Each image and the means, at each confidence: Table I of the paper.

    At each confidence the segmented objects, then accuracy (segmented / ground truth), unmatched
    detections, and the paper's own accuracy, detections / ground truth.
    """
    columns = [Column(words.image), Column("ground truth", _mean_count)]
    for point in points:
        confidence = number(point.get("min_confidence"))
        plain = "segmented" if confidence is None else at_confidence(confidence)
        group = _at(point, words)
        columns += [
            Column("segmented", _mean_count, group, plain),
            Column("accuracy", percent, group),
            Column("unmatched", _mean_count, group),
            Column("count ratio", percent, group, "det. / truth"),
        ]
    images = [{entry["name"]: entry for entry in point.get("images") or []} for point in points]
    keys = ("segmented", "accuracy", "unmatched", "count_ratio")

    def mean(entries: Mapping[str, dict[str, Any]], key: str) -> float:
        return mean_over_images(
            math.nan if entry.get(key) is None else entry[key] for entry in entries.values()
        )

    rows = [
        Row(
            [Name(name), first.get("ground_truth")]
            + [of_point.get(name, {}).get(key) for of_point in images for key in keys]
        )
        for name, first in images[0].items()
    ]
    means = [mean(images[0], "ground_truth")]
    means += [mean(of_point, key) for of_point in images for key in keys]
    rows.append(Row([words("mean of {number}", number=len(images[0])), *means], is_strong=True))
    caption = (
        "The paper’s table, {image} by {image}" if words.follows_paper else "{Image} by {image}"
    )
    return Table(columns, rows, words(caption))


_QUALITY_COLUMNS = {
    "tp": Column("TP", _mean_count),
    "fp": Column("FP", _mean_count),
    "fn": Column("FN", _mean_count),
    "precision": Column("precision", figure),
    "recall": Column("recall", figure),
    "f1": Column("F1", figure),
    "ap": Column("AP@t", figure, plain="AP"),
    "mean_iou": Column("mean IoU", figure),
    "pq": Column("PQ", figure),
}
# These two know no IoU threshold.
_OVERLAP_COLUMNS = {"aji": Column("AJI", figure), "aji_plus": Column("AJI+", figure)}
POOLINGS = {
    "pooled": "all {objects} of all {images} pooled",
    "mean_over_images": "means over the {images}",
}


def quality_table(point: dict[str, Any], pooling: str, words: Words) -> Table:
    """Figures for each rule of the border and each IoU.

    Args:
        point: an operating point.
        pooling: a key of `POOLINGS`.
        words: what objects and images are called.
    """
    columns = [Column("border"), Column("IoU ≥", plain="IoU")]
    columns += [*_QUALITY_COLUMNS.values(), *_OVERLAP_COLUMNS.values()]
    rows = []
    for border, name in BORDER_NAMES.items():
        for position, min_iou in enumerate(by_iou := lookup(point, "quality", border) or {}):
            quality = lookup(by_iou, min_iou, pooling) or {}
            overlap = {} if position else lookup(point, "overlap", border, pooling) or {}
            values = [quality.get(key) for key in _QUALITY_COLUMNS]
            rows.append(Row([name, min_iou, *values, *map(overlap.get, _OVERLAP_COLUMNS)]))
    return Table(columns, rows, f"{words(POOLINGS[pooling])}, {_at(point, words)}", row_heads=2)


INTERVAL_COLUMNS = {
    "accuracy": "accuracy",
    "count_ratio": "count ratio",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "mean_iou": "mean IoU",
    "pq": "PQ",
}


def interval_table(points: Sequence[dict[str, Any]], border: str) -> Table:
    """Headline figures with their 95 % intervals, a row for each operating point."""
    columns = [Column("confidence")]
    columns += [
        Column(name, with_interval, plain=_PLAIN.get(name)) for name in INTERVAL_COLUMNS.values()
    ]
    rows = []
    for point in points:
        values = headline(point, border)
        intervals = point.get("intervals") or {}
        rows.append(
            Row(
                [at_confidence(number(point.get("min_confidence")))]
                + [
                    (values.get(key), *(intervals.get(key) or (None, None)))
                    for key in INTERVAL_COLUMNS
                ]
            )
        )
    return Table(columns, rows, f"How far chance may move them, {_at(points[0])}")


_COUNTING_COLUMNS = {
    "ground_truth": Column("ground truth"),
    "detections": Column("detected"),
    "count_ratio_mean": Column("count ratio", percent, plain="detected / truth"),
    "bias": Column("bias", signed),
    "mae": Column("MAE", fixed(2)),
    "mape": Column("MAPE", percent),
    "r2": Column("R²", figure, plain="R2"),
}


def counting_table(point: dict[str, Any], words: Words) -> Table:
    """How well the numbers of objects are met, all together and by class."""
    counting = point.get("counting") or {}

    def row(name: str, errors: Any) -> Row:
        return Row([name, *(lookup(errors, key) for key in _COUNTING_COLUMNS)])

    rows = [row(words("all {objects}"), counting.get("all"))]
    rows += [row(Name(name), errors) for name, errors in (counting.get("classes") or {}).items()]
    return Table(
        [Column("counted"), *_COUNTING_COLUMNS.values()],
        rows,
        words("Counting {at}", at=_at(point, words)),
    )


_CLASS_FIGURES = ("precision", "recall", "f1")


def class_table(point: dict[str, Any], words: Words) -> Table:
    """Classes of the matched objects: how well each is told, and as which they were predicted.

    Background follows as the last column, what was missed, and the last row of a class, the false
    alarms, where the summary has them.
    """
    found = point["classification"]
    labels, matrix = list(map(Name, found["labels"])), found["matrix"]
    missed, false_alarms = found.get("missed") or [], found.get("false_alarms")
    columns = [
        Column("ground truth", plain="class"),
        Column(words.objects),
        Column("precision", figure),
        Column("recall", figure),
        Column("F1", figure),
        *(Column(label, str, "predicted", f"predicted {label}") for label in labels),
        *([Column("missed")] if missed else []),
    ]
    rows = []
    for index, (label, counts) in enumerate(zip(labels, matrix, strict=True)):
        scores = lookup(found, "classes", label) or {}
        total = sum(counts)
        shares = [Share(held, total, place == index) for place, held in enumerate(counts)]
        ratios = [scores.get(key) for key in _CLASS_FIGURES]
        rows.append(
            Row([label, scores.get("support", total), *ratios, *shares, *missed[index : index + 1]])
        )
    if false_alarms:
        nothing = [None] * (1 + len(_CLASS_FIGURES))
        rows.append(Row(["false alarms", *nothing, *false_alarms, *([None] if missed else [])]))
    macro = [lookup(found, "macro", key) for key in _CLASS_FIGURES]
    held = sum(map(sum, matrix))
    predicted = [sum(column) for column in zip(*matrix, strict=True)]
    beyond = [sum(missed)] if missed else []
    rows.append(Row(["mean of classes", held, *macro, *predicted, *beyond], is_strong=True))
    return Table(
        columns, rows, words("Classes of the matched {objects} {at}", at=_at(point, words))
    )


def with_ways(
    points: Sequence[dict[str, Any]],
    by_method: Mapping[str, Sequence[Classification]] | None,
    words: Words,
) -> list[dict[str, Any]]:
    """Operating points that say what each way to tell classes comes to, where there are several.

    Args:
        points: of `Evaluation.to_dict`.
        by_method: classes at each of them, by the way to tell them.
        words: what classes are called.
    """
    if not by_method:
        return list(points)
    told = [
        {name: without_nan(found[index].in_short) for name, found in by_method.items()}
        for index in range(len(points))
    ]
    return [{**point, words.ways_key: ways} for point, ways in zip(points, told, strict=True)]


def class_method_table(point: dict[str, Any], words: Words) -> Table | None:
    """Classes of the matched objects by each way to tell them, means over the classes.

    None where there is no choice of ways. What an earlier version wrote lacks some figures.
    """
    by_method = point.get(words.ways_key)
    if not by_method:
        return None
    columns = [Column(words.class_term), Column(words.objects), Column("accuracy", figure)]
    columns += [Column(title, figure) for title in ("precision", "recall", "F1")]
    keys = ("support", "accuracy", *_CLASS_FIGURES)
    rows = [Row([name, *map(found.get, keys)]) for name, found in by_method.items()]
    caption = "{Class_terms} of the matched {objects} by the way to tell them"
    return Table(columns, rows, f"{words(caption)}, {_at(point, words)}")


_COCO_COLUMNS = ("AP", "AP50", "AP75", "AR")


def precision_table(average_precision: dict[str, Any]) -> Table:
    """COCO's average precision and recall of masks and boxes, whatever the class and by class."""
    rows = []
    for kind, figures in average_precision.items():
        by_class = lookup(figures, "by_class") or {}
        named = [("any class", lookup(figures, "any_class")), ("mean of classes", by_class)]
        named += [(Name(name), each) for name, each in (by_class.get("classes") or {}).items()]
        for name, values in named:
            cells = [name, *(lookup(values, column) for column in _COCO_COLUMNS)]
            rows.append(Row(cells, group=kind))
    columns = [Column("COCO"), *(Column(name, figure) for name in _COCO_COLUMNS)]
    return Table(columns, rows, "COCO average precision and recall")


_SWEEP_COLUMNS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "pq": "PQ",
    "accuracy_mean": "accuracy",
    "count_ratio_mean": "count ratio",
}


def sweep_table(sweep: dict[str, Any]) -> Table:
    """The sweep at some of its confidences, the best ones marked; others are in summary.json."""
    thresholds = np.array(sweep["thresholds"], float)
    marks: dict[int, list[str]] = {}
    for key, name in (("f1", "F1"), ("pq", "PQ")):
        best = number(lookup(sweep, "best", key, "min_confidence"))
        if best is not None:
            index = int(abs(thresholds - best).argmin())
            marks.setdefault(index, []).append(f"best {name}")
    rows = []
    for index in sorted({*near_round_confidences(thresholds), *marks}):
        values = [(sweep.get(key) or {index: None})[index] for key in _SWEEP_COLUMNS]
        mark = ", ".join(marks.get(index, []))
        rows.append(Row([float(thresholds[index]), *values, mark], is_strong=bool(mark)))
    columns = [Column("confidence", lambda value: f">={value:.4f}")]
    columns += [Column(name, figure, plain=_PLAIN.get(name)) for name in _SWEEP_COLUMNS.values()]
    return Table([*columns, Column("note")], rows, "The same in numbers")


def reliability_table(bins: Sequence[dict[str, Any]]) -> Table:
    """Confidence against precision by bins."""
    columns = [Column("confidence"), Column("detections")]
    columns += [Column("mean confidence", figure), Column("precision", figure)]
    rows = []
    for each in bins:
        between = f"{each['from']:.1f} to {each['to']:.1f}"
        rows.append(Row([between, each["count"], each.get("confidence"), each.get("precision")]))
    return Table(columns, rows, "The same in numbers")


def sweep_line(sweep: Sweep) -> str:
    """Which confidence is best, in a sentence."""
    best, best_pq = sweep.best("f1"), sweep.best("pq")
    if best is None or best_pq is None:
        return "There is no detection, so no confidence is better than another."
    return (
        f"Best F1 {best.value:.3f} at confidence {best.min_confidence:.4f}; "
        f"best PQ {best_pq.value:.3f} at {best_pq.min_confidence:.4f}."
    )
