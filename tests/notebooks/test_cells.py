"""Cells of the notebooks by themselves: finding the clone, and the reader of own data."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from notebooks.refresh import NOTEBOOKS, ROOT

GIT = shutil.which("git")
SQUARE = [10, 20, 50, 20, 50, 60, 10, 60]
# The cells that are the program; the others prepare the notebook and draw.
PROGRAM = ("choices", "dataset", "config", "train", "detect")
MOST_LINES = 65
MOST_SETUP_LINES = 12


def source(name: str, cell_id: str) -> str:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    (cell,) = (cell for cell in notebook.cells if cell.id == cell_id)
    return cell.source


SETUP = source(NOTEBOOKS[0], "setup")


def find_clone(folder: Path, repository: str = "", **environment: str):
    """Run the first cell in a folder, as a process of its own."""
    line = 'REPOSITORY = ""'
    assert SETUP.count(line) == 1
    code = SETUP.replace(line, f"REPOSITORY = {repository!r}") + "\nprint(Path.cwd())"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_all_notebooks_begin_with_the_same_cell(name):
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert first.id == "setup"
    assert first.source == SETUP


def test_the_first_cell_is_short():
    assert len(SETUP.splitlines()) <= MOST_SETUP_LINES


@pytest.mark.parametrize("folder", ["", "notebooks", "samples/rbc"])
def test_the_clone_is_found_from_inside(folder):
    assert Path(find_clone(ROOT / folder).stdout.strip()) == ROOT


def test_without_a_clone_it_says_what_to_do(tmp_path):
    result = find_clone(tmp_path)
    assert result.returncode != 0
    assert "Start Jupyter inside its clone" in result.stderr
    assert "REPOSITORY" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(GIT is None, reason="git is not installed")
def test_with_an_address_it_clones_and_installs(tmp_path):
    repository, colab = tmp_path / "repository", tmp_path / "colab"
    colab.mkdir()
    for name in ("mrcnn", "notebooks", "samples/rbc"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, repository / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, repository)
    identity = ["-c", "user.name=anybody", "-c", "user.email=anybody@example.org"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "All"]):
        subprocess.run([GIT, *command], cwd=repository, check=True)

    # pip does all but the last step, so that nothing of this environment changes.
    pip = {
        "PIP_DRY_RUN": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
    }
    result = find_clone(colab, str(repository), **pip)
    assert result.returncode == 0, result.stderr
    clone = Path(result.stdout.strip())
    assert clone.parent == colab and (clone / "samples" / "rbc" / "rbc.py").is_file()
    # Once it is there, it is found without the address; what pip did not end is done again.
    again = find_clone(colab, **pip)
    assert Path(again.stdout.strip()) == clone
    failed = find_clone(colab, **{**pip, "PIP_CONSTRAINT": "missing.txt"})
    assert failed.returncode != 0 and "missing.txt" in failed.stderr


# --- Data in both formats ----------------------------------------------------------------------


@pytest.fixture
def own_dataset(monkeypatch):
    """The data set class of the notebook, for some classes."""

    def build(folder: Path, classes: list[str]):
        names = {"Path": Path, "RENDERED": folder}
        exec(source("your_own_dataset", "choices"), names)
        names["CLASSES"] = classes
        # Only the class: what follows in the cell reads the notebook's folder.
        exec(source("your_own_dataset", "dataset").split("\n\n\n")[0], names)
        dataset = names["OwnDataset"]()
        dataset.load_folder(folder)
        return dataset

    return build


def test_via_annotations_of_ones_own(own_dataset, tmp_path):
    regions = [
        {
            "shape_attributes": {
                "name": "polygon",
                "all_points_x": SQUARE[::2],
                "all_points_y": SQUARE[1::2],
            },
            "region_attributes": {"kind": kind},
        }
        for kind in ("boat", "buoy")
    ]
    entry = {"filename": "a.png", "size": 1, "regions": regions, "file_attributes": {}}
    (tmp_path / "via_region_data.json").write_text(json.dumps({"a.png1": entry}))
    Image.new("RGB", (80, 70)).save(tmp_path / "a.png")
    dataset = own_dataset(tmp_path, ["buoy", "boat"])
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [2, 1]
    assert masks.shape == (70, 80, 2)
    assert masks[20:60, 10:50].all() and masks.sum() == 2 * 41 * 41


def test_coco_annotations_of_ones_own(own_dataset, tmp_path):
    content = {
        "images": [{"id": 7, "file_name": "a.png", "height": 70, "width": 80}],
        "categories": [{"id": 3, "name": "boat"}, {"id": 9, "name": "buoy"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": category, "segmentation": [SQUARE]}
            for category in (3, 9)
        ],
    }
    (tmp_path / "via_region_data.json").write_text(json.dumps(content))
    Image.new("RGB", (80, 70)).save(tmp_path / "a.png")
    dataset = own_dataset(tmp_path, ["buoy", "boat"])
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [2, 1]
    assert np.array_equal(masks[:, :, 0], masks[:, :, 1]) and masks[:, :, 0].sum() == 41 * 41
    # With a single class, whatever the file calls it.
    assert own_dataset(tmp_path, ["thing"]).load_mask(0)[1].tolist() == [1, 1]


def test_the_program_is_as_short_as_it_says():
    lines = [
        line
        for cell_id in PROGRAM
        for line in source("your_own_dataset", cell_id).splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]
    assert len(lines) <= MOST_LINES
