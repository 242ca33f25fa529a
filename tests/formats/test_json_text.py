"""Files that are missing, or that are no JSON."""

import pytest

from mrcnn.errors import DataError
from mrcnn.formats import read_annotations, read_coco, read_via

NAMES = ["large", "normal", "small", "undefined"]

readers = pytest.mark.parametrize("read", [read_via, read_coco, read_annotations])


@readers
def test_missing_folder(tmp_path, read):
    with pytest.raises(DataError, match=r"folder .*nowhere does not exist.*via\.json"):
        read(tmp_path / "nowhere" / "via.json")


@readers
def test_missing_file_names_the_json_files_there(via, tmp_path, read):
    via.write({}, "other.json")
    with pytest.raises(DataError, match=r"via\.json does not exist.*other\.json"):
        read(tmp_path / "via.json")


@readers
def test_folder_in_place_of_a_file(tmp_path, read):
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path)


@readers
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b'{"a": \n{"filename": "a.jpg", ', "not valid JSON.*line 2"),
        (b"\xff\xfe{}", "not UTF-8 text"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not valid JSON"),
    ],
)
def test_what_is_no_json(via, read, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read(via.write(content))
    assert "via.json" in str(caught.value)


def test_the_program_is_named_where_it_is_known(via, tmp_path):
    cut = via.write(b"{", "cut.json")
    for read, told in ((read_via, "export it from VIA again"), (read_coco, "export it again")):
        with pytest.raises(DataError, match=told):
            read(cut)
    for read, told in (
        (read_via, "export the annotations from VIA as JSON to this place"),
        (read_annotations, "export the annotations as JSON to this place"),
    ):
        with pytest.raises(DataError, match=told):
            read(tmp_path / "none.json")


def test_byte_order_mark(via):
    path = via.save(via.image(via.region()))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_via(path, NAMES)[0].class_names == ["normal"]
