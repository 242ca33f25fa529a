"""The commands, in each of the ways in which programs get them, called from another folder.

Environments are made without a network: they have the libraries of the one that runs the tests.
"""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import mrcnn

ROOT = Path(__file__).resolve().parents[2]
VERSION = f"{mrcnn.__version__}, MIT license"
WEIGHTS_LICENSE = (
    "default weights: rbc, CC-BY-NC-SA-3.0, not for commercial use (made from images of BBBC041)"
)
# Where things are, one a line: package, weights, and the folder of runs.
WHERE = """
import mrcnn, rbc, rbc_cells.sizes
from mrcnn.weights.places import default_folder, shipped_weights
assert rbc.RBCConfig.NAME == "rbc" and rbc.RBCDataset and callable(rbc.main)
for place in (mrcnn.__file__, rbc.__file__, shipped_weights("rbc"), default_folder("logs")):
    print(place)
"""


class Environment:
    """A virtual environment with the libraries of this one, but without the project."""

    def __init__(self, path: Path):
        self.path = path
        command = [sys.executable, "-m", "venv", "--without-pip", str(path)]
        subprocess.run(command, check=True)
        self.bin = path / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.bin / "python"
        self.packages = Path(
            sysconfig.get_path("purelib", "venv", {"base": path, "platbase": path})
        )
        libraries = [folder for folder in sys.path if Path(folder).name == "site-packages"]
        (self.packages / "libraries.pth").write_text("\n".join(libraries))

    def install(self, *arguments: str | Path) -> None:
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet"]
        offline = ["--no-deps", "--no-index", "--no-build-isolation"]
        subprocess.run([*pip, *offline, *arguments], check=True)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """A folder that is no clone, for commands to be called from; it has a picture with a cell."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "data" / "train").mkdir(parents=True)
    picture = folder / "data" / "train" / "field.png"
    Image.new("RGB", (160, 120), "pink").save(picture)
    cell = {"name": "circle", "cx": 60, "cy": 50, "r": 20}
    regions = [{"shape_attributes": cell, "region_attributes": {"name": "normal"}}]
    entry = {"filename": picture.name, "size": picture.stat().st_size, "regions": regions}
    text = json.dumps({picture.name: {**entry, "file_attributes": {}}})
    (picture.parent / "via_region_data.json").write_text(text)
    return folder


@pytest.fixture(scope="module")
def run(elsewhere) -> Callable:
    """A command's output; it must end well."""

    def run(*command: str | Path, folder: Path = elsewhere, path: Path | None = None) -> str:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment.pop("PYTHONPATH", None)
        if path is not None:
            environment["PYTHONPATH"] = str(path)
        result = subprocess.run(
            list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Environment:
    return Environment(tmp_path_factory.mktemp("empty") / "venv")


@pytest.fixture(scope="module")
def from_wheel(wheel_file, tmp_path_factory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("from_wheel") / "venv")
    environment.install(wheel_file)
    return environment


@pytest.fixture(scope="module")
def editable(tree, tmp_path_factory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("editable") / "venv")
    environment.install("--editable", tree)
    return environment


def are_in(folder: Path, printed: str) -> None:
    """Package, sample and weights are in a folder."""
    places = [Path(line) for line in printed.splitlines()]
    assert [place for place in places[:3] if not place.is_relative_to(folder)] == []
    assert places[2].is_file()


def test_from_the_wheel(from_wheel, run, elsewhere):
    printed = run(from_wheel.python, "-c", WHERE)
    are_in(from_wheel.packages, printed)
    assert printed.splitlines()[3] == "logs"
    assert "usage: rbc " in run(from_wheel.bin / "rbc", "--help")
    assert "usage: mrcnn " in run(from_wheel.bin / "mrcnn", "--help")
    # The terminal's width breaks the line.
    version = " ".join(run(from_wheel.bin / "rbc", "--version").split())
    assert version == f"rbc {VERSION}; {WEIGHTS_LICENSE}"
    assert run(from_wheel.bin / "mrcnn", "--version") == f"mrcnn {VERSION}\n"
    assert run(from_wheel.python, "-m", "mrcnn", "--version") == f"mrcnn {VERSION}\n"
    run(from_wheel.bin / "rbc", "smears", "rendered", "--fields", "2", "--seed", "3")
    assert (elsewhere / "rendered" / "train" / "via_region_data.json").is_file()


def test_the_wheel_detects_with_the_model_in_it(from_wheel, run, elsewhere):
    run(from_wheel.bin / "rbc", "detect", "data/train/field.png")
    (out,) = (elsewhere / "results" / "detect").iterdir()
    assert (out / "cells.csv").is_file()


def test_editable(editable, tree, run):
    printed = run(editable.python, "-c", WHERE)
    are_in(tree, printed)
    assert printed.splitlines()[3] == str(tree / "logs")
    assert "usage: rbc " in run(editable.bin / "rbc", "--help")
    assert "usage: mrcnn " in run(editable.bin / "mrcnn", "--help")
    assert "weights: rbc, CC-BY-NC-SA-3.0" in run(editable.bin / "rbc", "--version")
    assert not (tree / "mrcnn" / "weights" / "models").exists()


@pytest.mark.parametrize("way", ["editable", "from_wheel", "uninstalled"])
def test_as_a_script_from_another_folder(way, tree, empty, run, request):
    environment = empty if way == "uninstalled" else request.getfixturevalue(way)
    path = tree if way == "uninstalled" else None
    script = tree / "samples" / "rbc" / "rbc.py"
    assert "usage: rbc.py " in run(environment.python, script, "--help", path=path)
    printed = run(environment.python, script, "check", "data", path=path)
    assert "1 fields with 1 cells; 0 errors" in printed
    # The defaults are those of the clone that the script is in.
    options = run(environment.python, script, "detect", "--help", path=path)
    assert str(tree / "logs") in "".join(options.split())


def test_uninstalled(tree, empty, run):
    code = "import sys; sys" + '.path.append("samples/rbc")\n' + WHERE
    are_in(tree, run(empty.python, "-c", code, folder=tree))
    with pytest.raises(AssertionError, match="No module named 'mrcnn'"):
        run(empty.python, "-c", WHERE)


def test_the_folder_of_the_sample_on_the_path_of_an_editable_one(tree, editable, run):
    code = "import sys; sys" + '.path.append("samples/rbc")\n' + WHERE
    are_in(tree, run(editable.python, "-c", code, folder=tree))


@pytest.mark.parametrize("command", ["rbc", "mrcnn"])
def test_bad_input_ends_with_status_2_and_the_name_of_the_command(from_wheel, command):
    for arguments in (["check", "no-such-folder"], ["no-such-command"]):
        result = subprocess.run(
            [from_wheel.bin / command, *arguments],
            cwd=from_wheel.path,
            capture_output=True,
            text=True,
        )
        assert result.returncode == 2, result.stderr
        assert f"{command}: error: " in result.stderr
        assert "rbc.py" not in result.stderr


@pytest.mark.parametrize("command", ["rbc", "mrcnn"])
def test_help_is_quick(from_wheel, run, command):
    resource = pytest.importorskip("resource")

    def seconds() -> float:
        """Processor time of one call, which a busy machine does not change much."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(from_wheel.bin / command, "--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    seconds()  # Python keeps what it compiled.
    assert min(seconds() for _ in range(5)) < 0.3
