"""The real smear fields, where they are at hand: read, filled and loaded without a loss."""

import collections
from pathlib import Path

import numpy as np
import pytest
import skimage.draw

from mrcnn.data.dataset import Dataset
from mrcnn.data.prepared_image import ImageCache
from mrcnn.data.training_item import load_training_item
from mrcnn.formats import locate_image, read_via
from mrcnn.instances import Instances

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "rbc" / "val"
NAMES = ["large", "normal", "small", "undefined"]

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the real fields are not here")


class Fields(Dataset):
    def __init__(self, entries):
        super().__init__()
        for number, name in enumerate(NAMES, start=1):
            self.add_class("rbc", number, name)
        for entry in entries:
            class_ids = np.array([NAMES.index(name) + 1 for name in entry.class_names], np.int32)
            path = locate_image(FOLDER, entry.filename)
            self.add_image("rbc", entry.filename, path, annotation=(entry.polygons, class_ids))
        self.prepare()

    def load_polygons(self, image_id):
        return self.image_info[image_id]["annotation"]


@pytest.fixture(scope="module")
def entries():
    return read_via(FOLDER / "via_region_data.json", NAMES)


def test_counts(entries):
    assert len(entries) == 10
    counts = collections.Counter(name for entry in entries for name in entry.class_names)
    assert counts == {"normal": 455, "undefined": 158, "large": 55, "small": 36}


def test_masks_equal_those_of_skimage(entries):
    shape = (1200, 1600)
    polygons = entries[0].polygons[:12]
    instances = Instances.from_polygons(polygons, np.ones(len(polygons)), shape)
    for polygon, (y1, x1, y2, x2), crop in zip(
        polygons, instances.boxes, instances.crops, strict=True
    ):
        mask = np.zeros(shape, bool)
        mask[skimage.draw.polygon(polygon[:, 0], polygon[:, 1], shape)] = True
        assert mask.sum() == crop.sum()
        np.testing.assert_array_equal(mask[y1:y2, x1:x2], crop)


def test_resized_items_keep_every_cell_and_its_area(entries, small_config):
    class FieldConfig(small_config):
        NUM_CLASSES = 5
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = 512

    dataset = Fields(entries[:2])
    cache = ImageCache(10**8)
    for image_id in dataset.image_ids:
        item = load_training_item(
            dataset, FieldConfig(), image_id, np.random.default_rng(0), cache=cache
        )
        large = dataset.load_instances(image_id)
        assert item.instances.class_ids.tolist() == large.class_ids.tolist()
        scale = item.image_meta[11]
        np.testing.assert_allclose(
            item.instances.areas().sum(), large.areas().sum() * scale**2, rtol=0.03
        )
