"""Configuration: defaults as published, and values that cannot work are named."""

import json

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.errors import ConfigError

DEFAULTS = {
    "NAME": None,
    "GPU_COUNT": 1,
    "IMAGES_PER_GPU": 2,
    "STEPS_PER_EPOCH": 1000,
    "VALIDATION_STEPS": 50,
    "BACKBONE": "resnet101",
    "COMPUTE_BACKBONE_SHAPE": None,
    "BACKBONE_STRIDES": [4, 8, 16, 32, 64],
    "FPN_CLASSIF_FC_LAYERS_SIZE": 1024,
    "TOP_DOWN_PYRAMID_SIZE": 256,
    "NUM_CLASSES": 1,
    "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512),
    "RPN_ANCHOR_RATIOS": [0.5, 1, 2],
    "RPN_ANCHOR_STRIDE": 1,
    "RPN_NMS_THRESHOLD": 0.7,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": 256,
    "PRE_NMS_LIMIT": 6000,
    "POST_NMS_ROIS_TRAINING": 2000,
    "POST_NMS_ROIS_INFERENCE": 1000,
    "USE_MINI_MASK": True,
    "MINI_MASK_SHAPE": (56, 56),
    "IMAGE_RESIZE_MODE": "square",
    "IMAGE_MIN_DIM": 800,
    "IMAGE_MAX_DIM": 1024,
    "IMAGE_MIN_SCALE": 0,
    "IMAGE_CHANNEL_COUNT": 3,
    "TRAIN_ROIS_PER_IMAGE": 200,
    "ROI_POSITIVE_RATIO": 0.33,
    "POOL_SIZE": 7,
    "MASK_POOL_SIZE": 14,
    "MASK_SHAPE": [28, 28],
    "MAX_GT_INSTANCES": 100,
    "DETECTION_MAX_INSTANCES": 100,
    "DETECTION_MIN_CONFIDENCE": 0.7,
    "DETECTION_NMS_THRESHOLD": 0.3,
    "LEARNING_RATE": 0.001,
    "LEARNING_MOMENTUM": 0.9,
    "WEIGHT_DECAY": 0.0001,
    "USE_RPN_ROIS": True,
    "TRAIN_BN": False,
    "GRADIENT_CLIP_NORM": 5.0,
    "IMAGE_FIT": False,
    "DETECTION_SCORE": "class",
    "DETECTION_NMS_ACROSS_CLASSES": False,
    "SUBPIXEL_MASKS": False,
    "MASK_MARGIN": 0.0,
    "EVEN_ROI_ALIGN": False,
}


def test_defaults_are_the_published_ones():
    config = Config()
    assert {name: getattr(config, name) for name in DEFAULTS} == DEFAULTS
    np.testing.assert_array_equal(config.MEAN_PIXEL, [123.7, 116.8, 103.9])
    np.testing.assert_array_equal(config.RPN_BBOX_STD_DEV, [0.1, 0.1, 0.2, 0.2])
    np.testing.assert_array_equal(config.BBOX_STD_DEV, [0.1, 0.1, 0.2, 0.2])
    assert set(config.LOSS_WEIGHTS.values()) == {1.0} and len(config.LOSS_WEIGHTS) == 5


def test_derived_values(make_config):
    config = make_config(GPU_COUNT=2, IMAGES_PER_GPU=3, NUM_CLASSES=5)
    assert config.BATCH_SIZE == 6
    assert config.IMAGE_META_SIZE == 17
    np.testing.assert_array_equal(config.IMAGE_SHAPE, [1024, 1024, 3])
    crop = make_config(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=256, IMAGE_MAX_DIM=500)
    np.testing.assert_array_equal(crop.IMAGE_SHAPE, [256, 256, 3])


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("IMAGE_MAX_DIM", 500, "divisible by 64"),
        ("BACKBONE", "vgg15", "'resnet18', 'resnet34', 'resnet50', 'resnet101'"),
        ("NUM_CLASSES", 0, "at least 1"),
        ("IMAGES_PER_GPU", 1.5, "whole number"),
        ("DETECTION_MIN_CONFIDENCE", 1.5, "from 0 to 1"),
        ("DETECTION_MIN_CONFIDENCE", float("nan"), "from 0 to 1"),
        ("LEARNING_RATE", 0, "above 0"),
        ("WEIGHT_DECAY", -1, "at least 0"),
        ("NORMALIZATION", "layer", "'batch', 'group'"),
        ("IMAGE_RESIZE_MODE", "stretch", "'none', 'square', 'pad64', 'crop'"),
        ("IMAGE_FIT", "yes", "False, True"),
        ("DETECTION_SCORE", "mask", "'class', 'object'"),
        ("MASK_MARGIN", -0.1, "at least 0"),
        ("MASK_MARGIN", 0.1, "0 unless SUBPIXEL_MASKS is True"),
        ("RPN_ANCHOR_SCALES", (8, 16), "5 numbers"),
        ("RPN_ANCHOR_SCALES", None, "5 numbers"),
        ("BBOX_STD_DEV", [0.1, 0.1, 0.2], "4 numbers"),
        ("BBOX_STD_DEV", [0.1, 0.1, 0.2, 0.0], "4 numbers above 0"),
        ("MASK_SHAPE", 28, "height and width"),
        ("MINI_MASK_SHAPE", (56, "x"), "height and width"),
        ("MEAN_PIXEL", [1, 2], "one for each of the 3 channels"),
        ("LOSS_WEIGHTS", {"mask": 1}, "rpn_class_loss"),
        ("SEED", -1, "None or a whole number"),
        ("USE_MINI_MASK", "yes", "False, True"),
        ("BACKBONE_STRIDES", [], "numbers above 0"),
        ("COMPUTE_BACKBONE_SHAPE", "shapes", "a function"),
    ],
)
def test_a_value_that_cannot_work_is_named_with_what_is_allowed(make_config, name, value, allowed):
    attributes = {name: value}
    if name == "COMPUTE_BACKBONE_SHAPE":
        attributes["BACKBONE"] = lambda image, config: None
    with pytest.raises(ConfigError) as caught:
        make_config(**attributes)
    message = str(caught.value)
    assert name in message and repr(value) in message and allowed in message


def test_one_error_names_all_problems(make_config):
    with pytest.raises(ConfigError, match=r"(?s)NUM_CLASSES.*BACKBONE.*IMAGE_MAX_DIM"):
        make_config(NUM_CLASSES=-1, BACKBONE="x", IMAGE_MAX_DIM=1)


def test_training_needs_a_class(make_config):
    make_config(NUM_CLASSES=1).check_for("inference")
    with pytest.raises(ConfigError, match=r"NUM_CLASSES is 1.*at least 2"):
        make_config(NUM_CLASSES=1).check_for("training")


def test_as_plain_values(make_config):
    config = make_config(BACKBONE=len, COMPUTE_BACKBONE_SHAPE=len)
    plain = json.loads(json.dumps(config.to_dict()))
    assert plain["MEAN_PIXEL"] == [123.7, 116.8, 103.9]
    assert plain["BACKBONE"] == "len"
    assert plain["IMAGE_SHAPE"] == [1024, 1024, 3]
    assert "display" not in plain and "to_dict" not in plain


def test_a_configuration_comes_back_from_its_plain_values(make_config):
    settings = make_config(NAME="cells", NUM_CLASSES=3, IMAGES_PER_GPU=4).to_dict()
    again = Config.from_dict(json.loads(json.dumps(settings)))
    assert again.to_dict() == settings
    assert isinstance(again, Config) and again.BATCH_SIZE == 4
    assert Config.from_dict({"NAME": "a"}).IMAGE_MAX_DIM == Config.IMAGE_MAX_DIM


@pytest.mark.parametrize("name", ["display", "__init__", "a b", "", 7])
def test_what_is_no_setting_is_refused(name):
    with pytest.raises(ConfigError, match="is not the name of a setting"):
        Config.from_dict({name: 1})


def test_values_from_outside_are_checked():
    with pytest.raises(ConfigError, match=r"(?s)^Config cannot be used.*IMAGE_MAX_DIM is 300"):
        Config.from_dict({"IMAGE_MAX_DIM": 300})


def test_display_shows_all_values(make_config, capsys):
    make_config(NAME="cells").display()
    shown = capsys.readouterr().out
    assert "cells" in shown and "DETECTION_MIN_CONFIDENCE" in shown and "0.7" in shown


def test_what_follows_from_the_settings_cannot_contradict_them():
    class ByHand(Config):
        NUM_CLASSES = 2

        def __init__(self, channels):
            self.IMAGE_SHAPE = np.array([128, 128, channels])

    ByHand(3).check_for("training")
    with pytest.raises(
        ConfigError, match=r"\(128, 128, 8\), but IMAGE_CHANNEL_COUNT is 3: set"
    ) as told:
        ByHand(8).check_for("inference")
    assert "super().__init__()" in str(told.value)

    class Forgotten(Config):
        def __init__(self):
            self.NUM_CLASSES = 2

    with pytest.raises(ConfigError, match=r"^Forgotten\.__init__ does not call super\(\)"):
        Forgotten().check_for("training")
