"""COCO's average precision: equal to that of pycocotools, and to what is worked out by hand."""

import contextlib
import io
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from pycocotools import mask as pycoco
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn.errors import DataError
from mrcnn.evaluation.coco import CocoImage, average_precision
from mrcnn.evaluation.records import InstanceRecord
from mrcnn.instances import Instances

from .fields import CellSet, Field, random_field

CLASSES = ("large", "normal", "small", "undefined")
FIGURES = ("AP", "AP50", "AP75", "AR")


def record(cells: CellSet, shape: tuple[int, int]) -> InstanceRecord:
    scores = cells.scores or np.zeros(len(cells))
    return InstanceRecord.of(Instances(shape, cells.boxes, cells.crops, cells.class_ids, scores))


def coco_images(fields: list[Field]) -> list[CocoImage]:
    return [
        CocoImage(
            field.shape, record(field.truth, field.shape), record(field.predictions, field.shape)
        )
        for field in fields
    ]


# -- the oracle ----------------------------------------------------------------------------------


def oracle_annotations(fields: list[Field], side: str, one_class: bool) -> list[dict]:
    """From whole masks, with the run-length codes and boxes that pycocotools makes of them."""
    annotations = []
    for image_id, field in enumerate(fields, 1):
        cells: CellSet = getattr(field, side)
        codes = pycoco.encode(np.asfortranarray(cells.full_masks(field.shape).astype(np.uint8)))
        for index, code in enumerate(codes):
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image_id,
                "category_id": 1 if one_class else cells.class_ids[index],
                "segmentation": code,
                "bbox": pycoco.toBbox(code).tolist(),
                "area": float(pycoco.area(code)),
                "iscrowd": 0,
            }
            if side == "predictions":
                annotation["score"] = cells.scores[index]
            annotations.append(annotation)
    return annotations


def oracle(
    fields: list[Field],
    iou_type: str,
    ignore_classes: bool = False,
    *,
    max_detections: int | None = None,
    use_categories: bool = True,
) -> dict:
    """The same figures by pycocotools' COCOeval."""
    names = ["any"] if ignore_classes else CLASSES
    most = max(max(len(field.truth), len(field.predictions)) for field in fields)
    data = []
    with contextlib.redirect_stdout(io.StringIO()):
        for side in ("truth", "predictions"):
            coco = COCO()
            coco.dataset = {
                "images": [
                    {"id": image_id, "height": field.shape[0], "width": field.shape[1]}
                    for image_id, field in enumerate(fields, 1)
                ],
                "categories": [{"id": index, "name": name} for index, name in enumerate(names, 1)],
                "annotations": oracle_annotations(fields, side, ignore_classes),
            }
            coco.createIndex()
            data.append(coco)
        evaluator = COCOeval(*data, {"mask": "segm", "box": "bbox"}[iou_type])
        evaluator.params.maxDets = [max_detections or most]
        evaluator.params.areaRng = evaluator.params.areaRng[:1]
        evaluator.params.areaRngLbl = ["all"]
        evaluator.params.useCats = int(use_categories)
        evaluator.evaluate()
        evaluator.accumulate()
    precision = evaluator.eval["precision"][:, :, :, 0, 0]
    recall = evaluator.eval["recall"][:, :, 0, 0]

    def mean(values: np.ndarray) -> float:
        return float(values[values > -1].mean()) if (values > -1).any() else math.nan

    def figures(select) -> dict[str, float]:
        part = precision[:, :, select]
        return dict(
            zip(
                FIGURES,
                (mean(part), mean(part[0]), mean(part[5]), mean(recall[:, select])),
                strict=True,
            )
        )

    result = figures(slice(None))
    if use_categories and not ignore_classes:
        result["classes"] = {name: figures(index) for index, name in enumerate(names)}
    return result


def assert_equal(result: dict, expected: dict) -> None:
    for name in FIGURES:
        assert result[name] == pytest.approx(expected[name], abs=1e-9, nan_ok=True), name
    assert ("classes" in result) == ("classes" in expected)
    for class_name, figures in expected.get("classes", {}).items():
        assert result["classes"][class_name] == pytest.approx(figures, abs=1e-9, nan_ok=True)


DATA_SETS = 10
FIELDS = 20


@pytest.mark.parametrize("seed", range(DATA_SETS))
def test_random_data_sets_equal_pycocotools(seed):
    """Ten data sets of twenty fields each, so that ranking across images counts."""
    rng = np.random.default_rng(seed)
    fields = [
        random_field(
            rng,
            shape=(int(rng.integers(20, 70)), int(rng.integers(20, 70))),
            cells=int(rng.integers(0, 12)),
            # The last class occurs in some data sets only, or only among the predictions.
            classes=int(rng.integers(2, 5)) if seed % 2 else 3,
            overlapping=bool(rng.random() < 0.7),
            tied_scores=bool(seed % 3),
        )
        for _ in range(FIELDS)
    ]
    images = coco_images(fields)
    for iou_type in ("mask", "box"):
        for ignore_classes in (False, True):
            result = average_precision(images, CLASSES, iou_type, ignore_classes)
            assert_equal(result, oracle(fields, iou_type, ignore_classes))
            assert 0.05 < result["AP"] < 0.95
            if not seed % 2 and not ignore_classes:
                assert math.isnan(result["classes"]["undefined"]["AP"])
    if seed % 3 == 0:
        # Without ties, ignoring classes is what pycocotools does without categories.
        without_categories = oracle(fields, "mask", use_categories=False)
        assert_equal(average_precision(images, CLASSES, "mask", True), without_categories)


@pytest.fixture(scope="module")
def crowd() -> list[Field]:
    """A field with 250 cells and one with 30."""
    rng = np.random.default_rng(250)
    return [random_field(rng, shape=(330, 410), cells=cells, empty=0) for cells in (250, 30)]


@pytest.mark.parametrize("iou_type", ["mask", "box"])
def test_crowded_fields_equal_pycocotools(crowd, iou_type):
    images = coco_images(crowd)
    for ignore_classes in (False, True):
        result = average_precision(images, CLASSES, iou_type, ignore_classes)
        assert result["max_detections"] == max(len(field.predictions) for field in crowd) > 250
        assert_equal(result, oracle(crowd, iou_type, ignore_classes))


def test_the_customary_limit_of_100_detections_would_halve_the_figures(crowd):
    result = average_precision(coco_images(crowd[:1]), CLASSES, ignore_classes=True)
    limited = oracle(crowd[:1], "mask", ignore_classes=True, max_detections=100)
    assert limited["AP"] < 0.6 * result["AP"]
    assert limited["AR"] < 0.6 * result["AR"]


# -- by hand -------------------------------------------------------------------------------------

SHAPE = (10, 60)


def squares(*columns: int, class_ids=None, scores=(), size: int = 4) -> CellSet:
    """Squares in a row, from these columns on."""
    return CellSet(
        [(2, x, 2 + size, x + size) for x in columns],
        [np.ones((size, size), bool)] * len(columns),
        list(class_ids or [1] * len(columns)),
        list(scores),
    )


def evaluate(*fields: tuple[CellSet, CellSet], **options) -> dict:
    images = coco_images([Field(SHAPE, truth, predictions) for truth, predictions in fields])
    return average_precision(images, ("a", "b"), **options)


def figures_of(result: dict) -> list[float]:
    return [result[name] for name in FIGURES]


NOTHING = squares()


def test_all_found():
    result = evaluate((squares(0, 10), squares(10, 0, scores=[0.3, 0.9])))
    assert figures_of(result) == [1.0] * 4
    assert result["classes"]["a"] == dict.fromkeys(FIGURES, 1.0)
    assert all(math.isnan(value) for value in result["classes"]["b"].values())


def test_ranking_is_over_all_images():
    """A sure false alarm in one image lowers the precision of the finds in another."""
    found, false_alarm = squares(0, scores=[0.6]), squares(30, scores=[0.8])
    result = evaluate((squares(0), found), (NOTHING, false_alarm))
    assert result["AP"] == pytest.approx(0.5)
    assert result["AR"] == 1.0
    result = evaluate((squares(0), squares(0, scores=[0.9])), (NOTHING, false_alarm))
    assert result["AP"] == pytest.approx(1.0)


def test_half_found_reaches_half_the_recalls():
    result = evaluate((squares(0, 10), squares(0, scores=[0.9])))
    # Precision 1 at the recalls 0, .01, ..., .50.
    assert figures_of(result) == pytest.approx([51 / 101] * 3 + [0.5])


def test_iou_on_excluded_edges():
    """Squares of 4 pixels, one pixel apart: IoU 12 / 20 = .6, of boxes as of masks."""
    for iou_type in ("mask", "box"):
        result = evaluate((squares(0), squares(1, scores=[0.9])), iou_type=iou_type)
        # Found at .50, .55 and .60, of ten thresholds.
        assert figures_of(result) == pytest.approx([0.3, 1.0, 0.0, 0.3])


def test_boxes_count_as_they_are_given():
    """A predicted box that is wider than its mask changes the box figures only."""
    loose = CellSet([(2, 0, 6, 12)], [np.pad(np.ones((4, 4), bool), ((0, 0), (0, 8)))], [1], [0.9])
    pair = (squares(0), loose)
    assert evaluate(pair, iou_type="mask")["AP"] == 1.0
    assert evaluate(pair, iou_type="box")["AP"] == 0.0


def test_wrong_class_is_a_miss_and_a_false_alarm_unless_classes_are_ignored():
    pair = (squares(0, 10, class_ids=[1, 2]), squares(0, 10, class_ids=[1, 1], scores=[0.5, 0.9]))
    result = evaluate(pair)
    assert result["classes"]["a"]["AP"] == pytest.approx(0.5)
    assert result["classes"]["b"]["AP"] == 0.0
    assert result["AP"] == pytest.approx(0.25)
    ignoring = evaluate(pair, ignore_classes=True)
    assert figures_of(ignoring) == [1.0] * 4
    assert "classes" not in ignoring


def test_a_class_without_objects_is_left_out_of_the_mean():
    pair = (squares(0), squares(0, 30, class_ids=[1, 2], scores=[0.9, 0.95]))
    result = evaluate(pair)
    assert result["AP"] == 1.0
    assert math.isnan(result["classes"]["b"]["AR"])


def test_a_duplicate_is_a_false_alarm():
    one = squares(0, 0, scores=[0.9, 0.8])
    result = evaluate((squares(0, 10), one), (squares(10), squares(10, scores=[0.7])))
    # Ranked: found, false alarm, found: precision 1 to recall 1/3 and 2/3 to recall 2/3.
    assert result["AP"] == pytest.approx((34 + 33 * 2 / 3) / 101)


@pytest.mark.parametrize("ignore_classes", [False, True])
def test_policy_for_nothing(ignore_classes):
    options = {"ignore_classes": ignore_classes}
    for iou_type in ("mask", "box"):
        options["iou_type"] = iou_type
        # No object anywhere: not defined, whatever was detected.
        for fields in [(), [(NOTHING, NOTHING)], [(NOTHING, squares(0, scores=[0.9]))]]:
            result = evaluate(*fields, **options)
            assert all(math.isnan(value) for value in figures_of(result))
            assert result["max_detections"] == 1
        # Objects and no detection in the whole set: 0.
        result = evaluate((squares(0, 10), NOTHING), (NOTHING, NOTHING), **options)
        assert figures_of(result) == [0.0] * 4
        assert result["max_detections"] == 2
        # An image without both changes nothing.
        pair = (squares(0, 10), squares(0, scores=[0.9]))
        assert figures_of(evaluate(pair, **options)) == figures_of(
            evaluate((NOTHING, NOTHING), pair, (NOTHING, NOTHING), **options)
        )


def test_the_limit_counts_objects_where_there_are_more_of_them():
    result = evaluate((squares(0, 10, 20), squares(0, scores=[0.9])))
    assert result["max_detections"] == 3


def test_equal_scores_keep_their_order_and_the_result():
    """The first of two equally sure detections takes the object; every call gives the same."""
    better_first = squares(0, 1, scores=[0.5, 0.5])
    better_last = squares(1, 0, scores=[0.5, 0.5])
    first = evaluate((squares(0), better_first))
    last = evaluate((squares(0), better_last))
    assert first["AP75"] == 1.0 and first["AP50"] == 1.0
    assert last["AP75"] == pytest.approx(0.5) and last["AP50"] == 1.0
    assert repr(evaluate((squares(0), better_last))) == repr(last)


def test_an_empty_predicted_mask_is_a_false_alarm():
    empty = CellSet([(3, 3, 3, 3)], [np.zeros((0, 0), bool)], [1], [0.9])
    for iou_type in ("mask", "box"):
        found = squares(0, scores=[0.5])
        result = evaluate((squares(0), found), (NOTHING, empty), iou_type=iou_type)
        assert result["AP"] == pytest.approx(0.5)


# -- manners -------------------------------------------------------------------------------------


def test_bad_input():
    image = coco_images([Field(SHAPE, squares(0), squares(0, class_ids=[3], scores=[0.9]))])
    with pytest.raises(DataError, match=r"predictions of image 0 .* class id 3.*\(a, b\)"):
        average_precision(image, ("a", "b"))
    with pytest.raises(DataError, match="class id 3"):
        average_precision(image, ("a", "b"), ignore_classes=True)
    with pytest.raises(DataError, match="same name: a, a"):
        average_precision(image, ("a", "a"))
    with pytest.raises(ValueError, match='must be "mask" or "box", not \'segm\''):
        average_precision(image, ("a", "b", "c"), "segm")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.array([math.nan])}, "need one finite score each"),
        ({"scores": np.array([0.5, 0.6])}, "need one finite score each"),
        ({"scores": None}, "need one finite score each"),
        ({"class_ids": np.array([1, 2])}, r"1 run-length codes.*class ids of the shape \(2,\)"),
        ({"boxes": np.zeros((2, 4))}, r"boxes of the shape \(2, 4\)"),
        ({"run_lengths": [np.array([600, 4], np.uint32)]}, "does not fit an image of 10 x 60"),
        ({"run_lengths": [np.array([700, -100])]}, "must be at least 0 and their sum 600"),
    ],
)
def test_records_that_do_not_fit(change, message):
    good = record(squares(0, scores=[0.9]), SHAPE)
    bad = InstanceRecord(**{**vars(good), **change})
    with pytest.raises(DataError, match=message):
        CocoImage(SHAPE, good, bad)
    if "scores" not in change:
        with pytest.raises(DataError, match=message):
            CocoImage(SHAPE, bad, good)


def test_prints_nothing_and_leaves_its_input_alone(crowd, capfd):
    images = coco_images(crowd[:1])
    before = [counts.copy() for counts in images[0].truth.run_lengths]
    average_precision(images, CLASSES)
    assert capfd.readouterr() == ("", "")
    for counts, copy in zip(images[0].truth.run_lengths, before, strict=True):
        np.testing.assert_array_equal(counts, copy)


def test_the_library_is_loaded_late():
    program = "import sys, mrcnn.evaluation.coco; print('faster_coco_eval' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert found.stdout.strip() == "False"


def test_time_for_ten_large_fields():
    rng = np.random.default_rng(10)
    fields = [random_field(rng, (1200, 1600), 100, empty=0) for _ in range(10)]
    images = coco_images(fields)
    start = time.perf_counter()
    for iou_type in ("mask", "box"):
        for ignore_classes in (False, True):
            average_precision(images, CLASSES, iou_type, ignore_classes)
    # A tenth of a second or two, unless whole masks are made somewhere.
    assert time.perf_counter() - start < 2.5
