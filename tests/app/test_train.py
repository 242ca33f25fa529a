"""What a training starts with: settings by kind of weights, anchors, layers."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn.app import callbacks, train
from mrcnn.app.callbacks import TimeNeeded
from mrcnn.app.settings import GO_ON, LIGHT, read_settings
from mrcnn.errors import ConfigError
from mrcnn.weights.settings import settings_text
from rbc import APPLICATION, RBCConfig, RBCDataset


def training_settings(options, stored):
    return train.training_settings(APPLICATION, options, stored)


def train_options(*arguments: str):
    return APPLICATION.parse(["train", *arguments])


def test_anchors_from_cells(capsys):
    dataset = RBCDataset()
    for number, (width, sides) in enumerate([(1000, [50, 100, 150]), (2000, [200])]):
        polygons = [np.array([(0, 0), (0, side), (side, side), (side, 0)]) for side in sides]
        dataset.add_image("rbc", number, None, height=width // 2, width=width, polygons=polygons)
    config = APPLICATION.make_config(
        APPLICATION.settings_from(train_options("--crop", "320", "--image-size", "500"))
    )
    # In the resized fields the sides are 25, 50, 75 and 50.
    assert train.anchors_for_objects(dataset, config, APPLICATION.words) == (25, 50, 100, 200, 400)
    assert "Cells are 50 pixels wide" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="no cells to derive sizes from"):
        train.anchors_for_objects(RBCDataset(), config, APPLICATION.words)


def test_random_weights_get_group_normalization_and_a_schedule():
    config = APPLICATION.make_config(training_settings(train_options("--weights", "none"), None))
    assert config.NORMALIZATION == "group"
    assert config.LEARNING_RATE_SCHEDULE == "cosine"
    assert config.LEARNING_RATE > RBCConfig.LEARNING_RATE
    assert 0 < config.WARMUP_STEPS <= config.EPOCHS * config.STEPS_PER_EPOCH / 10


def test_short_training_warms_up_briefly():
    options = train_options("--weights", "none", "--epochs", "2", "--steps", "10")
    assert training_settings(options, None)["WARMUP_STEPS"] == 2


def test_given_values_win_over_the_preset_of_random_weights():
    options = train_options(
        "--weights", "none", "--learning-rate", "0.5", "--schedule", "constant",
        "--normalization", "batch",
    )  # fmt: skip
    config = APPLICATION.make_config(training_settings(options, None))
    assert (config.LEARNING_RATE, config.LEARNING_RATE_SCHEDULE) == (0.5, "constant")
    # Batch norm of random weights must learn its statistics.
    assert (config.NORMALIZATION, config.TRAIN_BN) == ("batch", True)


@pytest.mark.parametrize("weights", ["coco", "imagenet"])
def test_published_weights_keep_the_paper_and_frozen_batch_norm(weights):
    config = APPLICATION.make_config(training_settings(train_options("--weights", weights), None))
    assert (config.NORMALIZATION, config.TRAIN_BN) == ("batch", False)
    assert (config.LEARNING_RATE, config.LEARNING_RATE_SCHEDULE) == (0.001, "constant")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--backbone", "resnet18"), "has no resnet18.*--weights none"),
        (("--normalization", "group"), "batch normalization"),
    ],
)
def test_what_published_weights_cannot_do(arguments, reason):
    with pytest.raises(ConfigError, match=reason):
        training_settings(train_options("--weights", "coco", *arguments), None)


def test_a_backbone_with_imagenet_weights_is_new_in_all_but_these():
    options = train_options("--weights", "imagenet", "--backbone", "efficientnet-lite0")
    config = APPLICATION.make_config(training_settings(options, None))
    assert (config.NORMALIZATION, config.TRAIN_BN) == ("batch", False)
    assert (config.LEARNING_RATE, config.LEARNING_RATE_SCHEDULE) == (0.01, "cosine")
    options = train_options(
        "--weights", "imagenet", "--backbone", "efficientnet-lite0", "--batch-norm", "learned"
    )
    assert training_settings(options, None)["TRAIN_BN"] is True
    options = train_options("--weights", "coco", "--backbone", "efficientnet-lite0")
    with pytest.raises(ConfigError, match=r"has no efficientnet-lite0.*--weights imagenet"):
        training_settings(options, None)


def test_layers_are_presets_or_regular_expressions():
    for layers in ("all", "heads", "3+", "5+", r"(mrcnn\_.*)|(fpn\_.*)"):
        train.check_layers(layers)
    with pytest.raises(ConfigError, match=r"--layers '\(' is neither"):
        train.check_layers("(")


def test_stored_settings_come_back_and_options_win(tmp_path):
    config = APPLICATION.make_config(
        {**LIGHT, "BACKBONE": "resnet18", "CLASS_NAMES": ("a", "b"), "MEAN_PIXEL": np.ones(3)}
    )
    (tmp_path / "config.json").write_text(settings_text(config))
    stored = read_settings(tmp_path / "mask_rcnn_rbc_0001.h5")
    again = APPLICATION.make_config(stored)
    assert again.to_dict() == config.to_dict()
    assert isinstance(again.MEAN_PIXEL, np.ndarray)
    options = train_options("--weights", "last", "--epochs", "7")
    resumed = APPLICATION.make_config(training_settings(options, stored))
    assert (resumed.EPOCHS, resumed.BACKBONE) == (7, "resnet18")


STORED = {
    "EPOCHS": 12,
    "STEPS_PER_EPOCH": 200,
    "LEARNING_RATE": 0.02,
    "WARMUP_STEPS": 200,
    "LEARNING_RATE_SCHEDULE": "cosine",
    "BACKBONE": "resnet18",
    "IMAGES_PER_GPU": 4,
}


@pytest.mark.parametrize("weights", ["rbc", "best", "logs/rbc20260131T0930"])
def test_a_trained_model_is_gone_on_from_with_one_set_of_settings(weights):
    config = APPLICATION.make_config(training_settings(train_options("--weights", weights), STORED))
    assert (config.EPOCHS, config.STEPS_PER_EPOCH, config.LEARNING_RATE) == (3, 50, 0.005)
    assert (config.LEARNING_RATE_SCHEDULE, config.WARMUP_STEPS) == ("cosine", 15)
    # The model is what it was.
    assert (config.BACKBONE, config.IMAGES_PER_GPU) == ("resnet18", 4)
    more = train_options("--weights", weights, "--epochs", "9", "--schedule", "constant")
    config = APPLICATION.make_config(training_settings(more, STORED))
    assert (config.EPOCHS, config.LEARNING_RATE_SCHEDULE, config.WARMUP_STEPS) == (9, "constant", 0)


@pytest.mark.parametrize(
    ("names", "kept"),
    [(["a", "red", "blue"], ["red", "blue"]), (["blue", "c"], ["blue"]), (["c", "d"], None)],
)
def test_classes_that_tell_the_scale_are_those_that_the_new_training_has(names, kept):
    known = {**STORED, "CLASS_NAMES": names, "OBJECT_CLASSES": ["red", "blue"]}
    config = APPLICATION.make_config(training_settings(train_options("--weights", "best"), known))
    assert kept == config.OBJECT_CLASSES


def test_an_interrupted_run_goes_on_with_its_own_settings():
    settings = training_settings(train_options("--weights", "last"), STORED)
    assert settings == STORED


def test_help_and_guides_tell_the_settings_of_going_on(capsys):
    with pytest.raises(SystemExit):
        train_options("--help")
    said = " ".join(capsys.readouterr().out.split())
    epochs, steps, rate = (GO_ON[key] for key in ("EPOCHS", "STEPS_PER_EPOCH", "LEARNING_RATE"))
    assert f"(default 100; {epochs} from a trained model)" in said
    assert f"{steps} from a trained model" in said and f"or {rate:g} from a trained model" in said
    root = Path(__file__).resolve().parents[2]
    for name in ("docs/training.md", "docs/command-line.md"):
        text = " ".join((root / name).read_text(encoding="utf-8").split())
        assert f"{epochs} epochs of {steps} steps" in text and f"{rate:g}" in text
    assert f"{epochs} x {steps} steps" in (root / "README.md").read_text(encoding="utf-8")


def test_the_time_is_told_after_the_first_steps(capsys, monkeypatch):
    clock = iter([10.0, 60.0])
    # Of this module alone: threads of others ask the clock as well.
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    told = TimeNeeded(epochs=3)
    told.set_params({"steps": 50})
    told.on_epoch_begin(0)
    for step in range(50):
        told.on_train_batch_end(step)
    assert capsys.readouterr().out == "\n143 more steps: about 24 minutes, validation apart.\n"


def test_after_ctrl_c_the_command_that_goes_on_is_named(tmp_path):
    run = tmp_path / "rbc20260131T0930"
    run.mkdir()
    options = train_options("--logs", str(tmp_path))
    said = KeyboardInterrupt("Training interrupted.")
    assert train._how_to_go_on(APPLICATION, options, said, run) == "Training interrupted."
    (run / "mask_rcnn_rbc_0001.h5").touch()
    told = train._how_to_go_on(APPLICATION, options, said, run)
    assert told.endswith(f"train --weights last --logs {tmp_path}` goes on.")
    assert "--logs" not in train._how_to_go_on(APPLICATION, train_options(), said, run)


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.0, (0.15, 0.08)), (2.0, (0.3, 0.16)), (50.0, (0.9, 0.9))]
)
def test_colors_vary_by_the_factor(factor, expected):
    options = train_options("--color-jitter", str(factor))
    options.scale, options.no_augmentation, options.overlay = "image-size", False, 0.0
    augmentation = train.augmentation_of(options)
    assert (augmentation.brightness, augmentation.color) == pytest.approx(expected)
    assert augmentation.scale == (0.8, 1.25)


@pytest.mark.parametrize(
    ("arguments", "devices", "images"),
    [
        ((), 4, 2),
        (("--devices", "2"), 2, 4),
        # Eight images cannot be shared evenly by three.
        (("--devices", "3"), 3, 2),
        (("--devices", "2", "--batch-size", "1"), 2, 1),
    ],
)
def test_a_run_goes_on_with_other_devices_and_the_same_batch(arguments, devices, images):
    stored = {"CLASS_NAMES": ["cell"], "GPU_COUNT": 4, "IMAGES_PER_GPU": 2}
    settings = training_settings(train_options("--weights", "last", *arguments), stored)
    assert (settings["GPU_COUNT"], settings["IMAGES_PER_GPU"]) == (devices, images)


def test_the_devices_of_a_model_are_no_part_of_it():
    stored = {"CLASS_NAMES": ["cell"], "GPU_COUNT": 4, "IMAGES_PER_GPU": 2}
    settings = training_settings(train_options("--weights", "a.h5"), stored)
    assert (settings["GPU_COUNT"], settings["IMAGES_PER_GPU"]) == (1, 2)
    settings = training_settings(train_options("--weights", "a.h5", "--devices", "2"), stored)
    assert settings["GPU_COUNT"] == 2


def test_the_number_of_devices_is_a_number_or_all(capsys):
    with pytest.raises(SystemExit):
        train_options("--devices", "both")
    assert "--devices" in capsys.readouterr().err
