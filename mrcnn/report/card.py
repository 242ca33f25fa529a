"""What an evaluation comes to, as the card of a model tells it."""

from collections.abc import Mapping, Sequence
from typing import Any

from mrcnn.report.evaluation_tables import BORDER_NAMES, headline, headline_quality, point_name
from mrcnn.report.figures import at_confidence, figure, lookup, number, percent, with_interval
from mrcnn.report.table import Column, Row, Table
from mrcnn.report.words import Words

_STRICT = "0.75"


def card_table(points: Sequence[dict[str, Any]], border: str, words: Words) -> Table:
    """A row for each operating point, all objects pooled but for the share that is found.

    Args:
        points: as summary.json has them.
        border: "ignore" or "count", the rule that the headline goes by.
        words: what objects are called.
    """
    columns = [Column("confidence"), Column(f"{words.objects} found", percent)]
    columns += [Column(name, figure) for name in ("precision", "recall", "F1")]
    columns += [Column(f"F1 at IoU {_STRICT}", figure), Column("PQ", figure)]
    rows = []
    for point in points:
        quality = headline_quality(point, border)
        strict = lookup(point, "quality", border, _STRICT, "pooled") or {}
        rows.append(
            Row(
                [
                    at_confidence(number(point.get("min_confidence"))),
                    point.get("accuracy_mean"),
                    *(quality.get(key) for key in ("precision", "recall", "f1")),
                    strict.get("f1"),
                    quality.get("pq"),
                ]
            )
        )
    return Table(columns, rows)


def headline_sentence(point: Mapping[str, Any], border: str, words: Words) -> str:
    """The first operating point in a sentence: F1 with its interval, and what it is made of."""
    values = headline(point, border)
    ends = (point.get("intervals") or {}).get("f1") or (None, None)
    missed, false_alarms = values.get("fn"), values.get("fp")
    return words(
        f"F1 {with_interval((values.get('f1'), *ends))}, {point_name(point.get('min_confidence'))},"
        f" border {BORDER_NAMES[border]}: {{objects}} found {values.get('tp')}, missed {missed}, "
        f"false alarms {false_alarms}."
    )
