"""How cells of other laboratories are judged."""

import numpy as np

from benchmarks.laboratories import PLATELET, RED, WHITE, Counts, calibration_gap, compare

SHAPE = (100, 100)
# A white cell, two red ones, a platelet, and a sliver of a red one.
KINDS = np.array([WHITE, RED, RED, PLATELET, RED])
BOXES = np.array(
    [[10, 10, 40, 40], [50, 10, 70, 30], [50, 40, 70, 60], [80, 80, 90, 90], [0, 60, 3, 80]], float
)


def judged(*images):
    counts = Counts()
    for kinds, boxes, scores in images:
        found = np.array(kinds, int), np.array(boxes, float).reshape(-1, 4), np.array(scores)
        compare(counts, (KINDS, BOXES), found, SHAPE)
    return counts


def test_all_right_is_all_right():
    counts = judged((KINDS[:4], BOXES[:4], [0.9] * 4))
    figures = counts.figures()
    for kind in ("red blood cell", "white blood cell", "platelet"):
        assert figures[kind]["recall"] == figures[kind]["precision"] == figures[kind]["f1"] == 1
    assert figures["red blood cell"]["cells"] == 2, "a sliver does not count"
    assert figures["red on others in 100 images"] == 0


def test_what_is_found_at_the_border_or_on_a_sliver_is_no_false_alarm():
    more = [[0, 0, 8, 8], [0, 60, 3, 81], [20, 70, 30, 80]]
    counts = judged(([*KINDS[:4], RED, RED, RED], [*BOXES[:4], *more], [0.9] * 7))
    assert counts.hits[RED] == 2 and counts.missed[RED] == 0
    assert counts.false[RED] == 1, "the one in the middle of nothing"


def test_a_white_cell_called_red_is_told():
    counts = judged(([RED], [[11, 10, 41, 40]], [0.8]))
    assert counts.figures()["red on others in 100 images"] == 100
    assert (counts.false[RED], counts.missed[WHITE], counts.missed[RED]) == (1, 1, 2)


def test_intervals_are_of_images():
    right, wrong = (KINDS[:4], BOXES[:4], [0.9] * 4), ([RED], [[50, 10, 70, 30]], [0.9])
    figures = judged(*[right] * 9, *[wrong] * 9).figures()["red blood cell"]
    assert figures["recall"] == 0.75 and figures["precision"] == 1
    low, high = figures["recall, 95 %"]
    # A binomial of 18 images, each with a recall of 1 or 0.5.
    assert 0.6 <= low <= 0.67 and 0.83 <= high <= 0.9
    assert figures["precision, 95 %"] == [1, 1]
    same = judged(*[right] * 3).figures()["red blood cell"]
    assert same["recall, 95 %"] == [1, 1]


def test_confidences_that_are_right_have_no_gap():
    assert calibration_gap([]) == 0
    assert abs(calibration_gap([(0.75, True)] * 3 + [(0.75, False)])) < 1e-12
    assert abs(calibration_gap([(0.95, False), (0.95, False)]) - 0.95) < 1e-12
