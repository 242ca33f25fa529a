"""The report's tables of classes and counts, from the parsed summary.json."""

from typing import Any

from mrcnn.report.page.gallery import point_name
from mrcnn.report.page.html import (
    Markup,
    cell,
    column_head,
    count,
    element,
    figure,
    lookup,
    name_text,
    percent,
    row,
    row_head,
    signed,
    table,
)
from mrcnn.report.words import Words

COCO_COLUMNS = ("AP", "AP50", "AP75", "AR")


def coco_table(average_precision: dict[str, Any]) -> Markup:
    """COCO's figures of masks and boxes, whatever the class, and by class."""
    head = [row(column_head("Classes"), *map(column_head, COCO_COLUMNS))]
    bodies = []
    for kind, title in (("mask", "Masks"), ("box", "Boxes")):
        figures = average_precision.get(kind)
        if not figures:
            continue
        by_class = figures.get("by_class") or {}
        wide = len(COCO_COLUMNS) + 1
        rows = [row(cell(title, "th", scope="rowgroup", colspan=wide, class_="body-title"))]
        named: list[tuple[Any, Any]] = [
            ("any class", figures.get("any_class")),
            ("by class, mean", by_class),
        ]
        named += [
            (name_text(name), entry) for name, entry in (by_class.get("classes") or {}).items()
        ]
        for index, (name, entry) in enumerate(named):
            cells = [figure(lookup(entry, column)) for column in COCO_COLUMNS]
            rows.append(row(row_head(name, class_="inner" if index > 1 else None), *cells))
        bodies.append(rows)
    return table("COCO average precision and recall", head, bodies, "narrow")


def confusion_table(point: dict[str, Any], words: Words) -> Markup:
    """Classes of the matched objects: rows are the truth, columns what was predicted."""
    classification = point["classification"]
    labels, matrix = classification["labels"], classification["matrix"]
    head = [
        row(
            column_head("Ground truth", rows=2),
            column_head("Predicted", len(labels)),
            column_head("Precision", rows=2),
            column_head("Recall", rows=2),
            column_head("F1", rows=2),
            column_head(words("{Objects}"), rows=2),
        ),
        row(*(column_head(name_text(label)) for label in labels)),
    ]
    rows = []
    for index, (label, numbers) in enumerate(zip(labels, matrix, strict=True)):
        total = sum(numbers)
        cells: list[str] = []
        for column, held in enumerate(numbers):
            share = held / total if total else 0.0
            shade = f"shade-{round(5 * share)}" + (" diagonal" if column == index else "")
            small = element("small", percent(share if total else None, 0))
            cells.append(cell(Markup(f"{element('b', held)} {small}"), class_=shade))
        scores = lookup(classification, "classes", label) or {}
        cells += [figure(scores.get(key)) for key in ("precision", "recall", "f1")]
        rows.append(row(row_head(name_text(label)), *cells, count(scores.get("support", total))))
    macro = classification.get("macro") or {}
    total = row(
        row_head("Mean of the classes (macro)", colspan=len(labels) + 1),
        *(figure(macro.get(key)) for key in ("precision", "recall", "f1")),
        count(sum(map(sum, matrix))),
        class_="total",
    )
    caption = f"Classes of the matched {words.objects} at {point_name(point.get('min_confidence'))}"
    return table(caption, head, [rows, [total]], "confusion")


COUNTING_COLUMNS = (
    ("ground_truth", "Ground truth", count),
    ("detections", "Detections", count),
    ("count_ratio_mean", "Count ratio", percent),
    ("bias", "Bias", signed),
    ("mae", "MAE", lambda value: figure(value, 1)),
    ("mape", "MAPE", percent),
    ("r2", "R²", figure),
)


def counting_table(point: dict[str, Any], words: Words) -> Markup:
    """Numbers of objects, of all and of each class."""
    counting = point["counting"]
    head = [
        row(
            column_head(words("{Objects}")), *(column_head(name) for _, name, _ in COUNTING_COLUMNS)
        )
    ]

    def numbers(title: Any, figures: dict[str, Any] | None) -> Markup:
        values = (show(lookup(figures, key)) for key, _, show in COUNTING_COLUMNS)
        return row(row_head(title), *values)

    classes = [numbers(name_text(n), c) for n, c in (counting.get("classes") or {}).items()]
    caption = f"Counting at {point_name(point.get('min_confidence'))}"
    return table(caption, head, [[numbers("all", counting.get("all"))], classes])
