"""What all sections of the report page share, and its headline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mrcnn.report.evaluation_tables import headline, headline_quality, point_name
from mrcnn.report.figures import lookup, number
from mrcnn.report.page.gallery import PageField, check_field
from mrcnn.report.page.texts import AVERAGES, BORDER_TEXTS
from mrcnn.report.page.typeset import confidence, count, figure, interval, percent
from mrcnn.report.table import Name
from mrcnn.report.words import NETWORK, Words


class Report:
    """A summary with what several sections need of it.

    Args:
        summary: parsed summary.json.
        fields: to look at.
        words: what objects and images are called.
    """

    def __init__(self, summary: dict[str, Any], fields: Sequence[PageField], words: Words) -> None:
        self.summary = summary
        self.words = words
        self.fields = list(fields)
        self.points: list[dict[str, Any]] = summary["operating_points"]
        if summary.get("method") not in (None, NETWORK):
            # A classical method is sure of all that it finds: a threshold would only puzzle.
            self.points = [{**point, "min_confidence": None} for point in self.points]
        self.confidences = [number(point.get("min_confidence")) for point in self.points]
        self.border = summary.get("border") or "ignore"
        self.classes = list(map(str, summary.get("classes") or []))
        for field in self.fields:
            check_field(field, self.confidences)
        f1 = [number(self.quality(point).get("f1")) for point in self.points]
        known = [-1.0 if value is None else value for value in f1]
        self.chosen = known.index(max(known))

    def quality(self, point: dict[str, Any]) -> dict[str, Any]:
        """Pooled figures of a point with the headline's rule for the border."""
        return headline_quality(point, self.border)

    def explained(self, texts: Sequence[str]) -> list[str]:
        """Explanations of figures, their braces filled."""
        return list(map(self.words, texts))


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own.

    Attributes:
        ident: its address on the page.
        title: its heading.
        data: what the template shows.
        template: its name; `ident` by default.
    """

    ident: str
    title: str
    data: dict[str, Any]
    template: str = ""

    @property
    def file(self) -> str:
        """The name of the template."""
        return f"{self.template or self.ident}.html"


# Headline -----------------------------------------------------------------------------------


def _chosen_text(report: Report, index: int) -> str:
    if len(report.points) == 1:
        return report.words("the only one evaluated")
    if index == report.chosen:
        return report.words("highest F1 of the {number} evaluated", number=len(report.points))
    here, best = (
        number(report.quality(report.points[i]).get("f1")) for i in (index, report.chosen)
    )
    text = "F1 is the same at {confidence}" if here == best else "F1 is higher at {confidence}"
    return report.words(text, confidence=confidence(report.confidences[report.chosen]))


def _tiles(report: Report, index: int, point: dict[str, Any]) -> list[dict[str, Any]]:
    values, intervals = headline(point, report.border), point.get("intervals") or {}
    threshold = report.confidences[index]
    shown: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
        ("F1", "f1", figure),
        ("Accuracy", "accuracy", percent),
        ("Count ratio", "count_ratio", percent),
        ("PQ", "pq", figure),
    )
    tiles: list[dict[str, Any]] = [
        {
            "title": report.words(title),
            "value": show(values.get(key)),
            "interval": interval(intervals.get(key), show, report.words("{low} to {high}")),
            "small": None,
        }
        for title, key, show in shown
    ]
    at = {
        "title": report.words("Confidence threshold"),
        "value": report.words("none") if threshold is None else f"≥ {confidence(threshold)}",
        "interval": None,
        "small": _chosen_text(report, index),
    }
    return [*tiles, at]


def _plural(words: Words, value: Any, one: str, many: str) -> str:
    return f"{count(value)} {words(one if number(value) == 1 else many)}"


def _in_words(report: Report, point: dict[str, Any]) -> str:
    quality = report.quality(point)
    words = report.words
    objects = lookup(point, "counting", "all", "ground_truth")
    alarms = _plural(
        words, quality.get("fp"), "detection is a false alarm", "detections are false alarms"
    )
    text = words(
        "At {point}, {found} of {objects_counted} in the ground truth were found, {missed} missed, "
        "and {alarms}",
        point=point_name(number(point.get("min_confidence")), words),
        found=count(quality.get("tp")),
        objects_counted=_plural(words, objects, "{object}", "{objects}"),
        missed=count(quality.get("fn")),
        alarms=alarms,
    )
    spared = sum(int(entry.get("unmatched_at_border") or 0) for entry in point.get("images") or [])
    if report.border == "ignore" and spared:
        text += "; " + _plural(
            words,
            spared,
            "more unmatched detection is cut by the image border and not judged",
            "more unmatched detections are cut by the image border and not judged",
        )
        # Else the ratio seems to contradict F1.
        text += words(". The count ratio counts detections at the border all the same")
    return text + "."


def _setting(report: Report) -> list[tuple[str, Any]]:
    """Where the figures come from."""
    summary, words = report.summary, report.words
    method = summary.get("method")
    first = report.points[0]
    fields = len(first.get("images") or []) or None
    entries: list[tuple[str, Any]] = [
        (words("Method"), words.named(words.methods.get(str(method)) or method or "") or None),
        (words("Weights"), _name(summary.get("weights"))),
        (words("Data set"), _name(summary.get("dataset"))),
        (words("Subset"), _name(summary.get("subset"))),
        (words("{Images}"), count(fields)),
        (words("{Objects}"), count(lookup(first, "counting", "all", "ground_truth"))),
        (words("{An_object} is found at"), words("mask IoU ≥ 0.5, matched one to one")),
        (words("Averages"), words(AVERAGES)),
        (words("Image border"), words(BORDER_TEXTS.get(report.border, report.border))),
    ]
    entries += [
        (words.named(title), words.named(texts.get(str(summary.get(key)), "")) or None)
        for key, (title, texts) in words.facts.items()
    ]
    if number(summary.get("max_overlap")) is not None:
        text = words(
            "a detection overlapping a better one by IoU > {value}",
            value=figure(summary["max_overlap"], 2),
        )
        entries.append((words("Left out"), text))
    if number(summary.get("score_floor")):
        entries.append((words("Lowest confidence asked for"), confidence(summary["score_floor"])))
    return [(title, value) for title, value in entries if value is not None]


def _name(value: Any) -> Name | None:
    return Name(value) if value else None


def summary_section(report: Report) -> Section:
    """What a reader in a hurry takes away, and where the figures come from."""
    points = [
        {"tiles": _tiles(report, index, point), "text": _in_words(report, point)}
        for index, point in enumerate(report.points)
    ]
    return Section(
        "in-short", report.words("In short"), {"points": points, "setting": _setting(report)}
    )
