"""Figures at an operating point against StarDist's, on random fields of disjoint masks."""

import numpy as np
import pytest

from mrcnn.evaluation import InstanceEvaluator, Instances, Tally
from tests.evaluation.fields import Field, random_field

stardist = pytest.importorskip("stardist.matching", reason="stardist is not installed")

NAMES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "f1",
    "accuracy": "ap",
    "mean_matched_score": "mean_iou",
    "panoptic_quality": "pq",
}
IOUS = (0.5, 0.75)


def fields_of(seed: int, count: int, **settings) -> list[Field]:
    rng = np.random.default_rng(seed)
    sizes = [(48, 60), (64, 80), (90, 70)]
    return [
        random_field(
            rng, sizes[n % 3], cells=int(rng.integers(1, 25)), overlapping=False, **settings
        )
        for n in range(count)
    ]


def evaluate(fields: list[Field]):
    evaluator = InstanceEvaluator(["a", "b", "c"], iou_thresholds=IOUS, border="count")
    for number, field in enumerate(fields):
        truth, found = field.truth, field.predictions
        evaluator.add_truth(
            str(number), Instances(field.shape, truth.boxes, truth.crops, truth.class_ids)
        )
        evaluator.process(
            str(number),
            Instances(field.shape, found.boxes, found.crops, found.class_ids, found.scores),
        )
    return evaluator.evaluate([0.0], scored=False).operating_points[0]


def assert_equal(tally: Tally, expected) -> None:
    assert (tally.segmented, tally.false_alarms("count"), tally.missed) == (
        expected.tp,
        expected.fp,
        expected.fn,
    )
    quality = tally.quality("count")
    for theirs, ours in NAMES.items():
        # Where we say "not defined", StarDist says 0; and it keeps IoU as float32.
        assert np.nan_to_num(getattr(quality, ours)) == pytest.approx(
            getattr(expected, theirs), abs=1e-6
        ), ours


def test_200_fields_each_and_pooled():
    fields = fields_of(0, 200)
    labels = [
        (field.truth.label_image(field.shape), field.predictions.label_image(field.shape))
        for field in fields
    ]
    assert sum(len(field.truth) for field in fields) > 1500
    assert any(len(field.truth) == 0 for field in fields)
    assert any(len(field.predictions) == 0 for field in fields)
    point = evaluate(fields)
    for min_iou in IOUS:
        for (truth, found), tally in zip(labels, point.tallies[min_iou], strict=True):
            assert_equal(tally, stardist.matching(truth, found, thresh=min_iou))
        pooled = stardist.matching_dataset(
            *zip(*labels, strict=True), thresh=min_iou, show_progress=False
        )
        assert_equal(point.pooled(min_iou), pooled)


def test_mean_over_images():
    fields = fields_of(1, 12, empty=0)
    expected = stardist.matching_dataset(
        [field.truth.label_image(field.shape) for field in fields],
        [field.predictions.label_image(field.shape) for field in fields],
        thresh=0.5,
        by_image=True,
        show_progress=False,
    )
    figures = evaluate(fields).to_dict()["quality"]["count"]["0.50"]["mean_over_images"]
    for theirs, ours in NAMES.items():
        assert figures[ours] == pytest.approx(getattr(expected, theirs), abs=1e-6), ours


def test_250_touching_cells():
    rng = np.random.default_rng(2)
    field = random_field(rng, (600, 800), cells=250, overlapping=False, empty=0)
    assert len(field.truth) > 200
    point = evaluate([field])
    for min_iou in IOUS:
        expected = stardist.matching(
            field.truth.label_image(field.shape),
            field.predictions.label_image(field.shape),
            thresh=min_iou,
        )
        assert expected.tp > 50
        assert_equal(point.tallies[min_iou][0], expected)
