"""Counts and ratios at an operating point."""

import math

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.evaluation import Tally, mean_over_images, pooled, tally_image

# Three cells; predictions: a good one, one for cell 1 with a low score, two false alarms of which
# the last touches the border. Cell 2 is missed.
IOU = np.array(
    [
        [0.9, 0.0, 0.0, 0.0],
        [0.0, 0.6, 0.3, 0.0],
        [0.0, 0.0, 0.0, 0.2],
    ]
)
SCORES = np.array([0.95, 0.75, 0.9, 0.85])
AT_BORDER = np.array([True, False, False, True])


def test_tally_of_one_image():
    tally = tally_image(IOU, SCORES, AT_BORDER, 0.7)
    assert tally == Tally(3, 4, 2, 1, pytest.approx(1.5))
    assert (tally.unmatched, tally.missed) == (2, 1)
    assert tally.accuracy == 2 / 3
    assert tally.count_ratio == 4 / 3
    assert tally.mean_iou == pytest.approx(0.75)
    assert (tally.false_alarms("count"), tally.false_alarms("ignore")) == (2, 1)
    counted = tally.quality("count")
    assert counted[:4] == (2 / 4, 2 / 3, 4 / 7, 2 / 5)
    assert counted.mean_iou == pytest.approx(0.75)
    assert counted.pq == pytest.approx(1.5 / (2 + 1.5))
    ignored = tally.quality("ignore")
    assert ignored[:4] == (2 / 3, 2 / 3, 4 / 6, 2 / 4)
    assert ignored.pq == pytest.approx(ignored.mean_iou * ignored.f1)


def test_a_matched_prediction_at_the_border_stays_a_hit():
    assert tally_image(IOU, SCORES, AT_BORDER, 0.95).quality("ignore")[:3] == (1.0, 1 / 3, 0.5)


@pytest.mark.parametrize(
    ("confidence", "detections", "segmented"), [(0.75, 4, 2), (0.76, 3, 1), (0.96, 0, 0)]
)
def test_predictions_below_the_confidence_are_not_there(confidence, detections, segmented):
    tally = tally_image(IOU, SCORES, AT_BORDER, confidence)
    assert (tally.ground_truth, tally.detections, tally.segmented) == (3, detections, segmented)


def test_a_stricter_iou_counts_fewer():
    assert tally_image(IOU, SCORES, AT_BORDER, 0.7, min_iou=0.75).segmented == 1


def test_nothing_annotated_and_nothing_found_is_not_defined():
    tally = tally_image(np.zeros((0, 0)), [], [], 0.5)
    assert tally == Tally()
    figures = [tally.accuracy, tally.count_ratio, tally.mean_iou, *tally.quality()]
    assert all(math.isnan(figure) for figure in figures)


def test_only_false_alarms_and_only_misses():
    alarms = tally_image(np.zeros((0, 2)), [0.9, 0.9], [False, True], 0.5)
    quality = alarms.quality("count")
    assert (quality.precision, quality.f1, quality.ap, quality.pq) == (0.0, 0.0, 0.0, 0.0)
    assert math.isnan(quality.recall)
    assert math.isnan(quality.mean_iou)
    # The one at the border is no false alarm, the other is.
    assert alarms.quality("ignore").precision == 0.0
    misses = tally_image(np.zeros((2, 0)), [], [], 0.5)
    assert misses.accuracy == 0.0
    assert math.isnan(misses.quality().precision)
    assert misses.quality().f1 == 0.0


def test_pooled_weighs_cells_and_the_mean_weighs_images():
    tallies = [Tally(10, 10, 10), Tally(90, 50, 45), Tally(0, 1, 0)]
    assert pooled(tallies).accuracy == 55 / 100
    assert mean_over_images(tally.accuracy for tally in tallies) == (1.0 + 0.5) / 2
    assert math.isnan(mean_over_images([]))


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match=r"\[G, P\]"):
        tally_image(IOU, SCORES[:3], AT_BORDER, 0.5)
    with pytest.raises(DataError, match="NaN"):
        tally_image(IOU, [np.nan, 1, 1, 1], AT_BORDER, 0.5)
    with pytest.raises(DataError, match='"count" or "ignore"'):
        Tally().quality("drop")
