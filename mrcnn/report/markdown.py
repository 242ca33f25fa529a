"""What an evaluation says, in Markdown that reads well on a terminal too."""

from collections.abc import Mapping, Sequence

from mrcnn.evaluation import Classification, Evaluation, OperatingPoint
from mrcnn.report.markdown_tables import (
    BORDER_NAMES,
    class_method_table,
    class_table,
    counting_table,
    figure,
    interval_table,
    paper_table,
    precision_table,
    quality_table,
    reliability_table,
    sweep_line,
    sweep_table,
)
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
    points = evaluation.operating_points
    parts = [
        f"# {title}",
        _introduction(points[0], scored, words),
        paper_table(points, words, scored),
        words(
            "## Quality\n\nAll {objects} of all {images} pooled. AP is TP / (TP + FP + FN). Border "
            "ignored: an unmatched detection\nthat touches the image border is no false alarm."
        ),
        quality_table(points, scored),
        _about_intervals(evaluation.border, words),
        interval_table(points, scored),
        words("## Counting\n\nBias: mean of detected - ground truth over {images}."),
        counting_table(points, words, scored),
        words("## {Class_terms} of the matched {objects}"),
        class_table(points, words, scored),
    ]
    if by_method:
        parts += [words.class_methods, class_method_table(points, by_method, words)]
    if scored:
        parts += _about_confidences(evaluation, words)
    return "\n\n".join(parts)


def _introduction(point: OperatingPoint, scored: bool, words: Words) -> str:
    text = (
        "Segmented: matched one to one with an annotated {object} at mask IoU >= MIN_IOU. "
        "Accuracy: segmented / ground\ntruth. Detected / truth counts all detections, right or "
        "wrong{as_in_paper}: there\na false alarm makes up for a miss."
    )
    if scored:
        text += " Under each confidence stand the segmented {objects}."
    return words(text).replace("MIN_IOU", str(point.min_iou))


def _about_intervals(border: str, words: Words) -> str:
    ignored = border == "ignore"
    at_border = "is no false alarm" if ignored else "is a false alarm like any other"
    return (
        f"With 95 % intervals by resampling {words.images} (border {BORDER_NAMES[border]}: an "
        f"unmatched detection at the border\n{at_border}). Accuracy and detected / truth are means "
        f"over {words.images}."
    )


def _about_confidences(evaluation: Evaluation, words: Words) -> list[str]:
    sweep, calibration = evaluation.sweep, evaluation.calibration
    if sweep is None or calibration is None:
        return []
    border = BORDER_NAMES[evaluation.border]
    parts = [
        words(
            "## Average precision\n\nCOCO's definition, over all detections of all {images}, the "
            "border counted."
        ),
        precision_table(evaluation),
        f"## Which confidence\n\nBorder {border}. {sweep_line(sweep)}\nA confidence chosen on "
        f"these {words.images} looks a little better on them than it will on others.",
    ]
    if sweep.best():
        parts.append(sweep_table(sweep))
    parts += [
        "## Calibration\n\nOf detections with a confidence of 0.8, are 80 % right? Mean gap "
        f"(detection ECE): {figure(calibration.ece)}.",
        reliability_table(calibration),
    ]
    return parts
