"""`train --scale auto`: what is stored, what is said, and what goes with it."""

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import rbc
from mrcnn.app import train
from mrcnn.app.application import Application
from mrcnn.app.settings import AUTO_JITTER
from mrcnn.config import Config
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.data.augmentation import Augmentation
from tests.drawn_discs import draw_set

DOCS = Path(__file__).resolve().parents[2] / "docs"


class DiscConfig(Config):
    NAME = "discs"
    CLASS_NAMES = ("disc",)
    NUM_CLASSES = 2


APPLICATION = Application("discs", DiscConfig, AnnotatedDataset)
CROP = ("--crop", "192", "--weights", "none", "--validate-every", "0")


class Trained:
    """In place of a model: what a training was called with."""

    def __init__(self, config, log_dir):
        self.config, self.log_dir, self.calls = config, log_dir, []

    def train(self, training, validation, **arguments):
        for callback in arguments["custom_callbacks"]:
            callback.on_train_begin()
        self.calls.append(SimpleNamespace(training=training, validation=validation, **arguments))

    def find_last(self):
        return self.log_dir


@pytest.fixture
def data(tmp_path):
    for diameter, subset in ((20, "train"), (90, "more"), (90, "val")):
        draw_set(tmp_path / "data" / subset, diameter)
    return tmp_path / "data"


@pytest.fixture
def training(tmp_path, data, monkeypatch):
    """Run `train`; the exit status and what the model was asked to do."""
    models = []

    def start_model(config, options, weights):
        models.append(Trained(config, tmp_path / "logs" / "run"))
        return models[-1]

    monkeypatch.setattr(train, "start_model", start_model)

    def run(*arguments):
        models.clear()
        words = ["train", "--dataset", data, "--logs", tmp_path / "logs", *arguments]
        status = APPLICATION.main([str(word) for word in words])
        return status, models[0] if models else None

    return run


def test_the_model_knows_the_size_that_its_objects_were_brought_to(training, tmp_path, capsys):
    status, model = training("--scale", "auto", "--subset", "train", "more", *CROP)
    assert status == 0
    stored = json.loads((tmp_path / "logs" / "run" / "config.json").read_text())
    assert stored["OBJECT_DIAMETER"] == 48
    (call,) = model.calls
    # Two magnifications in one data set: 400 pixels become 960 and 213.
    scales = [call.training.image_scale(number) for number in range(4)]
    assert scales == pytest.approx([2.4, 2.4, 48 / 90, 48 / 90], rel=0.01)
    assert stored["IMAGE_MAX_DIM"] == pytest.approx(400 * np.median(scales), abs=1)
    assert call.validation.image_scale(0) == pytest.approx(48 / 90, rel=0.01)
    assert call.augmentation.scale == AUTO_JITTER == (0.6, 1.6)
    said = "several magnifications, with objects of 20 to 90 pixels: each of them is resized"
    assert said in capsys.readouterr().out


def test_several_data_sets_have_each_their_scale(training, tmp_path, capsys):
    draw_set(tmp_path / "far" / "train", 30)
    status, model = training(
        "--dataset", tmp_path / "data", tmp_path / "far", "--scale", "auto", *CROP
    )
    assert status == 0
    (call,) = model.calls
    scales = [call.training.image_scale(number) for number in range(4)]
    assert scales == pytest.approx([2.4, 2.4, 1.6, 1.6], rel=0.01)
    assert model.config.OBJECT_DIAMETER == 48
    said = capsys.readouterr().out
    for folder, width in (("data", 20), ("far", 30)):
        assert f"{folder}: objects are {width} pixels wide and 48 in the resized images" in said


def test_anchors_follow_the_scale(training, capsys):
    status, model = training("--scale", "auto", "--anchors", "auto", *CROP)
    assert status == 0
    assert model.config.RPN_ANCHOR_SCALES == (24, 48, 96, 192, 384)
    said = "objects are 20 pixels wide and 48 in the resized images (x 2.40)."
    assert said in capsys.readouterr().out


def test_without_it_images_have_the_size_that_was_given(training, tmp_path):
    status, model = training("--image-size", "600", *CROP)
    assert status == 0
    (call,) = model.calls
    assert [call.training.image_scale(number) for number in range(2)] == [None, None]
    assert call.augmentation == Augmentation()
    # 400 pixels become 600.
    assert abs(model.config.OBJECT_DIAMETER - 30) < 0.2
    stored = json.loads((tmp_path / "logs" / "run" / "config.json").read_text())
    assert stored["OBJECT_DIAMETER"] == model.config.OBJECT_DIAMETER


def test_a_training_that_goes_on_keeps_scale_jitter_and_size(training, tmp_path):
    given = ("--scale", "auto", "--scale-jitter", "0.7,2", "--image-size", "640")
    _, first = training(*given, *CROP)
    run = tmp_path / "logs" / "run"
    assert json.loads((run / "options.json").read_text())["scale_jitter"] == [0.7, 2.0]
    assert first.config.IMAGE_MAX_DIM == 640
    # As a model of another size would have it.
    settings = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**settings, "OBJECT_DIAMETER": 36.5}))
    run.rename(tmp_path / "logs" / "discs20260101T0000")
    (tmp_path / "logs" / "discs20260101T0000" / "mask_rcnn_discs_0001.h5").write_bytes(b"")
    status, again = training("--weights", "last")
    assert status == 0
    (call,) = again.calls
    assert call.augmentation.scale == (0.7, 2.0)
    assert call.training.image_scale(0) == pytest.approx(36.5 / 20, rel=0.01)
    assert (again.config.OBJECT_DIAMETER, again.config.IMAGE_MAX_DIM) == (36.5, 640)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scale", "auto", "--weights", "none"), "give --crop N as well, such as --crop 320"),
        (("--scale-jitter", "2,1", *CROP), "'2,1' is not a smallest and a largest factor"),
        (("--scale-jitter", "0,1", *CROP), "'0,1' is not a smallest and a largest factor"),
        (("--scale-jitter", "1", *CROP), "'1' is not a smallest and a largest factor"),
        (("--scale-jitter", "1,2", "--no-augmentation", *CROP), "--scale-jitter varies sizes"),
    ],
)
def test_what_does_not_go_together(training, capsys, arguments, message):
    assert training(*arguments)[0] == 2
    assert message in capsys.readouterr().err


def test_the_help_tells_the_jitter_that_there_is(capsys):
    APPLICATION.main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for factors in (Augmentation().scale, AUTO_JITTER):
        assert f"{factors[0]},{factors[1]}" in text


@pytest.mark.parametrize("guide", ["training", "your-data"])
def test_the_commands_of_the_guides_can_be_given(guide):
    text = (DOCS / f"{guide}.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"rbc\.py (train .*--scale auto.*)", text)
    assert commands
    for command in commands:
        # Dots stand for what other commands show.
        options = rbc.APPLICATION.parse(shlex.split(command.removesuffix(" ...")))
        assert options.scale == "auto"
        settings = rbc.APPLICATION.settings_from(options)
        assert rbc.APPLICATION.make_config(settings).IMAGE_RESIZE_MODE == "crop"
