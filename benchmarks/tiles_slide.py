"""A slide that is drawn where it is read, and what finds its discs without a network."""

import itertools
from time import perf_counter
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.transform import resize

from benchmarks.speed_workload import resident_memory
from mrcnn.config import Config
from mrcnn.inference import Predictor, TiledPredictor
from mrcnn.pictures import Level, Picture

# Each disc lies somewhere in a square of its own; both in pixels of the slide.
PITCH, DIAMETER = 126, 100
SCALE = 0.48
PAPER, DISC = 230, 90


class Slide(Picture):
    """Discs at places that follow from the numbers of their squares.

    Attributes:
        discs: how many there are.
    """

    name = "the made-up slide"

    def __init__(self, side: int) -> None:
        self._side = side
        self.discs = (side // PITCH) ** 2

    @property
    def levels(self) -> tuple[Level, ...]:
        return (Level(self._side, self._side),)

    def _read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        picture = np.full((height, width, 3), PAPER, np.uint8)
        whole = self._side // PITCH
        rows = range(y // PITCH, min((y + height - 1) // PITCH + 1, whole))
        columns = range(x // PITCH, min((x + width - 1) // PITCH + 1, whole))
        for row, column in itertools.product(rows, columns):
            disc, top, left = disc_of(row, column)
            top, left = row * PITCH + top - y, column * PITCH + left - x
            y1, x1 = max(top, 0), max(left, 0)
            part = picture[y1 : top + len(disc), x1 : left + len(disc)]
            shown = disc[y1 - top : y1 - top + part.shape[0], x1 - left : x1 - left + part.shape[1]]
            part[shown] = DISC
        return picture


def disc_of(row: int, column: int) -> tuple[np.ndarray, int, int]:
    """The disc bool [d, d] of a square, and where it lies in it."""
    mixed = (row * 73_856_093) ^ (column * 19_349_663)
    diameter = DIAMETER - mixed % 41
    # Neighbors do not touch.
    free = PITCH - 6 - diameter
    return _disc(diameter), mixed // 41 % free, mixed // 1681 % free


_DISCS: dict[int, np.ndarray] = {}


def _disc(diameter: int) -> np.ndarray:
    if diameter not in _DISCS:
        centered = np.arange(diameter) - (diameter - 1) / 2
        _DISCS[diameter] = np.hypot(*np.meshgrid(centered, centered)) < diameter / 2
    return _DISCS[diameter]


class DiscsConfig(Config):
    NAME = "discs"
    NUM_CLASSES = 1 + 1
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "pad64"
    IMAGE_MIN_DIM = 0
    SUBPIXEL_MASKS = True
    DETECTION_MAX_INSTANCES = 900
    POST_NMS_ROIS_INFERENCE = 1


class DarkParts:
    """A `Runner` that takes what is dark for an object, each time up to a pixel beside it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._rng = np.random.default_rng(0)

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        images, _, anchors = inputs
        detections = np.zeros((1, self.config.DETECTION_MAX_INSTANCES, 6), np.float32)
        classes = self.config.NUM_CLASSES
        masks = np.zeros((*detections.shape[:2], 28, 28, classes), np.float32)
        dark = images[0].mean(axis=2) + np.mean(self.config.MEAN_PIXEL) < (PAPER + DISC) / 2
        labels, count = ndimage.label(dark)
        sides = np.tile(dark.shape, 2) - 1
        for number, (rows, columns) in enumerate(ndimage.find_objects(labels, count)):
            box = [rows.start, columns.start, rows.stop - 1, columns.stop - 1]
            box = (box + self._rng.uniform(-1, 1, 4)) / sides
            detections[0, number] = (*np.clip(box, 0, 1), 1, self._rng.uniform(0.8, 1))
            inside = labels[rows, columns] == number + 1
            masks[0, number, :, :, 1] = resize(inside.astype(np.float32), (28, 28))
        anchor_rows = anchors.shape[1]
        return [
            detections, np.eye(1, classes, dtype=np.float32)[None],
            np.zeros((1, 1, classes, 4), np.float32),
            masks, np.zeros((1, 1, 4), np.float32), np.zeros((1, anchor_rows, 2), np.float32),
            np.zeros((1, anchor_rows, 4), np.float32),
        ]  # fmt: skip


def follow_slide(side: int) -> dict[str, Any]:
    """Find the discs of a slide; what was lost or there twice, seconds, and memory in MiB."""
    config = DiscsConfig()
    predictor = Predictor(config, DarkParts(config), watch_limits=False)
    tiled = TiledPredictor(predictor, DIAMETER * SCALE)
    slide = Slide(side)
    grid = tiled.grid(slide.shape, SCALE)
    squares: list[np.ndarray] = []
    memory = []
    began = perf_counter()
    for part in tiled.predict_parts(slide, SCALE):
        squares.append((part.boxes[:, :2] + part.boxes[:, 2:]) // 2 // PITCH)
        memory.append(resident_memory())
    took = perf_counter() - began
    places, times = np.unique(np.concatenate(squares), axis=0, return_counts=True)
    return {
        "side": side,
        "discs": slide.discs,
        "tiles": grid.count,
        "lost": slide.discs - len(places),
        "twice": int((times - 1).sum()),
        "seconds": round(took, 1),
        # The first rows still fill caches.
        "memory_mib": round(max(memory), 1),
        "grown_mib": round(memory[-1] - memory[min(2, len(memory) - 1)], 1),
    }
