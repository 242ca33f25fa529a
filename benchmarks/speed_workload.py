"""What the speed benchmark computes on, for both sides of a comparison. Needs numpy alone.

Round cells that touch, as on a blood smear: their polygons, boxes and masks, and a picture of them.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# The environment variable that holds the time at which the process was started, in seconds.
STARTED = "MRCNN_SPEED_STARTED"
CLASSES = 5
CORNERS = 40
# What both sides use: anchor side on each level, regions and proposals of an image.
ANCHOR_SCALES = (8, 16, 32, 64, 128)
TRAIN_ROIS = 200
POSITIVE_RATIO = 0.33
PROPOSALS = 1000
PRE_NMS_LIMIT = 6000


@dataclass
class Field:
    """One picture with its cells.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        polygons: each float64 [K, 2] of (y, x) in pixels.
        class_ids: int32 [N], from 1.
    """

    image: np.ndarray
    polygons: list[np.ndarray]
    class_ids: np.ndarray

    @property
    def boxes(self) -> np.ndarray:
        """float32 [N, 4] pixel boxes (y1, x1, y2, x2)."""
        return np.array(
            [[*polygon.min(axis=0), *(polygon.max(axis=0) + 1)] for polygon in self.polygons],
            np.float32,
        )

    def masks(self) -> np.ndarray:
        """uint8 [N, H, W]: the discs that the polygons go round."""
        height, width = self.image.shape[:2]
        rows, columns = np.mgrid[:height, :width]
        masks = np.zeros((len(self.polygons), height, width), np.uint8)
        for mask, polygon in zip(masks, self.polygons, strict=True):
            y, x = polygon.mean(axis=0)
            radius = np.ptp(polygon[:, 0]) / 2
            mask[:] = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
        return masks


def make_field(height: int, width: int, cells: int = 90, seed: int = 0) -> Field:
    """Cells on a jittered grid that fills the picture."""
    rng = np.random.default_rng(seed)
    columns = int(np.ceil(np.sqrt(cells * width / height)))
    rows = -(-cells // columns)
    pitch = np.array([height / rows, width / columns])
    places = np.array([(number // columns, number % columns) for number in range(cells)]) + 0.5
    centers = places * pitch + rng.normal(0, 0.04 * pitch.min(), (cells, 2))
    radii = 0.5 * pitch.min() * rng.uniform(0.85, 1.0, cells)
    centers = np.clip(centers, radii[:, None] + 1, np.array([height, width]) - radii[:, None] - 2)
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    ring = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    polygons = [center + radius * ring for center, radius in zip(centers, radii, strict=True)]

    image = rng.normal(225, 6, (height, width, 3))
    grid = np.mgrid[:height, :width]
    for (y, x), radius in zip(centers, radii, strict=True):
        inside = (grid[0] - y) ** 2 + (grid[1] - x) ** 2 <= radius**2
        image[inside] -= (40, 75, 60)
    image = np.clip(image, 0, 255).astype(np.uint8)
    return Field(image, polygons, rng.integers(1, CLASSES, cells).astype(np.int32))


def seconds_since_start() -> float:
    """Since the parent process started this one."""
    return time.time() - float(os.environ[STARTED])


def peak_memory() -> float | None:
    """The most memory that this process has held, in MiB; None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    held = next(line for line in lines if line.startswith("VmHWM:"))
    return int(held.split()[1]) / 1024


def resident_memory() -> float:
    """The memory that this process holds now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def time_calls(call: Callable[[], object], count: int) -> list[float]:
    """Seconds that each of some calls takes, after one that is not counted."""
    call()
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def tell(result: dict) -> None:
    """The last line of a measuring process: its result, for the parent."""
    result.setdefault("peak_mib", peak_memory())
    print("\n" + json.dumps(result))
    sys.stdout.flush()
