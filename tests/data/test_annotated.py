"""Data sets of any format and of any classes; `RBCDataset` has what goes wrong with files."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mrcnn.app.check import find_subsets
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.errors import DataError
from tests.drawn_cells import draw_field, via_regions, write_subset


class Stars(AnnotatedDataset):
    """Another source, with another name for a class."""

    SOURCE = "stars"
    PROGRAM = "stars.py"
    KIND = "list of stars"
    HINT = "; look at the sky"
    CLASS_ALIASES = {"big": "large", "tiny": "dust"}


@pytest.fixture
def folder(tmp_path) -> Path:
    write_subset(tmp_path / "train")
    write_subset(tmp_path / "val", ("c.png",))
    return tmp_path


def test_the_classes_of_annotations_are_sorted(folder):
    expected = ("large", "normal", "small", "undefined")
    assert AnnotatedDataset.classes_in(folder, ["train", "val"]) == expected


def test_a_data_set_is_loaded_with_these_classes(folder):
    dataset = AnnotatedDataset()
    dataset.load(folder, "train", AnnotatedDataset.classes_in(folder, ["train"]))
    dataset.prepare()
    assert dataset.class_names == ["BG", "large", "normal", "small", "undefined"]
    assert dataset.load_instances(0).class_ids.tolist() == [2, 1, 3, 2, 4]
    assert dataset.image_reference(0) == str(folder / "train" / "a.png")


def test_other_names_of_classes_are_understood(folder):
    path = folder / "val" / "via_region_data.json"
    path.write_text(path.read_text().replace('"large"', '"Big"'))
    assert "large" in Stars.classes_in(folder, ["val"])
    dataset = Stars()
    dataset.load(folder, "val", ("large", "normal", "small", "undefined"))
    dataset.prepare()
    assert dataset.load_instances(0).class_ids.tolist() == [2, 1, 3, 2, 4]
    assert dataset.sources == ["", "stars"]


def test_a_coco_file_is_read_as_well(tmp_path):
    draw_field().save(tmp_path / "a.png")
    square = [10, 10, 40, 10, 40, 40, 10, 40]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 128, "width": 128}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 5, "segmentation": [square], "iscrowd": 0}
        ],
        "categories": [{"id": 5, "name": "box"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(content))
    dataset = AnnotatedDataset()
    dataset.load(tmp_path.parent, tmp_path.name, AnnotatedDataset.classes_in(tmp_path, ["."]))
    dataset.prepare()
    assert dataset.class_names == ["BG", "box"]
    np.testing.assert_array_equal(dataset.load_instances(0).areas(), [31 * 31])


def test_without_an_object_there_is_no_class(folder):
    entry = {"filename": "c.png", "regions": []}
    (folder / "val" / "via_region_data.json").write_text(json.dumps({"c.png": entry}))
    with pytest.raises(DataError, match="no annotated object in val"):
        AnnotatedDataset.classes_in(folder, ["val"])


def test_messages_are_those_of_the_class(folder):
    with pytest.raises(DataError, match=r"list of stars \(via_region_data.json\); look at the sky"):
        Stars.find_annotations(folder / "test")
    entries = {f"{n}.png": {"filename": f"{n}.png", "regions": via_regions()} for n in range(12)}
    (folder / "val" / "via_region_data.json").write_text(json.dumps(entries))
    with pytest.raises(DataError, match=re.escape("`stars.py check --all` lists all")):
        Stars().load(folder, "val", ("large", "normal", "small", "undefined"))


@pytest.mark.parametrize(
    ("image", "masks"),
    [
        ("images/{}.tif", "masks/{}.tif"),
        ("{}.png", "{}_cp_masks.png"),
        ("{}_img.png", "{}_masks.png"),
        ("{}.png", "{}_labels.png"),
    ],
)
def test_label_images_beside_the_images_are_a_data_set(tmp_path, image, masks):
    labels = np.zeros((128, 128), np.uint16)
    labels[10:30, 10:30], labels[30:60, 10:30] = 4, 300
    for name in ("one", "two"):
        for path in (image, masks):
            (tmp_path / "train" / path.format(name)).parent.mkdir(parents=True, exist_ok=True)
        draw_field().save(tmp_path / "train" / image.format(name))
        Image.fromarray(labels).save(tmp_path / "train" / masks.format(name))
    dataset = AnnotatedDataset()
    dataset.load(tmp_path, "train", AnnotatedDataset.classes_in(tmp_path, ["train"]))
    dataset.prepare()
    assert dataset.class_names == ["BG", "object"]
    assert [info["id"] for info in dataset.image_info] == [image.format(n) for n in ("one", "two")]
    np.testing.assert_array_equal(dataset.load_instances(1).areas(), [400, 600])
    assert len(AnnotatedDataset.annotation_files(tmp_path / "train")) == 2


def test_boxes_have_no_outline_and_nothing_counts_in_crowds(tmp_path):
    draw_field().save(tmp_path / "a.png")
    square = [10, 10, 40, 10, 40, 40, 10, 40]
    one = {"image_id": 1, "category_id": 5}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 128, "width": 128}],
        "annotations": [
            {"id": 1, **one, "segmentation": [square], "iscrowd": 0},
            {"id": 2, **one, "bbox": [50, 60, 20, 10]},
            {"id": 3, **one, "bbox": [100, 0, 28, 128], "iscrowd": 1},
        ],
        "categories": [{"id": 5, "name": "box"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(content))
    dataset = AnnotatedDataset()
    with pytest.warns(UserWarning):
        dataset.load(tmp_path.parent, tmp_path.name, ("box",))
    dataset.prepare()
    assert len(dataset.load_polygons(0)[0]) == 1
    boxes, class_ids = dataset.load_boxes(0)
    assert boxes.tolist() == [[60, 50, 70, 70], [0, 100, 128, 128]]
    assert class_ids.tolist() == [1, -1]
    assert dataset.load_instances(0).has_mask().tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("images", "labels"), [("images/train", "labels/train"), ("train/images", "train/labels")]
)
def test_label_files_of_yolo_are_found(tmp_path, images, labels):
    for folder in (images, labels):
        (tmp_path / folder).mkdir(parents=True)
    draw_field().save(tmp_path / images / "a.png")
    (tmp_path / labels / "a.txt").write_text("1 0.5 0.5 0.25 0.125")
    (tmp_path / "data.yaml").write_text("names: [dirt, big]")
    assert Stars.classes_in(tmp_path, ["train"]) == ("large",)
    assert Stars.annotation_files(tmp_path / "train") == [tmp_path / labels / "a.txt"]
    dataset = Stars()
    dataset.load(tmp_path, "train", ("dust", "large"))
    dataset.prepare()
    assert dataset.load_instances(0).boxes.tolist() == [[56, 48, 72, 80]]
    assert dataset.load_instances(0).class_ids.tolist() == [2]


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
@pytest.mark.parametrize("name", ["valid", "validation"])
def test_the_export_of_roboflow_as_it_comes(tmp_path, name):
    """Its folders, names of files and categories: the first is the name of the project."""
    for subset in ("train", name):
        (tmp_path / subset).mkdir()
        picture = f"smear_1_png.rf.{'0123456789abcdef' * 2}.jpg"
        draw_field().save(tmp_path / subset / picture)
        content = {
            "info": {"year": "2026", "contributor": "", "url": "https://public.roboflow.com"},
            "licenses": [{"id": 1, "url": "", "name": "CC BY 4.0"}],
            "categories": [
                {"id": 0, "name": "cells-0abc", "supercategory": "none"},
                {"id": 1, "name": "RBC", "supercategory": "cells-0abc"},
            ],
            "images": [{"id": 0, "license": 1, "file_name": picture, "height": 128, "width": 128}],
            "annotations": [
                {
                    "id": number,
                    "image_id": 0,
                    "category_id": 1,
                    "bbox": [10, 20, 30, 40.5],
                    "area": 1215,
                    "segmentation": segmentation,
                    "iscrowd": 0,
                }
                for number, segmentation in enumerate(([], [[10, 20, 40, 20, 40, 60, 10, 60]]))
            ],
        }
        (tmp_path / subset / "_annotations.coco.json").write_text(json.dumps(content))
    assert AnnotatedDataset.classes_in(tmp_path, ["train", "val"]) == ("RBC",)
    dataset = AnnotatedDataset()
    dataset.load(tmp_path, "val", ["RBC"])
    dataset.prepare()
    assert dataset.image_info[0]["path"] == str(tmp_path / name / picture)
    boxes, class_ids = dataset.load_boxes(0)
    assert boxes.tolist() == [[20, 10, 60.5, 40]] and class_ids.tolist() == [1]
    outlines, _ = dataset.load_polygons(0)
    assert len(outlines) == 1
    files = AnnotatedDataset.annotation_files(tmp_path / "val")
    assert [path.name for path in files] == ["_annotations.coco.json"]


def test_a_folder_val_comes_before_others(folder):
    write_subset(folder / "valid", ("other.png",))
    dataset = AnnotatedDataset()
    dataset.load(folder, "val", ("large", "normal", "small", "undefined"))
    assert [info["id"] for info in dataset.image_info] == ["c.png"]


@pytest.mark.filterwarnings("ignore:.*boxes without masks")
def test_the_folders_of_pascal_voc(tmp_path):
    for name in ("one", "two"):
        for path in (f"Annotations/{name}.xml", f"JPEGImages/{name}.jpg"):
            (tmp_path / "train" / path).parent.mkdir(parents=True, exist_ok=True)
        draw_field().save(tmp_path / "train" / "JPEGImages" / f"{name}.jpg")
        (tmp_path / "train" / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><object><name>cell</name><bndbox>"
            "<xmin>5</xmin><ymin>6</ymin><xmax>50</xmax><ymax>60</ymax></bndbox></object>"
            "</annotation>"
        )
    dataset = AnnotatedDataset()
    dataset.load(tmp_path, "train", AnnotatedDataset.classes_in(tmp_path, ["train"]))
    dataset.prepare()
    assert [info["id"] for info in dataset.image_info] == [
        "JPEGImages/one.jpg",
        "JPEGImages/two.jpg",
    ]
    assert dataset.load_boxes(1)[0].tolist() == [[6, 5, 60, 50]]


def test_the_folders_of_coco(tmp_path):
    write_subset(tmp_path / "train2017", ("a.png",))
    (tmp_path / "train2017" / "via_region_data.json").unlink()
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 128, "width": 128}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "segmentation": [[10, 10, 40, 10, 40, 40, 10, 40]],
            }
        ],
        "categories": [{"id": 1, "name": "box"}],
    }
    (tmp_path / "annotations").mkdir()
    for name in ("instances_train2017", "captions_train2017", "instances_val2017"):
        path = tmp_path / "annotations" / f"{name}.json"
        path.write_text(json.dumps(content if name == "instances_train2017" else {}))
    found = AnnotatedDataset.find_annotations(tmp_path / "train2017")
    assert found.name == "instances_train2017.json"
    dataset = AnnotatedDataset()
    dataset.load(tmp_path, "train2017", ["box"])
    dataset.prepare()
    assert dataset.load_instances(0).areas().tolist() == [31 * 31]
    assert find_subsets(tmp_path, "file") == ["train2017"]
    with pytest.raises(DataError, match="no such folder"):
        AnnotatedDataset.find_annotations(tmp_path / "val2017")
