"""A training that could not learn anything is refused before it begins."""

import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.data.objects import require_objects
from mrcnn.errors import DataError


class Pictures(Dataset):
    """Images of which a subclass says what is on them."""

    def __init__(self, count=3):
        super().__init__()
        self.asked = []
        self.add_class("shapes", 1, "shape")
        for number in range(count):
            self.add_image("shapes", number, None)
        self.prepare()


class Misspelled(Pictures):
    def load_masks(self, image_id):
        return np.ones((8, 8, 1), bool), np.ones(1, np.int32)


class Masks(Pictures):
    """With an object on some of the images."""

    on_images = ()

    def load_mask(self, image_id):
        self.asked.append(image_id)
        masks = np.zeros((8, 8, 1), bool)
        masks[2:4, 2:4] = image_id in self.on_images
        return masks, np.ones(1, np.int32)


class Boxes(Pictures):
    class_id = 1

    def load_boxes(self, image_id):
        return np.array([[1.0, 1, 4, 4]]), np.array([self.class_id], np.int32)


class Outlines(Pictures):
    outlines = ()

    def load_polygons(self, image_id):
        return list(self.outlines), np.ones(len(self.outlines), np.int32)


class Broken(Pictures):
    def load_mask(self, image_id):
        raise IndexError("index 8 is out of bounds for axis 1 with size 8")


def with_attributes(dataset, **attributes):
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def test_a_dataset_without_a_method_for_masks_is_told_of_the_one_that_it_misspelled():
    with pytest.raises(
        DataError, match=r"^Misspelled does not say .* It has load_masks, which nob"
    ):
        require_objects(Misspelled())
    with pytest.raises(DataError, match=r"^Pictures does not say which objects") as raised:
        require_objects(Pictures())
    assert "nobody calls" not in str(raised.value)


@pytest.mark.parametrize(
    "dataset",
    [Masks(), Outlines(), with_attributes(Boxes(), class_id=-1)],
    ids=["empty masks", "no outlines", "regions to ignore alone"],
)
def test_images_without_any_object_are_refused(dataset):
    with pytest.raises(DataError, match="None of the 3 images to train on has an object"):
        require_objects(dataset)


def test_one_object_is_enough_and_the_search_ends_there():
    dataset = with_attributes(Masks(), on_images=(1,))
    require_objects(dataset)
    assert dataset.asked == [0, 1]
    require_objects(Boxes())
    require_objects(with_attributes(Outlines(), outlines=(np.zeros((3, 2)),)))


def test_methods_given_to_a_dataset_alone_count():
    require_objects(
        with_attributes(Pictures(), load_mask=lambda _: (np.ones((8, 8, 1)), np.ones(1)))
    )


def test_what_is_wrong_with_an_image_is_left_to_the_training():
    require_objects(Broken())
