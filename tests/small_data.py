"""Small data sets, and golden values of the original's numpy functions, for tests of any room."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset


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
            centers = rng.uniform((0, 0), shape, (count, 2))
            radii = rng.uniform(4, 12, (count, 1, 2))
            angles = np.arange(8) * np.pi / 4
            circle = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
            self.add_image(
                "cells",
                number,
                f"image{number}.png",
                pixels=image,
                polygons=list(centers[:, None] + radii * circle),
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
