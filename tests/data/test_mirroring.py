"""A picture that is continued by its mirror image, and the objects in it."""

import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.data.mirroring import mirror_boxes
from mrcnn.data.prepared_image import prepare_image
from mrcnn.data.training_item import load_training_item
from mrcnn.instances import Instances

SHAPE = (40, 60)


def drawn(y1, x1, y2, x2):
    """The corners of a pixel box, in pixel centers."""
    return np.array([(y1, x1), (y1, x2), (y2, x2), (y2, x1)], float) - 0.5


# Whole, cut at the bottom, at the right, in the lower right corner, at the top, and a crowd.
BOXES = [
    (10, 10, 20, 18),
    (30, 12, 40, 24),
    (8, 50, 14, 60),
    (34, 52, 40, 60),
    (0, 30, 6, 41),
    (20, 30, 24, 36),
]
IDS = np.array([1, 2, 1, 2, 1, -1], np.int32)


class Boxes(Dataset):
    """One picture whose objects are boxes filled with a color each."""

    def __init__(self, as_polygons, scale=1.0):
        super().__init__()
        self.as_polygons, self.scale = as_polygons, scale
        for number in (1, 2):
            self.add_class("a", number, str(number))
        self.add_image("a", "0", None)
        self.prepare()

    def load_image(self, image_id):
        image = np.zeros((*SHAPE, 3), np.uint8)
        for number, (y1, x1, y2, x2) in enumerate(BOXES, 1):
            image[y1:y2, x1:x2] = 40 * number
        return image

    def load_polygons(self, image_id):
        return ([drawn(*box) for box in BOXES], IDS) if self.as_polygons else None

    def load_mask(self, image_id):
        masks = np.zeros((*SHAPE, len(BOXES)), bool)
        for number, (y1, x1, y2, x2) in enumerate(BOXES):
            masks[y1:y2, x1:x2, number] = True
        return masks, IDS

    def image_scale(self, image_id):
        return self.scale


@pytest.fixture
def config(small_config):
    class CropConfig(small_config):
        NUM_CLASSES = 3
        IMAGE_RESIZE_MODE = "crop"
        IMAGE_MIN_DIM = 128
        IMAGE_PADDING = "reflect"
        SUBPIXEL_MASKS = True

    return CropConfig()


@pytest.mark.parametrize("as_polygons", [True, False])
def test_every_object_lies_on_its_pixels_and_cut_ones_are_one_with_their_mirror_image(
    config, as_polygons
):
    item = load_training_item(Boxes(as_polygons), config, 0, np.random.default_rng(3))
    assert item.image.shape == (128, 128, 3)
    assert item.image_meta[7:12].tolist() == [0, 0, 128, 128, 1]
    # What every pixel must belong to: the pattern is mirrored without end, so that no object of
    # a color touches another one of it, but where the border made one of two.
    color = item.image[:, :, 0].astype(int)
    covered = np.zeros(color.shape, int)
    for box, crop, class_id in zip(
        item.instances.boxes, item.instances.crops, item.instances.class_ids, strict=True
    ):
        y1, x1, y2, x2 = box
        assert crop.all()
        (value,) = np.unique(color[y1:y2, x1:x2])
        assert IDS[value // 40 - 1] == class_id
        covered[y1:y2, x1:x2] += 1
        # All of the object: its color ends where the box does.
        around = np.pad(color, 1)[y1 : y2 + 2, x1 : x2 + 2].copy()
        around[1:-1, 1:-1] = 0
        assert not (around == value).any()
    np.testing.assert_array_equal(covered, (color > 0).astype(int))


@pytest.mark.parametrize("as_polygons", [True, False])
def test_how_many_there_are(config, as_polygons):
    prepared = prepare_image(Boxes(as_polygons), config, 0)
    # 40 rows become 160, 60 columns become 240.
    assert prepared.picture.shape == (160, 240, 3)
    assert prepared.plan.resized_shape == (160, 240)
    assert prepared.plan.original_shape == SHAPE
    # Rows are there 4 times, columns 4 times. Where the border cuts, two are one: at the bottom
    # of the first and third copy, at the top between the second and third.
    counts = dict(zip(*np.unique(prepared.class_ids, return_counts=True), strict=True))
    whole = 16
    bottom, right, corner, top = 2 * 4, 4 * 2, 2 * 2, (1 + 1 + 1) * 4
    assert counts == {1: whole + right + top, 2: bottom + corner, -1: whole}


def test_a_picture_may_be_made_smaller_yet(config):
    shape = prepare_image(Boxes(True, scale=2.0), config, 0, smallest=0.6).picture.shape
    # 128 / 0.6 is 213.3; 80 rows and 120 columns become 320 and 240.
    assert shape == (320, 240, 3)
    assert prepare_image(Boxes(True, scale=4.0), config, 0).picture.shape == (160, 240, 3)


def test_without_reflection_padding_stays_black(config):
    config.IMAGE_PADDING = "zeros"
    item = load_training_item(Boxes(True), config, 0, np.random.default_rng(0))
    y1, x1, y2, x2 = item.image_meta[7:11].astype(int)
    assert (y2 - y1, x2 - x1) == SHAPE
    outside = item.image.copy()
    outside[y1:y2, x1:x2] = 0
    assert not outside.any()
    assert len(item.instances) == len(BOXES)


def test_a_polygon_near_the_border_is_drawn_to_it(config):
    class Near(Boxes):
        def load_polygons(self, image_id):
            # Its lowest points are the centers of the last row.
            corners = [(20, 10), (20, 30), (39, 30), (39, 10)]
            return [np.array(corners, float)], np.array([1], np.int32)

    prepared = prepare_image(Near(True), config, 0)
    frame_shape = (80, 60)
    assert isinstance(prepared.masks, Instances | None)
    first = np.split(prepared.points, prepared.ends[:-1])[0]
    assert first[:, 0].min() == 20.5 and first[:, 0].max() == frame_shape[0] - 20.5
    assert (first[:, 0] == 40).sum() == 4


def test_boxes_are_joined_with_their_mirror_image_where_the_border_cuts_them():
    boxes = np.array([[2.0, 1, 5, 9.5], [2, 3, 5, 6]])
    mirrored, ids = mirror_boxes(boxes, np.array([1, -2]), 10, 1, 1.5)
    assert mirrored.tolist() == [[2, 1, 5, 19], [2, 3, 5, 6], [2, 14, 5, 17]]
    assert ids.tolist() == [1, -2, -2]
