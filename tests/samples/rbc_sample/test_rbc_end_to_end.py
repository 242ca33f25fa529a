"""The commands one after another with a real, tiny model: train, resume, evaluate, detect."""

import csv
import importlib.util
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rbc
from rbc import RBCConfig

TINY = (
    "--backbone", "resnet18", "--light", "--image-size", "128", "--batch-size", "1",
    "--steps", "2", "--seed", "3", "--crop", "64",
)  # fmt: skip
# Shows pictures as large as in training. Where that is not said the network is asked how large
# cells are, by a dozen looks at each picture, and one that has learned nothing answers at random.
AS_TRAINED = ("--image-size", "128")


pytestmark = pytest.mark.usefixtures("eager_module")


def run(*arguments) -> int:
    with warnings.catch_warnings():
        # A model that has learned nothing yet fills the list of detections, and says so.
        warnings.filterwarnings("ignore", message="An image has .* detections")
        return rbc.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def work(eager_module, tmp_path_factory) -> Path:
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
        "--max-minutes", 0.001, "--anchors", "auto", "--subset", "train", "val",
    )  # fmt: skip
    assert status == 0
    return logs


def only_run(logs: Path) -> Path:
    (folder,) = (path for path in logs.iterdir() if path.is_dir())
    return folder


def test_training_leaves_a_checkpoint_and_its_settings(logs):
    folder = only_run(logs)
    assert folder.name.startswith("rbc2")
    assert [path.name for path in folder.glob("mask_rcnn_*.h5")] == ["mask_rcnn_rbc_0001.h5"]
    settings = json.loads((folder / "config.json").read_text())
    assert settings["BACKBONE"] == "resnet18"
    assert settings["IMAGE_MAX_DIM"] == 128
    assert (settings["IMAGE_MIN_DIM"], settings["IMAGE_RESIZE_MODE"]) == (64, "crop")
    assert settings["RPN_ANCHOR_SCALES"] != list(RBCConfig.RPN_ANCHOR_SCALES)
    assert settings["TOP_DOWN_PYRAMID_SIZE"] == 128
    assert settings["NORMALIZATION"] == "group"
    assert settings["CLASS_NAMES"] == ["large", "normal", "small", "undefined"]
    assert settings["VALIDATION_STEPS"] == 2


@pytest.fixture(scope="module")
def evaluated(work, data, logs) -> Path:
    """Results of evaluating the run; nothing about the model is said again."""
    out = work / "evaluated"
    out.mkdir()
    (out / "table.md").write_text("an earlier table")
    status = run(
        "evaluate", "--dataset", data, "--logs", logs, "--out", out,
        "--min-conf", 0.9, 0, 0.3, 0.3, "--via", "--coco", "--geojson", "--imagej",
        *AS_TRAINED,
    )  # fmt: skip
    assert status == 0
    return out


def csv_rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_evaluation_writes_tables_report_and_pictures(evaluated):
    assert sorted(path.name for path in evaluated.iterdir()) == [
        "c.geojson", "c_rois.zip", "coco_predictions.json", "d.geojson", "d_rois.zip",
        "per_cell.csv", "per_image.csv", "pictures", "report.html", "summary.json", "table.md",
        "via_predictions.json",
    ]  # fmt: skip
    rows = csv_rows(evaluated / "per_image.csv")
    assert [(row["image"], row["min_confidence"]) for row in rows] == [
        (name, at) for at in ("0", "0.3", "0.9") for name in ("c.png", "d.jpg")
    ]
    assert {row["ground_truth"] for row in rows} == {"5"}
    table = (evaluated / "table.md").read_text()
    assert "c.png" in table and "mean of 2" in table and "earlier" not in table
    page = (evaluated / "report.html").read_text(encoding="utf-8")
    assert "c.png" in page and "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    for name in ("c.png", "d.png"):
        with Image.open(evaluated / "pictures" / name) as picture:
            assert picture.width == 4 * 128 and picture.height > 4 * 128


def test_evaluation_counts_agree_with_each_other(evaluated):
    summary = json.loads((evaluated / "summary.json").read_text())
    points = summary["operating_points"]
    assert [point["min_confidence"] for point in points] == [0, 0.3, 0.9]
    detections = [point["counting"]["all"]["detections"] for point in points]
    assert detections == sorted(detections, reverse=True)
    rows = csv_rows(evaluated / "per_image.csv")
    for point in points:
        counted = point["quality"]["count"]["0.50"]["pooled"]
        assert counted["tp"] + counted["fn"] == point["counting"]["all"]["ground_truth"] == 10
        assert counted["tp"] + counted["fp"] == point["counting"]["all"]["detections"]
        of_point = [row for row in rows if float(row["min_confidence"]) == point["min_confidence"]]
        for key, image_key in (("tp", "segmented"), ("fn", "missed"), ("fp", "unmatched")):
            assert counted[key] == sum(image[image_key] for image in point["images"])
            assert counted[key] == sum(int(row[image_key]) for row in of_point)
    assert summary["size_class"] == "measured" and summary["outline"] == "stain"
    for point in points:
        # The table's classes are the measured ones, and both ways are reported.
        assert set(point["size_classes"]) == {"measured", "learned"}
        macro = point["classification"]["macro"]
        measured = point["size_classes"]["measured"]
        matched = np.sum(point["classification"]["matrix"])
        accuracy = point["classification"]["accuracy"]
        assert measured == {**macro, "accuracy": accuracy, "support": matched}
    assert "Learned: by the network" in (evaluated / "table.md").read_text()
    outcomes = [row["outcome"] for row in csv_rows(evaluated / "per_cell.csv")]
    lowest = points[0]["quality"]["count"]["0.50"]["pooled"]
    assert [outcomes.count(name) for name in ("matched", "missed", "unmatched")] == [
        lowest["tp"], lowest["fn"], lowest["fp"],
    ]  # fmt: skip


def test_predictions_come_back_from_via_as_cells(evaluated, work, data):
    """A person corrects the project in VIA and trains on it: here nothing is corrected."""
    again = work / "corrected" / "val"
    again.mkdir(parents=True)
    for path in (data / "val").iterdir():
        if path.suffix != ".json":
            (again / path.name).write_bytes(path.read_bytes())
    (again / "via_region_data.json").write_bytes((evaluated / "via_predictions.json").read_bytes())
    dataset = rbc.RBCDataset()
    dataset.load_rbc(again.parent, "val")
    dataset.prepare()
    rows = [row for row in csv_rows(evaluated / "per_cell.csv") if row["detection"]]
    assert rows
    for image_id in dataset.image_ids:
        name = dataset.image_info[image_id]["id"]
        cells = {int(row["detection"]): row for row in rows if row["image"] == name}
        masks = dataset.load_instances(image_id)
        assert len(masks) == len(cells)
        names = [dataset.class_names[class_id] for class_id in masks.class_ids]
        assert names == [cells[number]["class"] for number in sorted(cells)]
        areas = np.array([int(cells[number]["area"]) for number in sorted(cells)])
        np.testing.assert_allclose(masks.areas(), areas, rtol=0.02)


def test_evaluation_is_repeatable(work, data, logs, evaluated):
    out = work / "evaluated_again"
    weights = only_run(logs) / "mask_rcnn_rbc_0001.h5"
    status = run(
        "evaluate", "--dataset", data, "--weights", weights, "--out", out,
        "--min-conf", 0, 0.3, 0.9, *AS_TRAINED,
    )  # fmt: skip
    assert status == 0
    for name in ("per_image.csv", "per_cell.csv"):
        assert (out / name).read_bytes() == (evaluated / name).read_bytes()


def test_a_sweep_is_kept_for_auto(work, data, logs, capsys):
    weights = only_run(logs) / "mask_rcnn_rbc_0001.h5"
    status = run(
        "detect", data / "val" / "c.png", "--weights", weights, "--min-conf", "auto",
        "--out", work / "auto",
    )  # fmt: skip
    assert status == 2
    assert "evaluate --sweep" in capsys.readouterr().err
    # On training fields a confidence is found, but not kept.
    common = ("evaluate", "--dataset", data, "--weights", weights, *AS_TRAINED)
    assert run(*common, "--subset", "train", "--sweep", "--out", work / "swept") == 0
    assert "not kept" in capsys.readouterr().out
    assert run(*common, "--sweep", "--out", work / "swept") == 0
    assert "Best F1" in capsys.readouterr().out
    summary = json.loads((work / "swept" / "summary.json").read_text())
    chosen = summary["sweep"]["best"]["f1"]["min_confidence"]
    assert [point["min_confidence"] for point in summary["operating_points"]] == sorted(
        {0.7, chosen}
    )
    assert run(*common, "--min-conf", "auto", "--out", work / "auto") == 0
    summary = json.loads((work / "auto" / "summary.json").read_text())
    assert [point["min_confidence"] for point in summary["operating_points"]] == [chosen]
    status = run(
        "detect", data / "val" / "c.png", "--weights", weights, "--min-conf", "auto", "--via",
        "--coco", "--geojson", "--imagej", "--out", work / "auto_detected", *AS_TRAINED,
    )  # fmt: skip
    assert status == 0
    detected = csv_rows(work / "auto_detected" / "cells.csv")
    at = next(point for point in summary["operating_points"])["images"][0]
    assert at["name"] == "c.png" and 0 <= at["detections"] - len(detected) <= 1
    project = json.loads((work / "auto_detected" / "via_predictions.json").read_text())
    (entry,) = project["_via_img_metadata"].values()
    assert (entry["filename"], len(entry["regions"])) == ("c.png", len(detected))
    assert (work / "auto_detected" / "c_rois.zip").stat().st_size > 0


def test_the_classical_method_needs_no_weights(work, data):
    out = work / "watershed"
    status = run(
        "evaluate", "--method", "watershed", "--dataset", data, "--logs", work / "nowhere",
        "--out", out,
    )  # fmt: skip
    assert status == 0
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["method"], summary["weights"], summary["sweep"]) == ("watershed", None, None)
    (point,) = summary["operating_points"]
    assert point["min_confidence"] is None
    # Plain discs on a plain ground, not touching.
    assert point["quality"]["ignore"]["0.75"]["pooled"]["f1"] == 1.0
    assert "watershed" in (out / "report.html").read_text(encoding="utf-8").lower()


def test_detect_goes_on_after_bad_images(work, logs, make_field, capsys):
    images = work / "images"
    (images / "more").mkdir(parents=True)
    field = make_field()
    field.save(images / "a.png")
    field.convert("L").save(images / "gray.png")
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
        "--logs", logs, "--min-conf", 0, "--pixel-size", 0.1, "--out", out, *AS_TRAINED,
    )  # fmt: skip
    assert status == 2
    error = capsys.readouterr().err
    assert "3 of the inputs could not be used" in error
    assert all(name in error for name in ("cut.png", "text.png", "missing.png"))

    with open(out / "cells.csv", newline="", encoding="utf-8-sig") as file:
        cells = list(csv.DictReader(file))
    with open(out / "summary.csv", newline="", encoding="utf-8-sig") as file:
        summary = {row["image"]: row for row in csv.DictReader(file)}
    sizes = {
        "a": (128, 128), "a_2": (128, 128), "gray": (128, 128), "deep": (128, 128),
        "dot": (1, 1), "wide": (100, 37),
    }  # fmt: skip
    for name, size in sizes.items():
        with Image.open(out / f"{name}_overlay.jpg") as overlay:
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
    assert len(list(out.iterdir())) == 3 * len(sizes) + 9


def test_detect_in_good_images_succeeds(work, logs, make_field):
    make_field().save(work / "good.png")
    out = work / "good"
    status = run(
        "detect", work / "good.png", "--weights", only_run(logs), "--min-conf", 1, "--out", out,
        *AS_TRAINED,
    )  # fmt: skip
    assert status == 0
    # Nothing reaches that confidence, and that is a result, not a failure.
    assert (out / "cells.csv").read_text().count("\n") == 1
    with Image.open(out / "good_labels.png") as image:
        assert not np.asarray(image).any()


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
    checkpoints = sorted(path.name for path in only_run(logs).glob("mask_rcnn_*.h5"))
    assert checkpoints == ["mask_rcnn_rbc_0001.h5", "mask_rcnn_rbc_0002.h5"]
    assert json.loads((only_run(logs) / "config.json").read_text())["EPOCHS"] == 2


def test_nothing_is_left_to_train(data, logs, capsys):
    status = run("train", "--dataset", data, "--weights", "last", "--logs", logs, "--epochs", 1)
    assert status == 2
    assert "epochs already" in capsys.readouterr().err


def test_what_a_training_was_is_recorded(logs):
    record = json.loads((only_run(logs) / "run.json").read_text())["trainings"][0]
    assert record["seed"] == 3 and record["backend"] in ("tensorflow", "jax", "torch")
    assert (record["subsets"], record["images"], record["cells"]) == (["train", "val"], 4, 20)
    assert {"python", "mrcnn", "keras", "numpy"} <= set(record["versions"])
    assert len(record["data_sha256"]) == 64


def test_a_packed_model_detects_nearly_the_same(work, data, logs, capsys):
    packed = work / "packed"
    # A checkpoint that a sweep was made of.
    (swept,) = json.loads((only_run(logs) / "min_confidence.json").read_text())
    checkpoint = only_run(logs) / swept
    assert run("pack", packed, "--weights", checkpoint) == 0
    # The graph for ONNX Runtime goes with them where it can be written.
    graphs = ["rbc.graph.zip"] if importlib.util.find_spec("onnx") else []
    assert sorted(path.name for path in packed.iterdir()) == [
        "config.json", "min_confidence.json", *graphs, "rbc.h5", "run.json",
    ]  # fmt: skip
    assert "MB" in capsys.readouterr().out
    for name in ("run.json", "min_confidence.json"):
        assert str(work) not in (packed / name).read_text()
    size = (packed / "rbc.h5").stat().st_size
    assert size < 0.51 * checkpoint.stat().st_size
    counts = []
    for weights in (packed, checkpoint):
        out = work / f"of_{weights.name}"
        detect = ("detect", data / "val", "--weights", weights, "--min-conf", 0, *AS_TRAINED)
        assert run(*detect, "--out", out) == 0
        counts.append(len((out / "cells.csv").read_text().splitlines()))
    assert counts[0] == pytest.approx(counts[1], rel=0.1)

    # Nothing is lost without being asked for.
    capsys.readouterr()
    assert run("pack", packed, "--weights", checkpoint) == 2
    assert "is there already" in capsys.readouterr().err
    assert run("pack", packed, "--weights", checkpoint, "--replace") == 0
    assert run("pack", packed / "rbc.h5", "--weights", checkpoint) == 2
    assert "Give a folder" in capsys.readouterr().err
