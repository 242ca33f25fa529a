"""Settings: the paper's values, what options change, what travels with the weights."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import rbc_config
import rbc_model
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.weights.settings import settings_text
from rbc_arguments import build_parser
from rbc_config import (
    LIGHT,
    RBCConfig,
    last_checkpoint,
    make_config,
    read_settings,
    resolve_weights,
    settings_from_options,
)
from rbc_dataset import RBCDataset
from rbc_model import trained_weights
from rbc_train import anchors_for_cells, check_layers, training_settings


def train_options(*arguments: str):
    return build_parser().parse_args(["train", *arguments])


def test_values_of_the_paper():
    config = RBCConfig()
    assert config.BACKBONE == "resnet50"
    assert config.RPN_ANCHOR_SCALES == (8, 16, 32, 64, 128)
    assert config.LEARNING_RATE == 0.001
    assert config.EPOCHS == 100
    assert config.DETECTION_MIN_CONFIDENCE == 0.7
    assert config.CLASS_NAMES == ("large", "normal", "small", "undefined")
    assert config.NUM_CLASSES == 5
    assert config.IMAGE_SHAPE.tolist() == [512, 512, 3]


def test_limits_hold_130_cells():
    config = RBCConfig()
    assert min(config.MAX_GT_INSTANCES, config.DETECTION_MAX_INSTANCES) >= 130
    assert int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO) >= 130
    assert config.RPN_TRAIN_ANCHORS_PER_IMAGE // 2 >= 130
    assert config.POST_NMS_ROIS_TRAINING >= config.TRAIN_ROIS_PER_IMAGE


def test_options_that_were_not_given_change_nothing():
    assert settings_from_options(train_options()) == {}


def test_options_become_attributes():
    options = train_options(
        "--backbone", "resnet18", "--image-size", "320", "--light", "--classes", "red", "white",
        "--batch-size", "3", "--steps", "7", "--learning-rate", "0.02", "--epochs", "4",
        "--seed", "5", "--normalization", "group", "--schedule", "constant",
    )  # fmt: skip
    config = make_config(settings_from_options(options))
    assert config.BACKBONE == "resnet18"
    assert config.IMAGE_MIN_DIM == config.IMAGE_MAX_DIM == 320
    assert config.CLASS_NAMES == ("red", "white") and config.NUM_CLASSES == 3
    assert (config.BATCH_SIZE, config.STEPS_PER_EPOCH, config.EPOCHS) == (3, 7, 4)
    assert (config.LEARNING_RATE, config.SEED, config.NORMALIZATION) == (0.02, 5, "group")
    assert {name: getattr(config, name) for name in LIGHT} == LIGHT


def test_parts_of_fields():
    config = make_config(
        settings_from_options(train_options("--crop", "320", "--image-size", "768"))
    )
    assert config.IMAGE_RESIZE_MODE == "crop" and config.IMAGE_FIT
    assert (config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM) == (320, 768)
    assert config.IMAGE_SHAPE.tolist() == [320, 320, 3]


def test_anchors():
    def scales(text):
        return settings_from_options(train_options("--anchors", text)).get("RPN_ANCHOR_SCALES")

    assert scales("paper") == RBCConfig.RPN_ANCHOR_SCALES
    assert scales("4,8,16,32,64.5") == (4, 8, 16, 32, 64.5)
    # These need the data.
    assert scales("auto") is None


@pytest.mark.parametrize("text", ["small", "8,16,32,64", "8,16,32,64,0", "8,16,x,64,128"])
def test_anchors_that_are_none(text, capsys):
    with pytest.raises(SystemExit):
        train_options("--anchors", text)
    assert "neither auto, paper nor five sizes" in capsys.readouterr().err


def test_anchors_from_cells(capsys):
    dataset = RBCDataset()
    for number, (width, sides) in enumerate([(1000, [50, 100, 150]), (2000, [200])]):
        polygons = [np.array([(0, 0), (0, side), (side, side), (side, 0)]) for side in sides]
        dataset.add_image("rbc", number, None, height=width // 2, width=width, polygons=polygons)
    config = make_config(
        settings_from_options(train_options("--crop", "320", "--image-size", "500"))
    )
    # In the resized fields the sides are 25, 50, 75 and 50.
    assert anchors_for_cells(dataset, config) == (25, 50, 100, 200, 400)
    assert "Cells are 50 pixels wide" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="no cells to derive sizes from"):
        anchors_for_cells(RBCDataset(), config)


def test_random_weights_get_group_normalisation_and_a_schedule():
    config = make_config(training_settings(train_options("--weights", "none"), None))
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
    config = make_config(training_settings(options, None))
    assert (config.LEARNING_RATE, config.LEARNING_RATE_SCHEDULE) == (0.5, "constant")
    # Batch norm of random weights must learn its statistics.
    assert (config.NORMALIZATION, config.TRAIN_BN) == ("batch", True)


@pytest.mark.parametrize("weights", ["coco", "imagenet"])
def test_published_weights_keep_the_paper_and_frozen_batch_norm(weights):
    config = make_config(training_settings(train_options("--weights", weights), None))
    assert (config.NORMALIZATION, config.TRAIN_BN) == ("batch", False)
    assert (config.LEARNING_RATE, config.LEARNING_RATE_SCHEDULE) == (0.001, "constant")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--backbone", "resnet18"), "has no resnet18.*--weights none"),
        (("--normalization", "group"), "batch normalisation"),
    ],
)
def test_what_published_weights_cannot_do(arguments, reason):
    with pytest.raises(ConfigError, match=reason):
        training_settings(train_options("--weights", "coco", *arguments), None)


def test_stored_settings_come_back_and_options_win(tmp_path):
    config = make_config(
        {**LIGHT, "BACKBONE": "resnet18", "CLASS_NAMES": ("a", "b"), "MEAN_PIXEL": np.ones(3)}
    )
    (tmp_path / "config.json").write_text(settings_text(config))
    stored = read_settings(tmp_path / "mask_rcnn_rbc_0001.h5")
    again = make_config(stored)
    assert again.to_dict() == config.to_dict()
    assert isinstance(again.MEAN_PIXEL, np.ndarray)
    options = train_options("--weights", "last", "--epochs", "7")
    resumed = make_config(training_settings(options, stored))
    assert (resumed.EPOCHS, resumed.BACKBONE) == (7, "resnet18")


def test_no_stored_settings(tmp_path):
    assert read_settings(tmp_path / "weights.h5") is None


@pytest.mark.parametrize("text", ["{", "[1, 2]", "\ufffd"])
def test_broken_settings_name_the_file(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_settings(tmp_path / "weights.h5")


def test_stored_values_are_checked(tmp_path):
    content = RBCConfig().to_dict() | {"IMAGE_MAX_DIM": 100}
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="IMAGE_MAX_DIM"):
        make_config(read_settings(tmp_path / "weights.h5"))


def test_last_checkpoint_is_the_last_epoch_of_the_newest_run(tmp_path):
    for run, epochs in (("rbc20250101T0900", 3), ("rbc20260101T0900", 2), ("rbc20270101T0900", 0)):
        (tmp_path / run).mkdir()
        for epoch in range(1, epochs + 1):
            (tmp_path / run / f"mask_rcnn_rbc_{epoch:04d}.h5").touch()
    newest = tmp_path / "rbc20260101T0900" / "mask_rcnn_rbc_0002.h5"
    assert last_checkpoint(tmp_path) == newest
    assert resolve_weights("last", tmp_path) == newest
    run = tmp_path / "rbc20250101T0900"
    assert resolve_weights(str(run), tmp_path).name == "mask_rcnn_rbc_0003.h5"
    assert resolve_weights(str(newest), tmp_path) == newest


def test_best_weights_are_those_of_the_newest_run_that_has_some(tmp_path):
    for run in ("rbc20250101T0900", "rbc20260101T0900", "rbc20270101T0900"):
        (tmp_path / run).mkdir()
    with pytest.raises(WeightsError, match=r"No best.h5 in .*--validate-every"):
        resolve_weights("best", tmp_path)
    for run in ("rbc20250101T0900", "rbc20260101T0900"):
        (tmp_path / run / "best.h5").touch()
    assert resolve_weights("best", tmp_path) == tmp_path / "rbc20260101T0900" / "best.h5"
    assert resolve_weights("best", tmp_path / "rbc20250101T0900").parent.name == "rbc20250101T0900"


def test_no_checkpoint(tmp_path):
    with pytest.raises(WeightsError, match=r"No trained model.*rbc\.py train"):
        last_checkpoint(tmp_path / "logs")
    with pytest.raises(WeightsError, match="no such weights file"):
        resolve_weights(str(tmp_path / "none.h5"), tmp_path)


def test_layers_are_presets_or_regular_expressions():
    for layers in ("all", "heads", "3+", "5+", r"(mrcnn\_.*)|(fpn\_.*)"):
        check_layers(layers)
    with pytest.raises(ConfigError, match=r"--layers '\(' is neither"):
        check_layers("(")


def test_options_without_model_part():
    assert settings_from_options(SimpleNamespace()) == {}


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A project with weights of its own in an empty place."""
    monkeypatch.setattr(rbc_config, "DEFAULT_WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(rbc_model, "DEFAULT_LOGS", tmp_path / "logs")
    path = tmp_path / "weights" / "rbc" / "rbc.h5"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def evaluate_options(*arguments):
    return build_parser().parse_args(["evaluate", *map(str, arguments)])


def test_without_a_training_the_project_s_own_model_is_used(shipped, tmp_path):
    options = evaluate_options("--logs", tmp_path / "logs")
    assert trained_weights(options) == shipped
    run = tmp_path / "logs" / "rbc20260131T0930"
    run.mkdir(parents=True)
    checkpoint = run / "mask_rcnn_rbc_0003.h5"
    checkpoint.touch()
    assert trained_weights(options) == checkpoint
    assert trained_weights(evaluate_options("--weights", "rbc")) == shipped
    # Whoever names a folder of runs means a run.
    with pytest.raises(WeightsError, match=r"No trained model in .*elsewhere"):
        trained_weights(evaluate_options("--logs", tmp_path / "elsewhere"))


def test_the_project_s_own_model_was_taken_away(shipped):
    shipped.unlink()
    with pytest.raises(WeightsError, match=r"are not there\. Restore the folder"):
        resolve_weights("rbc", shipped.parent)


def test_a_packed_model_is_named_by_its_folder(shipped):
    assert resolve_weights(str(shipped.parent), shipped.parent) == shipped
