"""Regions drawn from the data and their targets: the original's draws and figures."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn import model as modellib
from mrcnn.data.region_targets import build_detection_targets, generate_random_rois
from mrcnn.errors import DataError


@pytest.fixture
def config(golden, make_config):
    values = json.loads(str(golden("inference")["config"]))
    for derived in ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE"):
        del values[derived]
    return make_config(**values)


@pytest.fixture
def seeded():
    state = np.random.get_state()
    yield np.random.seed
    np.random.set_state(state)


def test_random_regions_are_the_original_s(golden, seeded):
    recorded = golden("utils")
    seeded(99)
    rois = modellib.generate_random_rois((256, 256, 3), 100, None, recorded["rpnt_gt_boxes"])
    assert rois.dtype == np.int32
    np.testing.assert_array_equal(rois, recorded["random_rois_seed99"])


def test_targets_are_the_original_s(golden, seeded, config):
    recorded = golden("utils")
    seeded(98)
    found = modellib.build_detection_targets(
        recorded["random_rois_seed99"],
        recorded["rpnt_plain_ids"],
        recorded["rpnt_gt_boxes"],
        np.ones((28, 28, 5), bool),
        config,
    )
    for name, value in zip(("rois", "class_ids", "bboxes", "masks"), found, strict=True):
        expected = recorded[f"bdt_seed98_{name}"]
        assert value.dtype == expected.dtype
        np.testing.assert_array_equal(value, expected, err_msg=name)


@given(
    st.integers(1, 60),
    st.lists(st.tuples(*[st.integers(0, 39)] * 2, *[st.integers(1, 30)] * 2), max_size=5),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_random_regions_have_area_and_lie_in_the_image(count, places, seed):
    boxes = np.array([(y, x, min(y + h, 40), min(x + w, 50)) for y, x, h, w in places])
    rng = np.random.default_rng(seed)
    rois = generate_random_rois((40, 50, 3), count, None, boxes.reshape(-1, 4), rng=rng)
    assert rois.shape == (count, 4)
    assert (rois[:, 2:] > rois[:, :2]).all()
    assert rois.min() >= 0
    assert (rois[:, 2:] <= (40, 50)).all()


def test_whole_masks_and_mini_masks_give_the_same_targets(config):
    boxes = np.array([[10, 20, 38, 48], [100, 100, 128, 128]], np.int32)
    ids = np.array([1, 2], np.int32)
    full = np.zeros((256, 256, 2), bool)
    full[14:30, 24:44, 0] = full[100:128, 110:128, 1] = True
    mini = np.stack([full[y1:y2, x1:x2, n] for n, (y1, x1, y2, x2) in enumerate(boxes)], axis=-1)
    rois = np.concatenate([boxes + 1, boxes - 2, [[60, 60, 90, 90]]])
    small = build_detection_targets(rois, ids, boxes, mini, config, rng=np.random.default_rng(1))
    config.USE_MINI_MASK = False
    whole = build_detection_targets(rois, ids, boxes, full, config, rng=np.random.default_rng(1))
    for one, other in zip(small, whole, strict=True):
        np.testing.assert_array_equal(one, other)
    assert small[3].any()


def test_padding_and_crowds_are_no_objects(config):
    boxes = np.array([[10, 10, 50, 50], [60, 60, 90, 90], [0, 0, 0, 0]], np.int32)
    rois, class_ids, deltas, masks = build_detection_targets(
        boxes[:2], np.array([2, -1, 0]), boxes, np.ones((28, 28, 3), bool), config
    )
    # There are two regions only: the negative one is repeated.
    assert class_ids.tolist() == [2] + [0] * 31
    np.testing.assert_array_equal(rois[1:], np.tile(boxes[1], (31, 1)))
    np.testing.assert_allclose(deltas[0], 0, atol=1e-6)
    assert masks[0, :, :, 2].all() and masks.sum() == 28 * 28


def test_without_objects_all_regions_are_negative(config):
    rois = generate_random_rois((256, 256, 3), 50, None, np.zeros((0, 4)))
    found = build_detection_targets(
        rois, np.zeros(0), np.zeros((0, 4)), np.zeros((28, 28, 0)), config
    )
    assert found[0].shape == (32, 4)
    assert not any(value.any() for value in found[1:])


def test_only_positives_are_repeated_where_there_is_nothing_else(config):
    box = np.array([[10, 10, 50, 50]])
    class_ids = build_detection_targets(
        box, np.array([1]), box, np.ones((28, 28, 1), bool), config
    )[1]
    assert class_ids.tolist() == [1] * 32


def test_no_regions_is_said(config):
    with pytest.raises(DataError, match="rpn_rois is empty"):
        build_detection_targets(
            np.zeros((0, 4)), np.zeros(0), np.zeros((0, 4)), np.zeros((28, 28, 0)), config
        )
