"""What `--precision auto` takes, by made-up processors and GPUs."""

import importlib.util
import subprocess

import pytest

from mrcnn.app import precision
from mrcnn.app.options import AUTO, KERAS, ONNX, OPENVINO
from rbc import APPLICATION

FLAGS = "flags\t\t: fpu sse2 avx2 avx512f avx512_bf16"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Sets the flags of the processor, and the compute capability of GPUs that nvidia-smi tells."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "cpuinfo")

    def these(flags=FLAGS, gpus=None, seen=True):
        text = f"processor\t: 0\nmodel name\t: amx_bf16 by name\n{flags}\nbugs\t\t: none\n"
        (tmp_path / "cpuinfo").write_text(text)
        monkeypatch.setattr(precision, "has_gpu", lambda: gpus is not None)
        monkeypatch.setattr(precision, "_backend_has_gpu", lambda: seen)

        def told(command, **_):
            if not gpus:
                raise FileNotFoundError(command[0])
            return subprocess.CompletedProcess(command, 0, stdout=gpus)

        monkeypatch.setattr(subprocess, "run", told)

    return these


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        (FLAGS, "float32"),
        (f"{FLAGS} amx_bf16 amx_tile", "mixed_bfloat16"),
        (f"{FLAGS} amx_bf16_like", "float32"),
        ("Features\t: asimd bf16", "float32"),
    ],
)
def test_a_processor_is_known_by_its_flags(machine, flags, chosen):
    machine(flags)
    found, reason = precision.best_precision(AUTO)
    assert found == chosen
    assert "amx_bf16" in reason


def test_a_system_without_flags_computes_in_float32(machine, monkeypatch, tmp_path):
    machine()
    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "none")
    assert precision.best_precision(AUTO)[0] == "float32"


@pytest.mark.parametrize(
    ("gpus", "chosen"),
    [
        ("9.0\n8.0\n", "mixed_bfloat16"),
        ("9.0\n7.5\n", "mixed_float16"),
        ("6.1\n", "float32"),
        ("[N/A]\n", "float32"),
        ("", "float32"),
    ],
)
def test_a_gpu_is_known_by_its_compute_capability(machine, gpus, chosen):
    machine(gpus=gpus)
    assert precision.best_precision(KERAS)[0] == chosen


def test_a_gpu_that_the_backend_does_not_see_is_none(machine):
    machine(f"{FLAGS} amx_bf16", gpus="7.5\n", seen=False)
    assert precision.best_precision(KERAS)[0] == "mixed_bfloat16"


def test_what_computes_in_float32_alone_stays(machine, monkeypatch):
    machine(f"{FLAGS} amx_bf16")
    for name in (ONNX, OPENVINO):
        assert precision.best_precision(name) == ("float32", f"--runtime {name} has no other")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert precision.best_precision(AUTO)[0] == "float32"
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert precision.best_precision(AUTO)[0] == "mixed_bfloat16"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert precision.best_precision(AUTO)[0] == "float32"


@pytest.mark.parametrize("words", [["detect", "a.png"], ["evaluate"]], ids=["detect", "evaluate"])
def test_what_was_chosen_is_said(words, machine, capsys):
    machine(f"{FLAGS} amx_bf16")
    options = APPLICATION.parse([*words, "--precision", "auto"])
    precision.choose_precision(options)
    assert APPLICATION.settings_from(options)["MIXED_PRECISION"] == "mixed_bfloat16"
    assert capsys.readouterr().out == (
        "Precision: mixed_bfloat16, since the processor multiplies matrices of it (amx_bf16).\n"
    )
    precision.choose_precision(options)
    assert capsys.readouterr().out == ""


def test_what_has_no_precision_is_left(machine, capsys):
    machine()
    options = APPLICATION.parse(["detect", "a.png", "--precision", "auto", "--method", "watershed"])
    precision.choose_precision(options)
    assert options.precision == AUTO
    assert "MIXED_PRECISION" not in APPLICATION.settings_from(options)
    assert capsys.readouterr().out == ""


def test_training_takes_no_auto(capsys):
    with pytest.raises(SystemExit):
        APPLICATION.parse(["train", "--precision", "auto"])
    assert "invalid choice: 'auto'" in capsys.readouterr().err
