"""The rules of suppression that are compared, against definitions."""

import numpy as np
import pytest

from benchmarks import suppression
from mrcnn.evaluation import mask_iou
from mrcnn.utils import compute_overlaps, non_max_suppression


def some_boxes(seed, count=40):
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 40, (count, 2))
    return np.concatenate([corner, corner + rng.integers(5, 30, (count, 2))], axis=1).astype(float)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_greedy_suppression_is_that_of_the_library(seed, threshold):
    boxes = some_boxes(seed)
    scores = np.linspace(1, 0.1, len(boxes))
    kept = suppression.suppress(scores, compute_overlaps(boxes, boxes), threshold)
    expected = non_max_suppression(boxes, scores, threshold)
    assert sorted(np.flatnonzero(kept)) == sorted(expected)


def test_soft_suppression_lowers_scores_step_by_step():
    overlap = np.array([[1, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 1]])
    # The second falls to 0.4 by the first, below the third, which lowers it again.
    scores = suppression.soften(np.array([0.9, 0.8, 0.5]), overlap, lambda iou: 1 - iou)
    np.testing.assert_allclose(scores, [0.9, 0.2, 0.5], rtol=1e-15)


def two_cells_found_twice():
    """Two cells that overlap a little; the first is found again, as another class."""
    boxes = np.array([[10, 10, 40, 40], [10, 34, 40, 64], [11, 10, 40, 40]])
    crops = [np.ones(box[2:] - box[:2], bool) for box in boxes]
    overlaps = compute_overlaps(boxes.astype(float), boxes.astype(float))
    return suppression.Candidates(
        (100, 100),
        boxes,
        crops,
        np.array([1, 1, 2]),
        np.array([0.95, 0.9, 0.6]),
        overlaps,
        mask_iou(boxes, crops, boxes, crops),
    )


def test_rules_on_a_cell_that_is_found_twice():
    found = two_cells_found_twice()
    kept = {
        title: (rule(found) >= suppression.FLOOR).tolist()
        for title, rule in suppression.rules().items()
    }
    assert kept["boxes, 0.3, each class by itself"] == [True, True, True]
    greedy = [title for title in kept if title.startswith(("masks", "boxes")) and "by" not in title]
    assert len(greedy) == 12
    assert all(kept[title] == [True, True, False] for title in greedy)


def test_figures_of_a_rule():
    found = two_cells_found_twice()
    truth = suppression.Instances(found.shape, found.boxes[:2], found.crops[:2], [1, 1])
    fields = [("a", truth, found)]
    line = suppression.figures(fields, ("large", "small"), suppression.rules()["boxes, 0.3"])
    assert line == "| 0.900 | 1.0000 | 1.0000 | 1.0000 | 1.0000 | 1.0000 |"


def test_bad_input_ends_with_status_2(tmp_path, capsys):
    assert suppression.main(["--dataset", str(tmp_path), "--weights", "missing.h5"]) == 2
    assert "missing.h5" in capsys.readouterr().err
