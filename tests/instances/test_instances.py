"""Crops say the same as stacks of whole masks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn import utils
from mrcnn.data.molding import mini_masks
from mrcnn.instances import Instances

stacks = hnp.arrays(
    bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=14), fill=st.nothing()
)


@given(stacks)
def test_full_masks_there_and_back(masks):
    instances = Instances.from_masks(masks, np.arange(masks.shape[2])).tight()
    kept = masks.any(axis=(0, 1))
    assert instances.class_ids.tolist() == np.flatnonzero(kept).tolist()
    assert instances.class_ids.dtype == np.int32
    assert instances.boxes.dtype == np.int32
    np.testing.assert_array_equal(instances.full_masks(), masks[:, :, kept])
    np.testing.assert_array_equal(instances.boxes, utils.extract_bboxes(masks[:, :, kept]))
    np.testing.assert_array_equal(instances.areas(), masks[:, :, kept].sum(axis=(0, 1)))
    for (y1, x1, y2, x2), crop in zip(instances.boxes, instances.crops, strict=True):
        assert crop.shape == (y2 - y1, x2 - x1)
        assert crop.dtype == bool


@given(stacks, st.randoms(use_true_random=False))
def test_label_image_gives_overlaps_to_the_first(masks, random):
    instances = Instances.from_masks(masks, np.ones(masks.shape[2])).tight()
    order = list(range(len(instances)))
    random.shuffle(order)
    labels = instances.label_image(order)
    full = instances.full_masks()
    expected = np.zeros(masks.shape[:2], int)
    for label, number in enumerate(order, start=1):
        expected[(expected == 0) & full[:, :, number]] = label
    assert labels.dtype == np.uint16
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(
        instances.label_image(), instances.label_image(range(len(instances)))
    )


def test_empty():
    instances = Instances.empty((5, 7, 3))
    assert len(instances) == 0
    assert instances.image_shape == (5, 7)
    assert instances.boxes.shape == (0, 4)
    assert instances.full_masks().shape == (5, 7, 0)
    assert mini_masks(instances, (28, 28)).shape == (28, 28, 0)
    assert instances.areas().shape == (0,)
    assert not instances.label_image().any()


def test_select_keeps_the_order_asked_for():
    masks = np.zeros((4, 4, 3), bool)
    for number in range(3):
        masks[number, number, number] = True
    picked = Instances.from_masks(masks, [5, 6, 7]).tight().take([2, 0])
    assert picked.class_ids.tolist() == [7, 5]
    assert picked.boxes.tolist() == [[2, 2, 3, 3], [0, 0, 1, 1]]
    assert len(picked) == 2
