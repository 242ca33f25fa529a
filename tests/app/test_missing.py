"""A library that is not installed is named, and how to install it."""

import importlib
import sys

import pytest

from mrcnn.app import convert
from mrcnn.app.main import main
from mrcnn.app.missing import remedy


@pytest.mark.parametrize(
    ("module", "package"), [("skimage.measure", "scikit-image"), ("h5py", "h5py")]
)
def test_the_package_is_named(module, package):
    error = ModuleNotFoundError("No module", name=module)
    assert remedy(error, "train") == (
        f"`train` needs {package}, which is not installed: pip install {package}, or install "
        "mrcnn-keras3 with all that it depends on."
    )


@pytest.mark.parametrize("name", ["mrcnn.app.nothing", "rbc_cells.nothing", None])
def test_a_part_of_the_program_is_no_library(name):
    assert remedy(ModuleNotFoundError("No module", name=name), "train") is None


def test_a_command_ends_with_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    monkeypatch.setattr(convert, "run", lambda *_: importlib.import_module("tifffile"))
    assert main(["convert", "a", "b", "--to", "via"]) == 2
    assert "`convert` needs tifffile, which is not installed: pip" in capsys.readouterr().err
