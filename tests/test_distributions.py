"""What is handed on: source distribution, the wheel that is built from it, and changelog."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mrcnn").rglob("*.py")}
VERSION = re.search(
    r'^__version__ = "(.+)"$', (ROOT / "mrcnn" / "__init__.py").read_text(encoding="utf-8"), re.M
).group(1)

# What `python -m build` asks of the build tool, without an environment of its own.
BUILD = """
import sys
from setuptools import build_meta
getattr(build_meta, f"build_{sys.argv[1]}")(sys.argv[2])
"""


def build(kind: str, source: Path, target: Path) -> Path:
    command = [sys.executable, "-c", BUILD, kind, str(target)]
    result = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The source distribution, unpacked; built from a copy so that the tree stays clean."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed (extra: dev)")
    copy = tmp_path_factory.mktemp("source")
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, copy)
    unwanted = shutil.ignore_patterns("*.h5", "*.npz", "__pycache__")
    for folder in ("mrcnn", "samples", "tests", "requirements", "weights"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=unwanted)
    archive = build("sdist", copy, tmp_path_factory.mktemp("sdist"))
    with tarfile.open(archive) as opened:
        opened.extractall(archive.parent, filter="data")
    return archive.parent / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel, built from nothing but the source distribution."""
    with zipfile.ZipFile(build("wheel", sdist, tmp_path_factory.mktemp("wheel"))) as opened:
        yield opened


def test_the_source_distribution_is_what_the_wheel_needs(sdist):
    names = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    names = {name for name in names if not name.startswith("mrcnn.egg-info/")}
    texts = {"README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO"}
    assert names == SOURCES | texts | {"pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in"}
    assert sdist.name == f"mrcnn-{VERSION}"


def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel):
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == SOURCES


def test_the_wheel_says_what_the_project_says(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["Name"] == "mrcnn"
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "MIT"
    assert set(metadata["Requires-Python"].split(",")) == {">=3.11", "<3.14"}
    assert set(metadata.get_all("Provides-Extra")) == {"gpu", "jax", "torch", "dev", "docs"}
    assert any(name.endswith("/LICENSE") for name in wheel.namelist())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload().strip() == (ROOT / "README.md").read_text("utf-8").strip()


def test_the_wheel_can_be_imported_on_its_own(wheel, tmp_path):
    wheel.extractall(tmp_path)
    code = "import mrcnn, mrcnn.config, importlib.metadata as m; print(mrcnn.__file__, "
    code += "mrcnn.__version__, m.version('mrcnn'))"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    path, *versions = result.stdout.split()
    assert Path(path).is_relative_to(tmp_path)
    assert versions == [VERSION, VERSION]


def test_the_version_stands_in_one_place():
    written = re.escape(VERSION)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in"):
        assert not re.search(written, (ROOT / name).read_text(encoding="utf-8")), name


def test_the_changelog_begins_with_this_version():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert re.fullmatch(rf"{re.escape(VERSION)} \((unreleased|\d{{4}}-\d\d-\d\d)\)", headings[0])
