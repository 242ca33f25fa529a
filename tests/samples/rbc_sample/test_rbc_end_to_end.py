"""The commands one after another with a real, tiny model: train, resume, evaluate, detect."""

import csv
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rbc

TINY = (
    "--backbone", "resnet18", "--light", "--image-size", "128", "--batch-size", "1",
    "--steps", "2", "--seed", "3",
)  # fmt: skip


def run(*arguments) -> int:
    with warnings.catch_warnings():
        # A model that has learned nothing yet fills the list of detections, and says so.
        warnings.filterwarnings("ignore", message="An image has .* detections")
        return rbc.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def data(work, make_subset) -> Path:
    make_subset(work / "data" / "train", ("a.png", "b.png"))
    make_subset(work / "data" / "val", ("c.png", "d.jpg"))
    return work / "data"


@pytest.fixture(scope="module")
def logs(work, data) -> Path:
    """A run from random weights, ended by its time limit in the first of 20 epochs."""
    logs = work / "logs"
    status = run(
        "train", "--dataset", data, "--weights", "none", "--epochs", 20, *TINY, "--logs", logs,
        "--max-minutes", 0.001,
    )  # fmt: skip
    assert status == 0
    return logs


def only_run(logs: Path) -> Path:
    (folder,) = (path for path in logs.iterdir() if path.is_dir())
    return folder


def test_training_leaves_a_checkpoint_and_its_settings(logs):
    folder = only_run(logs)
    assert folder.name.startswith("rbc2")
    assert [path.name for path in folder.glob("*.h5")] == ["mask_rcnn_rbc_0001.h5"]
    settings = json.loads((folder / "config.json").read_text())
    assert settings["BACKBONE"] == "resnet18"
    assert settings["IMAGE_MAX_DIM"] == 128
    assert settings["TOP_DOWN_PYRAMID_SIZE"] == 128
    assert settings["NORMALIZATION"] == "group"
    assert settings["CLASS_NAMES"] == ["large", "normal", "small", "undefined"]
    assert settings["VALIDATION_STEPS"] == 2


@pytest.fixture(scope="module")
def evaluated(work, data, logs) -> Path:
    """Results of evaluating the run; nothing about the model is said again."""
    out = work / "evaluated"
    out.mkdir()
    (out / "table.txt").write_text("an earlier table")
    status = run(
        "evaluate", "--dataset", data, "--logs", logs, "--out", out,
        "--min-conf", 0.9, 0, 0.3, 0.3,
    )  # fmt: skip
    assert status == 0
    return out


def test_evaluation_writes_table_figures_and_pictures(evaluated):
    assert sorted(path.name for path in evaluated.iterdir()) == [
        "pictures", "summary.json", "table.csv", "table.txt",
    ]  # fmt: skip
    with open(evaluated / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["field"] for row in rows] == ["c.png", "d.jpg", "mean"]
    assert [row["ground_truth"] for row in rows] == ["5", "5", "5.00"]
    assert [name for name in rows[0] if name.startswith("seg")] == [
        "segmented_0", "segmented_0.3", "segmented_0.9",
    ]  # fmt: skip
    table = (evaluated / "table.txt").read_text()
    assert "c.png" in table and "mean of 2" in table and "earlier" not in table


def test_evaluation_counts_agree_with_each_other(evaluated):
    summary = json.loads((evaluated / "summary.json").read_text())
    assert [result["min_confidence"] for result in summary["results"]] == [0, 0.3, 0.9]
    detections = [result["pooled"]["detections"] for result in summary["results"]]
    assert detections == sorted(detections, reverse=True)
    for result in summary["results"]:
        pooled = result["pooled"]
        assert pooled["ground_truth"] == 10
        assert pooled["segmented"] + pooled["missed"] == 10
        assert pooled["segmented"] + pooled["unmatched"] == pooled["detections"]
        for key in ("detections", "segmented", "unmatched"):
            assert pooled[key] == sum(image[key] for image in result["images"])
        for image in result["images"]:
            with Image.open(evaluated / image["picture"]) as picture:
                assert picture.width == 4 * 128 and picture.height > 4 * 128


def test_evaluation_is_repeatable(work, data, logs, evaluated):
    out = work / "evaluated_again"
    weights = only_run(logs) / "mask_rcnn_rbc_0001.h5"
    status = run(
        "evaluate", "--dataset", data, "--weights", weights, "--out", out, "--min-conf", 0, 0.3, 0.9
    )
    assert status == 0
    assert (out / "table.csv").read_bytes() == (evaluated / "table.csv").read_bytes()


def test_detect_goes_on_after_bad_images(work, logs, make_field, capsys):
    images = work / "images"
    (images / "more").mkdir(parents=True)
    field = make_field()
    field.save(images / "a.png")
    field.convert("L").save(images / "grey.png")
    field.convert("RGBA").save(images / "more" / "a.png")
    Image.fromarray(np.asarray(field.convert("L")).astype(np.uint16) * 257).save(
        images / "deep.tif"
    )
    field.resize((1, 1)).save(images / "dot.png")
    field.resize((100, 37)).save(images / "wide.jpg", quality=90)
    content = (images / "a.png").read_bytes()
    (images / "cut.png").write_bytes(content[: len(content) // 2])
    (images / "text.png").write_text("not an image")
    out = work / "detected"
    status = run(
        "detect", images, images / "more" / "a.png", images / "missing.png", images / "a.png",
        "--logs", logs, "--min-conf", 0, "--pixel-size", 0.1, "--out", out,
    )  # fmt: skip
    assert status == 2
    error = capsys.readouterr().err
    assert "3 of the inputs could not be used" in error
    assert all(name in error for name in ("cut.png", "text.png", "missing.png"))

    with open(out / "cells.csv", newline="") as file:
        cells = list(csv.DictReader(file))
    with open(out / "summary.csv", newline="") as file:
        summary = {row["image"]: row for row in csv.DictReader(file)}
    sizes = {
        "a": (128, 128), "a_2": (128, 128), "grey": (128, 128), "deep": (128, 128),
        "dot": (1, 1), "wide": (100, 37),
    }  # fmt: skip
    for name, size in sizes.items():
        with Image.open(out / f"{name}_overlay.png") as overlay:
            assert overlay.size == size
        with Image.open(out / f"{name}_labels.png") as image:
            labels = np.asarray(image)
            assert image.size == size and labels.dtype == np.uint16
        of_image = [cell for cell in cells if cell["name"] == name]
        numbers = [int(cell["label"]) for cell in of_image]
        assert numbers == list(range(1, len(numbers) + 1))
        assert sorted(set(np.unique(labels)) - {0}) == numbers
        visible = [int(cell["visible_area"]) for cell in of_image]
        assert visible == np.bincount(labels.ravel(), minlength=len(numbers) + 1)[1:].tolist()
        scores = [float(cell["score"]) for cell in of_image]
        assert scores == sorted(scores, reverse=True)
        (row,) = (row for row in summary.values() if row["name"] == name)
        assert (
            int(row["cells"])
            == len(numbers)
            == sum(int(row[key]) for key in ("large", "normal", "small", "undefined"))
        )
    assert int(summary["all images"]["cells"]) == len(cells) > 0
    assert float(cells[0]["area_um2"]) == pytest.approx(int(cells[0]["area"]) / 100)
    assert summary[str(images / "cut.png")]["cells"] == ""
    assert len(list(out.iterdir())) == 2 * len(sizes) + 2


def test_detect_in_good_images_succeeds(work, logs, make_field):
    make_field().save(work / "good.png")
    out = work / "good"
    status = run(
        "detect", work / "good.png", "--weights", only_run(logs), "--min-conf", 1, "--out", out
    )
    assert status == 0
    # Nothing reaches that confidence, and that is a result, not a failure.
    assert (out / "cells.csv").read_text().count("\n") == 1
    assert not np.asarray(Image.open(out / "good_labels.png")).any()


def test_folder_without_images_is_reported(work, logs, capsys):
    (work / "empty").mkdir()
    assert run("detect", work / "empty", "--logs", logs, "--out", work / "none") == 2
    assert "no image in this folder" in capsys.readouterr().err


def test_weights_of_another_backbone_are_refused(work, data, logs, capsys):
    status = run(
        "evaluate", "--dataset", data, "--logs", logs, "--backbone", "resnet34",
        "--out", work / "refused",
    )  # fmt: skip
    assert status == 2
    assert "mask_rcnn_rbc_0001.h5" in capsys.readouterr().err
    assert list((work / "refused").iterdir()) == []


def test_resuming_goes_on_in_the_same_run(data, logs):
    status = run(
        "train", "--dataset", data, "--weights", "last", "--logs", logs, "--epochs", 2,
        "--steps", 1, "--layers", "heads", "--no-augmentation",
    )  # fmt: skip
    assert status == 0
    checkpoints = sorted(path.name for path in only_run(logs).glob("*.h5"))
    assert checkpoints == ["mask_rcnn_rbc_0001.h5", "mask_rcnn_rbc_0002.h5"]
    assert json.loads((only_run(logs) / "config.json").read_text())["EPOCHS"] == 2


def test_nothing_is_left_to_train(data, logs, capsys):
    status = run("train", "--dataset", data, "--weights", "last", "--logs", logs, "--epochs", 1)
    assert status == 2
    assert "epochs already" in capsys.readouterr().err
