"""The options of a training that goes on: those it had, unless others are given."""

import json
from pathlib import Path

import pytest

import rbc
from mrcnn.app import resume, train
from mrcnn.app.resume import OPTIONS_FILE
from mrcnn.errors import ConfigError
from rbc import APPLICATION

DEFAULTS = {
    "dataset": None,
    "dataset_weights": None,
    "subset": ["train"],
    "attribute": None,
    "layers": "all",
    "no_augmentation": False,
    "overlay": 0.0,
    "scale": "image-size",
    "scale_jitter": None,
    "color_jitter": 1.0,
    "on_error": "stop",
    "validate_every": 5,
    "patience": None,
}


def complete_options(given, run_dir):
    return resume.complete_options(APPLICATION, given, run_dir)


def store_options(given, run_dir):
    resume.store_options(APPLICATION, given, run_dir)


def options(*arguments):
    return APPLICATION.parse(["train", *map(str, arguments)])


def chosen(completed):
    return {name: getattr(completed, name) for name in DEFAULTS}


def test_a_new_training_has_the_defaults_where_nothing_is_given():
    completed = complete_options(options("--layers", "heads", "--no-augmentation"), None)
    assert chosen(completed) == {**DEFAULTS, "layers": "heads", "no_augmentation": True}
    assert completed.weights == "coco"


def test_a_training_that_goes_on_has_the_options_that_it_had(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = complete_options(
        options(
            "--dataset", "fields", "--subset", "train", "extra", "--overlay", 0.5, "--patience", 4,
            "--validate-every", 0, "--on-error", "skip", "--attribute", "size",
        ),
        None,
    )  # fmt: skip
    store_options(first, tmp_path)
    # From another folder, a path as it was given would lead elsewhere.
    monkeypatch.chdir(Path.home())
    again = complete_options(options("--weights", "last"), tmp_path)
    assert chosen(again) == {**chosen(first), "dataset": [(tmp_path / "fields").resolve()]}

    other = complete_options(options("--weights", "last", "--overlay", 0), tmp_path)
    assert chosen(other) == {**chosen(again), "overlay": 0.0}


def test_a_run_of_an_earlier_version_has_no_options(tmp_path):
    assert chosen(complete_options(options("--weights", "last"), tmp_path)) == DEFAULTS


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "no JSON object"),
        ('{"overlay": "much", "subset": ["train"]}', r"\(overlay\)"),
        ('{"patience": [1]}', r"\(patience\)"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, named):
    (tmp_path / OPTIONS_FILE).write_text(content)
    with pytest.raises(ConfigError, match=rf"options\.json.*{named}.*give the options again"):
        complete_options(options("--weights", "last"), tmp_path)


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [((), 5), (("--keep-checkpoints", 2), 2), (("--keep-checkpoints", "all"), None)],
)
def test_how_many_checkpoints_are_kept(arguments, kept):
    given = options("--weights", "none", *arguments)
    config = APPLICATION.make_config(train.training_settings(APPLICATION, given, None))
    assert kept == config.KEEP_CHECKPOINTS


def test_checkpoints_cannot_be_fewer_than_one(capsys):
    assert rbc.main(["train", "--keep-checkpoints", "0"]) == 2
    assert "--keep-checkpoints" in capsys.readouterr().err


def test_a_run_that_has_all_its_epochs_is_refused(tmp_path):
    checkpoint = tmp_path / "mask_rcnn_rbc_0012.h5"
    (tmp_path / "losses.csv").write_text("epoch,loss\n10,1.5\n11,1.25\n")
    train.check_epochs(checkpoint, 13)
    for epochs in (11, 12):
        with pytest.raises(ConfigError, match=rf"has 12 epochs already; --epochs {epochs} is the"):
            train.check_epochs(checkpoint, epochs)
    # It was killed between the checkpoint and the end of the epoch: there is something left.
    (tmp_path / "losses.csv").write_text("epoch,loss\n10,1.5\n")
    train.check_epochs(checkpoint, 12)


def test_control_c_is_one_line(monkeypatch, capsys):
    def press(application, options):
        raise KeyboardInterrupt("Training interrupted: 3 epochs are saved in here.h5.")

    monkeypatch.setattr(train, "run", press)
    assert rbc.main(["train"]) == 130
    assert capsys.readouterr().err == (
        "rbc.py: Training interrupted: 3 epochs are saved in here.h5.\n"
    )


def test_the_options_are_plain_json(tmp_path):
    store_options(complete_options(options("--dataset", tmp_path), None), tmp_path)
    stored = json.loads((tmp_path / OPTIONS_FILE).read_text())
    assert stored == {**DEFAULTS, "dataset": [str(tmp_path.resolve())]}
