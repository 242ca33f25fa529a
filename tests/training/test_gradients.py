"""The whole training graph: the original's losses, and its gradients once its leak is restored."""

import json

import numpy as np
import pytest

from benchmarks.gradients import Gradients
from mrcnn.config import LOSS_NAMES, Config
from mrcnn.ops.outputs import TrainingOutputs
from mrcnn.training.model import build_training_model

INPUTS = ("image_meta", "rpn_match", "rpn_bbox", "gt_class_ids", "gt_boxes", "gt_masks")


@pytest.fixture
def gradients_of(golden, give_golden_weights):
    """Gradients of the training graph on the original's batch."""

    def make(stop_gradients: bool) -> Gradients:
        settings = json.loads(str(golden("inference")["config"]))
        for derived in ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE"):
            del settings[derived]
        config = type("GoldenConfig", (Config,), settings)()
        model = build_training_model(config, shuffle_targets=False, stop_gradients=stop_gradients)
        give_golden_weights(model)
        data = golden("training")
        inputs = [(data["in_image"] - config.MEAN_PIXEL).astype(np.float32)]
        for name in INPUTS:
            array = data[f"in_{name}"]
            inputs.append(array.astype(np.float32) if array.dtype == np.float64 else array)
        return Gradients(model, inputs)

    return make


def test_with_the_leak_all_norms_are_the_original_s(golden, gradients_of):
    data = golden("training")
    _, found = gradients_of(stop_gradients=False).of_losses()
    expected = dict(zip(data["grad_names"].tolist(), data["grad_norm_losses"], strict=True))
    assert set(found) == set(expected)
    for name, norm in expected.items():
        np.testing.assert_allclose(
            np.linalg.norm(found[name]), norm, rtol=1e-3, atol=1e-7, err_msg=name
        )


@pytest.mark.usefixtures("eager")
def test_without_it_losses_are_the_original_s_and_the_heads_do_not_reach_the_rpn(
    golden, gradients_of
):
    gradients = gradients_of(stop_gradients=True)
    values, found = gradients.of_losses((0.0, 0.0, 0.0, 1.0, 0.0))
    outputs, data = TrainingOutputs(*values), golden("training")
    for name in LOSS_NAMES:
        np.testing.assert_allclose(
            float(getattr(outputs, name)), float(data[name]), rtol=1e-5, err_msg=name
        )
    np.testing.assert_allclose(outputs.output_rois, data["output_rois"], atol=1e-5)
    np.testing.assert_allclose(gradients.of_l2()[0], float(data["reg_loss"]), rtol=1e-5)

    for layer in ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"):
        assert not found[f"{layer}/kernel"].any() and not found[f"{layer}/bias"].any()
    assert found["mrcnn_bbox_fc/kernel"].any() and found["conv1/kernel"].any()
