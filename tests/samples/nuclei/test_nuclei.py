"""The second application: nuclei that are drawn here, bright on dark and dark on bright."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.draw import disk

import nuclei

NUCLEI = ((20, 24, 9), (24, 70, 12), (64, 40, 11), (70, 74, 8))
pytestmark = pytest.mark.usefixtures("eager_module")


def draw(bright: bool) -> np.ndarray:
    """96 x 96 pixels; bright nuclei each a little brighter than the one before."""
    image = np.full((96, 96, 3), 30 if bright else 220, np.uint8)
    for number, (y, x, radius) in enumerate(NUCLEI):
        image[disk((y, x), radius)] = 150 + 10 * number if bright else 80
    return image


def write_subset(folder: Path) -> None:
    """Two images with a COCO file of octagons."""
    folder.mkdir(parents=True)
    images, annotations = [], []
    for image_id, name in enumerate(("bright.png", "dark.png"), start=1):
        Image.fromarray(draw(name == "bright.png")).save(folder / name)
        images.append({"id": image_id, "file_name": name, "height": 96, "width": 96})
        for y, x, radius in NUCLEI:
            angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
            outline = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": 3.0 * radius**2,
                    "bbox": [x - radius, y - radius, 2 * radius, 2 * radius],
                    "segmentation": [outline.round(2).ravel().tolist()],
                }
            )
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "nucleus"}],
    }
    (folder / "annotations.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("nuclei")
    for subset in ("train", "val"):
        write_subset(folder / "data" / subset)
    return folder


def run(*arguments) -> int:
    return nuclei.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def logs(work, eager_module) -> Path:
    status = run(
        "train", "--dataset", work / "data", "--weights", "none", "--backbone", "resnet18",
        "--light", "--image-size", "128", "--batch-size", "1", "--steps", "2", "--epochs", "1",
        "--seed", "3", "--validate-every", "0", "--logs", work / "logs",
    )  # fmt: skip
    assert status == 0
    return work / "logs"


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_a_training_has_its_own_name_and_class(logs):
    (run_folder,) = (path for path in logs.iterdir() if path.is_dir())
    assert run_folder.name.startswith("nuclei2")
    settings = json.loads((run_folder / "config.json").read_text())
    assert settings["CLASS_NAMES"] == ["nucleus"]
    record = json.loads((run_folder / "run.json").read_text())["trainings"][0]
    assert (record["images"], record["nuclei"]) == (2, 8)


def test_evaluation_speaks_of_nuclei(work, logs):
    out = work / "evaluated"
    status = run(
        "evaluate", "--dataset", work / "data", "--logs", logs, "--min-conf", 0, "--out", out
    )
    assert status == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["schema"] == "nuclei.evaluation"
    assert rows_of(out / "per_nucleus.csv")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<h1>Nuclei: evaluation on 2 images of val</h1>" in page
    assert "come from drawing the images anew" in page
    assert "cells" not in page.split("<main>")[1].split("<script")[0]
    assert "all nuclei >=0" in (out / "table.md").read_text()


def test_detect_measures_how_bright_nuclei_are(work, logs):
    out = work / "detected"
    images = work / "data" / "val"
    assert run("detect", images, "--logs", logs, "--min-conf", 0, "--out", out) == 0
    rows = rows_of(out / "nuclei.csv")
    assert rows and all(0 < float(row["brightness"]) < 256 for row in rows)
    assert [row["nuclei"] for row in rows_of(out / "summary.csv")][-1] == str(len(rows))


def test_the_threshold_finds_plain_nuclei(work, capsys):
    out = work / "otsu"
    assert run("evaluate", "--dataset", work / "data", "--method", "otsu", "--out", out) == 0
    assert "Evaluating 2 images of" in capsys.readouterr().out
    (point,) = json.loads((out / "summary.json").read_text())["operating_points"]
    assert point["quality"]["count"]["0.75"]["pooled"]["f1"] == 1.0
    assert "Otsu" in (out / "report.html").read_text(encoding="utf-8")


def test_brightness_is_that_of_the_pixels():
    image = draw(bright=True)
    told = nuclei.measure(image, nuclei.otsu(image)).columns["brightness"]
    assert sorted(told) == [150, 160, 170, 180]
