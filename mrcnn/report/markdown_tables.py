"""The tables of an evaluation in Markdown, which read well on a terminal too."""

import math
from collections.abc import Mapping, Sequence

from mrcnn.evaluation import (
    Classification,
    CountErrors,
    Evaluation,
    OperatingPoint,
    Reliability,
    Sweep,
    mean_over_images,
)
from mrcnn.report.words import Words

BORDER_NAMES = {"ignore": "ignored", "count": "counted"}
_CURVE_STEPS = 20


def percent(value: float) -> str:
    """A ratio in percent, or "-" where it is not defined."""
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def figure(value: float) -> str:
    """A ratio with 3 digits, or "-" where it is not defined."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text, the first of them the head: the first column to the left, others to the right.

    A "|" in a text is escaped.
    """
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *(len(row[column]) for row in rows)) for column in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(rows[0]), line(rule), *map(line, rows[1:])])


def point_name(point: OperatingPoint, scored: bool = True) -> str:
    """How an operating point is called in tables."""
    return f">={point.min_confidence:g}" if scored else "all"


def paper_table(points: Sequence[OperatingPoint], words: Words, scored: bool = True) -> str:
    """Each image and the means, at each confidence: Table I of the paper.

    Under each confidence the segmented objects, then accuracy (segmented / ground truth), unmatched
    detections, and the paper's own accuracy, detections / ground truth.
    """
    head = [words.image, "ground truth"]
    for point in points:
        segmented = point_name(point) if scored else "segmented"
        head += [segmented, "accuracy", "unmatched", "det. / truth"]
    rows = [head]
    for index, name in enumerate(points[0].names):
        row = [name, str(points[0].principal[index].ground_truth)]
        for point in points:
            tally = point.principal[index]
            row += [
                str(tally.segmented),
                percent(tally.accuracy),
                str(tally.unmatched),
                percent(tally.count_ratio),
            ]
        rows.append(row)

    def mean(point: OperatingPoint, name: str) -> float:
        return mean_over_images(getattr(tally, name) for tally in point.principal)

    row = [f"mean of {len(points[0].names)}", f"{mean(points[0], 'ground_truth'):.1f}"]
    for point in points:
        row += [
            f"{mean(point, 'segmented'):.1f}",
            percent(mean(point, "accuracy")),
            f"{mean(point, 'unmatched'):.1f}",
            percent(mean(point, "count_ratio")),
        ]
    return markdown_table([*rows, row])


def quality_table(points: Sequence[OperatingPoint], scored: bool = True) -> str:
    """Pooled figures for each confidence, rule of the border and IoU."""
    rows = [
        [
            "confidence", "border", "IoU", "TP", "FP", "FN", "precision", "recall", "F1", "AP",
            "mean IoU", "PQ", "AJI", "AJI+",
        ]
    ]  # fmt: skip
    for point in points:
        figures = point.to_dict()
        for border, name in BORDER_NAMES.items():
            for position, (min_iou, quality) in enumerate(figures["quality"][border].items()):
                pooled = quality["pooled"]
                # These two know no IoU threshold.
                overlap = figures["overlap"][border]["pooled"] if position == 0 else {}
                rows.append(
                    [
                        point_name(point, scored),
                        name,
                        min_iou,
                        *(str(pooled[count]) for count in ("tp", "fp", "fn")),
                        *(
                            figure(pooled[ratio])
                            for ratio in ("precision", "recall", "f1", "ap", "mean_iou", "pq")
                        ),
                        *(figure(overlap.get(key, math.nan)) for key in ("aji", "aji_plus")),
                    ]
                )
    return markdown_table(rows)


def interval_table(points: Sequence[OperatingPoint], scored: bool = True) -> str:
    """Headline figures with their 95 % intervals."""
    names = {
        "accuracy": "accuracy",
        "count_ratio": "detected / truth",
        "precision": "precision",
        "recall": "recall",
        "f1": "F1",
        "mean_iou": "mean IoU",
        "pq": "PQ",
    }
    rows = [["confidence", *names.values()]]
    for point in points:
        quality = point.pooled().quality(point.border)._asdict()
        quality["accuracy"] = point.accuracy_mean
        quality["count_ratio"] = point.counting.count_ratio_mean
        row = [point_name(point, scored)]
        for name in names:
            low, high = point.intervals[name]
            ends = "" if math.isnan(low) else f" ({low:.3f} to {high:.3f})"
            row.append(f"{figure(quality[name])}{ends}")
        rows.append(row)
    return markdown_table(rows)


def _count_row(name: str, errors: CountErrors) -> list[str]:
    signed = "-" if math.isnan(errors.bias) else f"{errors.bias:+.2f}"
    mae = "-" if math.isnan(errors.mae) else f"{errors.mae:.2f}"
    return [
        name,
        str(errors.ground_truth),
        str(errors.detections),
        percent(errors.count_ratio_mean),
        signed,
        mae,
        percent(errors.mape),
        figure(errors.r2),
    ]


def counting_table(points: Sequence[OperatingPoint], words: Words, scored: bool = True) -> str:
    """How well the numbers of objects are met, all together and by class."""
    rows = [
        [
            "counted",
            "ground truth",
            "detected",
            "detected / truth",
            "bias",
            "MAE",
            "MAPE",
            "R2",
        ]
    ]
    for point in points:
        at = f" {point_name(point)}" if scored else ""
        rows.append(_count_row(f"all {words.objects}{at}", point.counting))
        rows += [_count_row(f"{name}{at}", errors) for name, errors in point.class_counting.items()]
    return markdown_table(rows)


def class_table(points: Sequence[OperatingPoint], words: Words, scored: bool = True) -> str:
    """Classes of the matched objects."""
    rows = [["class", words.objects, "precision", "recall", "F1"]]
    for point in points:
        at = f" {point_name(point)}" if scored else ""
        found = point.classification
        for name, quality in found.classes.items():
            ratios = (quality.precision, quality.recall, quality.f1)
            rows.append([f"{name}{at}", str(quality.support), *map(figure, ratios)])
        macro = [figure(found.macro[name]) for name in ("precision", "recall", "f1")]
        rows.append([f"mean of classes{at}", str(int(found.matrix.sum())), *macro])
    return markdown_table(rows)


def class_method_table(
    points: Sequence[OperatingPoint],
    by_method: Mapping[str, Sequence[Classification]],
    words: Words,
) -> str:
    """Classes of the matched objects by each way to tell them, means over the classes."""
    rows = [[words.class_term, words.objects, "accuracy", "precision", "recall", "F1"]]
    for index, point in enumerate(points):
        for name, classifications in by_method.items():
            found = classifications[index]
            macro = [figure(found.macro[each]) for each in ("precision", "recall", "f1")]
            rows.append(
                [
                    f"{name} {point_name(point)}",
                    str(int(found.matrix.sum())),
                    figure(found.accuracy),
                    *macro,
                ]
            )
    return markdown_table(rows)


def precision_table(evaluation: Evaluation) -> str:
    """COCO's average precision."""
    columns = ("AP", "AP50", "AP75", "AR")
    rows = [["COCO", *columns]]
    for kind, blocks in evaluation.average_precision.items():
        for name, title in (("any_class", "any class"), ("by_class", "mean of classes")):
            values = blocks[name]
            rows.append([f"{kind}, {title}", *(figure(values[column]) for column in columns)])
        for name, values in blocks["by_class"]["classes"].items():
            rows.append([f"{kind}, {name}", *(figure(values[column]) for column in columns)])
    return markdown_table(rows)


def sweep_table(sweep: Sweep) -> str:
    """The sweep at some of its confidences, the best ones marked."""
    bests = {"F1": sweep.best("f1"), "PQ": sweep.best("pq")}
    marks: dict[float, str] = {}
    for name, best in bests.items():
        if best:
            earlier = marks.get(best.min_confidence)
            marks[best.min_confidence] = f"{earlier}, best {name}" if earlier else f"best {name}"
    # The threshold next to each round confidence; what lies between them is in summary.json.
    wanted = [step / _CURVE_STEPS for step in range(_CURVE_STEPS + 1)]
    shown = {
        float(sweep.thresholds[abs(sweep.thresholds - value).argmin()])
        for value in wanted
        if sweep.thresholds[0] - 0.5 / _CURVE_STEPS <= value
    }
    names = ("precision", "recall", "f1", "pq", "accuracy_mean", "count_ratio_mean")
    titles = ("precision", "recall", "F1", "PQ", "accuracy", "detected / truth")
    rows = [["confidence", *titles, ""]]
    for index, threshold in enumerate(sweep.thresholds):
        if threshold in shown or threshold in marks:
            values = (sweep.curves[name][index] for name in names)
            rows.append(
                [f">={threshold:.4f}", *map(figure, values), marks.get(float(threshold), "")]
            )
    return markdown_table(rows)


def sweep_line(sweep: Sweep) -> str:
    """Which confidence is best, in a sentence."""
    best, best_pq = sweep.best("f1"), sweep.best("pq")
    if best is None or best_pq is None:
        return "There is no detection, so no confidence is better than another."
    return (
        f"Best F1 {best.value:.3f} at confidence {best.min_confidence:.4f}; "
        f"best PQ {best_pq.value:.3f} at {best_pq.min_confidence:.4f}."
    )


def reliability_table(calibration: Reliability) -> str:
    """Confidence against precision by bins."""
    rows = [["confidence", "detections", "mean confidence", "precision"]]
    rows += [
        [
            f"{each.low:.1f} to {each.high:.1f}",
            str(each.count),
            figure(each.confidence),
            figure(each.precision),
        ]
        for each in calibration.bins
    ]
    return markdown_table(rows)
