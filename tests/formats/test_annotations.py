"""Images that annotations name are found inside their folder, and nowhere else."""

import os
import sys

import pytest

from mrcnn.errors import DataError
from mrcnn.formats import locate_image


def test_locate_image(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.jpg").touch()
    assert locate_image(tmp_path, "inner/a.jpg") == tmp_path / "inner" / "a.jpg"


def test_listed_image_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"name the image 'b\.jpg'.*does not exist"):
        locate_image(tmp_path, "b.jpg")


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "link/secret.jpg", "a\0b"])
def test_images_outside_the_folder_are_refused(tmp_path, name):
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.jpg").touch()
    (tmp_path / "data" / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="not inside the folder"):
        locate_image(tmp_path / "data", name)


@pytest.mark.parametrize(
    "name",
    [
        "C:\\secret.jpg",
        "c:/secret.jpg",
        "\\\\server\\share\\a.jpg",
        "..\\secret.jpg",
        "inner\\..\\..\\secret.jpg",
        "inner/../../secret.jpg",
        "loop/a.jpg",
        "",
        "x" * 300,
        "x" * 100_000,
        "\ud800.jpg",
    ],
)
def test_names_that_lead_out_or_nowhere(tmp_path, name):
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    (tmp_path / "secret.jpg").touch()
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(DataError) as caught:
        locate_image(folder, name)
    assert len(str(caught.value)) < 1000
    str(caught.value).encode()


def test_links_count_by_where_they_lead(tmp_path):
    folder = tmp_path / "real" / "train"
    folder.mkdir(parents=True)
    (folder / "a.jpg").touch()
    (tmp_path / "other.jpg").touch()
    (folder / "inside.jpg").symlink_to("a.jpg")
    (folder / "outside.jpg").symlink_to(tmp_path / "other.jpg")
    # What the user names may be a link, or lie below one.
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train").symlink_to(folder)
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    for named in (folder, tmp_path / "set" / "train", tmp_path / "linked" / "train"):
        assert locate_image(named, "a.jpg").is_file()
        assert locate_image(named, "inside.jpg").is_file()
        with pytest.raises(DataError, match=r"'outside\.jpg'.*not inside.*is not followed"):
            locate_image(named, "outside.jpg")


COMPOSED, DECOMPOSED = "caf\u00e9/a\u0308.jpg", "cafe\u0301/\u00e4.jpg"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("inner/a.jpg", "inner\\a.jpg"),
        ("one/two/a.jpg", "one\\two/a.jpg"),
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        (COMPOSED, DECOMPOSED.replace("/", "\\")),
        ("50% of #3?.jpg", "50%25 of %233%3F.jpg"),
        ("caf\u00e9 1.jpg", "cafe%CC%81%201.jpg"),
    ],
)
def test_names_that_read_the_same(tmp_path, name, written):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert locate_image(tmp_path, written).samefile(path)


def test_images_of_an_export_lie_in_a_folder_of_their_own(tmp_path):
    (tmp_path / "images" / "part").mkdir(parents=True)
    for name in ("a.jpg", "part/b.jpg"):
        (tmp_path / "images" / name).touch()
        assert locate_image(tmp_path, name) == tmp_path / "images" / name
    (tmp_path / "a.jpg").touch()
    assert locate_image(tmp_path, "a.jpg") == tmp_path / "a.jpg"


def test_a_name_as_it_stands_comes_first(tmp_path):
    for name in ("a%20b.jpg", "a b.jpg", COMPOSED, DECOMPOSED):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    for name in ("a%20b.jpg", COMPOSED, DECOMPOSED):
        assert locate_image(tmp_path, name).read_text() == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("train/a.JPG", r"\(there is 'a\.JPG' in the folder itself\)"),
        ("train\\a.JPG", r"\(there is 'a\.JPG' in the folder itself\)"),
        ("a.jpg", r"\(there is 'a\.JPG', with other letters in capitals\)"),
        ("b.jpg", r"does not exist in [^(]*: put it there"),
    ],
)
def test_a_file_of_almost_the_name_is_told(tmp_path, name, said):
    (tmp_path / "a.JPG").touch()
    with pytest.raises(DataError, match=said):
        locate_image(tmp_path, name)


def test_what_else_was_tried_is_told(tmp_path):
    with pytest.raises(DataError, match=r"does not exist in .* \(\\ was taken for a separator"):
        locate_image(tmp_path, "images\\a.jpg")
    with pytest.raises(DataError, match="not inside the folder"):
        locate_image(tmp_path / "inner", "%2e%2e/a.jpg")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files in folders")
def test_what_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe.jpg", "folder.jpg", "."):
        with pytest.raises(DataError, match="does not exist"):
            locate_image(tmp_path, name)
