"""Charts of the report as SVG, each with a title and a description for those who cannot see it.

Colors and line styles are those of page.css, which knows the reader's light or dark preference;
nothing is told by color alone.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.report.figures import number
from mrcnn.report.page.axes import Axes, drawing, ticks
from mrcnn.report.page.shapes import Shape, shape
from mrcnn.report.words import Words

# Enough for a smooth curve on any screen.
_CURVE_POINTS = 240
# Where no figure is below this along so much of the axis of thresholds, the plot begins there.
_GOOD, _MOST_OF_AXIS = 0.75, 0.95


SWEEP_CURVES = (("precision", "precision"), ("recall", "recall"), ("f1", "F1"), ("pq", "PQ"))


def sweep_chart(
    sweep: dict[str, Any], evaluated: Sequence[float | None], words: Words | None = None
) -> Shape:
    """Precision, recall, F1 and PQ over the confidence threshold, with the best marked.

    Args:
        sweep: part of summary.json.
        evaluated: thresholds of the operating points, marked below the axis.
        words: of which language the texts are.
    """
    words = words or Words()
    thresholds = [number(value) for value in sweep["thresholds"]]
    known = [value for value in thresholds if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = max(0.0, low - 0.05), min(1.0, low + 0.05)
    bottom = _bottom(sweep, thresholds, low + _MOST_OF_AXIS * (high - low))
    axes = Axes((low, high), (bottom, 1.0))
    parts = axes.frame(words("confidence threshold"), words("figure at IoU ≥ 0.5"))
    shown = thinned(thresholds, sweep.get("best") or {})
    for key, _ in SWEEP_CURVES:
        values = sweep.get(key) or [None] * len(thresholds)
        # Where a curve leaves the plot it ends.
        held = [number(values[i]) for i in shown]
        held = [None if value is None or value < bottom else value for value in held]
        parts += axes.line([thresholds[i] for i in shown], held, key)
    for value in evaluated:
        value = number(value)
        if value is not None and low <= value <= high:
            x, y = axes.at_x(value), axes.bottom
            parts.append(shape("path", d=f"M{x:g} {y - 7:g}l5 7h-10z", class_="evaluated"))
    sentences = []
    for key, name in (("pq", "PQ"), ("f1", "F1")):
        best = (sweep.get("best") or {}).get(key) or {}
        at, value = number(best.get("min_confidence")), number(best.get("value"))
        if at is None or value is None or not low <= at <= high or value < bottom:
            continue
        x, y = axes.at_x(at), axes.at_y(value)
        mark = (
            shape("circle", cx=x, cy=y, r=6, class_="best f1")
            if key == "f1"
            else shape("rect", x=x - 5, y=y - 5, width=10, height=10, class_="best pq")
        )
        parts += [
            shape("line", x1=x, x2=x, y1=y, y2=axes.bottom, class_=f"drop {key}"),
            mark,
        ]
        sentences.append(
            words(
                "{name} is highest, {value}, at a threshold of {threshold}.",
                name=name,
                value=f"{value:.3f}",
                threshold=f"{at:.4g}",
            )
        )
    description = " ".join(reversed(sentences)) or words("No threshold has a defined F1 or PQ.")
    title = words("Figures over the confidence threshold")
    return drawing("sweep-chart", title, description, parts, 308)


def _bottom(sweep: dict[str, Any], thresholds: Sequence[float | None], until: float) -> float:
    """Where the axis of figures begins: of a good model all lie close to 1 but at the very end.

    Args:
        sweep: part of summary.json.
        thresholds: of it.
        until: threshold up to which the curves have to be seen.
    """
    seen = [
        value
        for key, _ in SWEEP_CURVES
        for threshold, held in zip(thresholds, sweep.get(key) or [], strict=False)
        if threshold is not None and threshold <= until and (value := number(held)) is not None
    ]
    lowest = min(seen, default=0.0)
    return math.floor(20 * lowest - 1) / 20 if lowest >= _GOOD else 0.0


def thinned(thresholds: Sequence[float | None], best: dict[str, Any]) -> list[int]:
    """Indices of thresholds evenly along the axis, with the best ones, at most some 240."""
    values = np.array([math.nan if value is None else value for value in thresholds])
    defined = np.flatnonzero(~np.isnan(values))
    if len(defined) <= _CURVE_POINTS:
        return [int(index) for index in defined]
    wanted = list(np.linspace(values[defined[0]], values[defined[-1]], _CURVE_POINTS))
    wanted += [
        found for entry in best.values() if (found := number((entry or {}).get("min_confidence")))
    ]
    # Where there are many thresholds the curve bends: as many again, evenly by index.
    by_index = defined[np.linspace(0, len(defined) - 1, _CURVE_POINTS // 2).astype(int)]
    by_value = [defined[np.argmin(np.abs(values[defined] - value))] for value in wanted]
    return sorted({int(index) for index in (*by_index, *by_value)})


def reliability_chart(bins: Sequence[dict[str, Any]], words: Words | None = None) -> Shape:
    """Precision of the detections by their confidence, and how many there are in each bin.

    Args:
        bins: part of summary.json.
        words: of which language the texts are.
    """
    words = words or Words()
    axes = Axes((0.0, 1.0), (0.0, 1.0), bottom=230)
    counts = Axes(
        (0.0, 1.0), (0.0, max([1, *(int(b["count"]) for b in bins)])), top=262, bottom=322
    )
    parts = axes.frame("", words("precision"), x_ticks=[])
    marks: list[Shape] = []
    told = []
    for entry in bins:
        low, high, held = float(entry["from"]), float(entry["to"]), int(entry["count"])
        left, right = axes.at_x(low) + 2, axes.at_x(high) - 2
        precision, mean = number(entry.get("precision")), number(entry.get("confidence"))
        top = counts.at_y(held)
        parts += [
            shape("rect", x=left, y=top, width=round(right - left, 1),
                    height=round(counts.bottom - top, 1), class_="bar counts"),
            shape("text", held, x=(left + right) / 2, y=top - 4, text_anchor="middle",
                    class_="small"),
        ]  # fmt: skip
        if precision is None:
            continue
        top = axes.at_y(precision)
        parts.append(
            shape("rect", x=left, y=top, width=round(right - left, 1),
                    height=round(axes.bottom - top, 1), class_="bar correct")
        )  # fmt: skip
        if mean is not None:
            marks.append(shape("circle", cx=axes.at_x(mean), cy=top, r=4, class_="mark"))
        told.append(
            words(
                "{low} to {high}: precision {precision} of {count}",
                low=f"{low:g}",
                high=f"{high:g}",
                precision=f"{precision:.2f}",
                count=held,
            )
        )
    parts += [*axes.line([0, 1], [0, 1], "ideal"), *marks]
    steps = [index / 5 for index in range(6)]
    parts += counts.frame(words("confidence"), words("count"), x_ticks=steps, y_ticks=[])
    description = words("There is no detection.")
    if told:
        description = words("By confidence: {told}.", told="; ".join(told))
    return drawing("reliability-chart", words("Precision by confidence"), description, parts, 368)


def scatter_chart(ident: str, points: Sequence[tuple[str, float, float]], words: Words) -> Shape:
    """Counted against true objects, one mark an image, with the line of equal counts.

    Args:
        ident: unique on the page.
        points: (name of the image, true objects, counted objects).
        words: what objects and images are called.
    """
    values = [value for _, true, counted in points for value in (true, counted)] or [0, 1]
    margin = max(1.0, 0.06 * (max(values) - min(values)))
    low, high = max(0.0, math.floor(min(values) - margin)), math.ceil(max(values) + margin)
    axes = Axes((low, high), (low, high))
    parts = [
        *axes.frame(words("ground truth, {objects} in {an_image}"), words("detections")),
        *axes.line([low, high], [low, high], "ideal"),
    ]
    for name, true, counted in points:
        parts.append(
            shape(
                "circle",
                shape(
                    "title",
                    words(
                        "{name}: {counted} detections, {true} in the ground truth",
                        name=name,
                        counted=f"{counted:g}",
                        true=f"{true:g}",
                    ),
                ),
                cx=axes.at_x(true),
                cy=axes.at_y(counted),
                r=5,
                class_="mark",
            )
        )
    above = sum(counted > true for _, true, counted in points)
    below = sum(counted < true for _, true, counted in points)
    description = words(
        "{number} {images}: too many {objects} counted in {above}, too few in {below}, the right "
        "number in {right}.",
        number=len(points),
        above=above,
        below=below,
        right=len(points) - above - below,
    )
    title = words("Detections against ground truth")
    return drawing(ident, title, description, parts, 308)


def histogram_bins(values: np.ndarray) -> np.ndarray:
    """Edges of some 20 bins of a round width that hold all values."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    step = max(1.0, ticks(0.0, max(high - low, 1.0), about=20)[1])
    first, last = math.floor(low / step), math.floor(high / step) + 1
    return np.arange(first, last + 1) * step


def size_chart(
    ident: str, truth: np.ndarray, detections: np.ndarray, edges: np.ndarray, words: Words
) -> Shape:
    """Histogram of equivalent diameters: ground truth as bars, detections as a line of steps.

    Args:
        ident: unique on the page.
        truth, detections: float [N], pixels.
        edges: of the bins, rising.
        words: what objects are called.
    """
    true_counts, counts = (np.histogram(values, edges)[0] for values in (truth, detections))
    highest = max(1, int(true_counts.max(initial=0)), int(counts.max(initial=0)))
    axes = Axes((float(edges[0]), float(edges[-1])), (0.0, highest * 1.05))
    parts = axes.frame(words("equivalent diameter, pixels"), words.objects)
    for low, high, held in zip(edges[:-1], edges[1:], true_counts, strict=True):
        if held:
            left, right, top = axes.at_x(low), axes.at_x(high), axes.at_y(int(held))
            parts.append(
                shape("rect", x=left, y=top, width=round(right - left, 1),
                        height=round(axes.bottom - top, 1), class_="bar truth-size")
            )  # fmt: skip
    xs = np.repeat(edges, 2)
    ys = np.concatenate([[0], np.repeat(counts, 2), [0]])
    parts += axes.line(xs.tolist(), ys.tolist(), "detection-size")
    description = "; ".join(
        words(
            "{name}: {number} {objects}, median {median} pixels",
            name=name,
            number=len(values),
            median=f"{np.median(values):.1f}",
        )
        if len(values)
        else words("{name}: no {object}", name=name)
        for name, values in ((words("Ground truth"), truth), (words("detections"), detections))
    )
    return drawing(ident, words("Sizes of the {objects}"), description + ".", parts, 308)
