"""Matterport's names of losses and target sampling."""

import numpy as np
import pytest
from keras import ops

from mrcnn import model as modellib


def number(tensor):
    return float(ops.convert_to_numpy(tensor))


@pytest.mark.parametrize(
    ("function", "inputs", "name"),
    [
        (modellib.rpn_class_loss_graph, ("rpn_match", "rpn_logits"), "rpn_class"),
        (modellib.mrcnn_bbox_loss_graph, ("target_bbox", "target_class", "bbox"), "mrcnn_bbox"),
        (modellib.mrcnn_mask_loss_graph, ("target_mask", "target_class", "mask"), "mrcnn_mask"),
    ],
)
def test_losses_are_the_original_s(golden, function, inputs, name):
    recorded = golden("layers")
    found = function(*(recorded[f"loss_{key}"] for key in inputs))
    np.testing.assert_allclose(number(found), recorded[f"loss_out_{name}"], rtol=1e-6)
    doubles = [recorded[f"loss_{key}"] for key in inputs]
    doubles = [a.astype(np.float64) if a.dtype == np.float32 else a for a in doubles]
    np.testing.assert_allclose(number(function(*doubles)), number(found), rtol=1e-6)


def test_the_class_loss_is_the_original_s_where_all_images_have_the_same_classes(golden):
    recorded = golden("layers")
    inputs = [recorded["loss_target_class"], recorded["loss_logits"]]
    for active, name in (
        (np.ones((2, 3), np.int32), "mrcnn_class"),
        (np.repeat(recorded["loss_active"][:1], 2, axis=0), "mrcnn_class_active0"),
    ):
        found = modellib.mrcnn_class_loss_graph(*inputs, active)
        np.testing.assert_allclose(number(found), recorded[f"loss_out_{name}"], rtol=1e-6)


def test_the_box_loss_of_the_rpn_is_the_original_s(golden, make_config):
    recorded = golden("layers")
    found = modellib.rpn_bbox_loss_graph(
        make_config(), recorded["loss_rpn_target"], recorded["loss_rpn_match"],
        recorded["loss_rpn_bbox"],
    )  # fmt: skip
    np.testing.assert_allclose(number(found), recorded["loss_out_rpn_bbox"], rtol=1e-6)


def test_smooth_l1_is_the_original_s(golden):
    recorded = golden("layers")
    found = ops.convert_to_numpy(
        modellib.smooth_l1_loss(recorded["loss_target_bbox"], recorded["loss_target_bbox"] + 2.0)
    )
    np.testing.assert_allclose(found, 1.5, rtol=1e-6)
    found = ops.convert_to_numpy(modellib.smooth_l1_loss(np.zeros(3), np.array([0.5, -1, 3])))
    np.testing.assert_allclose(found, [0.125, 0.5, 2.5], rtol=1e-6)


@pytest.mark.parametrize("mini", [True, False])
def test_targets_of_one_image_are_the_original_s(golden, make_config, mini):
    recorded = golden("layers")
    if mini:
        name, masks = "dt_mini", recorded["dt_mini_masks"]
    else:
        shape = tuple(recorded["dt_full_masks_shape"])
        masks = np.unpackbits(recorded["dt_full_masks_packed"])[: np.prod(shape)].reshape(shape)
        name = "dt_full"
    config = make_config(TRAIN_ROIS_PER_IMAGE=32, USE_MINI_MASK=mini)
    found = modellib.detection_targets_graph(
        recorded["dt_proposals"],
        recorded["dt_gt_class_ids"],
        recorded["dt_gt_boxes"],
        masks.astype(bool),
        config,
    )
    rois, class_ids, deltas, target_masks = map(ops.convert_to_numpy, found)
    np.testing.assert_array_equal(rois, recorded[f"{name}_rois"])
    np.testing.assert_array_equal(class_ids, recorded[f"{name}_class_ids"])
    np.testing.assert_allclose(deltas, recorded[f"{name}_deltas"], atol=1e-5)
    assert target_masks.shape == (32, 28, 28)
    if not mini:
        np.testing.assert_array_equal(target_masks, recorded["dt_full_masks"])


def test_the_layer_gives_a_mask_for_each_region(make_config):
    config = make_config(TRAIN_ROIS_PER_IMAGE=6, ROI_POSITIVE_RATIO=0.5, MINI_MASK_SHAPE=(28, 28))
    inputs = [
        ops.convert_to_tensor(np.float32([[[0.1, 0.1, 0.6, 0.6], [0.6, 0.6, 0.9, 0.9]]])),
        ops.convert_to_tensor(np.int32([[1]])),
        ops.convert_to_tensor(np.float32([[[0.1, 0.1, 0.6, 0.6]]])),
        ops.convert_to_tensor(np.ones((1, 28, 28, 1), bool)),
    ]
    rois, class_ids, deltas, masks = map(
        ops.convert_to_numpy, modellib.DetectionTargetLayer(config)(inputs)
    )
    assert (rois.shape, class_ids.shape, deltas.shape) == ((1, 6, 4), (1, 6), (1, 6, 4))
    assert masks.shape == (1, 6, 28, 28)
    assert masks[0, 0].all() and not masks[0, 1:].any()
