"""`convert` writes annotations of any format in another one, and says what that one cannot hold."""

import json
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest

from mrcnn.app.main import main
from mrcnn.app.options import FORMATS
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.formats.writing import WRITERS
from tests.drawn_cells import via_regions, write_annotations, write_subset
from tests.formats.drawn import iou

NAMES = ("large", "normal", "small", "undefined")


def run(*arguments) -> int:
    return main(["convert", *map(str, arguments)])


@pytest.fixture
def cells(tmp_path) -> Path:
    """A data set in VIA's format."""
    write_subset(tmp_path / "cells" / "train")
    write_subset(tmp_path / "cells" / "val", ("c.png",))
    return tmp_path / "cells"


def loaded(folder: Path, subset: str = "train", names=NAMES) -> AnnotatedDataset:
    dataset = AnnotatedDataset()
    dataset.load(folder, subset, names)
    dataset.prepare()
    return dataset


def test_the_formats_of_the_command_line_are_those_that_are_written():
    assert tuple(WRITERS) == FORMATS


@pytest.mark.parametrize("form", [name for name in FORMATS if "masks" in WRITERS[name].keeps])
def test_masks_are_the_same_in_a_data_set_of_another_format(cells, tmp_path, form, capsys):
    assert run(cells, tmp_path / "out", "--to", form) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{cells / 'train' / 'via_region_data.json'}: 2 images with 10 objects"
    assert lines[1].startswith(f"  written to {tmp_path / 'out' / 'train'}")
    has_classes = form != "labels"
    assert ("  10 objects lost their class" in lines) != has_classes
    assert AnnotatedDataset.classes_in(tmp_path / "out", ["train"]) == (
        NAMES if has_classes else ("object",)
    )
    first = loaded(cells)
    second = loaded(tmp_path / "out", names=NAMES if has_classes else ["object"])
    assert [Path(info["path"]).name for info in second.image_info] == ["a.png", "b.png"]
    for image_id in second.image_ids:
        expected, found = first.load_instances(image_id), second.load_instances(image_id)
        if has_classes:
            assert found.class_ids.tolist() == expected.class_ids.tolist()
        for number in range(5):
            assert iou(found.full_masks()[..., number], expected.full_masks()[..., number]) >= 0.98


def test_a_project_for_via_says_where_the_images_lie(cells, tmp_path):
    """VIA shows default_filepath + filename, as a URL."""
    (cells / "train" / "a.png").rename(cells / "train" / "a 5%#.png")
    path = cells / "train" / "via_region_data.json"
    path.write_text(path.read_text().replace("a.png", "a 5%#.png"))

    def shown(project: Path) -> set[Path]:
        content = json.loads(project.read_text())
        where = content["_via_settings"]["core"]["default_filepath"]
        entries = content["_via_img_metadata"].values()
        return {Path(url2pathname(urlsplit(where + entry["filename"]).path)) for entry in entries}

    assert run(cells, tmp_path / "out", "--to", "via", "--subset", "train") == 0
    assert shown(tmp_path / "out" / "train" / "via_region_data.json") == {
        tmp_path / "out" / "train" / name for name in ("a 5%#.png", "b.png")
    }
    assert loaded(tmp_path / "out").image_reference(0) == str(
        tmp_path / "out" / "train" / "a 5%#.png"
    )
    # Where the images stay, they are shown in their place.
    assert run(cells, tmp_path / "bare", "--to", "via", "--subset", "train", "--no-images") == 0
    assert run(path, tmp_path / "one.json", "--to", "via") == 0
    for project in (tmp_path / "bare" / "train" / "via_region_data.json", tmp_path / "one.json"):
        assert shown(project) == {cells / "train" / name for name in ("a 5%#.png", "b.png")}


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
@pytest.mark.parametrize("form", ["voc", "boxes-csv"])
def test_formats_of_boxes_say_what_is_lost(cells, tmp_path, form, capsys):
    assert run(cells, tmp_path / "out", "--to", form, "--subset", "train") == 0
    assert "  10 masks were written as their boxes" in capsys.readouterr().out.splitlines()
    boxes, _ = loaded(tmp_path / "out").load_boxes(0)
    np.testing.assert_array_equal(boxes, loaded(cells).load_instances(0).boxes)


def write_coco(folder: Path) -> None:
    """A mask, a box and a crowd."""
    write_subset(folder)
    box = {"image_id": 1, "category_id": 1, "bbox": [5, 7, 20, 30]}
    ring = [40, 40, 80, 40, 80, 80, 40, 80]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 128, "width": 128}],
        "annotations": [
            {**box, "id": 1},
            {**box, "id": 2, "segmentation": [ring]},
            {**box, "id": 3, "segmentation": [[x + 30 for x in ring]], "iscrowd": 1},
        ],
        "categories": [{"id": 1, "name": "normal"}],
    }
    (folder / "via_region_data.json").write_text(json.dumps(content))


@pytest.mark.parametrize("form", ["coco", "yolo", "labelme", "cvat"])
@pytest.mark.filterwarnings("ignore:.*(boxes without masks|crowds)")
def test_boxes_stay_boxes_and_crowds_are_kept_or_told(tmp_path, form, capsys):
    write_coco(tmp_path / "in" / "train")
    assert run(tmp_path / "in", tmp_path / "out", "--to", form) == 0
    lines = capsys.readouterr().out.splitlines()
    left_out = "  1 crowds were left out, which this format has not"
    assert (left_out in lines) == (form != "coco")
    dataset = loaded(tmp_path / "out", names=["normal"])
    boxes, class_ids = dataset.load_boxes(0)
    assert boxes[0].tolist() == [7, 5, 37, 25]
    assert class_ids.tolist() == ([1, -1] if form == "coco" else [1])
    outlines, _ = dataset.load_polygons(0)
    assert len(outlines) == 1


@pytest.mark.filterwarnings("ignore:.*(boxes without masks|crowds)")
def test_boxes_are_not_drawn_into_label_images(tmp_path, capsys):
    write_coco(tmp_path / "in" / "train")
    assert run(tmp_path / "in", tmp_path / "out", "--to", "labels") == 2
    assert "1 objects that are boxes without masks" in capsys.readouterr().err
    assert run(tmp_path / "in", tmp_path / "out", "--to", "via") == 0
    assert "  1 boxes without masks are outlines there" in capsys.readouterr().out


def test_pixels_that_a_label_image_cannot_hold_are_told(tmp_path, capsys):
    cells = ((30, 30, 14, "normal"), (45, 30, 14, "normal"), (90, 90, 9, "normal"))
    folder = write_subset(tmp_path / "in" / "train", ("a.png",))
    write_annotations(folder, {"a.png": via_regions(cells)})
    assert run(folder, tmp_path / "out", "--to", "labels") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  1 objects lost pixels to others that lie over them" in lines


def test_a_file_becomes_a_file(cells, tmp_path, capsys):
    source = cells / "train" / "via_region_data.json"
    assert run(source, tmp_path / "coco.json", "--to", "coco") == 0
    assert len(json.loads((tmp_path / "coco.json").read_text())["annotations"]) == 10
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["coco.json"]
    assert run(source, tmp_path / "out.json", "--to", "labelme") == 2
    assert "has a file for each image. Give a folder" in capsys.readouterr().err


def test_images_in_folders_of_other_names(cells, tmp_path):
    (cells / "val").rename(cells / "valid")
    assert run(cells, tmp_path / "out", "--to", "coco", "--subset", "val") == 0
    assert {path.name for path in (tmp_path / "out" / "val").iterdir()} == {
        "annotations.json",
        "c.png",
    }


def test_a_folder_of_images_and_the_same_folder(cells):
    folder = cells / "train"
    before = {path.name for path in folder.iterdir()}
    assert run(folder, folder, "--to", "geojson") == 0
    assert {path.name for path in folder.iterdir()} == before | {"a.geojson", "b.geojson"}


def test_without_images(cells, tmp_path):
    assert run(cells, tmp_path / "out", "--to", "cvat", "--no-images") == 0
    files = [path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.*")]
    assert sorted(map(str, files)) == ["train/annotations.xml", "val/annotations.xml"]


def test_what_cannot_be_used_stops_or_is_left_out(cells, tmp_path, capsys):
    (cells / "train" / "b.png").unlink()
    assert run(cells, tmp_path / "out", "--to", "coco") == 2
    error = capsys.readouterr().err
    assert "1 images and objects cannot be used" in error and "b.png" in error
    assert not (tmp_path / "out").exists()
    assert run(cells, tmp_path / "out", "--to", "coco", "--on-error", "skip") == 0
    assert "1 images and objects were left out" in capsys.readouterr().out


def test_classes_stand_in_the_given_order(cells, tmp_path):
    order = ["undefined", "small", "normal", "large"]
    assert run(cells, tmp_path / "out", "--to", "coco", "--classes", *order) == 0
    content = json.loads((tmp_path / "out" / "train" / "annotations.json").read_text())
    assert [category["name"] for category in content["categories"]] == order


def test_two_images_that_would_share_a_file(tmp_path, capsys):
    write_subset(tmp_path / "in" / "train", ("a.png", "a.jpg"))
    assert run(tmp_path / "in", tmp_path / "out", "--to", "voc") == 2
    assert "would share the file of annotations a" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("in", "out"), "Give the format to write: --to via, via-csv, coco"),
        (("nowhere", "out", "--to", "coco"), "nowhere: no such file or folder"),
        (("empty", "out", "--to", "coco"), "no annotations"),
        (("in", "file", "--to", "coco"), "file: is a file"),
    ],
)
def test_wrong_arguments(tmp_path, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    write_subset(tmp_path / "in" / "train")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err
