"""The bookkeeping of datasets: several sources, classes, images, masks and polygons."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError
from mrcnn.instances import Instances
from mrcnn.utils import Dataset as PublicDataset


@pytest.fixture
def two_sources() -> Dataset:
    dataset = Dataset()
    dataset.add_class("coco", 17, "cat, the animal")
    dataset.add_class("coco", 3, "car")
    dataset.add_class("coco", 3, "car again")
    dataset.add_class("cells", 3, "normal")
    dataset.add_image("coco", 42, "42.jpg", width=10)
    dataset.add_image("cells", "a", "a.jpg")
    dataset.prepare()
    return dataset


def test_numbers(two_sources):
    assert PublicDataset is Dataset
    assert two_sources.num_classes == 4
    assert two_sources.class_ids.tolist() == [0, 1, 2, 3]
    assert two_sources.class_names == ["BG", "cat", "car", "normal"]
    assert two_sources.num_images == 2
    assert two_sources.image_ids.tolist() == [0, 1]
    assert set(two_sources.sources) == {"", "coco", "cells"}
    assert two_sources.source_class_ids == {"": [0], "coco": [0, 1, 2], "cells": [0, 3]}
    assert two_sources.map_source_class_id("cells.3") == 3
    assert two_sources.map_source_class_id("coco.17") == 1
    assert two_sources.image_from_source_map == {"coco.42": 0, "cells.a": 1}
    assert two_sources.get_source_class_id(1, "coco") == 17
    assert two_sources.source_image_link(1) == "a.jpg"
    assert two_sources.image_reference(0) == ""
    assert two_sources.image_info[0]["width"] == 10


def test_active_classes(two_sources):
    assert two_sources.active_class_ids(0).tolist() == [1, 1, 1, 0]
    assert two_sources.active_class_ids(1).tolist() == [1, 0, 0, 1]


def test_wrong_source(two_sources):
    with pytest.raises(DataError, match="'coco', not from 'cells'"):
        two_sources.get_source_class_id(1, "cells")


def test_image_of_a_source_without_classes(two_sources):
    two_sources.add_image("other", 1, None)
    two_sources.prepare()
    with pytest.raises(DataError, match=r"add_class\('other'"):
        two_sources.active_class_ids(2)


def test_source_names_have_no_dots():
    with pytest.raises(DataError, match=r"'a\.b' contains a dot"):
        Dataset().add_class("a.b", 1, "x")


def test_empty_before_prepare():
    dataset = Dataset()
    assert len(dataset.image_ids) == 0
    assert dataset.class_info == [{"source": "", "id": 0, "name": "BG"}]


def test_without_masks():
    dataset = Dataset()
    dataset.add_image("a", 1, None, height=4, width=6)
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (0, 0, 0)
    assert class_ids.shape == (0,)
    assert class_ids.dtype == np.int32
    instances = dataset.load_instances(0)
    assert instances.image_shape == (4, 6)
    assert len(instances) == 0


def test_load_image_reads_the_file(tmp_path):
    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    dataset = Dataset()
    dataset.add_image("a", 1, tmp_path / "a.png")
    dataset.prepare()
    np.testing.assert_array_equal(dataset.load_image(0), pixels)
    assert dataset.image_shape(0) == (4, 5)


class Polygons(Dataset):
    def load_polygons(self, image_id):
        square = np.array([(1, 1), (1, 4), (3, 4), (3, 1)], float)
        return [square, square + 2], np.array([1, 2], np.int32)


def test_masks_are_made_from_polygons():
    dataset = Polygons()
    dataset.add_image("a", 1, None, height=8, width=9)
    dataset.prepare()
    instances = dataset.load_instances(0)
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (8, 9, 2)
    assert masks.dtype == bool
    assert class_ids.tolist() == [1, 2]
    assert masks[1:4, 1:5, 0].all() and masks[:, :, 0].sum() == 12
    np.testing.assert_array_equal(masks, instances.full_masks())


class Masks(Dataset):
    def load_mask(self, image_id):
        masks = np.zeros((6, 7, 3), np.uint8)
        masks[1:3, 2:5, 0] = 255
        masks[5, 6, 2] = 1
        return masks, np.array([1, 2, 3])


def test_instances_are_made_from_masks_of_any_type():
    dataset = Masks()
    dataset.add_image("a", 1, None)
    dataset.prepare()
    instances = dataset.load_instances(0)
    assert isinstance(instances, Instances)
    assert instances.class_ids.tolist() == [1, 3]
    assert instances.boxes.tolist() == [[1, 2, 3, 5], [5, 6, 6, 7]]
    assert all(crop.dtype == bool for crop in instances.crops)
