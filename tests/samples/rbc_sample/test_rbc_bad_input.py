"""Bad input at the command line: status 2, one clear message, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import rbc
from tests.drawn_cells import draw_field

SCRIPT = Path(rbc.__file__)


def fails(capsys, *arguments) -> str:
    """Run, expect status 2 and return what was said on stderr."""
    status = rbc.main([str(argument) for argument in arguments])
    error = capsys.readouterr().err
    assert status == 2
    assert "Traceback" not in error
    assert "error:" in error
    return error


@pytest.fixture
def other_weights(tmp_path: Path) -> Path:
    """A readable weights file of another model."""
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("dense_1")
        group.create_dataset("dense_1/kernel:0", data=np.zeros((3, 4), np.float32))
        group.attrs["weight_names"] = [b"dense_1/kernel:0"]
    return path


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "COMMAND"),
        (("fly",), "fly"),
        (("evaluate", "--min-conf", "1.5"), "'1.5' is not a confidence from 0 to 1"),
        (("evaluate", "--min-conf", "0.7", "nan"), "'nan' is not a confidence"),
        (("detect", "a.png", "--min-conf", "-0.1"), "is not a confidence"),
        (("detect", "a.png", "--min-conf", "automatic"), "'automatic' is not a confidence"),
        (("evaluate", "--method", "guess"), "guess"),
        (("evaluate", "--border", "drop"), "drop"),
        (
            ("detect", "a.png", "--pixel-size", "0"),
            "'0' is not a size of pixels from 0.001 to 1000",
        ),
        (("detect",), "IMAGE_OR_FOLDER"),
        (("train", "--epochs", "0"), "'0' is not a whole number of at least 1"),
        (("train", "--seed", "-3"), "is not a whole number from 0"),
        (("smears", "x", "--fields", "many"), "'many' is not a whole number"),
    ],
)
def test_arguments(capsys, arguments, reason):
    assert reason in fails(capsys, *arguments)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--backbone", "vgg15"), "BACKBONE is 'vgg15'"),
        (("--image-size", "100"), "IMAGE_MAX_DIM is 100"),
        (("--layers", "("), "--layers"),
        (("--patience", "3", "--validate-every", "0"), "--patience"),
    ],
)
def test_settings_are_refused_before_anything_is_read(capsys, tmp_path, arguments, reason):
    error = fails(capsys, "train", "--weights", "none", "--dataset", tmp_path / "no", *arguments)
    assert reason in error
    assert "Traceback" not in error


def test_missing_data_set(capsys, tmp_path):
    error = fails(capsys, "train", "--weights", "none", "--dataset", tmp_path / "no")
    assert str(tmp_path / "no") in error


def test_data_set_without_validation(capsys, dataset_dir):
    (dataset_dir / "val").rename(dataset_dir / "test")
    error = fails(capsys, "train", "--weights", "none", "--dataset", dataset_dir)
    assert str(dataset_dir / "val") in error


def test_broken_annotations(capsys, dataset_dir):
    (dataset_dir / "train" / "via_region_data.json").write_text('{"a.png": ')
    error = fails(capsys, "train", "--weights", "none", "--dataset", dataset_dir)
    assert "via_region_data.json" in error and "not valid JSON" in error


def test_truncated_training_image(capsys, dataset_dir):
    path = dataset_dir / "train" / "b.png"
    path.write_bytes(path.read_bytes()[:500])
    error = fails(capsys, "train", "--weights", "none", "--dataset", dataset_dir)
    assert "b.png" in error and "cut short" in error


def test_training_needs_weights_that_exist(capsys, dataset_dir, tmp_path):
    error = fails(capsys, "train", "--dataset", dataset_dir, "--weights", tmp_path / "no.h5")
    assert "no.h5" in error


def test_evaluating_without_a_model(capsys, dataset_dir, tmp_path):
    error = fails(
        capsys, "evaluate", "--dataset", dataset_dir, "--logs", tmp_path / "logs",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert "No trained model" in error


@pytest.mark.parametrize("weights", ["coco", "imagenet", "none"])
def test_weights_that_know_no_cells(capsys, tmp_path, weights):
    image = tmp_path / "a.png"
    draw_field().save(image)
    error = fails(capsys, "detect", image, "--weights", weights, "--out", tmp_path / "out")
    assert "knows no blood cells" in error


def test_the_classical_method_has_no_confidence(capsys, dataset_dir, tmp_path):
    for arguments in (("--min-conf", "0.7"), ("--min-conf", "auto"), ("--sweep",)):
        error = fails(
            capsys, "evaluate", "--method", "watershed", "--dataset", dataset_dir,
            "--out", tmp_path / "out", *arguments,
        )  # fmt: skip
        assert "watershed has no confidences" in error


def test_results_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("kept")
    image = tmp_path / "a.png"
    draw_field().save(image)
    for command in (("detect", image), ("evaluate",)):
        error = fails(capsys, *command, "--out", tmp_path / "file")
        assert "cannot write there" in error
    assert (tmp_path / "file").read_text() == "kept"


def test_weights_of_another_model(capsys, dataset_dir, tmp_path, other_weights):
    small = ("--backbone", "resnet18", "--light", "--image-size", "128")
    error = fails(
        capsys, "evaluate", "--dataset", dataset_dir, "--weights", other_weights,
        "--out", tmp_path / "out", *small,
    )  # fmt: skip
    assert "other.h5" in error
    error = fails(
        capsys, "train", "--dataset", dataset_dir, "--weights", other_weights,
        "--logs", tmp_path / "logs", *small,
    )  # fmt: skip
    assert "other.h5" in error


def test_weights_that_are_no_weights(capsys, dataset_dir, tmp_path):
    (tmp_path / "broken.h5").write_bytes(b"no HDF5")
    error = fails(
        capsys, "evaluate", "--dataset", dataset_dir, "--weights", tmp_path / "broken.h5",
        "--out", tmp_path / "out", "--backbone", "resnet18", "--light", "--image-size", "128",
    )  # fmt: skip
    assert "broken.h5" in error


def run(arguments: list, folder: Path) -> subprocess.CompletedProcess:
    """Run Python in a folder, with the package importable even where it is not installed."""
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_as_a_script(tmp_path):
    """From another folder, without a package path: help is quick, bad input is no traceback."""
    result = run([SCRIPT, "--help"], tmp_path)
    assert result.returncode == 0
    assert all(word in result.stdout for word in ("train", "evaluate", "detect", "smears"))
    result = run([SCRIPT, "train", "--weights", "none", "--dataset", tmp_path / "no"], tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("rbc.py: error: ")
    assert "Traceback" not in result.stderr


def test_help_imports_nothing_heavy():
    code = (
        "import sys, rbc\n"
        "assert rbc.main(['train', '--help']) == 0\n"
        "print(sorted({'keras', 'tensorflow', 'skimage', 'scipy', 'PIL'} & set(sys.modules)))"
    )
    result = run(["-c", code], SCRIPT.parent)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"
