"""What an evaluation says, in Markdown that reads well on a terminal too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mrcnn.evaluation import Classification, Evaluation
from mrcnn.report.card import card_table, headline_sentence
from mrcnn.report.evaluation_tables import (
    BORDER_NAMES,
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
    with_ways,
)
from mrcnn.report.figures import at_confidence, figure
from mrcnn.report.table import Table, stacked
from mrcnn.report.table_text import markdown_table
from mrcnn.report.words import Words


def format_report(
    evaluation: Evaluation,
    title: str,
    scored: bool = True,
    by_method: Mapping[str, Sequence[Classification]] | None = None,
    words: Words | None = None,
) -> str:
    """The whole report in Markdown.

    Args:
        evaluation: all figures.
        title: of the report.
        scored: whether confidences mean anything.
        by_method: classes at each operating point, by the way to tell them.
        words: what objects and images are called; `Words()` by default.
    """
    words = words or Words()
    figures = evaluation.to_dict()
    points = with_ways(figures["operating_points"], by_method, words)
    if not scored:
        points = [{**point, "min_confidence": None} for point in points]
    names = [at_confidence(point["min_confidence"]) for point in points]
    # What follows the name of a row: nothing where there is one operating point by nature.
    after = names if scored else [""] * len(points)

    def at_each(make: Callable[[dict[str, Any]], Table]) -> str:
        return markdown_table(stacked(list(map(make, points)), after))

    def quality(pooling: str) -> str:
        tables = [quality_table(point, pooling, words) for point in points]
        return markdown_table(stacked(tables, names, "confidence"))

    parts = [
        f"# {title}",
        _introduction(evaluation.min_iou, scored, words),
        markdown_table(paper_table(points, words)),
        words(
            "## Quality\n\nAll {objects} of all {images} pooled. AP is TP / (TP + FP + FN). Border "
            "ignored: an unmatched detection\nthat touches the image border is no false alarm."
        ),
        quality("pooled"),
        words("Means over the {images}, so that every {image} weighs the same."),
        quality("mean_over_images"),
        _about_intervals(evaluation.border, words),
        markdown_table(interval_table(points, evaluation.border)),
        words("## Counting\n\nBias: mean of detected - ground truth over {images}."),
        at_each(lambda point: counting_table(point, words)),
        words("## {Class_terms} of the matched {objects}"),
        at_each(lambda point: class_table(point, words)),
    ]
    by_way = [table for point in points if (table := class_method_table(point, words))]
    if by_way:
        parts += [words.class_methods, markdown_table(stacked(by_way, after))]
    if scored:
        parts += _about_confidences(evaluation, figures, words)
    return "\n\n".join(parts)


def format_short(evaluation: Evaluation, title: str, scored: bool, words: Words) -> str:
    """What an evaluation comes to: a table with a row for each operating point, and a sentence.

    Args:
        evaluation: all figures.
        title: of the report.
        scored: whether confidences mean anything.
        words: what objects and images are called.
    """
    points: list[dict[str, Any]] = evaluation.to_dict()["operating_points"]
    if not scored:
        points = [{**point, "min_confidence": None} for point in points]
    parts = [
        title,
        markdown_table(card_table(points, evaluation.border, words)),
        headline_sentence(points[0], evaluation.border, words),
    ]
    return "\n\n".join(parts)


def _introduction(min_iou: float, scored: bool, words: Words) -> str:
    text = (
        "Segmented: matched one to one with an annotated {object} at mask IoU >= MIN_IOU. "
        "Accuracy: segmented / ground\ntruth. Detected / truth counts all detections, right or "
        "wrong{as_in_paper}: there\na false alarm makes up for a miss."
    )
    if scored:
        text += " Under each confidence stand the segmented {objects}."
    return words(text).replace("MIN_IOU", str(min_iou))


def _about_intervals(border: str, words: Words) -> str:
    ignored = border == "ignore"
    at_border = "is no false alarm" if ignored else "is a false alarm like any other"
    return (
        f"With 95 % intervals by resampling {words.images} (border {BORDER_NAMES[border]}: an "
        f"unmatched detection at the border\n{at_border}). Accuracy and detected / truth are means "
        f"over {words.images}."
    )


def _about_confidences(evaluation: Evaluation, figures: dict[str, Any], words: Words) -> list[str]:
    sweep, calibration = evaluation.sweep, evaluation.calibration
    if sweep is None or calibration is None:
        return []
    border = BORDER_NAMES[evaluation.border]
    parts = [
        words(
            "## Average precision\n\nCOCO's definition, over all detections of all {images}, the "
            "border counted."
        ),
        markdown_table(precision_table(figures["average_precision"])),
        f"## Which confidence\n\nBorder {border}. {sweep_line(sweep)}\nA confidence chosen on "
        f"these {words.images} looks a little better on them than it will on others.",
    ]
    if sweep.best():
        parts.append(markdown_table(sweep_table(figures["sweep"])))
    parts += [
        "## Calibration\n\nOf detections with a confidence of 0.8, are 80 % right? Mean gap "
        f"(detection ECE): {figure(calibration.ece)}.",
        markdown_table(reliability_table(figures["calibration"]["bins"])),
    ]
    return parts
