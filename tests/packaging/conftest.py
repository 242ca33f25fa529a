"""Distributions of the project, built once: from a copy of the tree, which stays clean."""

import importlib.util
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

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


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """A copy of what a clone holds, but for the documents and what runs left in it."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed (extra: dev)")
    copy = tmp_path_factory.mktemp("source")
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, copy)
    unwanted = shutil.ignore_patterns("*.npz", "__pycache__", "*.egg-info")
    for folder in ("mrcnn", "samples", "tests", "requirements", "weights/rbc", "weights/rbc-open"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=unwanted)
    return copy


@pytest.fixture(scope="session")
def sdist(tree, tmp_path_factory):
    """The source distribution, unpacked."""
    archive = build("sdist", tree, tmp_path_factory.mktemp("sdist"))
    with tarfile.open(archive) as opened:
        opened.extractall(archive.parent, filter="data")
    return archive.parent / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="session")
def wheel_file(sdist, tmp_path_factory):
    """The wheel, built from nothing but the source distribution."""
    return build("wheel", sdist, tmp_path_factory.mktemp("wheel"))
