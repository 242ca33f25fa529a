"""A backend that nobody named is one that is installed."""

import importlib.util
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from mrcnn.app.backend import choose_backend, without_libraries, without_notes
from mrcnn.errors import ConfigError


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Makes a machine with some backends installed, and a variable and a file of Keras."""

    def make(installed, variable=None, file=None):
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name: find("json") if name in installed else None,
        )
        monkeypatch.setenv("KERAS_BACKEND", variable or "")
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        if file is not None:
            (tmp_path / "keras.json").write_text(file)

    return make


@pytest.mark.parametrize(
    ("installed", "variable", "file", "expected"),
    [
        (("tensorflow", "jax"), None, None, ""),
        (("jax", "torch"), None, None, "jax"),
        (("torch",), None, None, "torch"),
        (("jax", "torch"), "torch", None, "torch"),
        (("jax", "torch"), None, json.dumps({"backend": "torch"}), ""),
        (("jax", "torch"), None, json.dumps({"backend": "tensorflow"}), "jax"),
        (("torch",), None, "damaged {", "torch"),
        (("torch",), None, "[1]", "torch"),
        (("tensorflow",), "openvino", None, "openvino"),
    ],
)
def test_what_is_installed_is_taken(machine, installed, variable, file, expected):
    machine(installed, variable, file)
    choose_backend()
    assert os.environ["KERAS_BACKEND"] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((("torch",), "jax"), "backend jax is chosen.*set KERAS_BACKEND to one that is: torch"),
        (((), None, '{"backend": "jax"}'), "backend jax is chosen.*none is"),
        (((),), "No backend for the network is installed: install one of tensorflow, jax, torch"),
    ],
)
def test_what_is_not_there_is_told(machine, arguments, message):
    machine(*arguments)
    with pytest.raises(ConfigError, match=message):
        choose_backend()


def test_start_up_notes_are_left_out_and_all_else_is_told(capfd):
    written = [
        b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n",
        b"I0000 00:00:1796044132.619021    8611 port.cc:153] oneDNN custom operations are on.\n",
        b"E0000 00:00:1 1 cuda_fft.cc:477] Unable to register cuFFT factory: twice\n",
        b"E0000 00:00:1 1 other.cc:1] no memory\n",
        b"In my words\n",
    ]
    with pytest.raises(KeyError), without_notes():
        for line in written:
            os.write(2, line)
        raise KeyError
    os.write(2, b"later\n")
    error = capfd.readouterr().err
    assert error == "E0000 00:00:1 1 other.cc:1] no memory\nIn my words\nlater\n"


def test_without_standard_error_nothing_is_kept(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    with without_notes():
        pass


def test_a_library_is_left_out_of_one_import(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with ThreadPoolExecutor(1) as pool, without_libraries(["colorsys"]):
        with pytest.raises(ModuleNotFoundError) as missing:
            importlib.import_module("colorsys")
        assert missing.value.name == "colorsys"
        # Another thread has it.
        there = pool.submit(importlib.import_module, "colorsys").result()
        # What is imported already stays.
        assert importlib.import_module("colorsys") is there
    monkeypatch.delitem(sys.modules, "colorsys")
    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)
