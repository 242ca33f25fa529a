"""The content of a file tells its format."""

import pytest

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations
from mrcnn.formats.reading import READERS

NAMES = ["large", "normal", "small", "undefined"]


def test_each_format_is_recognized(via):
    export = via.export(via.image(via.region()))
    project = {"_via_settings": {}, "_via_img_metadata": export, "_via_attributes": {}}
    for content in (export, project, via.coco([1, 2, 9, 2, 5, 8])):
        image, *_ = read_annotations(via.write(content), NAMES)
        assert (image.filename, image.class_names) == ("a.jpg", ["normal"])
        assert image.polygons[0].tolist() == [[2, 1], [2, 9], [8, 5]]
    assert read_annotations(via.write({})) == []


def test_arguments_are_handed_on(via):
    path = via.save(via.image(via.region("Besar", second="x"), via.region("?", second="x")))
    problems = []
    (image,) = read_annotations(path, NAMES, "name", {"besar": "large"}, problems=problems)
    assert image.class_names == ["large"]
    (problem,) = problems
    assert "region 2: unknown class '?' in the attribute 'name'" in problem


def test_one_damaged_entry_does_not_hide_the_format(via):
    content = {"broken": 5} | via.export(via.image(via.region()))
    problems = []
    (image,) = read_annotations(via.write(content), NAMES, problems=problems)
    assert image.class_names == ["normal"]
    assert len(problems) == 1 and "entry 'broken'" in problems[0]


def test_projects_of_via_3_are_refused_as_such(via):
    with pytest.raises(DataError, match="VIA 3"):
        read_annotations(via.write({"project": {}, "metadata": {}, "file": {}}))


@pytest.mark.parametrize("content", [[1, 2], "text", 5, None, {"shapes": []}, {"images": []}])
def test_other_content_is_refused(via, content):
    with pytest.raises(
        DataError, match=r"none of the formats that are read: .*COCO, .*VIA"
    ) as caught:
        read_annotations(via.write(content, "other.json"))
    assert "other.json" in str(caught.value)
    assert not any(reader.recognizes(content) for reader in READERS.values())
