"""Rows of every kind are written: masks with a margin, empty masks, boxes and points."""

import json

import numpy as np
import pytest
from roifile import ROI_TYPE

from mrcnn.formats import coco_dataset, feature_collection, imagej_rois, read_coco, via_project
from mrcnn.instances import Instances
from tests.formats.drawn import CLASSES, disc

ROWS = Instances(
    image_shape=(30, 40),
    boxes=[(10, 20, 18, 32), (0, 0, 4, 4), (20, 4, 25, 12), (7, 9, 7, 9)],
    crops=[np.pad(disc(5), ((1, 2), (3, 4))), np.zeros((4, 4), bool), None, None],
    class_ids=[2, 1, 3, 1],
    ignore=[False, False, True, False],
)


def test_coco(tmp_path):
    content = coco_dataset({"a.png": ROWS}, CLASSES)
    masked, boxed, point = content["annotations"]
    assert masked["bbox"] == [23, 11, 5, 5] and masked["area"] == disc(5).sum()
    assert boxed["segmentation"] == point["segmentation"] == []
    assert (boxed["bbox"], boxed["area"]) == ([4, 20, 8, 5], 40)
    assert (point["bbox"], point["area"]) == ([9, 7, 0, 0], 0)
    assert [entry["iscrowd"] for entry in content["annotations"]] == [0, 1, 0]
    assert [entry["category_id"] for entry in content["annotations"]] == [2, 3, 1]
    (tmp_path / "coco.json").write_text(json.dumps(content))
    with pytest.warns(UserWarning, match="left out"):
        (image,) = read_coco(tmp_path / "coco.json")
    assert (image.class_names, image.crowd_regions) == (["normal"], 1)
    assert image.degenerate_regions == [2]


def test_via():
    (entry,) = via_project({"a.png": ROWS}, CLASSES)["_via_img_metadata"].values()
    masked, boxed, point = (region["shape_attributes"] for region in entry["regions"])
    assert masked["name"] == "polygon" and min(masked["all_points_y"]) >= 10.5
    assert boxed == {"name": "rect", "x": 4, "y": 20, "width": 8, "height": 5}
    assert point == {"name": "point", "cx": 9, "cy": 7}
    assert [region["region_attributes"] for region in entry["regions"]] == [
        {"name": "normal"},
        {"name": "small"},
        {"name": "large"},
    ]
    json.dumps(entry)


def test_geojson():
    features = feature_collection(ROWS, CLASSES)["features"]
    masked, boxed, point = (feature["geometry"] for feature in features)
    assert masked["type"] == "Polygon"
    assert boxed["type"] == "Polygon"
    corners = {tuple(corner) for corner in boxed["coordinates"][0]}
    assert corners == {(4, 20), (12, 20), (12, 25), (4, 25)}
    assert point == {"type": "Point", "coordinates": [9.5, 7.5]}
    names = [feature["properties"]["classification"] for feature in features]
    assert names == ["normal", "small", "large"]
    json.dumps(features)


def test_imagej():
    masked, boxed, point = imagej_rois(ROWS, CLASSES)
    assert [roi.name for roi in (masked, boxed, point)] == [
        "0001-normal",
        "0002-small",
        "0003-large",
    ]
    assert {tuple(corner) for corner in boxed.coordinates()} == {
        (4, 20),
        (12, 20),
        (12, 25),
        (4, 25),
    }
    assert point.roitype == ROI_TYPE.POINT
    np.testing.assert_array_equal(point.coordinates(), [[9.5, 7.5]])
