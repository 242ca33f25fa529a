"""Which model is exported, and what is refused before anything is built."""

import keras
import pytest

from mrcnn.app.deploy import find_model
from mrcnn.app.main import main
from mrcnn.deploy.tracing import check_backend
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.weights.settings import settings_text


def test_a_model_is_a_name_a_folder_or_a_file(tiny_config, tmp_path):
    config, weights = find_model("rbc")
    assert (config.NAME, weights.name) == ("rbc", "rbc.h5")
    (tmp_path / "config.json").write_text(settings_text(tiny_config()))
    (tmp_path / "tiny.h5").touch()
    (tmp_path / "other.h5").touch()
    for model, name in ((tmp_path, "tiny.h5"), (tmp_path / "other.h5", "other.h5")):
        config, weights = find_model(str(model))
        assert (config.NAME, weights) == ("tiny", tmp_path / name)


def test_no_model_is_told(tmp_path):
    with pytest.raises(
        WeightsError, match=r"nothing: no such model. Expected `rbc` or `rbc-open`, the folder"
    ):
        find_model(str(tmp_path / "nothing"))
    (tmp_path / "lonely.h5").touch()
    with pytest.raises(ConfigError, match=r"config.json: there is no such file"):
        find_model(str(tmp_path / "lonely.h5"))


def test_the_format_must_be_given(capsys):
    assert main(["export", "rbc"]) == 2
    assert (
        "Give the format to write: --format onnx, openvino, savedmodel" in capsys.readouterr().err
    )


def test_kernels_are_stored_as_the_format_can(capsys):
    assert main(["export", "rbc", "--format", "savedmodel", "--weights-as", "float16"]) == 2
    assert "Kernels of a SavedModel of TensorFlow are stored as float32, not as float16" in (
        capsys.readouterr().err
    )


def test_a_file_is_no_folder_to_write(tmp_path, capsys):
    (tmp_path / "out").touch()
    command = ["export", "rbc", "--format", "savedmodel", "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert "out: is a file. Give a folder" in capsys.readouterr().err


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ConfigError, match=r"the backend is jax: install TensorFlow"):
        check_backend()


@pytest.mark.parametrize(
    "words", [["--weights-as", "int8"], ["--calibration", "pictures"]], ids=["int8", "pictures"]
)
def test_pictures_and_8_bit_numbers_go_together(words, capsys):
    assert main(["export", "rbc", "--format", "onnx", *words]) == 2
    assert "--weights-as int8 and --calibration FOLDER go together" in capsys.readouterr().err


def test_a_folder_without_pictures_is_told(tmp_path, capsys):
    command = ["export", "rbc", "--format", "onnx", "--weights-as", "int8"]
    assert main([*command, "--calibration", str(tmp_path)]) == 2
    assert f"{tmp_path}: no image in this folder" in capsys.readouterr().err
