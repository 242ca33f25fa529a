"""Matterport's functions that build parts of the network."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import model as modellib
from mrcnn.nets.layers import PerRegion
from mrcnn.nets.normalization import normalization_layer


def weights_of(model):
    return {
        f"{layer.name}/{weight.name}": tuple(weight.shape)
        for layer in model.layers
        for weight in layer.weights
    }


@pytest.mark.parametrize(("architecture", "last"), [("resnet50", "f"), ("resnet101", "w")])
def test_backbone(architecture, last):
    image = keras.Input((64, 64, 3))
    stages = modellib.resnet_graph(image, architecture, stage5=True, train_bn=False)
    assert [tuple(stage.shape[1:]) for stage in stages] == [
        (16, 16, 64), (16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 2048),
    ]  # fmt: skip
    model = keras.Model(image, stages)
    assert model.get_layer(f"res4{last}_branch2c").kernel.shape == (1, 1, 256, 1024)
    assert modellib.resnet_graph(image, architecture)[-1] is None


def test_blocks():
    features = keras.Input((16, 16, 32))
    reduced = modellib.conv_block(features, 3, [8, 8, 32], stage=3, block="a", train_bn=False)
    assert tuple(reduced.shape[1:]) == (8, 8, 32)
    same = modellib.conv_block(features, 3, [8, 8, 32], stage=2, block="a", strides=(1, 1))
    assert tuple(same.shape[1:]) == (16, 16, 32)
    output = modellib.identity_block(reduced, 3, [8, 8, 32], stage=3, block="b", use_bias=False)
    names = weights_of(keras.Model(features, output))
    assert names["res3a_branch1/kernel"] == (1, 1, 32, 32)
    assert names["bn3b_branch2c/moving_variance"] == (32,)
    assert "res3a_branch2a/bias" in names
    assert "res3b_branch2a/bias" not in names
    assert not any(name.startswith("res3b_branch1") for name in names)


def test_region_proposal_network():
    model = modellib.build_rpn_model(1, 3, 16)
    assert model.name == "rpn_model"
    outputs = model(np.zeros((2, 5, 7, 16), np.float32))
    assert [tuple(output.shape) for output in outputs] == [(2, 105, 2), (2, 105, 2), (2, 105, 4)]
    assert weights_of(model)["rpn_conv_shared/kernel"] == (3, 3, 16, 512)
    feature_map = keras.Input((5, 7, 16))
    logits, probabilities, deltas = modellib.rpn_graph(feature_map, 3, 1)
    assert len(logits.shape) == len(probabilities.shape) == len(deltas.shape) == 3


def test_heads_have_the_original_s_names_and_shapes():
    rois, meta = keras.Input((6, 4)), keras.Input((15,))
    maps = [keras.Input((size, size, 8)) for size in (16, 8, 4, 2)]
    outputs = modellib.fpn_classifier_graph(
        rois, maps, meta, pool_size=7, num_classes=3, train_bn=False, fc_layers_size=12
    )
    masks = modellib.build_fpn_mask_graph(rois, maps, meta, 14, 3, train_bn=False)
    shapes = [tuple(output.shape[1:]) for output in (*outputs, masks)]
    assert shapes == [(6, 3), (6, 3), (6, 3, 4), (6, 28, 28, 3)]
    model = keras.Model([rois, meta, *maps], [*outputs, masks])
    assert weights_of(model)["mrcnn_class_conv1/kernel"] == (7, 7, 8, 12)
    assert weights_of(model)["mrcnn_mask_deconv/kernel"] == (2, 2, 256, 256)
    # As wrapped per region by the original: what comes out of each layer keeps the region axis.
    assert tuple(model.get_layer("mrcnn_mask").output.shape[1:]) == (6, 28, 28, 3)
    assert tuple(model.get_layer("mrcnn_class_bn1").output.shape[1:]) == (6, 1, 1, 12)
    assert tuple(model.get_layer("pool_squeeze").output.shape[1:]) == (6, 12)


def test_detections_of_one_image_are_the_original_s(golden, make_config):
    data = golden("inference")
    config = make_config(NUM_CLASSES=3, DETECTION_MIN_CONFIDENCE=0.3, DETECTION_MAX_INSTANCES=50)
    y1, x1, y2, x2 = data["image_metas"][0, 7:11]
    window = np.array([y1, x1, y2 - 1, x2 - 1]) / 255
    rows = modellib.refine_detections_graph(
        *(data[name][0] for name in ("rpn_rois", "mrcnn_class", "mrcnn_bbox")), window, config
    )
    np.testing.assert_allclose(ops.convert_to_numpy(rows), data["detections"][0], atol=1e-6)


def test_a_wrapped_layer_works_on_each_region():
    inner = keras.layers.Conv2D(5, 3, name="convolution")
    wrapper = PerRegion(inner)
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 6, 4)).astype(np.float32)
    found = ops.convert_to_numpy(wrapper(x))
    assert found.shape == (2, 3, 4, 4, 5) == wrapper.compute_output_shape(x.shape)
    expected = ops.convert_to_numpy(inner(x.reshape(6, 6, 6, 4))).reshape(found.shape)
    np.testing.assert_array_equal(found, expected)
    assert wrapper.name == "convolution"
    assert [weight.name for weight in wrapper.weights] == ["kernel", "bias"]
    twin = PerRegion.from_config(wrapper.get_config())
    assert twin.get_config() == wrapper.get_config()


@pytest.mark.parametrize(("train_bn", "moves"), [(False, False), (True, True), (None, True)])
def test_batch_norm_inside_a_wrapper_is_told_of_training(train_bn, moves):
    inputs = keras.Input((3, 2, 2, 4))
    norm = normalization_layer(4, "bn", "batch", train_bn)
    model = keras.Model(inputs, PerRegion(norm)(inputs))
    x = np.random.default_rng(0).normal(3, 2, (2, 3, 2, 2, 4)).astype(np.float32)
    model(x, training=True)
    assert ops.convert_to_numpy(norm.moving_mean).any() == moves
