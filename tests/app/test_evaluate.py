"""An evaluation that fails half way leaves the results of the one before."""

import csv
import errno
import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

import mrcnn.app.evaluate
from mrcnn.app import methods
from mrcnn.inference import Predictor
from tests.app.large_slides import APPLICATION, Spots
from tests.inference.bright_spots import BrightSpots, field

SPOT = (8, 8, 24, 24)


class SpotConfig(Spots):
    CLASS_NAMES = ("spot",)
    NUM_CLASSES = 2


@pytest.fixture
def evaluate(monkeypatch, tmp_path):
    """Runs the command on a field with one annotated spot."""
    config = SpotConfig()
    predictor = Predictor(config, BrightSpots(config))
    monkeypatch.setattr(methods, "load_predictor", lambda *_: predictor)
    monkeypatch.setattr(methods, "trained_weights", lambda *_: tmp_path / "spots.h5")
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    Image.fromarray(field((SPOT, 150))).save(folder / "a.png")
    shape = {"name": "rect", "x": 8, "y": 8, "width": 15, "height": 15}
    region = {"shape_attributes": shape, "region_attributes": {"name": "spot"}}
    entry = {"filename": "a.png", "size": 0, "regions": [region], "file_attributes": {}}
    (folder / "via_region_data.json").write_text(json.dumps({"a.png": entry}))

    def run(*arguments):
        words = ["evaluate", "--dataset", tmp_path / "data", "--out", tmp_path / "out", *arguments]
        return APPLICATION.main([str(word) for word in words])

    return run


@pytest.mark.parametrize("fails", ["report_page", "per_image_csv", "export"])
def test_what_was_there_stays_where_a_file_cannot_be_written(
    evaluate, tmp_path, monkeypatch, capsys, fails
):
    assert evaluate("--min-conf", 0.5) == 0
    assert "F1 1.000" in capsys.readouterr().out
    out = tmp_path / "out"
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    names = {path.name for path in before}
    assert {"report.html", "table.md", "summary.json", "per_image.csv", "a.png"} <= names
    table = (out / "per_image.csv").read_bytes()
    assert table.startswith(b"\xef\xbb\xbfimage,")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mrcnn.app.evaluate, fails, full)
    assert evaluate("--min-conf", 0.9) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(sys.platform != "linux", reason="a name may be any bytes")
@pytest.mark.parametrize("name", [b"b\xe4.png", b"line\nbreak.png", b"esc\x1b[31m.png"])
def test_fields_of_any_name_are_evaluated(evaluate, tmp_path, capsys, name):
    """Label images name no files, so those may be called anything."""
    folder = tmp_path / "data" / "val"
    (folder / "via_region_data.json").unlink()
    labels = np.zeros((64, 64), np.uint8)
    labels[8:24, 8:24] = 1
    path = os.path.join(os.fsencode(folder), name)
    os.rename(folder / "a.png", path)
    with open(path.replace(b".png", b"_labels.png"), "wb") as file:
        Image.fromarray(labels).save(file, "PNG")
    given = ("--min-conf", 0.5, "--via", "--coco", "--geojson", "--imagej")
    assert evaluate(*given) == 0
    said = capsys.readouterr().out
    assert "[1/1]" in said and "\x1b" not in said and "\nbreak" not in said
    out = tmp_path / "out"
    with open(out / "per_image.csv", newline="", encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert row["image"] == os.fsdecode(name).encode("utf-8", "surrogateescape").decode(
        "utf-8", "backslashreplace"
    ).replace("\n", "\\n").replace("\x1b", "\\x1b")
    assert row["image"] in (out / "table.md").read_text(encoding="utf-8")
    assert len(list((out / "pictures").iterdir())) == 1
