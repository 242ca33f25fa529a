"""YOLO's label files: where they lie, what their lines say, and the names of their classes."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.formats import find_yolo, images_of_labels, read_annotations, read_yolo
from mrcnn.formats.yaml_names import names_in_yaml
from mrcnn.formats.yolo import yolo_class_names

LAYOUTS = [
    ("images/train", "labels/train"),
    ("train/images", "train/labels"),
    ("train", "train"),
]


def lay_out(folder, layout, labels, names="names: [dirt, cell]\n"):
    """A data set of pictures of 40 x 20 pixels with these label files."""
    images, texts = folder / layout[0], folder / layout[1]
    for each in (images, texts):
        each.mkdir(parents=True, exist_ok=True)
    for stem, text in labels.items():
        Image.new("RGB", (40, 20)).save(images / f"{stem}.png")
        if text is not None:
            (texts / f"{stem}.txt").write_text(text)
    if names:
        (folder / "data.yaml").write_text(names)
    return texts


@pytest.mark.parametrize("layout", LAYOUTS)
def test_boxes_and_outlines_in_each_layout(tmp_path, layout):
    text = "1 0.5 0.5 0.25 0.5\n\n0 0 0 0.5 0 0.5 1\n"
    labels = lay_out(tmp_path, layout, {"b": None, "a": text})
    assert find_yolo(tmp_path / "train") == labels
    assert images_of_labels(labels) == tmp_path / layout[0]
    first, second = read_yolo(labels)
    assert (first.filename, first.image_shape) == ("a.png", (20, 40))
    assert first.class_names == ["cell", "dirt"]
    assert first.is_box == [True, False]
    assert first.region_numbers == [0, 2]
    # Pixels 15 to 24 across and 5 to 14 down; the triangle fills the upper right of the left half.
    np.testing.assert_allclose(
        first.polygons[0], [(4.5, 14.5), (4.5, 24.5), (14.5, 24.5), (14.5, 14.5)]
    )
    np.testing.assert_allclose(first.polygons[1], [(-0.5, -0.5), (-0.5, 19.5), (19.5, 19.5)])
    assert (second.filename, second.polygons) == ("b.png", [])


def test_a_folder_of_labels_is_read_as_any_annotations(tmp_path):
    labels = lay_out(tmp_path, LAYOUTS[0], {"a": "1 0.5 0.5 0.1 0.1"})
    (image,) = read_annotations(labels, ["red"], class_aliases={"cell": "red"})
    assert image.class_names == ["red"]


def test_classes_without_names_have_numbers(tmp_path):
    labels = lay_out(tmp_path, LAYOUTS[0], {"a": "7 0.5 0.5 0.1 0.1"}, names="")
    assert read_yolo(labels)[0].class_names == ["class 7"]
    (labels / "classes.txt").write_text("a\nb\n")
    assert yolo_class_names(labels) == {0: "a", 1: "b"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 0.5 0.5 0.1", "line 2: 3 numbers after the class"),
        ("1 0.5 0.5 0.1 0.1 0.9", "line 2: 5 numbers after the class"),
        ("cell 0.5 0.5 0.1 0.1", "line 2: 'cell' is no number of a class"),
        ("1 a b c d", "line 2: .* is not `class x y width height`"),
        ("1 20 10 4 4", "outside of 0 to 1"),
        ("1 nan 0.5 0.1 0.1", "outside of 0 to 1"),
        ("2 0.5 0.5 0.1 0.1", "class 2, but names are known of the classes 0, 1 alone"),
    ],
)
def test_damaged_lines_are_named_and_can_be_left_out(tmp_path, line, message):
    labels = lay_out(tmp_path, LAYOUTS[0], {"a": f"0 0.5 0.5 0.1 0.1\n{line}\n"})
    with pytest.raises(DataError, match=message):
        read_yolo(labels)
    problems = []
    (image,) = read_yolo(labels, problems=problems)
    assert image.class_names == ["dirt"]
    assert len(problems) == 1


def test_labels_without_an_image_are_told(tmp_path):
    labels = lay_out(tmp_path, LAYOUTS[0], {"a": ""})
    (labels / "b.txt").write_text("")
    with pytest.raises(DataError, match=r"b\.txt: there is no image b in"):
        read_yolo(labels)


def test_other_texts_beside_images_are_no_labels(tmp_path):
    lay_out(tmp_path, LAYOUTS[2], {"a": None})
    (tmp_path / "train" / "notes.txt").write_text("stained on Monday")
    assert find_yolo(tmp_path / "train") is None


@pytest.mark.parametrize(
    "text",
    [
        "names: ['a', \"b, c\",d]",
        "nc: 3\nnames: [a, 'b, c',\n  d] # three",
        "names:\n  - a\n  - 'b, c'\n\n  - d\nnc: 3",
        'path: x\nnames:\n  0: a\n  1: b, c # two\n  2: "d"\nnc: 3',
        "names: {0: a, 1: 'b', 2: d}",
    ],
)
def test_names_in_each_form_of_yaml(tmp_path, text):
    path = tmp_path / "data.yaml"
    path.write_text(text)
    names = names_in_yaml(path)
    assert {**names, 1: "b"} == {0: "a", 1: "b", 2: "d"}
    assert names[1] in ("b", "b, c")


@pytest.mark.parametrize("text", ["", "names:", "names: 3", "names: [a", "nc: 2"])
def test_yaml_without_names_is_told(tmp_path, text):
    path = tmp_path / "data.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match="no `names` of classes"):
        names_in_yaml(path)
