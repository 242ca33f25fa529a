"""The whole network against the original, and its normalization."""

import json

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.model import MaskRCNN
from mrcnn.nets.normalization import normalize


@pytest.fixture(scope="module")
def original(golden, give_golden_weights, tmp_path_factory):
    """A model with the original's settings and weights, which come from a file."""
    settings = json.loads(str(golden("inference")["config"]))
    for derived in ("BATCH_SIZE", "IMAGE_SHAPE", "IMAGE_META_SIZE"):
        del settings[derived]
    config = type("GoldenConfig", (Config,), settings)()
    folder = tmp_path_factory.mktemp("logs")
    model = MaskRCNN("inference", config, folder)
    give_golden_weights(model.keras_model)
    model.keras_model.save_weights(f"{folder}/original.h5")
    for weight in model.keras_model.weights:
        weight.assign(np.zeros(weight.shape, np.float32))
    model.load_weights(f"{folder}/original.h5", by_name=True)
    return model


def test_detect_finds_what_the_original_finds(original, golden):
    data = golden("inference")
    result = original.detect([data["image"]])[0]
    shape = tuple(data["detect_masks_shape"])
    masks = np.unpackbits(data["detect_masks_packed"])[: np.prod(shape)].reshape(shape)

    # The original returns detections without area as boxes of one pixel; here they are left out.
    normalized = data["detections"][0]
    solid = (normalized[:, 2] > normalized[:, 0]) & (normalized[:, 3] > normalized[:, 1])
    assert solid.sum() == 35
    np.testing.assert_array_equal(result["rois"], data["detect_rois"][solid])
    np.testing.assert_array_equal(result["class_ids"], data["detect_class_ids"][solid])
    np.testing.assert_allclose(result["scores"], data["detect_scores"][solid], atol=1e-5)
    assert result["masks"].dtype == bool
    difference = result["masks"] != masks[..., solid].astype(bool)
    assert difference.mean() < 1e-6
    assert result["rois"].dtype == result["class_ids"].dtype == np.int32
    assert result["scores"].dtype == np.float32


def test_outputs_are_the_original_s(original, golden):
    data = golden("inference")
    molded, metas, windows = original.mold_inputs([data["image"]])
    np.testing.assert_allclose(metas, data["image_metas"], rtol=1e-6)
    assert windows.shape == (1, 4)
    anchors = original.get_anchors(molded.shape[1:])
    np.testing.assert_allclose(anchors, data["anchors"][0], atol=1e-7)
    outputs = original.keras_model.predict_on_batch([molded, metas, anchors[None]])
    names = ("detections", "mrcnn_class", "mrcnn_bbox", None, None, "rpn_class", "rpn_bbox")
    for name, output in zip(names, outputs, strict=True):
        if name and name != "detections":
            np.testing.assert_allclose(
                output, data[name], atol=1e-4 * np.abs(data[name]).max(), err_msg=name
            )


def test_layer_names_and_parameters_are_the_original_s(original):
    model = original.keras_model
    assert model.count_params() == 44_668_324
    names = {layer.name for layer in model.layers}
    assert {
        "input_image", "input_image_meta", "input_anchors", "conv1", "bn_conv1", "res2a_branch1",
        "bn5c_branch2c", "res4f_out", "fpn_c5p5", "fpn_p6", "rpn_model", "rpn_class", "ROI",
        "roi_align_classifier", "mrcnn_class_conv1", "mrcnn_class_bn2", "mrcnn_class_logits",
        "mrcnn_class", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_detection", "roi_align_mask",
        "mrcnn_mask_conv4", "mrcnn_mask_bn4", "mrcnn_mask_deconv", "mrcnn_mask",
    } <= names  # fmt: skip


@pytest.mark.parametrize(("train_bn", "learns"), [(False, False), (True, True), (None, True)])
def test_batch_norm_uses_the_batch_only_where_asked(train_bn, learns):
    inputs = keras.Input((4, 4, 2))
    model = keras.Model(inputs, normalize(inputs, "bn", "batch", train_bn))
    pixels = np.random.default_rng(0).normal(3, 2, (2, 4, 4, 2)).astype(np.float32)
    trained = keras.ops.convert_to_numpy(model(pixels, training=True))
    assert (abs(trained.mean()) < 1e-3) == learns
    moved = keras.ops.convert_to_numpy(model.get_layer("bn").moving_mean)
    assert moved.any() == learns


def test_group_norm_has_a_name_of_its_own_and_groups_that_divide():
    inputs = keras.Input((4, 4, 48))
    layer = keras.Model(inputs, normalize(inputs, "bn2a_branch2a", "group")).layers[-1]
    assert layer.name == "gn2a_branch2a"
    assert 48 % layer.groups == 0
