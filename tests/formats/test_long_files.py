"""Files of all images are written image by image: what is lent them is read when it is its turn."""

import json
from collections.abc import Mapping

import pytest

from mrcnn.errors import DataError
from mrcnn.formats import coco_dataset, via_project, write_coco, write_via
from tests.drawn_objects import objects_of

NAMES = ("large", "small")


class Lent(Mapping):
    """Makes the objects of an image when they are asked for."""

    def __init__(self, count):
        self.count = count

    def __getitem__(self, name):
        number = int(name[1:-4])
        boxes = [[0, 0, 4 + number % 3, 5], [10, 10, 14, 14]]
        return objects_of((20, 20), boxes, [0.9, 0.8], class_ids=[1, 1 + number % 2])

    def __iter__(self):
        return (f"p{number}.png" for number in range(self.count))

    def __len__(self):
        return self.count


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize(("write", "make"), [(write_coco, coco_dataset), (write_via, via_project)])
def test_the_file_is_that_of_the_whole_written_at_once(tmp_path, write, make, count):
    write(tmp_path / "a.json", Lent(count), NAMES)
    whole = make(Lent(count), NAMES)
    assert (tmp_path / "a.json").read_text() == json.dumps(whole) + "\n"
    assert len(whole.get("images", whole.get("_via_img_metadata"))) == count


@pytest.mark.parametrize("write", [write_coco, write_via])
def test_a_name_that_no_program_reads_is_refused(tmp_path, write):
    with pytest.raises(DataError, match=r"b\\udce4\.png'?: this name is not UTF-8"):
        write(tmp_path / "a.json", {"b\udce4.png": Lent(1)["p0.png"]}, NAMES)
    assert not list(tmp_path.iterdir())
