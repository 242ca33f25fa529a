"""Names and colors that cannot be used are refused before anything is written."""

import pytest

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import coco_dataset, feature_collection, imagej_rois, via_project
from tests.formats.drawn import CLASSES, disc, image_of

WRITERS = {
    "via": lambda image, classes: via_project({"cell.png": image}, classes),
    "coco": lambda image, classes: coco_dataset({"cell.png": image}, classes),
    "geojson": feature_collection,
    "imagej": imagej_rois,
}
writers = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
of_many = pytest.mark.parametrize("write", [via_project, coco_dataset])


@writers
def test_unknown_classes_are_refused(write):
    image = image_of(disc(9), class_ids=[4])
    with pytest.raises(
        DataError, match=r"nstance 0 has the class id 4, but there are 3 classes: l"
    ):
        write(image, CLASSES)


@writers
@pytest.mark.parametrize("class_id", [0, -1])
def test_classes_count_from_1(write, class_id):
    image = image_of(disc(9), class_ids=[class_id])
    with pytest.raises(DataError, match=f"0 has the class id {class_id}; classes count from 1"):
        write(image, CLASSES)


@of_many
def test_the_image_is_named(write):
    with pytest.raises(DataError, match=r"^Image 'cell\.png': instance 0 has the class id 4"):
        write({"cell.png": image_of(disc(9), class_ids=[4])}, CLASSES)


@writers
@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([], "a list of the classes is expected"),
        ("large", "a list of the classes is expected"),
        (["large", " "], "has ' '; each must be a text"),
        (["large", 7], "has 7; each must be a text"),
        (["large", "small", "large"], "is there twice in class_names: large, small, large"),
    ],
)
def test_class_names_that_cannot_be_used(write, classes, message):
    with pytest.raises(ConfigError, match=message):
        write(image_of(disc(9)), classes)


@pytest.mark.parametrize("write", [feature_collection, imagej_rois])
@pytest.mark.parametrize("colors", [[(1, 0, 0)], [(1, 0, 0)] * 2 + [(0, 255, 0)], [(1, 0)] * 3])
def test_colors_that_cannot_be_used(write, colors):
    with pytest.raises(ConfigError, match="for each of the 3 classes"):
        write(image_of(disc(9)), CLASSES, colors)


@of_many
@pytest.mark.parametrize("name", ["", None, "a\0b"])
def test_names_of_images_that_cannot_be_used(write, name):
    with pytest.raises(DataError, match="is no name of an image file"):
        write({name: image_of(disc(9))}, CLASSES)
