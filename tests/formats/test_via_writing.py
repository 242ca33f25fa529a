"""VIA projects: what VIA needs is there, and reading them gives masks and classes back."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import locate_image, read_via, via_project, write_via
from mrcnn.instances import Instances
from tests.formats.drawn import CLASSES, disc, field, full_masks, image_of, iou, masks, no_instances

NAMES = ["Zellen/плоская 1.jpg", 'a "quoted" \\ name.png', "日本.tif", "a&b<c>#1?.jpg"]

FIELD = {"field 1.jpg": field()}
TWO = FIELD | {"empty.png": no_instances()}
SIZES = {"field 1.jpg": 4321}


@given(masks, st.integers(0, 30), st.integers(0, 30))
def test_masks_come_back(tmp_path_factory, mask, y, x):
    path = tmp_path_factory.mktemp("via") / "project.json"
    image = image_of(mask, (y, x))
    write_via(path, {"cell.png": image}, CLASSES)
    (read,) = read_via(path, CLASSES)
    back = Instances.from_polygons(read.polygons, [1], image.image_shape)
    assert iou(back.full_masks()[:, :, 0], full_masks(image)[0]) >= 0.98


def test_classes_names_and_sizes_come_back(tmp_path):
    path = tmp_path / "project.json"
    images = {"field 1.jpg": field(), "empty.png": no_instances()}
    images |= {name: field() for name in NAMES}
    write_via(path, images, CLASSES, sizes={"field 1.jpg": 4321, "elsewhere.png": 5})
    read = read_via(path, CLASSES)
    assert [image.filename for image in read] == ["field 1.jpg", "empty.png", *NAMES]
    assert read[0].size == 4321 and read[2].size is None
    assert read[1].polygons == []
    for image, original in zip(read, images.values(), strict=True):
        assert image.class_names == [CLASSES[class_id - 1] for class_id in original.class_ids]
        back = Instances.from_polygons(image.polygons, original.class_ids, original.image_shape)
        for number, mask in enumerate(full_masks(original)):
            assert iou(back.full_masks()[:, :, number], mask) >= 0.98


def test_a_class_attribute_of_another_name(tmp_path):
    path = tmp_path / "project.json"
    write_via(path, FIELD, CLASSES, attribute="size class")
    (read,) = read_via(path, CLASSES)
    assert read.class_names == ["large", "small", "normal"]
    (read,) = read_via(path, attribute="size class")
    assert read.class_names == ["large", "small", "normal"]


def test_outlines_that_are_known_are_taken_as_they_are(tmp_path):
    path = tmp_path / "project.json"
    outline = np.array([[3.25, 4.5], [9.75, 4.5], [6.0, 11.25]])
    images = {"known.png": image_of(disc(9)), "other.png": image_of(disc(9))}
    write_via(path, images, CLASSES, outlines={"known.png": [outline]})
    known, other = read_via(path, CLASSES)
    assert np.array_equal(known.polygons[0], outline)
    write_via(path, images, CLASSES)
    assert np.array_equal(other.polygons[0], read_via(path, CLASSES)[1].polygons[0])
    with pytest.raises(DataError, match=r"'known\.png': 2 outlines were given for 1 objects"):
        write_via(path, images, CLASSES, outlines={"known.png": [outline, outline]})


def test_without_scores(tmp_path):
    path = tmp_path / "project.json"
    write_via(path, {"cell.png": image_of(disc(9), scores=None)}, CLASSES)
    (read,) = read_via(path)
    assert read.class_names == ["large"]


def test_regions():
    project = via_project(FIELD, CLASSES, sizes=SIZES)
    (entry,) = project["_via_img_metadata"].values()
    assert entry["filename"] == "field 1.jpg" and entry["size"] == 4321
    assert entry["file_attributes"] == {}
    assert [region["region_attributes"] for region in entry["regions"]] == [
        {"name": "large", "score": "0.9313"},
        {"name": "small", "score": "0.5000"},
        {"name": "normal", "score": "1.0000"},
    ]
    for region, (y1, x1, y2, x2) in zip(entry["regions"], field().boxes, strict=True):
        shape = region["shape_attributes"]
        assert set(shape) == {"name", "all_points_x", "all_points_y"}
        assert shape["name"] == "polygon"
        xs, ys = np.array(shape["all_points_x"]), np.array(shape["all_points_y"])
        # Pixel centers are whole numbers.
        assert x1 - 0.5 <= xs.min() and xs.max() <= x2 - 0.5
        assert y1 - 0.5 <= ys.min() and ys.max() <= y2 - 0.5
        assert 3 <= len(xs) == len(ys) <= 40


def test_keys_and_attributes_are_those_that_via_looks_up():
    project = via_project(TWO, CLASSES, sizes=SIZES, attribute="class")
    assert project["_via_data_format_version"] == "2.0.10"
    # VIA's id of an image is its name and its size in bytes; -1 stands for an unknown one.
    ids = ["field 1.jpg4321", "empty.png-1"]
    assert project["_via_image_id_list"] == list(project["_via_img_metadata"]) == ids
    attributes = project["_via_attributes"]
    assert attributes["file"] == {}
    assert list(attributes["region"]) == ["class", "score"]
    assert attributes["region"]["class"]["type"] == "dropdown"
    assert list(attributes["region"]["class"]["options"]) == list(CLASSES)
    # VIA shows a class for a new region; this makes it the one that the region has.
    assert attributes["region"]["class"]["default_options"] == {"large": True}
    assert attributes["region"]["score"]["type"] == "text"


def test_settings_are_those_that_via_knows():
    # VIA 2.0.11 assigns each setting to one that it has already, two or three levels down; what
    # it does not know stops the import.
    known = {
        "ui": {
            "annotation_editor_height": int,
            "annotation_editor_fontsize": float,
            "leftsidebar_width": int,
            "image_grid": {
                "img_height": int,
                "rshape_fill": str,
                "rshape_fill_opacity": float,
                "rshape_stroke": str,
                "rshape_stroke_width": int,
                "show_region_shape": bool,
                "show_image_policy": str,
            },
            "image": {
                "region_label": str,
                "region_color": str,
                "region_label_font": str,
                "on_image_annotation_editor_placement": str,
            },
        },
        "core": {"buffer_size": int, "filepath": {}, "default_filepath": str},
        "project": {"name": str},
    }

    def kinds(value):
        if isinstance(value, dict):
            return {key: kinds(entry) for key, entry in value.items()}
        return type(value)

    settings = via_project(FIELD, CLASSES, attribute="class", project_name="Feld 7")
    settings = settings["_via_settings"]
    assert kinds(settings) == known
    # Labels and colors of the regions are those of their classes.
    assert settings["ui"]["image"]["region_label"] == "class"
    assert settings["ui"]["image"]["region_color"] == "class"
    assert settings["project"]["name"] == "Feld 7"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("", ""),
        ("../images", "../images/"),
        ("../images/", "../images/"),
        ("C:\\images\\", "C:\\images\\"),
        ("file:///data/my%20images", "file:///data/my%20images/"),
    ],
)
def test_the_place_of_the_images(given, written):
    # VIA puts it directly before a file name.
    project = via_project(FIELD, CLASSES, default_filepath=given)
    assert project["_via_settings"]["core"]["default_filepath"] == written


def test_a_new_region_gets_the_class_that_most_have():
    image = field().take([1, 1, 2])
    attribute = via_project({"a.jpg": image}, CLASSES)["_via_attributes"]["region"]["name"]
    assert attribute["default_options"] == {"small": True}
    attribute = via_project({}, CLASSES)["_via_attributes"]["region"]["name"]
    assert attribute["default_options"] == {"large": True}


def test_names_are_escaped_where_they_are_parts_of_urls(tmp_path):
    name = "50% of #3?.png"
    (tmp_path / name).touch()
    write_via(tmp_path / "via.json", {name: field()}, CLASSES, default_filepath=tmp_path.as_uri())
    (image,) = read_via(tmp_path / "via.json", CLASSES)
    assert image.filename == "50%25 of %233%3F.png"
    assert locate_image(tmp_path, image.filename) == tmp_path / name
    (entry,) = via_project({name: field()}, CLASSES)["_via_img_metadata"].values()
    assert entry["filename"] == name


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name in ("first", "second"):
        write_via(tmp_path / name, TWO, CLASSES, sizes=SIZES)
    first = (tmp_path / "first").read_bytes()
    assert first == (tmp_path / "second").read_bytes()
    assert json.loads(first) == via_project(TWO, CLASSES, sizes=SIZES)


def test_no_images(tmp_path):
    write_via(tmp_path / "project.json", {}, CLASSES)
    assert read_via(tmp_path / "project.json", CLASSES) == []


@pytest.mark.parametrize("attribute", ["", " ", "score"])
def test_attribute_names_that_cannot_be_used(attribute):
    with pytest.raises(ConfigError, match="attribute cannot be called"):
        via_project(FIELD, CLASSES, attribute=attribute)


def test_images_that_via_cannot_tell_apart_are_refused():
    images = {"a.jpg1": field(), "a.jpg": field()}
    with pytest.raises(DataError, match=r"cannot tell 'a\.jpg' of 112 bytes from 'a\.jpg1' of 12"):
        via_project(images, CLASSES, sizes={"a.jpg1": 12, "a.jpg": 112})


def test_sizes_that_no_file_has_are_refused():
    with pytest.raises(DataError, match=r"'field 1\.jpg': the file's size is -5 bytes"):
        via_project(FIELD, CLASSES, sizes={"field 1.jpg": -5})
