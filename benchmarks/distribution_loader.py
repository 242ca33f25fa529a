"""What preparing an image costs, for `benchmarks.distribution`: pictures of the size of COCO's."""

import hashlib
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

# Images a second of NVIDIA's Mask R-CNN for TensorFlow 2 on 8 A100, batches of 4, mixed precision:
# the fastest row in the README of DeepLearningExamples/TensorFlow2/Segmentation/MaskRCNN.
PUBLISHED, PUBLISHED_DEVICES = 114.45, 8
_HEIGHT, _WIDTH, _OBJECTS, _PICTURES = 480, 640, 7, 16


@dataclass(frozen=True)
class Cost:
    """Of one image, in seconds.

    Attributes:
        processor: of one thread.
        alone: of them, those in which no other thread of Python can run.
        threads: that a loader has for `PUBLISHED_DEVICES` devices if there are enough processors.
    """

    processor: float
    alone: float
    threads: int


def cost_of_an_image(images: int = 40) -> Cost:
    """What an image of 1024 x 1024 pixels costs, read from a JPEG; needs two idle processors."""
    from mrcnn.config import Config
    from mrcnn.data.loader import BatchLoader

    class Large(Config):
        NAME = "large"
        NUM_CLASSES = 81
        SEED = 1
        IMAGES_PER_GPU = 1
        # As with more images than are kept.
        LOADER_CACHE_MB = 0

    with tempfile.TemporaryDirectory() as folder:
        loader = BatchLoader(_pictures(Path(folder)), Large(), steps=1 + 2 * images, threads=0)
        _ = loader[0]
        began = time.thread_time()
        for index in range(1, 1 + images):
            _ = loader[index]
        processor = (time.thread_time() - began) / images
        counter = _Counter()
        counter.start()
        most = counter.rate_beside_work(1.0)
        began, count = time.perf_counter(), counter.count
        for index in range(1 + images, 1 + 2 * images):
            _ = loader[index]
        seconds, counted = time.perf_counter() - began, counter.count - count
        counter.ends = True
        counter.join()
    alone = max(0.0, seconds - counted / most) / images
    return Cost(processor, alone, Large.LOADER_WORKERS * PUBLISHED_DEVICES)


class _Counter(threading.Thread):
    """Counts as fast as Python lets it: what it does not count, another thread kept it from."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.count, self.ends = 0, False

    def run(self) -> None:
        while not self.ends:
            for _ in range(100):
                pass
            self.count += 1

    def rate_beside_work(self, seconds: float) -> float:
        """Counts a second while the thread that asks works as hard, outside of Python."""
        began, count, data = time.perf_counter(), self.count, bytes(2**24)
        while time.perf_counter() - began < seconds:
            hashlib.sha256(data)
        return (self.count - count) / (time.perf_counter() - began)


def _pictures(folder: Path) -> Any:
    """A prepared dataset of JPEG files with seven boxes each."""
    from mrcnn.data.dataset import Dataset

    class Pictures(Dataset):
        def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
            boxes = self.image_info[image_id]["boxes"]
            masks = np.zeros((_HEIGHT, _WIDTH, len(boxes)), bool)
            for number, (y1, x1, y2, x2) in enumerate(boxes):
                masks[y1:y2, x1:x2, number] = True
            return masks, np.arange(1, len(boxes) + 1, dtype=np.int32)

    dataset = Pictures()
    for number in range(1, 81):
        dataset.add_class("pictures", number, f"class {number}")
    rng = np.random.default_rng(0)
    for number in range(_PICTURES):
        blotches = rng.integers(0, 256, (_HEIGHT // 8, _WIDTH // 8, 3), np.uint8)
        path = folder / f"{number}.jpg"
        Image.fromarray(blotches).resize((_WIDTH, _HEIGHT)).save(path, quality=90)
        corners = rng.integers(0, 300, (_OBJECTS, 2))
        sizes = rng.integers(20, 180, corners.shape)
        boxes = np.concatenate([corners, corners + sizes], axis=1).tolist()
        dataset.add_image("pictures", number, path=str(path), boxes=boxes)
    dataset.prepare()
    return dataset
