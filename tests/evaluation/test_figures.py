"""Counts, classes, calibration, intervals and the sweep, each against figures worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.evaluation import (
    Instances,
    Tally,
    classify,
    count_errors,
    pooled,
    reliability,
    tally_image,
)
from mrcnn.evaluation.bootstrap import bootstrap_intervals
from mrcnn.evaluation.records import ImageRecord
from mrcnn.evaluation.sweep import sweep_confidence


def test_count_errors_by_hand():
    errors = count_errors([10, 20, 0, 30], [12, 17, 1, 30])
    assert errors.ground_truth == 60
    assert errors.detections == 60
    assert errors.count_ratio_mean == pytest.approx((1.2 + 0.85 + 1.0) / 3)
    assert errors.bias == 0.0
    assert errors.mae == (2 + 3 + 1 + 0) / 4
    assert errors.mape == pytest.approx((0.2 + 0.15 + 0.0) / 3)
    assert errors.r2 == pytest.approx(1 - 14 / 500)


def test_count_errors_that_are_not_defined():
    nothing = count_errors([], [])
    assert nothing[:2] == (0, 0)
    assert all(math.isnan(value) for value in nothing[2:])
    # The true numbers are equal, so there is no spread to explain.
    equal = count_errors([5, 5], [5, 7])
    assert math.isnan(equal.r2)
    assert equal.bias == 1.0
    empty = count_errors([0], [2])
    assert (math.isnan(empty.mape), empty.mae) == (True, 2.0)
    # Guessing the mean of the true numbers would have been better.
    assert count_errors([1, 3], [3, 1]).r2 == 1 - 8 / 2
    with pytest.raises(DataError, match="2 true counts but 1"):
        count_errors([1, 2], [1])


def test_classes_by_hand():
    # True large, large, normal, small; the second large is taken for normal, small for normal.
    found = classify(["large", "normal", "small", "undefined"], [1, 1, 2, 3], [1, 2, 2, 2])
    np.testing.assert_array_equal(
        found.matrix, [[1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    )
    assert found.accuracy == 2 / 4
    assert found.classes["large"] == (1.0, 0.5, pytest.approx(2 / 3), 2)
    assert found.classes["normal"] == (pytest.approx(1 / 3), 1.0, 0.5, 1)
    assert found.classes["small"] == (0.0, 0.0, 0.0, 1)
    # It neither occurs nor was named, so it has no part in the means.
    assert math.isnan(found.classes["undefined"].f1)
    assert found.macro["precision"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert found.macro["recall"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert found.macro["f1"] == pytest.approx((2 / 3 + 0.5 + 0) / 3)


def test_what_has_no_partner_is_the_background_s():
    found = classify(["large", "small"], [1, 2], [1, 1], missed_ids=[2, 2], false_alarm_ids=[1])
    assert (found.missed.tolist(), found.false_alarms.tolist()) == ([0, 2], [1, 0])
    np.testing.assert_array_equal(found.with_background, [[1, 0, 0], [1, 0, 2], [1, 0, 0]])
    # The figures are those of the pairs alone.
    assert found.classes == classify(["large", "small"], [1, 2], [1, 1]).classes
    assert not classify(["large"], [], []).with_background.any()


def test_no_matched_object_has_no_class():
    found = classify(["cell"], [], [])
    assert math.isnan(found.accuracy)
    assert all(math.isnan(value) for value in found.macro.values())


def test_reliability_by_hand():
    scores = [0.05, 0.15, 0.15, 0.95, 1.0, 0.1]
    right = [False, True, False, True, True, False]
    found = reliability(scores, right)
    assert [each.count for each in found.bins] == [1, 3, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found.bins[1].confidence == pytest.approx(0.4 / 3)
    assert found.bins[1].precision == pytest.approx(1 / 3)
    assert (found.bins[9].low, found.bins[9].high) == (0.9, 1.0)
    assert math.isnan(found.bins[5].precision)
    gaps = 1 * 0.05 + 3 * abs(1 / 3 - 0.4 / 3) + 2 * abs(1.0 - 0.975)
    assert found.ece == pytest.approx(gaps / 6)


def test_reliability_of_nothing_and_of_a_perfect_oracle():
    assert math.isnan(reliability([], []).ece)
    assert reliability([1.0, 1.0, 0.0], [True, True, False]).ece == 0.0
    with pytest.raises(DataError, match="1 scores but 2 outcomes"):
        reliability([0.5], [True, False])


def test_intervals_hold_the_figure_and_shrink_with_more_images():
    rng = np.random.default_rng(3)
    tallies = [Tally(50, int(n) + 3, int(n), 1, 0.9 * n) for n in rng.integers(30, 50, 12)]
    intervals = bootstrap_intervals(tallies, "ignore")
    quality = pooled(tallies).quality("ignore")
    for name in ("precision", "recall", "f1", "pq", "mean_iou"):
        low, high = intervals[name]
        assert low <= getattr(quality, name) + 1e-12
        assert getattr(quality, name) - 1e-12 <= high
    assert intervals["mean_iou"] == (pytest.approx(0.9), pytest.approx(0.9))
    many = bootstrap_intervals(tallies * 20, "ignore")
    assert np.ptp(many["f1"]) < np.ptp(intervals["f1"]) / 3
    assert bootstrap_intervals(tallies, "ignore") == intervals


def test_interval_of_means_is_that_of_a_plain_bootstrap():
    tallies = [Tally(10, 10, hits) for hits in (3, 5, 6, 8, 9, 10)]
    values = np.array([tally.accuracy for tally in tallies])
    draws = np.random.default_rng(0).integers(6, size=(1000, 6))
    expected = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    assert bootstrap_intervals(tallies, "count")["accuracy"] == pytest.approx(tuple(expected))


def test_intervals_that_are_not_defined():
    assert all(
        math.isnan(low) for low, _ in bootstrap_intervals([Tally(1, 1, 1)], "count").values()
    )
    nothing = bootstrap_intervals([Tally(), Tally()], "count")
    assert all(math.isnan(low) and math.isnan(high) for low, high in nothing.values())


def record_of(rng: np.random.Generator, name: str) -> ImageRecord:
    """Squares on a grid, found with random scores, some twice, with false alarms between them."""

    def squares(corners, side):
        return [(y, x, y + side, x + side) for y, x in corners], [
            np.ones((side, side), bool)
        ] * len(corners)

    corners = [(y, x) for y in range(0, 60, 20) for x in range(0, 60, 20)]
    found = [corners[index] for index in rng.integers(0, len(corners), 8)]
    found += [(y + 12, x + 11) for y, x in corners[:3]]
    truth = Instances((70, 70), *squares(corners, 10), np.ones(len(corners)))
    scores = rng.choice([0.1, 0.25, 0.33333, 0.7, np.float32(0.7), 0.9, 1.0], len(found))
    return ImageRecord.of(
        name, truth, Instances((70, 70), *squares(found, 10), np.ones(len(found)), scores)
    )


@given(seed=st.integers(0, 1000), border=st.sampled_from(["count", "ignore"]))
@settings(max_examples=25, deadline=None)
def test_sweep_has_the_figures_of_each_threshold(seed, border):
    rng = np.random.default_rng(seed)
    records = [record_of(rng, str(index)) for index in range(3)]
    sweep = sweep_confidence(records, border)
    scores = np.concatenate([record.predictions.scores for record in records])
    assert (np.diff(sweep.thresholds) > 0).all()
    # Every score is admitted by a threshold of 4 decimals just below it.
    for score in scores:
        nearest = sweep.thresholds[sweep.thresholds <= score].max()
        assert score - nearest < 1e-4
        assert round(nearest, 4) == nearest
    for index, at in enumerate(sweep.thresholds):
        tallies = [
            tally_image(record.iou, record.predictions.scores, record.predictions.at_border, at)
            for record in records
        ]
        quality = pooled(tallies).quality(border)
        for name in ("precision", "recall", "f1", "pq"):
            assert sweep.curves[name][index] == pytest.approx(getattr(quality, name), nan_ok=True)
        assert sweep.curves["accuracy_mean"][index] == pytest.approx(
            np.mean([tally.accuracy for tally in tallies])
        )
        assert sweep.curves["count_ratio_mean"][index] == pytest.approx(
            np.mean([tally.count_ratio for tally in tallies])
        )
    best = sweep.best("f1")
    assert best.value == max(sweep.curves["f1"])
    assert sweep.curves["f1"][list(sweep.thresholds).index(best.min_confidence)] == best.value
    # Of equal values the highest confidence.
    later = sweep.thresholds > best.min_confidence
    assert (sweep.curves["f1"][later] < best.value).all()


def test_sweep_without_a_prediction():
    truth = Instances((9, 9), [(0, 0, 3, 3)], [np.ones((3, 3), bool)], [1])
    sweep = sweep_confidence([ImageRecord.of("a", truth, Instances((9, 9), [], [], [], []))])
    assert len(sweep.thresholds) == 0
    assert sweep.best() is None
    assert sweep.to_dict()["best"] == {"f1": None, "pq": None}


def test_a_long_sweep_is_thinned_out_around_its_best():
    rng = np.random.default_rng(0)
    corners = [(y, x) for y in range(0, 400, 10) for x in range(0, 400, 10)]
    boxes = [(y, x, y + 5, x + 5) for y, x in corners]
    crops = [np.ones((5, 5), bool)] * len(boxes)
    truth = Instances((400, 400), boxes[::2], crops[::2], np.ones(len(boxes) // 2))
    scores = rng.random(len(boxes))
    scores[::2] = 0.3 + 0.7 * scores[::2]
    predictions = Instances((400, 400), boxes, crops, np.ones(len(boxes)), scores)
    sweep = sweep_confidence([ImageRecord.of("a", truth, predictions)])
    assert len(sweep.thresholds) > 1000
    thin = sweep.to_dict()
    # The best of two measures and those next to 21 round confidences are kept besides.
    assert len(thin["thresholds"]) <= 200 + 2 + 21
    for confidence in (0.05, 0.5, 0.95):
        nearest = sweep.thresholds[np.abs(sweep.thresholds - confidence).argmin()]
        assert nearest in thin["thresholds"]
    assert len(thin["f1"]) == len(thin["thresholds"])
    assert thin["best"]["f1"]["min_confidence"] in thin["thresholds"]
    assert thin["best"]["pq"]["value"] == max(sweep.curves["pq"])
