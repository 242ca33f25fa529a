"""The command `mrcnn` on data sets of any classes, in VIA's and in COCO's format."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mrcnn.app.main import main
from tests.drawn_cells import draw_field, via_regions

TINY = (
    "--weights", "none", "--backbone", "resnet18", "--light", "--image-size", "128",
    "--batch-size", "1", "--steps", "1", "--epochs", "1", "--seed", "3", "--validate-every", "0",
)  # fmt: skip
PENS = ((30, 34, 14, "pen"), (80, 40, 16, "lid"), (50, 92, 10, "pen"))

pytestmark = pytest.mark.usefixtures("eager_module")


def run(*arguments) -> int:
    return main([str(argument) for argument in arguments])


def write_via(folder: Path) -> None:
    folder.mkdir(parents=True)
    draw_field(cells=PENS).save(folder / "desk.png")
    entry = {"filename": "desk.png", "size": 0, "regions": via_regions(PENS)}
    (folder / "via_region_data.json").write_text(json.dumps({"desk.png": entry}))


def write_coco(folder: Path) -> None:
    folder.mkdir(parents=True)
    draw_field(cells=PENS).save(folder / "desk.png")
    names = ["pen", "lid"]
    content = {
        "images": [{"id": 7, "file_name": "desk.png", "height": 128, "width": 128}],
        "annotations": [
            {
                "id": number,
                "image_id": 7,
                "category_id": names.index(name) + 3,
                "iscrowd": 0,
                "segmentation": [[x - r, y - r, x + r, y - r, x + r, y + r, x - r, y + r]],
                "area": 4 * r * r,
                "bbox": [x - r, y - r, 2 * r, 2 * r],
            }
            for number, (x, y, r, name) in enumerate(PENS, start=1)
        ],
        "categories": [{"id": id_, "name": name} for id_, name in enumerate(names, start=3)],
    }
    (folder / "annotations.json").write_text(json.dumps(content))


def train(folder: Path, write) -> dict:
    """One step on a data set that `write` makes; the settings of the run."""
    for subset in ("train", "val"):
        write(folder / "data" / subset)
    logs = folder / "logs"
    assert run("train", "--dataset", folder / "data", *TINY, "--logs", logs) == 0
    (path,) = logs.glob("mrcnn2*/config.json")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def work(eager_module, tmp_path_factory) -> Path:
    """A data set of VIA's, and a run of one step on it."""
    folder = tmp_path_factory.mktemp("work")
    assert train(folder, write_via)["CLASS_NAMES"] == ["lid", "pen"]
    return folder


def test_a_training_is_recorded_under_its_own_name(work):
    (path,) = (work / "logs").glob("mrcnn2*/run.json")
    record = json.loads(path.read_text())["trainings"][0]
    assert (record["images"], record["objects"], record["command"][0]) == (1, 3, "mrcnn")


def test_the_classes_of_a_coco_file_are_those_of_its_objects(tmp_path, capsys):
    settings = train(tmp_path, write_coco)
    assert settings["CLASS_NAMES"] == ["lid", "pen"]
    assert settings["NUM_CLASSES"] == 3
    assert "Classes of the annotations: lid, pen" in capsys.readouterr().out


def test_a_model_is_evaluated_with_its_classes(work, capsys):
    out = work / "evaluated"
    status = run(
        "evaluate", "--dataset", work / "data", "--logs", work / "logs", "--min-conf", 0,
        "--out", out,
    )  # fmt: skip
    assert status == 0
    assert "Evaluating 1 images of" in capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text())
    assert summary["schema"] == "mrcnn.evaluation"
    assert summary["classes"] == ["lid", "pen"]
    assert "outline" not in summary
    assert (out / "per_object.csv").is_file()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<h1>Objects: evaluation on 1 image of val</h1>" in page


def test_detect_and_pack(work, capsys):
    common = ("--logs", work / "logs", "--min-conf", 0)
    assert run("detect", work / "data" / "val", *common, "--coco", "--out", work / "found") == 0
    assert "objects; results:" in capsys.readouterr().out
    head = (work / "found" / "summary.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    columns = "diameter_px,scale_source,problem,quality,pixel_size_um"
    assert head == f"image,name,height,width,objects,lid,pen,{columns}"
    assert json.loads((work / "found" / "coco_predictions.json").read_text())["images"]
    packed = work / "packed"
    assert run("pack", packed, "--weights", "last", "--logs", work / "logs") == 0
    assert "run `mrcnn evaluate --sweep`" in capsys.readouterr().out
    assert (packed / "mrcnn.h5").is_file()
    again = work / "again"
    arguments = ("--weights", packed, "--min-conf", 0, "--out", again)
    assert run("detect", work / "data" / "val", *arguments) == 0
    assert (again / "objects.csv").is_file()


def test_check_knows_every_class(work, capsys):
    assert run("check", work / "data") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("train, val: 2 images with 6 objects; 0 errors")
    assert run("check", work / "data", "--classes", "pen", "cup") == 2
    assert "`mrcnn train --on-error skip`" in capsys.readouterr().out


def test_what_is_missing_is_said_in_the_command_s_own_name(tmp_path, capsys):
    assert run("evaluate", "--logs", tmp_path / "logs", "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.startswith("mrcnn: error: No trained model in")
    assert "`mrcnn train`" in error
    draw_field().save(tmp_path / "a.png")
    assert run("detect", tmp_path / "a.png", "--weights", "coco", "--out", tmp_path / "out") == 2
    assert "knows no objects" in capsys.readouterr().err


@pytest.mark.parametrize("settings", [None, {"NUM_CLASSES": 3}, {"CLASS_NAMES": []}])
def test_a_model_whose_classes_nobody_names_is_refused(settings, tmp_path, capsys):
    (tmp_path / "model.h5").touch()
    if settings is not None:
        (tmp_path / "config.json").write_text(json.dumps(settings))
    arguments = ("--weights", tmp_path / "model.h5", "--out", tmp_path / "out")
    draw_field().save(tmp_path / "a.png")
    assert run("detect", tmp_path / "a.png", *arguments) == 2
    assert "does not name the classes of the model" in capsys.readouterr().err


def test_nothing_annotated_is_no_class(tmp_path, capsys):
    for subset in ("train", "val"):
        write_via(tmp_path / subset)
        (tmp_path / subset / "via_region_data.json").write_text(
            json.dumps({"desk.png": {"filename": "desk.png", "size": 0, "regions": []}})
        )
    assert run("train", "--dataset", tmp_path, *TINY, "--logs", tmp_path / "logs") == 2
    assert "no annotated object in train, val" in capsys.readouterr().err


def test_as_a_module(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mrcnn", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: mrcnn [-h]")
    assert "rbc" not in done.stdout and "smears" not in done.stdout
