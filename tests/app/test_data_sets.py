"""Several data sets in one training: their classes, their subsets, their shares."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from mrcnn.app.data_sets import find_datasets, load_subsets, set_shares
from mrcnn.errors import ConfigError, DataError
from rbc import APPLICATION
from tests.drawn_cells import write_subset

OPTIONS = SimpleNamespace(attribute=None, on_error="stop")
CONFIG = SimpleNamespace(CLASS_NAMES=("red blood cell", "white blood cell", "platelet"))


@pytest.fixture
def folders(tmp_path) -> list[Path]:
    """Outlines of cells by their size, and boxes of two kinds of cells."""
    write_subset(tmp_path / "smears" / "train")
    write_subset(tmp_path / "smears" / "val", ("c.png",))
    for folder in ("images", "labels"):
        (tmp_path / "boxes.1" / folder / "train").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(tmp_path / "boxes.1/images/train/x.png")
    text = "0 0.5 0.5 0.25 0.25\n1 0.25 0.25 0.25 0.25\n"
    (tmp_path / "boxes.1/labels/train/x.txt").write_text(text)
    (tmp_path / "boxes.1/data.yaml").write_text("names: [WBC, RBC]")
    return [tmp_path / "smears", tmp_path / "boxes.1"]


def test_classes_are_merged_by_name_and_each_set_annotates_its_own(folders, capsys):
    dataset = load_subsets(APPLICATION, folders, ["train"], CONFIG, OPTIONS)
    assert dataset.class_names == ["BG", *CONFIG.CLASS_NAMES]
    assert [info["source"] for info in dataset.image_info] == ["smears", "smears", "boxes_1"]
    assert dataset.active_class_ids(0).tolist() == [1, 1, 0, 0]
    assert dataset.active_class_ids(2).tolist() == [1, 1, 1, 0]
    assert dataset.load_instances(0).class_ids.tolist() == [1] * 5
    assert dataset.load_instances(2).class_ids.tolist() == [2, 1]
    assert "train: 1 fields, 2 cells, 2 of them boxes without masks" in capsys.readouterr().out


def test_one_set_annotates_all_classes(folders):
    dataset = load_subsets(APPLICATION, folders[:1], ["train"], CONFIG, OPTIONS)
    assert dataset.active_class_ids(0).tolist() == [1, 1, 1, 1]
    assert dataset.sources == ["", "rbc"]


def test_a_subset_need_not_be_in_every_set_but_in_one(folders):
    assert len(load_subsets(APPLICATION, folders, ["val"], CONFIG, OPTIONS).image_info) == 1
    with pytest.raises(DataError, match="no data set has a subset extra"):
        load_subsets(APPLICATION, folders, ["extra"], CONFIG, OPTIONS)
    with pytest.raises(DataError, match="extra: no such folder"):
        load_subsets(APPLICATION, folders[:1], ["train", "extra"], CONFIG, OPTIONS)
    with pytest.raises(DataError, match="nowhere: no such folder"):
        load_subsets(APPLICATION, [*folders, Path("nowhere")], ["train"], CONFIG, OPTIONS)


def test_shares_follow_the_weights(folders, capsys):
    dataset = load_subsets(APPLICATION, folders, ["train"], CONFIG, OPTIONS)
    set_shares(dataset, folders, None)
    assert dataset.shares == {}
    set_shares(dataset, folders, [3.0, 1.0])
    assert dataset.shares == {"smears": 0.75, "boxes_1": 0.25}
    assert "smears: 75.0 % of the images that are drawn" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="1 numbers, but there are 2 data sets"):
        set_shares(dataset, folders, [1.0])


def test_a_set_is_named_once(tmp_path):
    with pytest.raises(ConfigError, match="names a folder twice"):
        find_datasets(APPLICATION, [tmp_path, tmp_path / "."])
