"""The numpy functions give the recorded numbers of the original, dtype included."""

import json
import random
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn import model, utils
from mrcnn.data import molding
from mrcnn.data.rpn_targets import build_rpn_targets
from mrcnn.errors import ConfigError

COLORS = SimpleNamespace(MEAN_PIXEL=np.array([123.7, 116.8, 103.9]))


def assert_same(actual, expected):
    actual = np.asarray(actual)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(actual, expected)


def test_box_functions(recorded):
    assert_same(
        utils.compute_overlaps(recorded["b1"], recorded["b2"]), recorded["compute_overlaps"]
    )
    assert_same(
        utils.apply_box_deltas(recorded["b1"], recorded["deltas"]), recorded["apply_box_deltas"]
    )
    assert_same(
        utils.box_refinement(recorded["b1"][:9], recorded["b2"]), recorded["box_refinement"]
    )
    assert_same(utils.norm_boxes(recorded["b1"], (100, 120)), recorded["norm_boxes"])
    assert_same(utils.denorm_boxes(recorded["norm_boxes"], (150, 180)), recorded["denorm_boxes"])


def test_mask_functions(recorded):
    assert_same(utils.extract_bboxes(recorded["m1"]), recorded["extract_bboxes"])
    assert_same(
        utils.compute_overlaps_masks(recorded["m1"], recorded["m2"]),
        recorded["compute_overlaps_masks"],
    )


@pytest.mark.parametrize(("threshold", "name"), [(0.3, "nms_03"), (0.5, "nms_05"), (0.7, "nms_07")])
def test_non_max_suppression(recorded, threshold, name):
    kept = utils.non_max_suppression(recorded["nms_boxes"], recorded["nms_scores"], threshold)
    assert_same(kept, recorded[name])


MODES = ["square", "square_down", "square_minscale", "pad64", "pad64_minscale", "crop", "none"]


@pytest.mark.parametrize("mode", MODES)
def test_resize_image_and_mask(recorded, mode):
    random.seed(42)  # the recorded crop begins at (0, 0), which this seed draws as well
    image, window, scale, padding, crop = utils.resize_image(
        recorded["rs_image"], **json.loads(str(recorded[f"rs_{mode}_kwargs"]))
    )
    assert_same(image, recorded[f"rs_{mode}_image"])
    assert_same(window, recorded[f"rs_{mode}_window"])
    assert_same(scale, recorded[f"rs_{mode}_scale"])
    assert_same(padding, recorded[f"rs_{mode}_padding"])
    assert_same([] if crop is None else crop, recorded[f"rs_{mode}_crop"])
    mask = utils.resize_mask(recorded["rs_mask"], scale, padding, crop)
    assert_same(mask, recorded[f"rs_{mode}_mask"])


def test_pad64_without_a_minimum_works(recorded):
    assert "TypeError" in str(recorded["rs_pad64_noscale_error"]), "the original fails here"
    image, window, scale, padding, crop = utils.resize_image(recorded["rs_image"], mode="pad64")
    assert image.shape == (64, 128, 3)
    assert (window, scale, crop) == ((7, 29, 57, 99), 1, None)
    assert padding == [(7, 7), (29, 29), (0, 0)]
    np.testing.assert_array_equal(image[7:57, 29:99], recorded["rs_image"])


def test_resize_float_image(recorded):
    image = utils.resize_image(recorded["rs_float_in"], min_dim=50, max_dim=64)[0]
    assert_same(image, recorded["rs_float_out"])


@pytest.mark.parametrize("side", [28, 56])
def test_mini_masks_there_and_back(recorded, side):
    boxes = utils.extract_bboxes(recorded["rs_mask"])
    small = utils.minimize_mask(boxes, recorded["rs_mask"], (side, side))
    assert_same(small, recorded[f"minimize_{side}"])
    assert_same(utils.expand_mask(boxes, small, (50, 70, 3)), recorded[f"expand_{side}"])


def test_unmold_mask(recorded):
    masks = [
        utils.unmold_mask(recorded["unmold_in"], box, (50, 70, 3))
        for box in recorded["unmold_boxes"]
    ]
    assert_same(np.stack(masks), recorded["unmold_out"])


@pytest.mark.parametrize("shape", [(13, 17), (41, 30), (28, 28)])
def test_resize(recorded, shape):
    resized = utils.resize(recorded["unmold_in"], shape)
    assert_same(resized, recorded["resize_{}x{}".format(*shape)])


def test_mold_and_unmold_image(recorded):
    molded = molding.mold_image(recorded["rs_image"], COLORS)
    assert_same(molded, recorded["mold_image"])
    assert_same(molding.unmold_image(molded, COLORS), recorded["unmold_image"])


def test_image_meta(recorded):
    meta = model.compose_image_meta(
        5, (50, 70, 3), (128, 128, 3), (18, 0, 109, 128), 1.83, [1, 0, 1]
    )
    assert_same(meta, recorded["compose_image_meta"])
    parts = model.parse_image_meta(meta[None])
    assert len(parts) == 6
    for name, part in parts.items():
        assert_same(part, recorded[f"parse_meta_{name}"])


@pytest.mark.parametrize(
    ("case", "count"), [("plain", 256), ("crowd", 256), ("nosubsample", 10**6)]
)
def test_rpn_targets(recorded, case, count):
    anchors = utils.generate_pyramid_anchors(
        (8, 16, 32, 64, 128),
        [0.5, 1, 2],
        [[64, 64], [32, 32], [16, 16], [8, 8], [4, 4]],
        [4, 8, 16, 32, 64],
        1,
    )
    config = SimpleNamespace(
        RPN_TRAIN_ANCHORS_PER_IMAGE=count, RPN_BBOX_STD_DEV=np.array([0.1, 0.1, 0.2, 0.2])
    )
    ids = recorded["rpnt_crowd_ids" if case == "crowd" else "rpnt_plain_ids"]
    state = np.random.get_state()
    np.random.seed(77)
    match, deltas = build_rpn_targets(
        (256, 256, 3), anchors, ids, recorded["rpnt_gt_boxes"], config
    )
    np.random.set_state(state)
    np.testing.assert_array_equal(match, recorded[f"rpnt_{case}_match"])
    expected = recorded[f"rpnt_{case}_bbox"]
    np.testing.assert_allclose(deltas[: len(expected)], expected, rtol=0, atol=1e-12)
    assert not deltas[np.count_nonzero(match == 1) :].any()


def test_unknown_resize_mode_is_named():
    with pytest.raises(ConfigError, match=r"'stretch'.*'square', 'pad64', 'none', 'crop'"):
        utils.resize_image(np.zeros((4, 4, 3), np.uint8), mode="stretch")


@pytest.mark.parametrize(
    ("mode", "missing"), [("square", "IMAGE_MAX_DIM"), ("crop", "IMAGE_MIN_DIM")]
)
def test_missing_sizes_are_named(mode, missing):
    with pytest.raises(ConfigError, match=missing):
        utils.resize_image(np.zeros((4, 4, 3), np.uint8), mode=mode)


def test_pad64_wants_a_divisible_minimum():
    with pytest.raises(ConfigError, match=r"100.*divisible by 64"):
        utils.resize_image(np.zeros((4, 4, 3), np.uint8), min_dim=100, mode="pad64")


def test_a_box_without_area_cannot_be_minimized():
    with pytest.raises(ValueError, match=r"mask 0, \[3, 3, 3, 9\], has no area"):
        utils.minimize_mask(np.array([[3, 3, 3, 9]]), np.ones((10, 10, 1), bool), (28, 28))


def test_empty_inputs():
    assert utils.extract_bboxes(np.zeros((5, 6, 0), bool)).shape == (0, 4)
    assert utils.compute_overlaps_masks(np.zeros((5, 6, 0)), np.zeros((5, 6, 2))).shape == (0, 2)
    assert utils.compute_overlaps_masks(np.zeros((5, 6, 1)), np.zeros((5, 6, 1)))[0, 0] == 0
    assert utils.non_max_suppression(np.zeros((0, 4)), np.zeros(0), 0.5).shape == (0,)
    assert utils.minimize_mask(np.zeros((0, 4)), np.zeros((5, 6, 0)), (7, 8)).shape == (7, 8, 0)
    assert utils.resize_mask(np.zeros((5, 6, 0), bool), 2.0, [(1, 1), (0, 2), (0, 0)]).shape == (
        12,
        14,
        0,
    )


def test_trim_zeros():
    rows = np.array([[0, 0], [0, 2], [-1, 1], [0, 0]])
    np.testing.assert_array_equal(utils.trim_zeros(rows), [[0, 2], [-1, 1]])
