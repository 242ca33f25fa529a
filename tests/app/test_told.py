"""A network that knows kinds of cells, where annotations or users know sizes."""

import csv
import json

import pytest
from PIL import Image

from mrcnn.app import methods
from mrcnn.app.finding import Finder
from mrcnn.app.told import annotated_classes, count_line
from mrcnn.inference import Predictor
from rbc import APPLICATION, main
from rbc_cells.kinds import KINDS, RED, WHITE
from tests.inference.bright_spots import BrightSpots, SpotsConfig, field

SIZES = ("large", "normal", "small", "undefined")
# Two red cells, and a brighter one that is white.
SPOTS = (((8, 8, 24, 24), 150), ((8, 40, 24, 56), 150), ((36, 8, 56, 28), 230))


class KindsConfig(SpotsConfig):
    NAME = "rbc"
    CLASS_NAMES = (RED, WHITE)


@pytest.fixture
def kinds_network(monkeypatch, tmp_path):
    """The command line's network: bright spots are red cells, the brightest white ones."""
    config = KindsConfig()
    predictor = Predictor(config, BrightSpots(config))
    monkeypatch.setattr(methods, "load_predictor", lambda *_: predictor)
    monkeypatch.setattr(methods, "trained_weights", lambda *_: tmp_path / "kinds.h5")


def write_set(folder, names):
    """A field of `SPOTS`, of which the first ones are annotated with these names."""
    (folder / "val").mkdir(parents=True)
    Image.fromarray(field(*SPOTS)).save(folder / "val" / "a.png")
    regions = [
        {
            "shape_attributes": {
                "name": "rect",
                "x": x1,
                "y": y1,
                "width": x2 - x1,
                "height": y2 - y1,
            },
            "region_attributes": {"name": name},
        }
        for ((y1, x1, y2, x2), _), name in zip(SPOTS, names, strict=False)
    ]
    entry = {"filename": "a.png", "size": 0, "regions": regions, "file_attributes": {}}
    (folder / "val" / "via_region_data.json").write_text(json.dumps({"a.png": entry}))
    return folder


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("normal", "besar"), SIZES),
        (("Kecil",), SIZES),
        (("RBC", "RBC", "WBC"), KINDS),
        (("leukocyte",), KINDS),
    ],
)
def test_annotations_tell_which_classes_are_compared(tmp_path, names, expected):
    folder = write_set(tmp_path / "set", names)
    options = APPLICATION.parse(["evaluate", "--dataset", str(folder)])
    found = annotated_classes(APPLICATION, KINDS, [folder], ["train", "val"], options)
    assert found == expected
    # A network of sizes tells sizes, whatever is annotated.
    assert annotated_classes(APPLICATION, SIZES, [folder], ["val"], options) == SIZES


def evaluate(folder, out, *confidences):
    given = ["evaluate", "--dataset", str(folder), "--out", str(out), "--outline", "network"]
    assert main([*given, "--min-conf", *(confidences or ["0.5"])]) == 0
    return json.loads((out / "summary.json").read_text())


def test_sizes_are_compared_with_red_cells_alone(kinds_network, tmp_path, capsys):
    summary = evaluate(write_set(tmp_path / "set", ("normal", "normal")), tmp_path / "out")
    assert summary["classes"] == list(SIZES)
    with open(tmp_path / "out" / "per_image.csv", encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["segmented"], row["ground_truth"]) == ("2", "2")
    printed = capsys.readouterr().out
    assert "Not compared, since no cell has these classes: white blood cell 1\n" in printed


def test_what_is_not_compared_is_as_sure_as_what_is(kinds_network, tmp_path, capsys):
    """The white cell has a confidence of 0.9, red ones of 0.59."""
    folder = write_set(tmp_path / "set", ("normal", "normal"))
    evaluate(folder, tmp_path / "out", "0.89", "0.95")
    assert "no cell has these classes: white blood cell 1\n" in capsys.readouterr().out
    evaluate(folder, tmp_path / "out", "0.91")
    assert "Not compared" not in capsys.readouterr().out


def test_kinds_are_compared_with_kinds(kinds_network, tmp_path, capsys):
    summary = evaluate(write_set(tmp_path / "set", ("RBC", "RBC", "WBC")), tmp_path / "out")
    assert summary["classes"] == [RED, WHITE]
    with open(tmp_path / "out" / "per_image.csv", encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["segmented"], row["ground_truth"]) == ("3", "3")
    assert "Not compared" not in capsys.readouterr().out


def test_sizes_that_nobody_learned_are_refused(kinds_network, tmp_path, capsys):
    folder = write_set(tmp_path / "set", ("normal",))
    given = ["evaluate", "--dataset", str(folder), "--out", str(tmp_path / "out")]
    assert main([*given, "--size-class", "learned"]) == 2
    assert "Use --size-class measured." in capsys.readouterr().err


def test_detected_cells_have_a_size_and_a_kind(kinds_network, tmp_path, capsys):
    image = tmp_path / "a.png"
    Image.fromarray(field(*SPOTS)).save(image)
    given = ["detect", str(image), "--out", str(tmp_path / "out"), "--outline", "network"]
    assert main([*given, "--min-conf", "0.5"]) == 0
    assert f"[1/1] {image}: 2 cells, white blood cell 1\n" in capsys.readouterr().out
    with open(tmp_path / "out" / "cells.csv", encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    assert [(cell["class"], cell["kind"]) for cell in cells] == [
        (WHITE, WHITE),
        ("normal", RED),
        ("normal", RED),
    ]
    # Only red cells have a shape.
    titles = list(cells[0])
    assert titles[titles.index("kind") :][:3] == ["kind", "shape", "shape_score"]
    assert [bool(cell["shape"]) for cell in cells] == [False, True, True]
    assert [bool(cell["shape_score"]) for cell in cells] == [False, True, True]
    with open(tmp_path / "out" / "summary.csv", encoding="utf-8-sig", newline="") as file:
        summary = list(csv.DictReader(file))
    # What is no red cell is counted in a column of its own, after those that were there before.
    assert list(summary[0])[4:9] == ["cells", *SIZES]
    assert [(row["cells"], row["normal"], row[WHITE]) for row in summary] == [("2", "2", "1")] * 2
    assert list(summary[0]).index(WHITE) > list(summary[0]).index("quality")


def test_a_finder_tells_what_the_application_does_by_default():
    predictor = Predictor(KindsConfig(), BrightSpots(KindsConfig()))
    assert Finder(APPLICATION, predictor).told_names == (*SIZES, WHITE)
    assert Finder(APPLICATION, predictor, told_names=(RED, WHITE)).told_names == (RED, WHITE)


def test_counts_are_told_of_what_is_there():
    names = (*SIZES, WHITE)
    assert count_line(APPLICATION, names, {}) == "0 cells"
    assert count_line(APPLICATION, names, {"large": 2, "small": 3}) == "5 cells"
    assert count_line(APPLICATION, names, {WHITE: 1}) == "0 cells, white blood cell 1"
    # The kinds that tables count against the main one are no cells here either.
    assert (
        count_line(APPLICATION, (RED, WHITE), {RED: 1, WHITE: 2}) == "1 cells, white blood cell 2"
    )
    assert count_line(APPLICATION, (WHITE,), {WHITE: 2}) == "0 cells, white blood cell 2"
    # All count where no class is another kind.
    assert count_line(APPLICATION, ("egg", "husk"), {"egg": 1, "husk": 2}) == "3 cells"
