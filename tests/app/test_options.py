"""What options make of the settings of a model."""

from types import SimpleNamespace

import pytest

from mrcnn.app.settings import LIGHT
from rbc import APPLICATION, RBCConfig


def train_options(*arguments: str):
    return APPLICATION.parse(["train", *arguments])


def test_options_that_were_not_given_change_nothing():
    assert APPLICATION.settings_from(train_options()) == {}


def test_options_become_attributes():
    options = train_options(
        "--backbone", "resnet18", "--image-size", "320", "--light", "--classes", "red", "white",
        "--batch-size", "3", "--steps", "7", "--learning-rate", "0.02", "--epochs", "4",
        "--seed", "5", "--normalization", "group", "--schedule", "constant",
    )  # fmt: skip
    config = APPLICATION.make_config(APPLICATION.settings_from(options))
    assert config.BACKBONE == "resnet18"
    assert config.IMAGE_MIN_DIM == config.IMAGE_MAX_DIM == 320
    assert config.CLASS_NAMES == ("red", "white") and config.NUM_CLASSES == 3
    assert (config.BATCH_SIZE, config.STEPS_PER_EPOCH, config.EPOCHS) == (3, 7, 4)
    assert (config.LEARNING_RATE, config.SEED, config.NORMALIZATION) == (0.02, 5, "group")
    assert {name: getattr(config, name) for name in LIGHT} == LIGHT


def test_parts_of_fields():
    config = APPLICATION.make_config(
        APPLICATION.settings_from(train_options("--crop", "320", "--image-size", "768"))
    )
    assert config.IMAGE_RESIZE_MODE == "crop" and config.IMAGE_FIT
    assert (config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM) == (320, 768)
    assert config.IMAGE_SHAPE.tolist() == [320, 320, 3]


def test_anchors():
    def scales(text):
        return APPLICATION.settings_from(train_options("--anchors", text)).get("RPN_ANCHOR_SCALES")

    assert scales("paper") == RBCConfig.RPN_ANCHOR_SCALES
    assert scales("4,8,16,32,64.5") == (4, 8, 16, 32, 64.5)
    # These need the data.
    assert scales("auto") is None


@pytest.mark.parametrize("text", ["small", "8,16,32,64", "8,16,32,64,0", "8,16,x,64,128"])
def test_anchors_that_are_none(text, capsys):
    with pytest.raises(SystemExit):
        train_options("--anchors", text)
    assert "neither auto, paper nor five sizes" in capsys.readouterr().err


def test_options_without_model_part():
    assert APPLICATION.settings_from(SimpleNamespace()) == {}
