"""The charts of the report: every mark stands where its value belongs."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from mrcnn.report.page.axes import Axes, ticks
from mrcnn.report.page.charts import (
    histogram_bins,
    reliability_chart,
    scatter_chart,
    size_chart,
    sweep_chart,
    thinned,
)
from mrcnn.report.page.rendering import svg
from mrcnn.report.page.shapes import Shape
from mrcnn.report.page.typeset import confidence, count, figure, interval, percent, signed, typeset
from rbc import WORDS


def parsed(chart: Shape) -> ElementTree.Element:
    """The chart, which names itself for those who cannot see it."""
    tree = ElementTree.fromstring(svg(chart))
    named = [element.attrib["id"] for element in tree if element.tag in ("title", "desc")]
    assert tree.attrib["role"] == "img" and tree.attrib["aria-labelledby"].split() == named
    assert all(element.text for element in tree if element.tag in ("title", "desc"))
    return tree


def of_class(tree: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in tree.iter() if name in element.get("class", "").split()]


def places(line: ElementTree.Element) -> list[list[tuple[float, float]]]:
    """Points of a line, one list for each unbroken part."""
    return [
        [tuple(map(float, point.split())) for point in part.split("L")]
        for part in line.attrib["d"].split("M")[1:]
    ]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.31, 0.993, [0.4, 0.6, 0.8]),
        (47, 103, [60, 80, 100]),
        (0, 7, [0, 2, 4, 6]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_axes_map_their_ends_to_the_sides():
    axes = Axes((10, 20), (0, 4), left=50, top=10, right=150, bottom=90)
    assert [axes.at_x(10), axes.at_x(15), axes.at_x(20)] == [50, 100, 150]
    assert [axes.at_y(0), axes.at_y(1), axes.at_y(4)] == [90, 70, 10]


def sweep(thresholds, f1, best=None) -> dict:
    return {"thresholds": thresholds, "f1": f1, "pq": None, "best": best}


def test_the_sweep_marks_the_best():
    best = {"min_confidence": 0.6, "value": 0.9}
    tree = parsed(
        sweep_chart(sweep([0.2, 0.4, 0.6, 0.8], [0.5, 0.7, 0.9, 0.1], {"f1": best}), [0.4, 9])
    )
    axes = Axes((0.2, 0.8), (0, 1))
    (line,) = of_class(tree, "line")
    (points,) = places(line)
    assert points == [
        (axes.at_x(x), axes.at_y(y)) for x, y in [(0.2, 0.5), (0.4, 0.7), (0.6, 0.9), (0.8, 0.1)]
    ]
    (mark,) = of_class(tree, "best")
    assert (float(mark.attrib["cx"]), float(mark.attrib["cy"])) == points[2]
    # Of the evaluated thresholds only those within the curve.
    (evaluated,) = of_class(tree, "evaluated")
    assert evaluated.attrib["d"].startswith(f"M{axes.at_x(0.4):g} ")
    assert "F1 is highest, 0.900, at a threshold of 0.6." in tree.find("desc").text


def test_a_line_breaks_where_a_figure_is_not_defined():
    tree = parsed(sweep_chart(sweep([0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.2, None, 0.4, 0.5]), []))
    (line,) = of_class(tree, "f1")
    assert [len(part) for part in places(line)] == [2, 2]
    assert tree.find("desc").text == "No threshold has a defined F1 or PQ."


@pytest.mark.parametrize("thresholds", [[0.5], [1.0], [0.0, 0.0]])
def test_a_sweep_of_one_threshold_can_be_drawn(thresholds):
    best = {"min_confidence": thresholds[0], "value": 0.5}
    tree = parsed(sweep_chart(sweep(thresholds, [0.5] * len(thresholds), {"f1": best}), [None]))
    (mark,) = of_class(tree, "best")
    assert 58 <= float(mark.attrib["cx"]) <= 428


def test_a_long_sweep_is_thinned_but_keeps_ends_and_best():
    thresholds = np.sort(np.random.default_rng(0).beta(8, 1, 20_000)).tolist()
    best = {"f1": {"min_confidence": thresholds[7777], "value": 0.9}, "pq": None}
    kept = thinned(thresholds, best)
    assert len(kept) < 400 and kept == sorted(set(kept))
    assert {0, 7777, 19_999} <= set(kept)
    assert thinned([0.1, None, 0.3], {}) == [0, 2]


def confidence_bin(low, count, mean, precision) -> dict:
    high = low + 0.5
    return {"from": low, "to": high, "count": count, "confidence": mean, "precision": precision}


def test_the_reliability_diagram_shows_precision_and_counts():
    bins = [confidence_bin(0.0, 3, 0.3, 0.25), confidence_bin(0.5, 12, 0.9, 1.0)]
    tree = parsed(reliability_chart(bins))
    axes = Axes((0, 1), (0, 1), bottom=230)
    bars = of_class(tree, "correct")
    assert [float(bar.attrib["y"]) for bar in bars] == [axes.at_y(0.25), axes.at_y(1.0)]
    assert [float(bar.attrib["height"]) for bar in bars] == pytest.approx([54, 216])
    marks = [(float(m.attrib["cx"]), float(m.attrib["cy"])) for m in of_class(tree, "mark")]
    assert marks == [(axes.at_x(0.3), axes.at_y(0.25)), (axes.at_x(0.9), axes.at_y(1.0))]
    heights = [float(bar.attrib["height"]) for bar in of_class(tree, "counts")]
    assert heights[0] / heights[1] == pytest.approx(3 / 12)
    (ideal,) = of_class(tree, "ideal")
    assert places(ideal) == [[(58, 230), (428, 14)]]


def test_a_reliability_diagram_without_detections():
    tree = parsed(reliability_chart([confidence_bin(0.0, 0, None, None)]))
    assert of_class(tree, "correct") == [] and tree.find("desc").text == "There is no detection."


def test_the_scatter_puts_equal_counts_on_its_line():
    points = [("a <b>", 50.0, 50.0), ("c", 80.0, 90.0), ("d", 60.0, 40.0)]
    tree = parsed(scatter_chart("counts", points, WORDS))
    (ideal,) = of_class(tree, "ideal")
    ((x1, y1), (x2, y2)) = places(ideal)[0]
    beside = []
    for mark in of_class(tree, "mark"):
        x, y = float(mark.attrib["cx"]), float(mark.attrib["cy"])
        # How far above the line the mark stands; y runs downwards.
        beside.append(y1 + (x - x1) / (x2 - x1) * (y2 - y1) - y)
    assert abs(beside[0]) < 0.2 and beside[1] > 10 and beside[2] < -20
    assert of_class(tree, "mark")[0].find("title").text.startswith("a <b>: 50 detections")
    assert "too many cells counted in 1, too few in 1, the right number in 1" in tree[1].text


def test_the_histogram_counts_every_cell():
    truth = np.array([10.0, 10.5, 30.0, 55.9])
    found = np.array([10.0, 31.0])
    edges = histogram_bins(np.concatenate([truth, found]))
    assert edges[0] <= 10 and edges[-1] > 55.9 and 5 < len(edges) < 60
    tree = parsed(size_chart("sizes", truth, found, edges, WORDS))
    axes = Axes((edges[0], edges[-1]), (0, 2.1))
    heights = [float(bar.attrib["height"]) for bar in of_class(tree, "truth-size")]
    unit = axes.at_y(0) - axes.at_y(1)
    assert [round(height / unit) for height in heights] == [2, 1, 1]
    (line,) = of_class(tree, "detection-size")
    (points,) = places(line)
    assert points[0][1] == points[-1][1] == axes.bottom
    levels = [y for (_, y), (_, after) in zip(points[1::2], points[2::2], strict=False)]
    assert sum(round((axes.bottom - y) / unit) for y in levels) == 2
    assert "Ground truth: 4 cells, median 20.2 pixels" in tree.find("desc").text


def test_a_histogram_of_nothing():
    edges = histogram_bins(np.zeros(0))
    tree = parsed(size_chart("sizes", np.zeros(0), np.zeros(0), edges, WORDS))
    assert "Ground truth: no cell; detections: no cell." in tree.find("desc").text


def test_figures_are_written_for_readers():
    narrow = "\u202f"
    assert [figure(0.95678), figure(-3.0891), figure(None)] == ["0.957", "−3.089", "–"]
    assert [percent(1.007), percent(float("nan"))] == [f"100.7{narrow}%", "–"]
    assert [signed(1.256), signed(-0.344), signed(0)] == ["+1.26", "−0.34", "+0.00"]
    assert [typeset("-"), typeset(None), typeset("")] == ["–", "–", ""]
    assert typeset("-0.500 (-1.000 to 0.250)") == "−0.500 (−1.000 to 0.250)"
    assert [typeset(">=0.7"), typeset("95.0 %")] == ["≥\u00a00.7", f"95.0{narrow}%"]
    assert typeset("well-known 0-1") == "well-known 0-1"
    assert [count(66), count(63.72), count(None)] == ["66", "63.7", "–"]
    assert [confidence(0.7), confidence(0.37812345), confidence(None)] == ["0.7", "0.3781", "–"]
    assert interval([0.1, 0.25], percent) == f"10.0{narrow}% to 25.0{narrow}%"
    assert interval([0.1, None]) == interval(None) == ""
    assert re.fullmatch("0.100 to 0.250", interval((0.1, 0.25)))


@pytest.mark.parametrize(("lowest", "bottom"), [(0.93, 0.85), (0.95, 0.9), (0.7, 0.0)])
def test_the_sweep_of_a_good_model_begins_where_its_curves_are(lowest, bottom):
    thresholds = [k / 100 for k in range(101)]
    f1 = [lowest] * 97 + [0.8, 0.4, 0.2, 0.0]
    best = {"f1": {"min_confidence": 0.5, "value": lowest}}
    tree = parsed(sweep_chart(sweep(thresholds, f1, best), []))
    (mark,) = of_class(tree, "best")
    assert float(mark.attrib["cy"]) == Axes((0, 1), (bottom, 1.0)).at_y(lowest)
    (points,) = places(of_class(tree, "f1")[0])
    # What lies lower is not drawn outside of the plot.
    assert max(y for _, y in points) <= Axes((0, 1), (0, 1)).bottom
    assert len(points) == (101 if bottom == 0 else 97)
