"""The data sets of the recipe for several laboratories."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks import recipe_laboratories as recipe
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.instances import Instances
from tests.drawn_cells import write_subset

SHAPE = (60, 80)


def squares(*corners, scores=None):
    boxes = [(y, x, y + 10, x + 10) for y, x in corners]
    crops = [np.ones((10, 10), bool)] * len(boxes)
    return Instances(SHAPE, boxes, crops, [3] * len(boxes), scores or [0.9] * len(boxes))


def test_cells_are_masks_around_one_named_center():
    found = squares(
        (0, 0), (0, 2), (0, 20), (0, 40), (20, 0), (20, 20), scores=[0.9, 0.8, 0.9, 0.9, 0.5, 0.9]
    )
    # One in the first and second mask, two in the third, none in the fourth, one in the fifth,
    # which is not sure, one that nobody could name, and one where nothing was found.
    centers = [[5, 5, 0], [2, 22, 0], [8, 28, 4], [25, 5, 1], [25, 25, 10], [50, 70, 2]]
    labeled = recipe.label_cells(found, np.array(centers))
    assert labeled.ignore.tolist() == [False, True, True, True, True, True, True]
    assert labeled.has_mask().tolist() == [True] * 6 + [False]
    assert labeled.boxes[-1].tolist() == [28, 48, 60, 80]
    assert labeled.class_ids.tolist() == [1] * 7


def test_centers_become_a_data_set(tmp_path):
    source = tmp_path / "chula"
    source.mkdir()
    for number in range(10):
        Image.new("RGB", SHAPE[::-1]).save(source / f"{number:03}.jpg")
        (source / f"{number:03}.txt").write_text("5 5 0\n")
    recipe.make_chula(source, tmp_path / "sets", lambda image: squares((0, 0), (30, 40)))
    dataset = AnnotatedDataset()
    with pytest.warns(UserWarning, match="9 annotations are crowds"):
        dataset.load(tmp_path / "sets", "train", recipe.KINDS)
    dataset.prepare()
    assert [info["id"] for info in dataset.image_info] == [f"{n:03}.jpg" for n in range(9)]
    instances = dataset.load_instances(0)
    assert instances.boxes.tolist() == [[0, 0, 10, 10], [30, 40, 40, 50]]
    assert instances.ignore.tolist() == [False, True]


def names_in(folder):
    content = json.loads((folder / "via_region_data.json").read_text())
    return {entry["filename"] for entry in content.values()}


def test_fields_of_extra_are_held_out(tmp_path):
    names = tuple(f"{number:02}.jpg" for number in range(20))
    for subset, images in {"train": ("t.jpg",), "val": ("v.jpg",), "extra": names}.items():
        folder = write_subset(tmp_path / "rbc" / subset, images)
        (folder / "objects.csv").write_text("filename,category\n" + f"{images[0]},leukocyte\n")
    recipe.make_fields(tmp_path / "rbc", tmp_path / "out" / "fields")
    held_out = (tmp_path / "out" / "held_out.txt").read_text().split()
    assert len(held_out) == 14
    train = tmp_path / "out" / "fields" / "train"
    kept = {
        entry["filename"]
        for entry in json.loads((train / "via_region_data.json").read_text()).values()
    }
    assert kept == {"t.jpg", *names} - set(held_out)
    assert {path.name for path in train.glob("*.jpg")} == kept
    table = (train / "objects.csv").read_text().splitlines()
    assert table == ["filename,category", "t.jpg,leukocyte", "00.jpg,leukocyte"]


def test_the_command_has_a_weight_for_each_set(tmp_path):
    sets = {name: tmp_path / name for name in recipe.WEIGHTS}
    words = recipe.command(sets, tmp_path, "rbc", ["--epochs", "1"])
    assert words[words.index("--dataset") + 1 : words.index("--dataset-weights")] == [
        str(folder) for folder in sets.values()
    ]
    assert words[words.index("--dataset-weights") + 1 : words.index("--classes")] == list("3161")
    assert words[-2:] == ["--epochs", "1"]


def test_a_folder_without_the_data_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        recipe.main(["--data", str(tmp_path), "--out", str(tmp_path)])
    assert left.value.code == 2
    assert "there is no folder rbc/train" in capsys.readouterr().err
