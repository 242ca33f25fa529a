"""`detect` says of pictures of all kinds whether it can be trusted, by the model of the project."""

import csv
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import rbc
from rbc_cells.smears.rendering import render_field

pytestmark = pytest.mark.usefixtures("eager_module")


def summary_of(out: Path) -> dict[str, dict[str, str]]:
    """The rows of summary.csv by the stems of their pictures."""
    with open(out / "summary.csv", newline="", encoding="utf-8-sig") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """A rendered field, and pictures that show no smear."""
    folder = tmp_path_factory.mktemp("pictures")
    field = render_field(5, 0, 360, 480, cell_diameter=50.0)
    tissue, text = skimage.data.immunohistochemistry(), skimage.data.text()
    for name, image in (
        ("field", field.image),
        ("tissue", tissue[::2, ::2]),
        ("text", text),
        ("blank", np.full((240, 320, 3), 235, np.uint8)),
        ("photo", skimage.data.astronaut()[::4, ::4]),
    ):
        Image.fromarray(image).convert("RGB").save(folder / f"{name}.png")
    return folder


def test_a_smear_is_ok_and_what_is_none_is_not(pictures, tmp_path, capsys):
    assert rbc.main(["detect", str(pictures), "--weights", "rbc", "--out", str(tmp_path)]) == 0
    rows = summary_of(tmp_path)
    quality = {name: row["quality"] for name, row in rows.items() if name}
    assert quality.pop("field") == "ok"
    assert int(rows["field"]["cells"]) > 5
    assert all("foreign" in reasons.split(";") for reasons in quality.values()), quality
    lines = capsys.readouterr().out.splitlines()
    assert "4 of 5 fields are doubtful: see `quality` in summary.csv." in lines
    # What was estimated where nothing was found is borne out by nothing.
    assert [line for line in lines if ": 0 cells" in line and "estimated" in line] == []
    warned = [line for line in lines if "Warning: " in line]
    assert len(warned) == len(quality) == 4
    for line in warned:
        assert any(f"{name}.png: " in line for name in quality)
        assert "detect --method watershed" in line


def test_the_classical_method_detects_without_weights(pictures, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["detect", str(pictures / "field.png"), "--method", "watershed", "--coco"]
    logs = ["--logs", str(tmp_path / "nowhere")]
    assert rbc.main([*arguments, *logs, "--out", str(out)]) == 0
    assert "Detecting in 1 field with --method watershed" in capsys.readouterr().out
    row = summary_of(out)["field"]
    assert (row["quality"], row["scale_source"], row["diameter_px"]) == ("ok", "settings", "")
    assert int(row["cells"]) > 5
    names = {path.name for path in out.iterdir()}
    assert names == {
        "cells.csv", "summary.csv", "fields.csv", "slides.csv", "shares.csv", "histogram.csv",
        "field_overlay.jpg", "field_labels.png", "field_labels_preview.png",
        "coco_predictions.json", "parts", "report.html", "run.json",
    }  # fmt: skip


@pytest.mark.parametrize(
    "given", [["--min-conf", "0.7"], ["--diameter", "50"], ["--weights", "rbc"],
              ["--image-size", "320"]],
)  # fmt: skip
def test_what_only_a_network_has_is_refused(given, tmp_path, capsys):
    arguments = ["detect", "a.png", "--method", "watershed", *given, "--out", str(tmp_path)]
    assert rbc.main(arguments) == 2
    assert f"--method watershed has no network: leave {given[0]} out" in capsys.readouterr().err
