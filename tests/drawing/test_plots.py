"""Precision-recall curve and grid of overlaps."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mrcnn.drawing.plots import plot_overlaps, plot_precision_recall
from mrcnn.errors import DataError

NAMES = ["BG", "cat", "dog"]


def labels(ticks):
    return [label.get_text() for label in ticks]


@pytest.mark.parametrize("kind", [list, np.array])
def test_precision_recall_curve(kind, shows):
    precisions, recalls = [1.0, 0.8, 0.5, 0.0], [0.0, 0.4, 0.9, 1.0]
    ax = plot_precision_recall(0.6789, kind(precisions), kind(recalls))
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), recalls)
    np.testing.assert_array_equal(line.get_ydata(), precisions)
    assert ax.get_title() == "Precision over recall, AP at IoU 0.5: 0.679"
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1.1), (0, 1.1))
    assert shows == []
    assert plt.gcf() is ax.figure
    ax.figure.canvas.draw()


def test_curve_that_does_not_fit():
    with pytest.raises(DataError, match="2 precisions and 3 recalls"):
        plot_precision_recall(0.5, [1, 0], [0, 0.5, 1])


@pytest.fixture
def grid():
    """Predictions cat, dog and padding; objects dog, cat and padding."""
    return {
        "gt_class_ids": np.array([2, 1, 0]),
        "pred_class_ids": np.array([1, 2, 0]),
        "pred_scores": np.array([0.957, 0.6, 0.0]),
        "overlaps": np.array([[0.7, 0.9], [0.3, 0.0]]),
        "class_names": NAMES,
    }


def test_grid_of_overlaps(grid, shows):
    ax = plot_overlaps(**grid)
    np.testing.assert_array_equal(ax.images[0].get_array(), grid["overlaps"])
    assert labels(ax.get_yticklabels()) == ["cat (0.96)", "dog (0.60)"]
    assert labels(ax.get_xticklabels()) == ["dog", "cat"]
    assert {text.get_position(): (text.get_text(), text.get_color()) for text in ax.texts} == {
        (0, 0): ("0.700\nwrong", "white"),
        (1, 0): ("0.900\nmatch", "white"),
        (0, 1): ("0.300\n", "black"),
        (1, 1): ("0.000\n", "gray"),
    }
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Ground truth", "Predictions")
    assert shows == []
    assert plt.gcf() is ax.figure


def test_threshold_of_overlaps(grid):
    marks = [text.get_text().split("\n")[1] for text in plot_overlaps(**grid, threshold=0.8).texts]
    assert marks == ["", "match", "", ""]
    marks = [text.get_text().split("\n")[1] for text in plot_overlaps(**grid, threshold=0.2).texts]
    assert marks == ["wrong", "match", "match", ""]


def test_lists_are_as_good(grid):
    lists = {name: np.asarray(value).tolist() for name, value in grid.items()}
    assert labels(plot_overlaps(**lists).get_xticklabels()) == ["dog", "cat"]


@pytest.mark.parametrize(
    "change",
    [
        {"pred_class_ids": [], "pred_scores": [], "overlaps": np.zeros((0, 2))},
        {"gt_class_ids": [0, 0], "overlaps": np.zeros((2, 0))},
        {"pred_class_ids": [], "pred_scores": [], "gt_class_ids": [], "overlaps": []},
    ],
)
def test_nothing_to_compare(grid, change):
    ax = plot_overlaps(**{**grid, **change})
    assert (len(ax.images), len(ax.texts)) == (0, 0)
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"overlaps": np.zeros((2, 3))}, r"\(2, 3\): \(2, 2\) is expected"),
        ({"pred_scores": [0.5]}, "1 pred_scores for 3 pred_class_ids"),
        ({"class_names": ["BG", "cat"]}, "class 2, but class_names has 2 names"),
    ],
)
def test_overlaps_that_do_not_fit(grid, change, message):
    with pytest.raises(DataError, match=message):
        plot_overlaps(**{**grid, **change})
    assert plt.get_fignums() == []
