"""The parts of the benchmark of magnifications, on images that are made here."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import scale, scale_estimates
from mrcnn.instances import Instances


def test_truth_is_scaled_by_edges():
    square = np.array([[10, 20], [10, 39], [29, 39], [29, 20]], float)
    for factor, expected in ((1, (10, 20, 30, 40)), (2, (20, 40, 60, 80)), (0.5, (5, 10, 15, 20))):
        truth = scale.truth_of([square], factor, (100, 100))
        assert np.abs(truth.boxes[0] - expected).max() <= 1


def test_boxes_of_yolo_and_the_border(tmp_path):
    (tmp_path / "a.txt").write_text("1 0.5 0.25 0.1 0.2\n0 0.05 0.5 0.1 0.5\n")
    kinds, boxes = scale.yolo(tmp_path / "a.txt", (200, 400, 3))
    assert kinds.tolist() == [1, 0]
    np.testing.assert_allclose(boxes, [[30, 180, 70, 220], [50, 0, 150, 40]])
    assert scale.at_border(boxes, (200, 400)).tolist() == [False, True]


def test_figures_of_found_cells():
    box, mask = [[10, 10, 20, 20], [40, 40, 50, 50]], [np.ones((10, 10), bool)] * 2
    truth = Instances((60, 60), box, mask, [1, 1])
    found = Instances((60, 60), box[:1], mask[:1], [3], [0.9])
    figures = scale.quality([(truth, found)])
    assert figures == {"cells": 2, "found": 1, "precision": 1.0, "recall": 0.5, "f1": 0.6667}


def test_platelets_are_no_cells():
    find = SimpleNamespace(told_names=("normal", "white blood cell", "platelet"))
    mask = [np.ones((5, 5), bool)] * 3
    found = Instances((20, 20), [[0, 0, 5, 5], [6, 6, 11, 11], [12, 12, 17, 17]], mask, [3, 1, 2])
    assert scale.cells_of(find, found).class_ids.tolist() == [1, 2]


def test_a_wrong_command_line():
    with pytest.raises(SystemExit) as stopped:
        scale.main(["--only", "nothing"])
    assert stopped.value.code == 2


def test_regions_that_are_one_cell():
    disc = np.hypot(*np.mgrid[-9.5:10, -9.5:10]) < 10
    two = np.hstack([disc, disc])
    boxes = [[10, 10, 30, 30], [40, 10, 60, 50], [70, 10, 90, 50], [10, 60, 30, 80]]
    regions = Instances((100, 100), boxes, [disc, two, two, disc], [1] * 4)
    # (x, y): one in the first, two in the second, one in the dented third, none in the last.
    centers = np.array([[20.4, 19.6], [20, 50], [40, 50], [20, 80], [95, 95]])
    found = scale_estimates.single_cells(regions, centers)
    assert found.boxes.tolist() == boxes[:1]
    assert scale_estimates.median_diameter(found) == pytest.approx(20, abs=0.2)
