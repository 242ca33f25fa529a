"""Weights of torchvision's Mask R-CNN in the layers of this network."""

from pathlib import Path

import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights.torchvision import NETWORK, convert_tensors
from tests.weights.torchvision_states import state_dict

PATH = Path("state.pth")


@pytest.fixture(scope="module")
def first():
    return state_dict(1)


@pytest.fixture(scope="module")
def second():
    return state_dict(2)


@pytest.fixture(scope="module")
def converted(first, second):
    return {1: convert_tensors(first, PATH), 2: convert_tensors(second, PATH)}


def test_settings_say_which_network_it_is(converted):
    both = [{n: each.settings[n] for n in NETWORK} for each in converted.values()]
    differing = {name for name in NETWORK if both[0][name] != both[1][name]}
    assert differing == {"RPN_CONVS", "BOX_HEAD_CONVS"}
    assert [(each["RPN_CONVS"], each["BOX_HEAD_CONVS"]) for each in both] == [(1, 0), (2, 4)]
    assert both[0]["MEAN_PIXEL"] == [123.675, 116.28, 103.53]
    assert both[0]["RPN_CONV_CHANNELS"] == 256
    assert both[0]["POOL_SIZE"] == 7
    assert all(each.settings["NUM_CLASSES"] == 3 for each in converted.values())


def test_each_layer_of_the_network_finds_its_weights(second, tmp_path):
    from mrcnn.config import Config
    from mrcnn.nets.detector import build_inference_model
    from mrcnn.weights.layer_file import write_layers

    converted = convert_tensors(second, PATH)
    write_layers(tmp_path / "state.h5", converted.layers, {"rpn_model": converted.rpn})
    model = build_inference_model(Config.from_dict({"NAME": "tv", **converted.settings}))
    # All layers must find weights that fit.
    model.load_weights(tmp_path / "state.h5")
    kernel, bias = model.get_layer("rpn_model").get_layer("rpn_class_raw").get_weights()
    np.testing.assert_array_equal(kernel, converted.rpn["rpn_class_raw"]["kernel"])
    np.testing.assert_array_equal(bias, converted.rpn["rpn_class_raw"]["bias"])


def test_layers_of_the_first_version_differ_in_the_heads_alone(converted):
    first, second = (set(converted[version].layers) for version in (1, 2))
    boxes = {f"mrcnn_box_{kind}{n}" for kind in ("conv", "bn") for n in range(1, 5)}
    assert first - second == {"mrcnn_class_conv2", "mrcnn_class_bn2"}
    assert second - first == boxes
    assert set(converted[2].rpn) - set(converted[1].rpn) == {"rpn_conv1"}


@pytest.mark.parametrize(("version", "epsilon"), [(1, 0.0), (2, 1e-5)])
def test_batch_norm_computes_the_same_with_another_epsilon(
    first, second, converted, version, epsilon
):
    state = {1: first, 2: second}[version]
    assert converted[version].epsilon == epsilon
    there = {
        part: state[f"backbone.body.layer2.0.bn2.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    }
    assert there["running_var"].min() < 1e-3 < there["running_var"].max()
    here = converted[version].layers["bn3a_branch2b"]
    x = np.linspace(-3, 3, 7)[:, None]
    expected = (x - there["running_mean"]) / np.sqrt(there["running_var"] + epsilon)
    expected = expected * there["weight"] + there["bias"]
    found = (x - here["moving_mean"]) / np.sqrt(here["moving_variance"].astype(float) + 1e-3)
    found = found * here["gamma"] + here["beta"]
    assert here["moving_variance"].min() >= 0
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_batch_norm_that_is_not_there_changes_nothing(converted):
    norm = converted[1].layers["mrcnn_mask_bn1"]
    scale = norm["gamma"] / np.sqrt(norm["moving_variance"] + np.float32(1e-3))
    np.testing.assert_allclose(scale, 1, rtol=1e-7)
    assert not norm["beta"].any()
    assert not norm["moving_mean"].any()


def test_the_norm_of_the_pyramid_is_in_its_convolutions(second, converted):
    name = "backbone.fpn.inner_blocks.1.1"
    scale = second[f"{name}.weight"] / np.sqrt(second[f"{name}.running_var"] + 1e-5)
    expected = second[f"{name}.bias"] - second[f"{name}.running_mean"] * scale
    found = converted[2].layers["fpn_c3p3"]["bias"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_logit_of_an_object_gets_one_of_the_background(first, converted):
    bias = converted[1].rpn["rpn_class_raw"]["bias"]
    # Anchors by rising width.
    np.testing.assert_array_equal(bias[1::2], first["rpn.head.cls_logits.bias"][::-1])
    assert not bias[::2].any()


def test_boxes_are_y_before_x_and_divided_by_their_deviation(first, converted):
    x, y, width, height = first["rpn.head.bbox_pred.bias"][8:]
    found = converted[1].rpn["rpn_bbox_pred"]["bias"][:4]
    np.testing.assert_allclose(found, [y / 0.1, x / 0.1, height / 0.2, width / 0.2], rtol=1e-6)
    weight = first["roi_heads.box_predictor.bbox_pred.weight"]
    kernel = converted[1].layers["mrcnn_bbox_fc"]["kernel"]
    np.testing.assert_array_equal(kernel[:, 4:8], weight[[5, 4, 7, 6]].T)


def test_the_hidden_layer_reads_the_grid_as_there(first, converted):
    grid = np.random.default_rng(1).normal(size=(256, 7, 7))
    expected = first["roi_heads.box_head.fc6.weight"][:2] @ grid.reshape(-1)
    kernel = converted[1].layers["mrcnn_class_conv1"]["kernel"][..., :2]
    found = np.einsum("chw,hwcf->f", grid, kernel)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_names_of_the_first_versions_of_torchvision(first, converted):
    renamed = {}
    for name, array in first.items():
        for new, old in (
            ("rpn.head.conv.0.0.", "rpn.head.conv."),
            *((f"_blocks.{n}.0.", f"_blocks.{n}.") for n in range(4)),
            *((f"mask_head.{n}.0.", f"mask_head.mask_fcn{n + 1}.") for n in range(4)),
        ):
            name = name.replace(new, old)
        renamed[name] = array
    assert "roi_heads.mask_head.mask_fcn1.weight" in renamed
    again = convert_tensors(renamed, PATH)
    for name, weights in converted[1].layers.items():
        for weight, array in weights.items():
            np.testing.assert_array_equal(again.layers[name][weight], array)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rpn.head.cls_logits.bias": None}, r"state.pth: no rpn.head.cls_logits.bias in it"),
        (
            {"backbone.body.layer3.6.conv1.weight": np.zeros((256, 1024, 1, 1), np.float32)},
            r"backbone.body.layer3.6.conv1.weight has no place in ResNet-50",
        ),
        (
            {"backbone.body.layer1.0.conv2.weight": np.zeros((128, 128, 3, 3), np.float32)},
            r"kernel of res2a_branch2b is \(3, 3, 128, 128\), and that of ResNet-50",
        ),
        (
            {"roi_heads.mask_predictor.mask_fcn_logits.bias": np.zeros(9, np.float32)},
            r"9 masks are not one for each of 3 classes",
        ),
        (
            {"backbone.body.bn1.running_var": np.zeros(64, np.float32)},
            r"running_var has zeros, .* --norm-epsilon 1e-05",
        ),
    ],
)
def test_other_networks_are_refused_by_what_is_wrong(first, change, message):
    changed = {**first, **change}
    state = {name: array for name, array in changed.items() if array is not None}
    with pytest.raises(WeightsError, match=message):
        convert_tensors(state, PATH)


def test_what_has_no_place_is_named(first):
    more = {"roi_heads.keypoint_head.0.weight": np.zeros((512, 256, 3, 3), np.float32)}
    found = convert_tensors({**first, **more}, PATH)
    assert found.left_out == ["roi_heads.keypoint_head.0.weight"]
