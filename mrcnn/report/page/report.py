"""What all sections of the report page share, and its headline."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mrcnn.report.page.gallery import PageField, check_field, point_name
from mrcnn.report.page.html import (
    Markup,
    confidence,
    count,
    element,
    figure,
    interval,
    join,
    lookup,
    name_text,
    number,
    percent,
    unbroken,
)
from mrcnn.report.page.texts import AVERAGES, BORDER_TEXTS
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
        """Pooled figures of a point with the headline's rule for the border, at IoU .5."""
        by_iou = lookup(point, "quality", self.border) or {}
        found: Any = next((entry for key, entry in by_iou.items() if float(key) == 0.5), {})
        return lookup(found, "pooled") or {}

    def headline(self, point: dict[str, Any]) -> dict[str, Any]:
        """Value of each figure that may have an interval."""
        return {
            **self.quality(point),
            "accuracy": point.get("accuracy_mean"),
            "count_ratio": lookup(point, "counting", "all", "count_ratio_mean"),
        }

    def at_each_point(self, make: Callable[[int, dict[str, Any]], Markup | None]) -> Markup:
        """What `make(index, point)` gives for each operating point; page.js shows one of them."""
        return join(
            element("div", made, class_="at-point", data_point=index)
            for index, point in enumerate(self.points)
            if (made := make(index, point)) is not None
        )


def paragraphs(texts: Sequence[str], words: Words) -> Markup:
    """Explanations of figures, their braces filled."""
    return join(element("p", unbroken(words(text)), class_="explanation") for text in texts)


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own.

    Attributes:
        ident: its address on the page.
        title: its heading.
        content: what stands below.
    """

    ident: str
    title: str
    content: Markup

    def markup(self) -> Markup:
        """The section as HTML."""
        title = f"{self.ident}-title"
        return element(
            "section",
            element("h2", self.title, id=title),
            self.content,
            id=self.ident,
            aria_labelledby=title,
        )


def section(ident: str, title: str, *content: Any) -> Section:
    """A section of several parts, escaped unless they are `Markup`."""
    return Section(ident, title, join(content))


def beside(figures: Any, *content: Any) -> Markup:
    """A chart or a small table with text at its side where there is room."""
    return element("div", element("div", *content), element("figure", figures), class_="beside")


def more(title: str, content: Any) -> Markup:
    """Content that opens on demand."""
    return element("details", element("summary", title), content)


# Headline -----------------------------------------------------------------------------------


def _tile(title: str, value: str, small: Any = None, strong: bool = False) -> Markup:
    return element(
        "div",
        element("dt", title),
        element("dd", value, class_="value"),
        element("dd", small, class_="small") if small else None,
        class_="tile strong" if strong else "tile",
    )


def _chosen_text(report: Report, index: int) -> str:
    if len(report.points) == 1:
        return "the only one evaluated"
    if index == report.chosen:
        return f"highest F1 of the {len(report.points)} evaluated"
    here, best = (
        number(report.quality(report.points[i]).get("f1")) for i in (index, report.chosen)
    )
    relation = "the same" if here == best else "higher"
    return f"F1 is {relation} at {confidence(report.confidences[report.chosen])}"


def _tiles(report: Report, index: int, point: dict[str, Any]) -> Markup:
    values, intervals = report.headline(point), point.get("intervals") or {}

    def with_interval(
        title: str, key: str, show: Callable[[Any], str], strong: bool = False
    ) -> Markup:
        between = interval(intervals.get(key), show)
        lines = (unbroken("95 % interval"), element("br"), between)
        small = join(lines) if between else None
        return _tile(title, show(values.get(key)), small, strong)

    threshold = report.confidences[index]
    return element(
        "dl",
        with_interval("F1", "f1", figure, strong=True),
        with_interval("Accuracy", "accuracy", percent),
        with_interval("Count ratio", "count_ratio", percent),
        with_interval("PQ", "pq", figure),
        _tile(
            "Confidence threshold",
            "none" if threshold is None else f"≥ {confidence(threshold)}",
            _chosen_text(report, index),
        ),
        class_="tiles",
    )


def _plural(value: Any, one: str, many: str) -> str:
    return f"{count(value)} {one if number(value) == 1 else many}"


def _in_words(report: Report, point: dict[str, Any]) -> Markup:
    quality = report.quality(point)
    words = report.words
    objects = lookup(point, "counting", "all", "ground_truth")
    text = (
        f"At {point_name(number(point.get('min_confidence')))}, "
        f"{count(quality.get('tp'))} of {_plural(objects, words.object, words.objects)} in the "
        f"ground truth were "
        f"found, {count(quality.get('fn'))} missed, and "
        f"{_plural(quality.get('fp'), 'detection is a false alarm', 'detections are false alarms')}"
    )
    spared = sum(int(entry.get("unmatched_at_border") or 0) for entry in point.get("images") or [])
    if report.border == "ignore" and spared:
        is_cut = _plural(spared, "more unmatched detection is", "more unmatched detections are")
        text += f"; {is_cut} cut by the image border and not judged"
    return element("p", unbroken(text + "."), class_="lead")


def _setting(report: Report) -> Markup:
    """Where the figures come from."""
    summary, words = report.summary, report.words
    method = summary.get("method")
    first = report.points[0]
    fields = len(first.get("images") or []) or None
    entries: list[tuple[str, Any]] = [
        ("Method", words.methods.get(str(method), method)),
        ("Weights", name_text(summary["weights"]) if summary.get("weights") else None),
        ("Data set", name_text(summary["dataset"]) if summary.get("dataset") else None),
        ("Subset", name_text(summary["subset"]) if summary.get("subset") else None),
        (words("{Images}"), count(fields)),
        (words("{Objects}"), count(lookup(first, "counting", "all", "ground_truth"))),
        (words("{An_object} is found at"), "mask IoU ≥ 0.5, matched one to one"),
        ("Averages", words(AVERAGES)),
        ("Image border", BORDER_TEXTS.get(report.border, report.border)),
    ]
    entries += [
        (title, texts.get(str(summary.get(key)))) for key, (title, texts) in words.facts.items()
    ]
    if number(summary.get("max_overlap")) is not None:
        text = f"a detection overlapping a better one by IoU > {figure(summary['max_overlap'], 2)}"
        entries.append(("Left out", text))
    if number(summary.get("score_floor")):
        entries.append(("Lowest confidence asked for", confidence(summary["score_floor"])))
    made = (
        element("div", element("dt", title), element("dd", value))
        for title, value in entries
        if value is not None
    )
    return element("dl", *made, class_="setting")


def summary_section(report: Report) -> Section:
    """What a reader in a hurry takes away, and where the figures come from."""
    words = report.at_each_point(
        lambda index, point: join([_tiles(report, index, point), _in_words(report, point)])
    )
    return section("in-short", "In short", words, _setting(report))
