"""Where weights, runs and data sets lie: in a clone, and for an installed program."""

import sys
from pathlib import Path

import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights import places

ROOT = Path(__file__).resolve().parents[2]


def make_clone(folder: Path) -> Path:
    (folder / "weights").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    return folder


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """The folder of an installation, with its own models and no clone in sight."""
    module = tmp_path / "lib" / "site-packages" / "mrcnn" / "weights" / "places.py"
    monkeypatch.setattr(places, "__file__", str(module))
    monkeypatch.setattr(places, "_INSTALLED_MODELS", module.with_name("models"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin" / "rbc")])
    monkeypatch.delenv("MRCNN_WEIGHTS_DIR", raising=False)
    return module.parents[2]


def add_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "LICENSE.txt").write_text("CC0-1.0\n\nWhole text.\n")
    path = folder / "rbc.h5"
    path.touch()
    return path


def test_a_clone_has_everything_in_its_own_folders(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MRCNN_WEIGHTS_DIR", raising=False)
    assert places.clone_root() == ROOT
    assert places.shipped_weights("rbc") == ROOT / "weights" / "rbc" / "rbc.h5"
    assert places.default_folder("datasets/rbc") == ROOT / "datasets" / "rbc"
    assert places.downloads_folder() == ROOT / "weights"
    assert places.shipped_license("rbc").startswith("CC-BY-NC-SA-3.0, not for commercial use")


def test_an_installed_program_has_its_models_beside_it(installed):
    path = add_model(installed / "mrcnn" / "weights" / "models" / "rbc")
    assert places.clone_root() is None
    assert places.shipped_weights("rbc") == path
    assert places.shipped_license("rbc") == "CC0-1.0"
    assert places.shipped_license("other") is None


def test_an_installed_program_works_in_the_current_folder(installed):
    assert places.default_folder("logs") == Path("logs")
    assert not places.default_folder("datasets/rbc").is_absolute()


def test_an_environment_inside_a_clone_is_no_clone(installed, monkeypatch):
    clone = make_clone(installed.parents[1] / "clone")
    # Three folders up, as the package in a clone is.
    monkeypatch.setattr(places, "__file__", str(clone / ".venv" / "mrcnn" / "places.py"))
    monkeypatch.setattr(sys, "argv", [str(clone / ".venv" / "bin" / "rbc")])
    assert places.clone_root() is None


def test_a_script_of_a_clone_on_an_installed_package(installed, monkeypatch):
    clone = make_clone(installed.parents[1] / "clone")
    monkeypatch.setattr(sys, "argv", [str(clone / "samples" / "rbc" / "rbc.py")])
    path = add_model(clone / "weights" / "rbc")
    assert places.clone_root() == clone
    assert places.shipped_weights("rbc") == path
    assert places.default_folder("logs") == clone / "logs"


@pytest.mark.parametrize("program", ["", "-c", "/a"])
def test_a_program_without_a_place_is_no_clone(installed, monkeypatch, program):
    monkeypatch.setattr(sys, "argv", [program])
    assert places.clone_root() is None


def test_a_model_that_is_not_there(installed, monkeypatch):
    with pytest.raises(WeightsError, match=r"rbc.h5: .* are not there\. Install the wheel again"):
        places.shipped_weights("rbc")
    clone = make_clone(installed.parents[1] / "clone")
    monkeypatch.setattr(sys, "argv", [str(clone / "samples" / "rbc" / "rbc.py")])
    with pytest.raises(WeightsError, match=r"rbc.h5: .* are not there\. Restore the folder"):
        places.shipped_weights("rbc")


def test_downloads_go_to_the_user_s_cache(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for relative in ("", "not/absolute"):
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        assert places.downloads_folder() == tmp_path / ".cache" / "mrcnn"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert places.downloads_folder() == tmp_path / "caches" / "mrcnn"
    assert not places.downloads_folder().exists()


def test_a_variable_names_the_folder_of_downloads(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("MRCNN_WEIGHTS_DIR", str(tmp_path / "mine"))
    assert places.downloads_folder() == tmp_path / "mine"
    monkeypatch.setattr(places, "clone_root", lambda: ROOT)
    assert places.downloads_folder() == tmp_path / "mine"


def test_without_a_home_folder_the_variable_is_asked_for(installed, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(WeightsError, match="Name a folder for them in MRCNN_WEIGHTS_DIR"):
        places.downloads_folder()
