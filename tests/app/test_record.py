"""The record of a training: what it says of the data, and that nothing earlier is lost."""

import json
import shutil

import pytest

from mrcnn.app.record import data_checksum, store_record
from rbc import RBCDataset


def checksum(folder, subsets=("train",)) -> str:
    dataset = RBCDataset()
    for subset in subsets:
        dataset.load_rbc(folder, subset)
    return data_checksum(folder, subsets, dataset)


def test_the_checksum_is_that_of_the_data(dataset_dir, tmp_path):
    first = checksum(dataset_dir)
    copy = tmp_path / "elsewhere"
    shutil.copytree(dataset_dir, copy)
    assert checksum(copy) == first
    shutil.copytree(copy / "train", copy / "extra")
    assert checksum(copy, ("train", "extra")) == checksum(copy, ("extra", "train")) != first
    annotations = copy / "train" / "via_region_data.json"
    annotations.write_text(annotations.read_text() + " ")
    assert checksum(copy) != first
    shutil.copytree(dataset_dir, tmp_path / "again")
    with open(tmp_path / "again" / "train" / "a.png", "ab") as image:
        image.write(b"x")
    assert checksum(tmp_path / "again") != first


def test_a_resumed_run_has_several_records(tmp_path):
    for number in (1, 2):
        path = store_record(tmp_path, {"seed": number})
    expected = {"schema_version": 1, "trainings": [{"seed": 1}, {"seed": 2}]}
    assert json.loads(path.read_text()) == expected
    path.write_text("no JSON")
    store_record(tmp_path, {"seed": 3})
    assert json.loads(path.read_text()) == {"schema_version": 1, "trainings": [{"seed": 3}]}
    assert (tmp_path / "run.unreadable.json").read_text() == "no JSON"


def test_a_record_without_a_version_goes_on(tmp_path):
    (tmp_path / "run.json").write_text('{"trainings": [{"seed": 1}]}')
    path = store_record(tmp_path, {"seed": 2})
    expected = {"schema_version": 1, "trainings": [{"seed": 1}, {"seed": 2}]}
    assert json.loads(path.read_text()) == expected


def test_what_a_later_version_added_stays(tmp_path):
    later = {"schema_version": 7, "place": "here", "trainings": [{"seed": 1}]}
    (tmp_path / "run.json").write_text(json.dumps(later))
    with pytest.warns(UserWarning, match=r"run\.json: is of version 7"):
        path = store_record(tmp_path, {"seed": 2})
    expected = later | {"trainings": [{"seed": 1}, {"seed": 2}]}
    assert json.loads(path.read_text()) == expected
