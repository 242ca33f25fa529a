"""What does not fit together is refused before anything is written."""

import numpy as np
import pytest

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import (
    ExportedImage,
    coco_dataset,
    feature_collection,
    imagej_rois,
    via_project,
)
from tests.formats.drawn import CLASSES, disc, image_of

WRITERS = {
    "via": lambda image, classes: via_project([image], classes),
    "coco": lambda image, classes: coco_dataset([image], classes),
    "geojson": feature_collection,
    "imagej": imagej_rois,
}
writers = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())


def test_boxes_become_tight_and_masks_without_pixels_are_left_out():
    crops = [np.pad(disc(5), ((1, 2), (3, 4))), np.zeros((4, 4), bool), np.ones((2, 3), np.uint8)]
    image = ExportedImage(
        filename="a.png",
        image_shape=(30, 40, 3),
        boxes=np.array([(10, 20, 18, 32), (0, 0, 4, 4), (28, 37, 30, 40)], np.float32),
        crops=crops,
        class_ids=np.array([2, 1, 3], np.int32),
        scores=np.array([0.5, 0.6, 0.7], np.float32),
    )
    assert len(image) == 2
    assert image.image_shape == (30, 40)
    np.testing.assert_array_equal(image.boxes, [(11, 23, 16, 28), (28, 37, 30, 40)])
    np.testing.assert_array_equal(image.crops[0], disc(5))
    assert image.crops[1].dtype == bool and image.crops[1].all()
    np.testing.assert_array_equal(image.class_ids, [2, 3])
    np.testing.assert_allclose(image.scores, [0.5, 0.7], atol=1e-7)
    assert image.names(CLASSES) == ["normal", "small"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": [np.nan]}, r"'cell.png': the score of instance 0 is nan; a number in 0\.\.1"),
        ({"scores": [1.5]}, "score of instance 0 is 1.5"),
        ({"scores": [-0.1]}, "score of instance 0 is -0.1"),
        ({"scores": [0.5, 0.5]}, r"scores have the shape \(2,\), one for each of the 1 instances"),
        ({"boxes": [(0, 0, 9, 9), (0, 0, 9, 9)]}, r"boxes have the shape \(2, 4\), \(1, 4\) is"),
        ({"boxes": []}, r"boxes have the shape \(0, 4\), \(1, 4\) is expected"),
        ({"boxes": [(0.0, 0.0, 8.5, 9.0)]}, "boxes must be whole numbers"),
        ({"boxes": [(0.0, 0.0, np.inf, 9.0)]}, "boxes must be whole numbers"),
        ({"boxes": [(0, 1, 9, 10)]}, r"instance 0: the box .* = \(0, 1, 9, 10\) is not inside"),
        ({"boxes": [(-1, 0, 8, 9)]}, "is not inside the image of 9 x 9 pixels"),
        ({"boxes": [(9, 9, 0, 0)]}, "is not inside the image of 9 x 9 pixels"),
        ({"boxes": [(0, 0, 8, 9)]}, r"mask has the shape \(9, 9\), its box .* size \(8, 9\)"),
        ({"crops": [np.full((9, 9), 0.7)]}, "the mask is of type float64; bool is expected"),
        ({"class_ids": [0]}, "instance 0 has the class id 0; classes count from 1"),
        ({"class_ids": [1, 2]}, r"class ids have the shape \(2,\), \(1,\) is expected"),
        ({"class_ids": ["large"]}, "class ids must be whole numbers"),
        ({"image_shape": (9,)}, r"image shape is \(9,\); \(height, width\) is expected"),
        ({"image_shape": (0, 9)}, "both at least 1"),
        ({"filename": ""}, "'' is no name of an image file"),
        ({"filename": None}, "None is no name of an image file"),
        ({"size": -5}, "size is -5 bytes; give None if unknown"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(DataError, match=message):
        image_of(disc(9), **changes)


@writers
def test_unknown_classes_are_refused(write):
    image = image_of(disc(9), class_ids=[4])
    with pytest.raises(DataError, match=r"'cell.png': instance 0 has the class id 4, but .* 3 cla"):
        write(image, CLASSES)


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
@pytest.mark.parametrize("colours", [[(1, 0, 0)], [(1, 0, 0)] * 2 + [(0, 255, 0)], [(1, 0)] * 3])
def test_colours_that_cannot_be_used(write, colours):
    with pytest.raises(ConfigError, match="for each of the 3 classes"):
        write(image_of(disc(9)), CLASSES, colours)


@pytest.mark.parametrize("write", [via_project, coco_dataset])
def test_two_images_of_one_name_are_refused(write):
    with pytest.raises(DataError, match=r"Two images are called 'cell\.png'"):
        write([image_of(disc(9)), image_of(disc(7))], CLASSES)
