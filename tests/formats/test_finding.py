"""Which files of a folder are its annotations."""

import pytest

from mrcnn.errors import DataError
from mrcnn.formats import annotation_files
from mrcnn.formats.beside import image_beside


@pytest.fixture
def files(tmp_path):
    """Make files in a folder; returns it."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("x")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a.png", "export.json", "notes.csv"], ["export.json"]),
        (["a.jpg", "b.JPG", "a.json", "b.json"], ["a.json", "b.json"]),
        (["a.tif", "a.geojson", ".hidden.json"], ["a.geojson"]),
        (["a.png", "b.png", "a.xml", "b.xml", "other.xml"], ["a.xml", "b.xml"]),
        (["a.png", "a_rois.zip", "images.zip"], ["a_rois.zip"]),
        (["a.png", "a_masks.png", "b.png", "b_masks.png"], ["a_masks.png", "b_masks.png"]),
        (["a.png", "a_cp_masks.tif", "a_overlay.png"], ["a_cp_masks.tif"]),
        (["a.png", "a_labels.png", "a_labels_preview.png", "a_overlay.jpg"], ["a_labels.png"]),
        (["a_img.png", "a_masks.png"], ["a_masks.png"]),
        (["a.png", "a_masks.png", "stray.csv"], ["a_masks.png"]),
        (["images/a.tif", "masks/a.tif", "masks/lost.tif"], ["a.tif"]),
        (["a.tif", "masks/a.png"], ["a.png"]),
        (["a.png", "stray.csv"], ["stray.csv"]),
        (["a.png", "a_seg.npy"], ["a_seg.npy"]),
        (["annotations/instances.json", "images/a.png"], ["instances.json"]),
        (
            ["Annotations/a.xml", "Annotations/b.xml", "JPEGImages/a.jpg", "JPEGImages/b.jpg"],
            ["a.xml", "b.xml"],
        ),
        (["a.png", "a_seg.npy", "a_cp_masks.png"], ["a_cp_masks.png"]),
        (["a.png"], []),
    ],
)
def test_annotations_are_found(files, names, found):
    assert [path.name for path in annotation_files(files(*names))] == found


def test_what_could_be_meant_is_named(files):
    folder = files("a.png", "b.png", "a.json", "export.json")
    with pytest.raises(DataError, match=r"a\.json, export\.json could all be .*'export\.json'"):
        annotation_files(folder)
    (folder / "export.json").unlink()
    (folder / "a.json").unlink()
    files("a_masks.png", "masks/b.png")
    with pytest.raises(DataError, match=r"beside the images .* and in masks"):
        annotation_files(folder)


@pytest.mark.parametrize(
    ("annotations", "named", "image"),
    [
        ("a.json", "", "a.png"),
        ("a.png.json", "", "a.png"),
        ("x.json", "C:\\pictures\\b.png", "b.png"),
        ("x.json", "../pictures/b.png", "b.png"),
        ("a.json", "renamed.jpg", "a.png"),
        ("x.json", "gone.jpg", "gone.jpg"),
        ("b_rois.zip", "", "b.png"),
        ("b.ome.zip", "", "b.ome.tif"),
        ("a.json", "x" * 5000, "a.png"),
        ("a.json", "a\0b", "a.png"),
    ],
)
def test_the_image_of_a_file(files, annotations, named, image):
    folder = files("a.png", "b.png", "b.ome.tif")
    assert image_beside(folder / annotations, named) == image


def test_the_only_image_is_meant(files):
    assert image_beside(files("a.png") / "objects.geojson") == "a.png"
    files("b.png")
    with pytest.raises(DataError, match=r"objects\.geojson is for one image.*of the 2 images"):
        image_beside(files() / "objects.geojson")
