"""A file that no reader takes is named for what it is, with the way to one that is read."""

import json

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations

BOX = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([BOX], "a list of results in COCO's format"),
        ({"images": [], "categories": []}, "COCO without 'annotations'"),
        ({"annotations": [], "categories": []}, "COCO without 'images'"),
        ([{"id": 1, "data": {"image": "x"}, "annotations": []}], "an export of Label Studio"),
        ([{"data_row": {}, "projects": {}}], "an export of Labelbox"),
        ({"size": {"height": 5}, "objects": []}, "an annotation of Supervisely"),
        ({"version": "2.0", "item": {}, "annotations": []}, "an export of V7"),
        ({"metadata": {}, "instances": []}, "an export of SuperAnnotate"),
        ({"type": "Topology", "objects": {}}, "TopoJSON"),
        ({"project": {}, "metadata": {}, "file": {}}, "a project of VIA 3"),
    ],
)
@pytest.mark.parametrize("name", ["via_region_data.json", "other.json"])
def test_json_of_other_programs(tmp_path, content, said, name):
    (tmp_path / name).write_text(json.dumps(content))
    assert_named(tmp_path / name, said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\x93NUMPY\x01\x00", "a NumPy file, such as Cellpose's"),
        (b"\xff\xd8\xff\xe0\x00", "a JPEG picture"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"Name,Area,X,Y\n1,2,3,4\n", "a table"),
        (b"<?xml version='1.0'?><dataset/>", "XML of a kind that is not read"),
        (b"# Exported using VGG\n# CSV_HEADER = metadata_id,a,b,c\n", "a table of VIA 3"),
        (b"\x1f\x8b\x08", "packed by gzip"),
        (b"0 0.5 0.5 0.1 0.1\n", "not valid JSON"),
    ],
)
def test_files_that_are_no_json(tmp_path, content, said):
    (tmp_path / "via_region_data.json").write_bytes(content)
    assert_named(tmp_path / "via_region_data.json", said)


def assert_named(path, said):
    with pytest.raises(DataError) as caught:
        read_annotations(path, ["cell"])
    message = str(caught.value)
    assert path.name in message and said in message
    for advice in ("cut short", "rename", "Name the right one"):
        assert advice not in message


def test_a_file_that_was_cut_is_told_to_be(tmp_path):
    (tmp_path / "via.json").write_text('{"a.jpg": {"filename": "a')
    with pytest.raises(DataError, match="may have been cut short"):
        read_annotations(tmp_path / "via.json", ["cell"])


def test_numbers_of_numpy_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a_seg.npy", {"masks": np.ones((2, 2))}, allow_pickle=True)
    assert_named(tmp_path / "a_seg.npy", "may run any program")
