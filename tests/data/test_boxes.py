"""Objects without masks, and regions to ignore, from a dataset to the arrays of a batch."""

import numpy as np
import pytest

from mrcnn.data.anchors import pyramid_anchors
from mrcnn.data.batches import BatchMaker
from mrcnn.data.dataset import Dataset, instances_of_boxes
from mrcnn.data.imgaug_augmentation import apply_imgaug
from mrcnn.data.molding import IGNORED_CLASS_ID
from mrcnn.data.overlay import lay_over
from mrcnn.data.training_item import load_training_item
from mrcnn.errors import DataError
from mrcnn.instances import Instances

POLYGON = np.array([(10.0, 10), (10, 29), (19, 29), (19, 10)])
BOXES = np.array([(30.0, 40, 50, 60.5), (60, 0, 90, 120)])


class Half(Dataset):
    """One image of 90 x 120 pixels: a rectangle, a box alone, and a region to ignore."""

    def __init__(self, boxes=BOXES, class_ids=(2, -1), polygons=(POLYGON,)):
        super().__init__()
        self.boxes, self.box_ids, self.polygons = boxes, np.array(class_ids, np.int32), polygons
        for class_id, name in enumerate(("round", "long"), start=1):
            self.add_class("cells", class_id, name)
        self.add_image("cells", 0, "a.png")
        self.prepare()

    def load_image(self, image_id):
        return np.full((90, 120, 3), 200, np.uint8)

    def load_polygons(self, image_id):
        return list(self.polygons), np.ones(len(self.polygons), np.int32)

    def load_boxes(self, image_id):
        return self.boxes, self.box_ids


def test_instances_have_masks_where_there_are_and_boxes_where_not():
    instances = Half().load_instances(0)
    assert instances.has_mask().tolist() == [True, False, False]
    assert instances.ignore.tolist() == [False, False, True]
    assert instances.class_ids.tolist() == [1, 2, -1]
    assert instances.boxes.tolist() == [[10, 10, 20, 30], [30, 40, 50, 60], [60, 0, 90, 120]]


def test_boxes_cut_by_more_than_half_are_ignored():
    boxes = [(-10, 0, 10, 10), (-11, 0, 9, 10), (-20, 0, 0, 10), (0, 0, 0.2, 10)]
    instances = instances_of_boxes(boxes, [1, 1, 1, 1], (40, 40))
    assert instances.boxes.tolist() == [[0, 0, 10, 10], [0, 0, 9, 10]]
    assert instances.ignore.tolist() == [False, True]


@pytest.mark.parametrize("mini", [True, False])
def test_a_batch_has_empty_masks_and_ids_of_regions_to_ignore(small_config, mini):
    config = type(
        "Config", (small_config,), {"USE_MINI_MASK": mini, "RPN_TRAIN_ANCHORS_PER_IMAGE": 20000}
    )()
    arrays = BatchMaker(Half(), config).make([0], [np.random.default_rng(0)])
    ids, boxes, masks = (array[0] for array in arrays[4:7])
    assert ids[:4].tolist() == [1, 2, IGNORED_CLASS_ID, 0]
    # 120 pixels are 128, and 90 are 96 with 16 of padding above.
    assert boxes[:3].tolist() == [[27, 11, 37, 31], [48, 43, 69, 65], [80, 0, 112, 128]]
    assert masks.any(axis=(0, 1))[:3].tolist() == [True, False, False]
    # The region reaches over the lower part of the picture.
    anchors = pyramid_anchors(config, config.IMAGE_SHAPE)
    top, bottom = np.clip(anchors[:, [0, 2]].T, 0, 128)
    inside = (np.minimum(bottom, 112) - np.maximum(top, 80)) / (bottom - top)
    negative = arrays[2][0, :, 0] == -1
    assert negative.any() and inside[negative].max() < 0.5


def test_objects_stay_when_there_are_too_many_regions_to_ignore(small_config):
    config = type("Config", (small_config,), {"MAX_GT_INSTANCES": 2})()
    boxes = np.concatenate([np.tile(BOXES[1:], (9, 1)), BOXES[:1]])
    dataset = Half(boxes, [*(9 * [-1]), 2])
    ids = BatchMaker(dataset, config).make([0], [np.random.default_rng(0)])[4][0]
    assert sorted(ids.tolist()) == [1, 2]


@pytest.mark.parametrize(
    ("boxes", "ids", "message"),
    [
        (BOXES[:1], (1, 2), r"boxes of shape \(1, 4\) and 2 class ids"),
        (BOXES[:1] * np.nan, (1,), "finite"),
        (BOXES[:1], (3,), "class id 3 is out of range"),
    ],
)
def test_boxes_that_cannot_be_used_name_the_image(small_config, boxes, ids, message):
    with pytest.raises(DataError, match=f"a.png: .*{message}"):
        load_training_item(Half(boxes, ids), small_config(), 0, np.random.default_rng(0))


def test_objects_are_laid_beside_those_with_masks_and_boxes_are_no_donors():
    half = Half().load_instances(0)
    image, window = Half().load_image(0), (0, 0, 90, 120)
    alone = half.take([1, 2])
    rng = np.random.default_rng(0)
    for host, donor in ((alone, half), (half, alone)):
        assert lay_over(image, host, window, (image, donor, window), 5, rng)[1] is host
    _, laid = lay_over(image, half, window, (image, half, window), 5, rng)
    assert len(laid) > 3
    assert laid.has_mask().tolist() == [True, False, False, *[True] * (len(laid) - 3)]
    assert laid.ignore.tolist() == [False, False, True, *[False] * (len(laid) - 3)]


def test_boxes_follow_augmenters_of_imgaug():
    iaa = pytest.importorskip("imgaug.augmenters")
    half = Half().load_instances(0)
    _, moved = apply_imgaug(iaa.Fliplr(1.0), Half().load_image(0), half, seed=1)
    assert moved.has_mask().tolist() == [True, False, False]
    assert moved.ignore.tolist() == [False, False, True]
    np.testing.assert_array_equal(moved.boxes[:, [1, 3]], 120 - half.boxes[:, [3, 1]])


def test_what_is_found_in_no_image_is_no_instance():
    assert len(Half(np.zeros((0, 4)), (), ()).load_instances(0)) == len(Instances.empty((9, 9)))
