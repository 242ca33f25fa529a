"""Instances of several images go into the files that were asked for."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import mrcnn.app.export
from mrcnn.app.export import COCO_FILE, VIA_FILE, Exporter
from mrcnn.errors import DataError
from mrcnn.instances import Instances

ALL = SimpleNamespace(via=True, coco=True, geojson=True, imagej=True)
ONE = Instances((20, 30), [(2, 3, 9, 12)], [np.ones((7, 9), bool)], [2], [0.5])


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "images" / "a.png"
    path.parent.mkdir()
    path.write_bytes(b"12345")
    return path


def test_each_format_is_written(tmp_path, picture):
    out = tmp_path / "out"
    exporter = Exporter(ALL, out, ["large", "small"])
    exporter.add("a.png", picture, "a", ONE)
    exporter.add("sub/a.png", picture, "a-2", Instances.empty((20, 30)))
    assert {path.name for path in out.iterdir()} == {
        "a.geojson",
        "a_rois.zip",
        "a-2.geojson",
        "a-2_rois.zip",
    }
    exporter.finish(picture.parent)
    via, coco = (json.loads((out / name).read_text()) for name in (VIA_FILE, COCO_FILE))
    assert list(via["_via_img_metadata"]) == ["a.png5", "sub/a.png5"]
    assert [image["file_name"] for image in coco["images"]] == ["a.png", "sub/a.png"]
    assert len(coco["annotations"]) == 1


def test_nothing_is_written_that_was_not_asked_for(tmp_path, picture):
    none = SimpleNamespace(via=False, coco=False, geojson=False, imagej=False)
    exporter = Exporter(none, tmp_path / "out", ["large", "small"])
    exporter.add("a.png", picture, "a", ONE)
    exporter.finish(picture.parent)
    assert not (tmp_path / "out").exists()


def test_two_images_of_one_name_are_refused(tmp_path, picture):
    exporter = Exporter(ALL, tmp_path / "out", ["large", "small"])
    exporter.add("a.png", picture, "a", ONE)
    with pytest.raises(DataError, match=r"Two images are called 'a\.png'"):
        exporter.add("a.png", picture, "a-2", ONE)


def test_an_image_of_too_many_objects_for_some_formats_is_told(tmp_path, picture, monkeypatch):
    monkeypatch.setattr(mrcnn.app.export, "MOST_OUTLINES", 1)
    out = tmp_path / "out"
    exporter = Exporter(ALL, out, ["large", "small"])
    exporter.add("a.png", picture, "a", ONE)
    exporter.add("b.png", picture, "b", Instances.merged([ONE, ONE]))
    exporter.finish(picture.parent)
    assert {path.name for path in out.iterdir()} == {
        VIA_FILE, COCO_FILE, "a.geojson", "a_rois.zip", "b.geojson",
    }  # fmt: skip
    via, coco = (json.loads((out / name).read_text()) for name in (VIA_FILE, COCO_FILE))
    assert list(via["_via_img_metadata"]) == ["a.png5"]
    assert len(coco["annotations"]) == 3
    (line,) = exporter.left_out
    assert "2 outlines are more than the 1 that --via and --imagej can write" in line
