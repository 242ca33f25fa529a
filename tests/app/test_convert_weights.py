"""`convert-weights`, and trainings that start from weights of torchvision."""

import contextlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from mrcnn.app import convert_weights, train
from mrcnn.app.main import APPLICATION
from mrcnn.weights.layouts import open_weights
from mrcnn.weights.torchvision import Converted
from rbc import APPLICATION as RBC
from tests.weights.torch_files import torch_archive
from tests.weights.torchvision_states import state_dict


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    path = tmp_path_factory.mktemp("torchvision") / "state.pth"
    more = {"roi_heads.keypoint_head.0.weight": np.zeros((2, 2), np.float32)}
    path.write_bytes(torch_archive({**state_dict(1, classes=91), **more}))
    return path


@pytest.fixture(scope="module")
def model(state, tmp_path_factory):
    """A converted model, and what was said."""
    folder = tmp_path_factory.mktemp("models") / "coco"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        arguments = ["convert-weights", str(state), str(folder), "--norm-epsilon", "1e-5"]
        assert APPLICATION.main(arguments) == 0
    return folder, said.getvalue()


def options(*arguments):
    return APPLICATION.parse(["train", *arguments])


def test_a_model_has_weights_and_all_that_detection_needs_to_know(model):
    folder, _ = model
    settings = json.loads((folder / "config.json").read_text())
    config = APPLICATION.make_config({k: v for k, v in settings.items() if k == "CLASS_NAMES"})
    assert config.NUM_CLASSES == 91
    assert (settings["CLASS_NAMES"][0], settings["CLASS_NAMES"][89]) == ("person", "toothbrush")
    assert settings["CLASS_NAMES"][17] == "dog"
    assert settings["DETECTION_SCORE"] == "each"
    assert (settings["IMAGE_MIN_DIM"], settings["IMAGE_MAX_DIM"]) == (800, 1333)
    with open_weights(folder / "mrcnn.h5") as groups:
        assert {weight.scopes for weight in groups["rpn_model"]} == {
            (name,) for name in ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
        }
        kernel = next(weight for weight in groups["conv1"] if weight.name == "kernel")
        assert kernel.shape == (7, 7, 3, 64)


def test_what_was_left_out_is_named(state, model, capsys):
    folder, said = model
    assert "1 arrays have no place here and were left out: roi_heads.keypoint_head.0.weight" in said
    assert "epsilon 1e-05 in the backbone, 90 classes" in said
    assert APPLICATION.main(["convert-weights", str(state), str(folder)]) == 2
    assert "is there already. Give another folder, or --replace" in capsys.readouterr().err


def test_what_cannot_be_converted_leaves_nothing(state, tmp_path, capsys):
    folder = tmp_path / "model"
    few = ["--classes", "cat", "dog"]
    assert APPLICATION.main(["convert-weights", str(state), str(folder), *few]) == 2
    assert "--classes has 2 names, and the weights know 90 classes" in capsys.readouterr().err
    other = tmp_path / "other.pth"
    other.write_bytes(torch_archive({"fc.weight": np.ones((2, 2), np.float32)}))
    assert APPLICATION.main(["convert-weights", str(other), str(folder)]) == 2
    assert "no backbone.body.conv1.weight in it" in capsys.readouterr().err
    assert not any(folder.iterdir())


def test_a_training_starts_from_the_network_alone(model):
    folder, _ = model
    weights, network = convert_weights.start_weights(APPLICATION, folder)
    assert weights == folder / "mrcnn.h5"
    # Whichever program made the folder.
    assert convert_weights.start_weights(RBC, folder)[0] == weights
    given = options("--weights", "coco-torchvision", str(folder), "--image-size", "256")
    assert (given.weights, given.weights_path) == ("coco-torchvision", folder)
    settings = train.training_settings(APPLICATION, given, network)
    assert settings["GEOMETRY"] == "torchvision"
    assert settings["BACKBONE"] == "resnet50-v1.5"
    assert settings["IMAGE_MAX_DIM"] == 256
    # What it detected there is no rule for other objects, nor are its sizes.
    assert not {"DETECTION_SCORE", "CLASS_NAMES", "IMAGE_MIN_SCALE"} & set(settings)
    config = APPLICATION.make_config({**settings, "CLASS_NAMES": ("cell",)})
    assert config.LEARNING_RATE == APPLICATION.config.LEARNING_RATE


def test_a_file_of_pytorch_is_converted_once(state, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MRCNN_WEIGHTS_DIR", str(tmp_path))
    network = {"GEOMETRY": "torchvision", "RPN_CONVS": 2}

    def converted(source, target, epsilon):
        target.write_bytes(b"weights")
        return Converted({}, {}, {**network, "NUM_CLASSES": 3}, [], 0.0)

    monkeypatch.setattr(convert_weights, "convert_file", converted)
    first, settings = convert_weights.start_weights(APPLICATION, state)
    assert first.is_relative_to(tmp_path / "torchvision")
    assert settings.items() >= network.items()
    assert "once" in capsys.readouterr().out
    assert convert_weights.start_weights(APPLICATION, state)[0] == first
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["coco-torchvision"], "coco-torchvision is followed by one path"),
        (["coco-torchvision", "a.pth", "b.pth"], "coco-torchvision is followed by one path"),
        (["coco", "a.pth"], "coco is followed by a.pth"),
    ],
)
def test_other_words_of_weights_are_refused(arguments, message, capsys):
    assert APPLICATION.main(["train", "--weights", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_another_backbone_is_refused(model):
    _, network = convert_weights.start_weights(APPLICATION, model[0])
    given = options("--weights", "coco-torchvision", "x", "--backbone", "resnet101")
    with pytest.raises(train.ConfigError, match=r"has the backbone resnet50-v1.5: leave"):
        train.training_settings(APPLICATION, given, network)


def test_detection_names_the_command_for_a_file_of_pytorch(state, tmp_path, capsys):
    Image.new("RGB", (64, 64)).save(tmp_path / "image.png")
    arguments = ["detect", str(tmp_path / "image.png"), "--weights", str(state)]
    assert APPLICATION.main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "`mrcnn convert-weights` makes a model" in capsys.readouterr().err
