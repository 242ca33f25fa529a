"""What an evaluation says: the paper's Table I, pooled figures, CSV and JSON."""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mrcnn.evaluation import Tally, mean_over_images, pooled

SCHEMA_VERSION = 1
MIN_IOU = 0.5


@dataclass(frozen=True)
class FieldResult:
    """One field, counted at each confidence.

    Attributes:
        name: of the image, as shown.
        tallies: one for each confidence, in their order.
        picture: file name of its picture within the results.
    """

    name: str
    tallies: tuple[Tally, ...]
    picture: str


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _means(fields: Sequence[FieldResult], index: int) -> dict[str, float]:
    tallies = [field.tallies[index] for field in fields]
    return {
        "segmented": mean_over_images(tally.segmented for tally in tallies),
        "accuracy": mean_over_images(tally.accuracy for tally in tallies),
        "unmatched": mean_over_images(tally.unmatched for tally in tallies),
        "count_ratio": mean_over_images(tally.count_ratio for tally in tallies),
    }


def format_table(fields: Sequence[FieldResult], confidences: Sequence[float]) -> str:
    """Table I: each field and the means, for each confidence segmented, accuracy, unmatched."""
    columns = ["segmented", "accuracy", "unmatched"]
    rows = [
        ["", "", *(text for at in confidences for text in (f"at >={at:g}:", "", ""))],
        ["field", "ground truth", *columns * len(confidences)],
    ]
    for field in fields:
        row = [field.name, str(field.tallies[0].ground_truth)]
        for tally in field.tallies:
            row += [str(tally.segmented), _percent(tally.accuracy), str(tally.unmatched)]
        rows.append(row)
    truth = mean_over_images(field.tallies[0].ground_truth for field in fields)
    row = [f"mean of {len(fields)}", f"{truth:.1f}"]
    for index in range(len(confidences)):
        means = _means(fields, index)
        row += [
            f"{means['segmented']:.1f}",
            _percent(means["accuracy"]),
            f"{means['unmatched']:.1f}",
        ]
    rows.append(row)
    lines = _align(rows)
    rule = "-" * max(map(len, lines))
    return "\n".join([*lines[:2], rule, *lines[2:-1], rule, lines[-1]])


def format_pooled(fields: Sequence[FieldResult], confidences: Sequence[float]) -> str:
    """Precision, recall and F1 over all cells of all fields, with both rules for the border."""
    rows = [["confidence", "border", "precision", "recall", "F1", "mean IoU"]]
    for index, confidence in enumerate(confidences):
        total = pooled(field.tallies[index] for field in fields)
        for border in ("ignore", "count"):
            quality = total.quality(border)
            rows.append(
                [
                    f">={confidence:g}",
                    "ignored" if border == "ignore" else "counted",
                    *(_figure(value) for value in quality),
                    _figure(total.mean_iou),
                ]
            )
    return "\n".join(_align(rows))


def format_report(fields: Sequence[FieldResult], confidences: Sequence[float]) -> str:
    """The whole report as plain text."""
    ratios = ", ".join(
        f"{_percent(_means(fields, index)['count_ratio'])} at {confidence:g}"
        for index, confidence in enumerate(confidences)
    )
    return "\n".join(
        [
            f"Segmented: matched one to one with a ground-truth cell at mask IoU >= {MIN_IOU}.",
            "Accuracy: segmented / ground truth. Unmatched: detections without a cell.",
            "",
            format_table(fields, confidences),
            "",
            f"All cells of all fields pooled, IoU >= {MIN_IOU}. Border ignored: an unmatched",
            "detection that touches the image border is no false alarm.",
            "",
            format_pooled(fields, confidences),
            "",
            "The paper's own accuracy is a count ratio, detections / ground truth, in which false "
            f"alarms make up for misses: here {ratios} (mean over fields).",
        ]
    )


def table_csv(fields: Sequence[FieldResult], confidences: Sequence[float]) -> str:
    """Table I as CSV text: a line for each field, then the line `mean`; accuracy in percent."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    head = ["field", "ground_truth"]
    for confidence in confidences:
        head += [f"{name}_{confidence:g}" for name in ("segmented", "accuracy", "unmatched")]
    writer.writerow(head)

    def number(value: float, digits: int = 2) -> str:
        return "" if math.isnan(value) else f"{value:.{digits}f}"

    for field in fields:
        row: list[Any] = [field.name, field.tallies[0].ground_truth]
        for tally in field.tallies:
            row += [tally.segmented, number(100 * tally.accuracy), tally.unmatched]
        writer.writerow(row)
    row = ["mean", number(mean_over_images(field.tallies[0].ground_truth for field in fields))]
    for index in range(len(confidences)):
        means = _means(fields, index)
        row += [
            number(means["segmented"]),
            number(100 * means["accuracy"]),
            number(means["unmatched"]),
        ]
    writer.writerow(row)
    return buffer.getvalue()


def _tally_dict(tally: Tally) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "ground_truth": tally.ground_truth,
        "detections": tally.detections,
        "segmented": tally.segmented,
        "unmatched": tally.unmatched,
        "unmatched_at_border": tally.unmatched_at_border,
        "missed": tally.missed,
        "accuracy": tally.accuracy,
        "count_ratio": tally.count_ratio,
        "mean_iou": tally.mean_iou,
    }
    for border, name in (("count", "border_counted"), ("ignore", "border_ignored")):
        figures[name] = tally.quality(border)._asdict()
    return figures


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: what is not defined becomes null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value


def summary_json(
    fields: Sequence[FieldResult], confidences: Sequence[float], context: dict[str, Any]
) -> str:
    """All figures as JSON text; ratios in 0..1, null where not defined.

    Args:
        context: what was evaluated (weights, data set, ...), copied into the result.
    """
    summary = {
        "schema_version": SCHEMA_VERSION,
        **context,
        "min_iou": MIN_IOU,
        "results": [
            {
                "min_confidence": confidence,
                "pooled": _tally_dict(pooled(field.tallies[index] for field in fields)),
                "mean_over_images": _means(fields, index),
                "images": [
                    {
                        "name": field.name,
                        "picture": field.picture,
                        **_tally_dict(field.tallies[index]),
                    }
                    for field in fields
                ],
            }
            for index, confidence in enumerate(confidences)
        ],
    }
    return json.dumps(_without_nan(summary), indent=2, allow_nan=False) + "\n"
