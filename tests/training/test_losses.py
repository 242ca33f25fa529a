"""The five losses against the original's numbers."""

import numpy as np
import pytest
from keras import ops

from mrcnn.training import losses
from tests.compiling import compiled


@pytest.fixture
def inputs(golden):
    layers = golden("layers")
    return {
        name: ops.convert_to_tensor(layers[f"loss_{name}"])
        for name in (
            "rpn_match rpn_logits rpn_bbox rpn_target target_class logits bbox target_bbox "
            "target_mask mask active"
        ).split()
    }


def check(value, expected):
    np.testing.assert_allclose(float(ops.convert_to_numpy(value)), float(expected), rtol=1e-5)


def test_losses_are_the_original_s(inputs, golden):
    expected = golden("layers")
    check(
        compiled(losses.rpn_class_loss)(inputs["rpn_match"], inputs["rpn_logits"]),
        expected["loss_out_rpn_class"],
    )
    check(
        compiled(losses.rpn_bbox_loss)(
            inputs["rpn_target"], inputs["rpn_match"], inputs["rpn_bbox"]
        ),
        expected["loss_out_rpn_bbox"],
    )
    check(
        compiled(losses.mrcnn_bbox_loss)(
            inputs["target_bbox"], inputs["target_class"], inputs["bbox"]
        ),
        expected["loss_out_mrcnn_bbox"],
    )
    check(
        compiled(losses.mrcnn_mask_loss)(
            inputs["target_mask"], inputs["target_class"], inputs["mask"]
        ),
        expected["loss_out_mrcnn_mask"],
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(
            compiled(losses.smooth_l1)(inputs["target_bbox"], inputs["bbox"][:, :, 0])
        ),
        expected["loss_out_smooth_l1"],
        atol=1e-6,
    )


def test_class_loss_is_the_original_s_when_all_images_have_one_source(inputs, golden):
    # The original lets the first image's classes stand for the batch.
    active = ops.convert_to_tensor(np.repeat(golden("layers")["loss_active"][:1], 2, axis=0))
    check(
        compiled(losses.mrcnn_class_loss)(inputs["target_class"], inputs["logits"], active),
        golden("layers")["loss_out_mrcnn_class_active0"],
    )


def test_class_loss_counts_each_image_s_own_classes():
    logits = np.zeros((2, 1, 3), np.float32)
    logits[:, 0, 2] = 5
    target = np.zeros((2, 1), np.int32)
    one = np.array([[1, 1, 0], [1, 1, 1]], np.float32)
    both = compiled(losses.mrcnn_class_loss)(*map(ops.convert_to_tensor, (target, logits, one)))
    # Image 0 predicts a class that its source does not have: only image 1 counts.
    expected = np.log(np.exp([0, 0, 5]).sum())
    check(both, expected)


def test_the_mask_loss_counts_regions_with_a_mask_alone():
    targets = np.ones((1, 3, 4, 4), np.float32)
    targets[:, 1] = -1
    class_ids = np.array([[1, 1, 0]])
    predicted = np.stack([np.full((1, 3, 4, 4), 0.5), np.full((1, 3, 4, 4), 0.8)], -1)
    predicted[:, 1] = 1e-3
    tensors = [ops.convert_to_tensor(each) for each in (targets, class_ids, predicted)]
    check(compiled(losses.mrcnn_mask_loss)(*tensors), -np.log(0.8))
    none = ops.convert_to_tensor(np.full_like(targets, -1))
    assert float(ops.convert_to_numpy(compiled(losses.mrcnn_mask_loss)(none, *tensors[1:]))) == 0


def test_losses_without_rows_are_zero(inputs):
    nothing = np.zeros_like(inputs["target_class"])
    match = ops.zeros_like(inputs["rpn_match"])
    for value in (
        compiled(losses.rpn_class_loss)(match, inputs["rpn_logits"]),
        compiled(losses.rpn_bbox_loss)(inputs["rpn_target"], match, inputs["rpn_bbox"]),
        compiled(losses.mrcnn_bbox_loss)(inputs["target_bbox"], nothing, inputs["bbox"]),
        compiled(losses.mrcnn_mask_loss)(inputs["target_mask"], nothing, inputs["mask"]),
        compiled(losses.mrcnn_class_loss)(
            nothing, inputs["logits"], ops.zeros_like(inputs["active"])
        ),
    ):
        assert float(ops.convert_to_numpy(value)) == 0
