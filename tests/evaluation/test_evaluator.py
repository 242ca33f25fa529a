"""The evaluator: its protocol, what it refuses, and figures that hold together."""

import json
import math

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.evaluation import InstanceEvaluator, Instances, Quality, Sweep
from mrcnn.evaluation.sweep import near_round_confidences
from tests.evaluation.fields import CellSet, random_field

SHAPE = (64, 80)
CLASSES = ("large", "normal", "small")


def truth_of(cells: CellSet, shape=SHAPE) -> Instances:
    return Instances(shape, cells.boxes, cells.crops, cells.class_ids)


def predictions_of(cells: CellSet, shape=SHAPE) -> Instances:
    return Instances(shape, cells.boxes, cells.crops, cells.class_ids, cells.scores)


def filled_evaluator(seed: int = 0, images: int = 8, **settings) -> InstanceEvaluator:
    rng = np.random.default_rng(seed)
    evaluator = InstanceEvaluator(CLASSES, **settings)
    for number in range(images):
        field = random_field(rng, SHAPE)
        evaluator.add_truth(f"{number}.png", truth_of(field.truth))
        evaluator.process(f"{number}.png", predictions_of(field.predictions))
    return evaluator


def square(y: int, x: int, side: int = 10) -> tuple[tuple[int, int, int, int], np.ndarray]:
    return (y, x, y + side, x + side), np.ones((side, side), bool)


def instances_at(corners, class_ids=None, scores=None, shape=SHAPE) -> Instances:
    boxes, crops = zip(*[square(*corner) for corner in corners], strict=True)
    return Instances(shape, boxes, crops, class_ids or [1] * len(corners), scores)


def test_figures_of_two_images_by_hand():
    evaluator = InstanceEvaluator(CLASSES)
    evaluator.add_truth("a", instances_at([(10, 10), (10, 40), (40, 40)], [1, 2, 2]))
    evaluator.add_truth("b", instances_at([(20, 20)], [3]))
    # Two exact, one of them of another class; one at the border without a cell; one missed.
    evaluator.process("a", instances_at([(10, 10), (10, 40), (0, 60)], [1, 3, 1], [0.9, 0.8, 0.75]))
    # 7 of 10 rows are shared: IoU 70 / 130; and a false alarm inside.
    evaluator.process("b", instances_at([(23, 20), (45, 50)], [3, 3], [0.95, 0.5]))
    evaluation = evaluator.evaluate([0.7, 0.4])
    low, high = evaluation.operating_points
    assert (low.min_confidence, high.min_confidence) == (0.4, 0.7)
    assert [tally.segmented for tally in high.principal] == [2, 1]
    assert [tally.unmatched for tally in high.principal] == [1, 0]
    assert [tally.unmatched for tally in low.principal] == [1, 1]

    figures = high.to_dict()["quality"]
    pooled = figures["ignore"]["0.50"]["pooled"]
    assert (pooled["tp"], pooled["fp"], pooled["fn"]) == (3, 0, 1)
    assert pooled["recall"] == 3 / 4
    assert pooled["mean_iou"] == pytest.approx((1 + 1 + 70 / 130) / 3)
    assert figures["count"]["0.50"]["pooled"]["precision"] == 3 / 4
    strict = figures["ignore"]["0.75"]["pooled"]
    assert (strict["tp"], strict["fp"], strict["fn"]) == (2, 1, 2)
    assert figures["count"]["0.50"]["mean_over_images"]["precision"] == (2 / 3 + 1) / 2
    assert high.accuracy_mean == (2 / 3 + 1) / 2

    assert high.counting.count_ratio_mean == 1.0
    assert low.counting.detections == 5
    assert high.class_counting["large"].bias == (1 + 0) / 2
    np.testing.assert_array_equal(high.classification.matrix, [[1, 0, 0], [0, 0, 1], [0, 0, 1]])
    # The false alarm at the border does not count, the one inside does.
    np.testing.assert_array_equal(high.classification.missed, [0, 1, 0])
    np.testing.assert_array_equal(high.classification.false_alarms, [0, 0, 0])
    np.testing.assert_array_equal(low.classification.false_alarms, [0, 0, 1])
    assert low.to_dict()["classification"]["missed"] == [0, 1, 0]
    np.testing.assert_array_equal(high.pairs[0], [[0, 0], [1, 1]])
    # 100 + 100 + 70 pixels are shared; the missed cell and the rest of the union count against it.
    overlap = high.to_dict()["overlap"]["ignore"]["pooled"]
    assert overlap["aji"] == overlap["aji_plus"] == 270 / (100 + 100 + 130 + 100)

    assert evaluation.sweep.best("f1").min_confidence == 0.8
    assert evaluation.sweep.best("pq").value == pytest.approx((2 + 70 / 130) / (3 + 0.5))
    # Of five detections the one at the border is left out, and one of the others is wrong.
    assert sum(each.count for each in evaluation.calibration.bins) == 4
    assert evaluation.calibration.ece == pytest.approx((0.05 + 0.1 + 0.2 + 0.5) / 4, abs=0.03)


def test_figures_agree_with_each_other():
    evaluator = filled_evaluator()
    evaluation = evaluator.evaluate([0.3, 0.6, 0.9])
    for point in evaluation.operating_points:
        figures = point.to_dict()
        pooled = figures["quality"]["ignore"]["0.50"]["pooled"]
        assert evaluator.quality(point.min_confidence)._asdict() == {
            name: pooled[name] for name in Quality._fields
        }
        assert point.classification.matrix.sum() == pooled["tp"]
        assert point.classification.missed.sum() == pooled["fn"]
        assert point.classification.false_alarms.sum() == pooled["fp"]
        assert sum(len(pairs) for pairs in point.pairs) == pooled["tp"]
        assert sum(each.ground_truth for each in point.class_counting.values()) == (
            point.counting.ground_truth
        )
        for border in ("ignore", "count"):
            quality = figures["quality"][border]
            # A stricter match finds no more; AJI+ is never above AJI's best pairing of pixels.
            assert quality["0.75"]["pooled"]["tp"] <= quality["0.50"]["pooled"]["tp"]
            assert 0 < figures["overlap"][border]["pooled"]["aji_plus"] <= 1
        assert (
            figures["quality"]["ignore"]["0.50"]["pooled"]["fp"]
            <= figures["quality"]["count"]["0.50"]["pooled"]["fp"]
        )
        low, high = point.intervals["f1"]
        assert low <= pooled["f1"] <= high
    best = evaluation.sweep.best("f1")
    assert best.value == evaluator.quality(best.min_confidence).f1
    assert best.value >= max(evaluator.quality(at).f1 for at in np.linspace(0, 1, 33))


def test_summary_is_json_without_nan():
    evaluator = InstanceEvaluator(CLASSES)
    evaluator.add_truth("empty", Instances(SHAPE, [], [], []))
    evaluator.process("empty", Instances(SHAPE, [], [], [], []))
    text = json.dumps(evaluator.evaluate([0.5]).to_dict(), allow_nan=False)
    figures = json.loads(text)
    (point,) = figures["operating_points"]
    # Nothing is there and nothing was found: no ratio is defined, and the counts are 0.
    assert point["quality"]["count"]["0.50"]["pooled"]["f1"] is None
    assert point["quality"]["count"]["0.50"]["pooled"]["fp"] == 0
    assert point["images"][0]["accuracy"] is None
    assert figures["average_precision"]["mask"]["any_class"]["AP"] is None
    assert figures["calibration"]["ece"] is None
    assert figures["sweep"]["best"]["f1"] is None


def test_an_empty_image_has_no_part_in_means_until_something_is_found_there():
    evaluator = InstanceEvaluator(CLASSES, border="count")
    evaluator.add_truth("cells", instances_at([(10, 10)]))
    evaluator.add_truth("empty", Instances(SHAPE, [], [], []))
    evaluator.process("cells", instances_at([(10, 10)], scores=[0.9]))
    evaluator.process("empty", instances_at([(10, 10)], scores=[0.6]))
    low, high = evaluator.evaluate([0.5, 0.7]).operating_points
    means = [
        point.to_dict()["quality"]["count"]["0.50"]["mean_over_images"] for point in (low, high)
    ]
    assert [mean["precision"] for mean in means] == [0.5, 1.0]
    assert [mean["recall"] for mean in means] == [1.0, 1.0]
    assert [mean["f1"] for mean in means] == [0.5, 1.0]


def test_unscored_methods_have_no_curve():
    evaluator = filled_evaluator()
    evaluation = evaluator.evaluate([0.0], scored=False)
    assert (evaluation.sweep, evaluation.calibration) == (None, None)
    figures = evaluation.to_dict()
    assert figures["average_precision"] == {}
    assert figures["sweep"] is None


def test_reset_forgets_predictions_and_keeps_the_ground_truth():
    evaluator = filled_evaluator(images=2)
    before = evaluator.evaluate().to_dict()
    fields = [random_field(rng, SHAPE) for rng in [np.random.default_rng(0)] for _ in range(2)]
    evaluator.reset()
    assert evaluator.records == ()
    for name, field in zip(evaluator.names, fields, strict=True):
        evaluator.process(name, predictions_of(field.predictions))
    assert evaluator.evaluate().to_dict() == before


def numbers_in(value) -> list[float]:
    """All numbers of nested dictionaries and lists."""
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in numbers_in(value[key])]
    if isinstance(value, list):
        return [number for item in value for number in numbers_in(item)]
    return [value]


def test_the_order_of_the_images_does_not_matter():
    rng = np.random.default_rng(5)
    fields = {str(number): random_field(rng, SHAPE, tied_scores=False) for number in range(5)}
    figures = []
    for names in (list(fields), list(reversed(fields))):
        evaluator = InstanceEvaluator(CLASSES)
        for name in names:
            evaluator.add_truth(name, truth_of(fields[name].truth))
        for name in sorted(names):
            evaluator.process(name, predictions_of(fields[name].predictions))
        evaluation = evaluator.evaluate([0.5])
        assert [each.name for each in evaluator.records] == names
        summary = evaluation.to_dict()
        point = summary["operating_points"][0]
        figures.append([summary["average_precision"], point["quality"], point["overlap"]])
    # Equal but for the order in which images are summed.
    first, second = ([round(x, 12) for x in numbers_in(each)] for each in figures)
    assert first == second
    assert len(first) > 50


def test_whole_masks_and_crops_are_the_same():
    field = random_field(np.random.default_rng(1), SHAPE, empty=0)
    cells = field.predictions
    crops = predictions_of(cells)
    result = {
        "rois": np.array(cells.boxes),
        "class_ids": np.array(cells.class_ids),
        "scores": np.array(cells.scores),
        "masks": cells.full_masks(SHAPE),
    }
    for other in (
        Instances.from_detection(result, (*SHAPE, 3)),
        Instances.from_detection({**result, "masks": cells.crops}, (*SHAPE, 3)),
        Instances.from_masks(result["masks"], cells.class_ids, cells.scores),
    ):
        np.testing.assert_array_equal(other.boxes, crops.boxes)
        np.testing.assert_array_equal(other.scores, crops.scores)
        for a, b in zip(other.crops, crops.crops, strict=True):
            np.testing.assert_array_equal(a, b)


def test_no_mask_of_an_image_is_kept():
    evaluator = InstanceEvaluator(CLASSES)
    shape = (2000, 3000)
    evaluator.add_truth("a", instances_at([(10, 10), (100, 100)], shape=shape))
    record = evaluator.process("a", instances_at([(10, 10)], scores=[0.5], shape=shape))
    arrays = [record.intersections, record.iou]
    for side in (record.truth, record.predictions):
        arrays += [*side.run_lengths, side.boxes, side.areas, side.at_border]
    assert sum(array.nbytes for array in arrays) < 2000


def refused(message: str, call, *arguments, **settings) -> None:
    with pytest.raises(DataError, match=message):
        call(*arguments, **settings)


def test_bad_predictions_are_refused_by_name():
    evaluator = InstanceEvaluator(CLASSES)
    evaluator.add_truth("a.png", instances_at([(10, 10)]))
    refused(
        r"b.png: predictions for an image that is not in the ground truth \(a.png\)",
        evaluator.process, "b.png", instances_at([(10, 10)], scores=[0.5]),
    )  # fmt: skip
    refused(
        r"a.png: instance 1 is of class 4, which does not exist: classes are 1 to 3 \(large, nor",
        evaluator.process, "a.png", instances_at([(0, 0), (20, 20)], [1, 4], [0.5, 0.5]),
    )  # fmt: skip
    refused(
        "a.png: predictions for 32 x 80 pixels, ground truth of 64 x 80",
        evaluator.process, "a.png", instances_at([(10, 10)], scores=[0.5], shape=(32, 80)),
    )  # fmt: skip
    refused("a.png: predictions need scores", evaluator.process, "a.png", instances_at([(1, 1)]))
    evaluator.process("a.png", instances_at([(10, 10)], scores=[0.5]))
    refused(
        r"a.png: has predictions already; reset\(\)",
        evaluator.process, "a.png", instances_at([(10, 10)], scores=[0.5]),
    )  # fmt: skip


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, 1.1])
def test_scores_that_are_none(score):
    refused(
        r"Score 1 is .*: expected is 0 to 1", instances_at, [(1, 1), (9, 9)], None, [1.0, score]
    )


def test_arrays_that_do_not_fit():
    box, crop = square(5, 5)
    refused("1 masks but 2 class ids", Instances, SHAPE, [box], [crop], [1, 2])
    refused("1 masks but 0 scores", Instances, SHAPE, [box], [crop], [1], [])
    refused(r"mask 0 has the shape \(9, 10\)", Instances, SHAPE, [box], [crop[1:]], [1])
    refused(r"leaves the image of 12 x 80", Instances, (12, 80), [box], [crop], [1])
    refused(r"expected \[height, width, N\]", Instances.from_masks, np.ones((4, 4)), [1])
    result = {"rois": [box], "class_ids": [1], "scores": [1.0], "masks": np.ones((30, 30, 1))}
    refused(
        "Masks of 30 x 30 pixels for an image of 64 x 80", Instances.from_detection, result, SHAPE
    )


def test_bad_ground_truth_and_unfinished_rounds():
    evaluator = InstanceEvaluator(CLASSES)
    refused("There is no image to evaluate on", evaluator.evaluate)
    evaluator.add_truth("a", instances_at([(10, 10)]))
    refused("a: has ground truth already", evaluator.add_truth, "a", instances_at([(1, 1)]))
    empty = Instances(SHAPE, [(1, 1, 3, 3)], [np.zeros((2, 2), bool)], [1])
    refused("b: ground-truth mask 0 has no pixel", evaluator.add_truth, "b", empty)
    refused("b: instance 0 is of class 0", evaluator.add_truth, "b", instances_at([(1, 1)], [0]))
    refused("1 of 1 images have no predictions yet: a", evaluator.evaluate)
    evaluator.process("a", Instances(SHAPE, [], [], [], []))
    refused("at least one confidence", evaluator.evaluate, [])
    refused("at least one class name", InstanceEvaluator, [])
    refused("border must be", InstanceEvaluator, CLASSES, border="drop")
    refused("iou_thresholds are", InstanceEvaluator, CLASSES, iou_thresholds=(0.0,))


def test_a_predicted_mask_without_pixels_is_a_false_alarm():
    evaluator = InstanceEvaluator(CLASSES)
    evaluator.add_truth("a", instances_at([(10, 10)]))
    empty = Instances(SHAPE, [(10, 10, 12, 12)], [np.zeros((2, 2), bool)], [1], [0.9])
    evaluator.process("a", empty)
    assert evaluator.quality(0.5).precision == 0.0


def test_a_long_sweep_is_thinned_but_keeps_what_tables_show():
    thresholds = np.round(np.sort(np.random.default_rng(3).beta(8, 1, 5000)), 4)
    curve = np.linspace(0, 1, 5000)
    names = ("precision", "recall", "f1", "pq", "accuracy_mean", "count_ratio_mean")
    sweep = Sweep("ignore", 0.5, thresholds, dict.fromkeys(names, curve))
    kept = sweep.to_dict()["thresholds"]
    assert 200 <= len(kept) <= 200 + 21
    shown = thresholds[near_round_confidences(thresholds)]
    assert set(shown) <= set(kept) and len(shown) > 10
    # Of the thinned ones the same are next to round confidences.
    again = np.array(kept)[near_round_confidences(np.array(kept))]
    np.testing.assert_array_equal(again, shown)


def test_no_threshold_is_next_to_what_lies_far_below():
    assert near_round_confidences(np.array([0.68, 0.71, 0.9, 0.91])) == [1, 2, 3]
    assert near_round_confidences(np.array([0.2])) == [0]
    assert near_round_confidences(np.zeros(0)) == []
