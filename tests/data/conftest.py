"""Small datasets, annotation files and golden values that the tests of this folder share."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset

# Test machines are shared and slow at times; a time limit on single examples would be noise.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture(scope="session")
def recorded(golden) -> dict[str, np.ndarray]:
    """Results of the original's numpy functions, with their inputs."""
    return golden("utils")


class SmallConfig(Config):
    """128 x 128 pixels, two classes and the background."""

    NAME = "small"
    NUM_CLASSES = 3
    IMAGES_PER_GPU = 2
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 128
    MINI_MASK_SHAPE = (28, 28)
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    MAX_GT_INSTANCES = 12
    STEPS_PER_EPOCH = 5
    SEED = 11


class CellsDataset(Dataset):
    """Random images kept in memory, with octagons on them; as polygons, or as masks only."""

    def __init__(self, cells_per_image, shape=(90, 120), as_polygons=True, seed=0):
        super().__init__()
        self.as_polygons = as_polygons
        rng = np.random.default_rng(seed)
        self.add_class("cells", 1, "round")
        self.add_class("cells", 2, "long")
        for number, count in enumerate(cells_per_image):
            image = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
            centres = rng.uniform((0, 0), shape, (count, 2))
            radii = rng.uniform(4, 12, (count, 1, 2))
            angles = np.arange(8) * np.pi / 4
            circle = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
            self.add_image(
                "cells",
                number,
                f"image{number}.png",
                pixels=image,
                polygons=list(centres[:, None] + radii * circle),
                class_ids=rng.integers(1, 3, count).astype(np.int32),
            )
        self.prepare()

    def load_image(self, image_id):
        return self.image_info[image_id]["pixels"]

    def load_polygons(self, image_id):
        if not self.as_polygons:
            return None
        info = self.image_info[image_id]
        return info["polygons"], info["class_ids"]

    def load_mask(self, image_id):
        if self.as_polygons:
            return super().load_mask(image_id)
        self.as_polygons = True
        try:
            return super().load_mask(image_id)
        finally:
            self.as_polygons = False


@pytest.fixture
def small_config() -> type[Config]:
    return SmallConfig


@pytest.fixture
def cells_dataset() -> type[Dataset]:
    return CellsDataset


class ViaFiles:
    """Makes the contents of VIA annotation files, and writes them to a folder."""

    TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8]}

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, content, name="via.json") -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def region(self, value="normal", shape=TRIANGLE, attribute="name", **others):
        return {"shape_attributes": shape, "region_attributes": {attribute: value, **others}}

    def image(self, *regions, name="a.jpg", size=100):
        return {
            "filename": name,
            "size": size,
            "regions": list(regions),
            "file_attributes": {"caption": "x"},
        }

    def export(self, *images):
        return {f"{entry['filename']}{entry['size']}": entry for entry in images}

    def save(self, *images) -> Path:
        return self.write(self.export(*images))

    def coco(self, segmentation, *, identity=1, **annotation):
        return {
            "info": {},
            "licenses": [],
            "images": [
                {"id": identity, "width": 20, "height": 20, "file_name": "a.jpg"},
                {"id": 2, "width": 20, "height": 20, "file_name": "empty.jpg"},
            ],
            "categories": [{"supercategory": "name", "id": 7, "name": "normal"}],
            "annotations": [
                {
                    "id": 1,
                    "image_id": str(identity),
                    "category_id": 7,
                    "segmentation": segmentation,
                    "iscrowd": 0,
                    **annotation,
                }
            ],
        }


@pytest.fixture
def via(tmp_path) -> ViaFiles:
    return ViaFiles(tmp_path)
