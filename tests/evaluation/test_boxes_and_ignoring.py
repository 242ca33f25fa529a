"""Truth of which only boxes are known, and regions to ignore."""

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.evaluation import InstanceEvaluator, without_ignored
from mrcnn.instances import Instances

SHAPE = (40, 40)


def disks(boxes, scores=None):
    """Instances whose masks leave the corners of their boxes empty."""
    crops = []
    for y1, x1, y2, x2 in boxes:
        crop = np.ones((y2 - y1, x2 - x1), bool)
        crop[:4, :4] = crop[-4:, -4:] = False
        crops.append(crop)
    return Instances(SHAPE, boxes, crops, [1] * len(boxes), scores)


def test_where_no_mask_is_known_boxes_are_compared():
    evaluator = InstanceEvaluator(["cell"])
    evaluator.add_truth("a", Instances.from_boxes(SHAPE, [[10, 10, 20, 20]], [1]))
    # The boxes are equal; the masks share 68 of 100 pixels.
    record = evaluator.process("a", disks([[10, 10, 20, 20]], [0.9]))
    np.testing.assert_array_equal(record.iou, [[1.0]])
    assert evaluator.average_precision()["mask"]["any_class"]["AP"] == 1
    assert evaluator.quality(0.5, 0.9).f1 == 1


def test_of_some_boxes_only_those_are_compared_as_boxes():
    boxes = [[0, 0, 10, 10], [20, 20, 30, 30]]
    evaluator = InstanceEvaluator(["cell"])
    evaluator.add_truth(
        "a", Instances.merged([disks(boxes[:1]), Instances.from_boxes(SHAPE, boxes[1:], [1])])
    )
    whole = [np.ones((10, 10), bool), disks(boxes[1:]).crops[0]]
    record = evaluator.process("a", Instances(SHAPE, boxes, whole, [1, 1], [0.9, 0.8]))
    np.testing.assert_allclose(np.diag(record.iou), [0.68, 1.0])


def test_what_lies_in_a_region_to_ignore_does_not_count_unless_it_finds_an_object():
    truth = Instances.merged([disks([[0, 0, 10, 10]]), disks([[0, 0, 20, 20]])])
    truth = truth.replaced(crops=[truth.crops[0], None], ignore=[False, True])
    # The object, one in the region, by half in it, by less than half, and outside.
    found = disks(
        [[0, 0, 10, 10], [8, 8, 18, 18], [0, 15, 10, 25], [0, 16, 10, 26], [25, 25, 35, 35]],
        [0.9] * 5,
    )
    objects, counted = without_ignored(truth, found)
    assert objects.boxes.tolist() == [[0, 0, 10, 10]]
    assert counted.boxes.tolist() == [[0, 0, 10, 10], [0, 16, 10, 26], [25, 25, 35, 35]]
    assert without_ignored(objects, found) == (objects, found)


def test_what_is_to_be_ignored_is_no_truth():
    evaluator = InstanceEvaluator(["cell"])
    ignored = disks([[0, 0, 10, 10]]).replaced(ignore=[True])
    with pytest.raises(DataError, match="instance 0 is to be ignored"):
        evaluator.add_truth("a", ignored)
