"""The made-up slide as a file, and what `detect` of the blood cell sample makes of it."""

import csv
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np
import tifffile

import mrcnn.app.methods
from benchmarks.speed_workload import resident_memory
from benchmarks.tiles_slide import DIAMETER, PITCH, SCALE, DarkParts, DiscsConfig, Slide
from mrcnn.inference import Predictor, ScaledPredictor, TiledPredictor

_TILE = 512
# Seconds between two looks at the memory.
_EVERY = 0.5


class SizesConfig(DiscsConfig):
    NUM_CLASSES = 1 + 4
    CLASS_NAMES = ("large", "normal", "small", "undefined")
    OBJECT_DIAMETER = DIAMETER * SCALE


def save_slide(path: Path, side: int) -> int:
    """Write the slide as a TIFF of tiles; how many discs it has."""
    slide = Slide(side)

    def tiles() -> Iterator[np.ndarray]:
        for y in range(0, side, _TILE):
            for x in range(0, side, _TILE):
                height, width = min(_TILE, side - y), min(_TILE, side - x)
                tile = np.zeros((_TILE, _TILE, 3), np.uint8)
                tile[:height, :width] = slide.region(y, x, height, width)
                yield tile

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        file.write(
            tiles(),
            shape=(side, side, 3),
            dtype=np.uint8,
            tile=(_TILE, _TILE),
            photometric="rgb",
            compression="zlib",
            compressionargs={"level": 1},
        )
    return slide.discs


def follow_command(side: int) -> dict[str, Any]:
    """Detect in the slide by the command line; what was lost or there twice, seconds, memory.

    Only the network is made up. Outlines are moved to the stain, sizes are classed, and all files
    are written.
    """
    import rbc

    def load_predictor(
        _: Any, options: Any, __: Path, min_confidence: float, at_once: int
    ) -> ScaledPredictor:
        config = SizesConfig()
        predictor = Predictor(config, DarkParts(config), watch_limits=False)
        return ScaledPredictor(
            predictor,
            make_tiled=lambda: TiledPredictor(predictor, DIAMETER * SCALE),
            diameter=options.diameter,
            min_confidence=min_confidence,
        )

    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "slide.tif", Path(folder) / "out"
        discs = save_slide(path, side)
        memory: list[tuple[float, float]] = []
        is_over = threading.Event()

        def look() -> None:
            while not is_over.wait(_EVERY):
                memory.append((perf_counter(), resident_memory()))

        looker = threading.Thread(target=look)
        before, began = resident_memory(), perf_counter()
        looker.start()
        words = ["detect", path, "--diameter", DIAMETER, "--out", out]
        made_up = {"load_predictor": load_predictor, "trained_weights": lambda *_: path}
        with patch.multiple(mrcnn.app.methods, **made_up):
            status = rbc.main([str(word) for word in words])
        took = perf_counter() - began
        is_over.set()
        looker.join()
        with open(out / "cells.csv", newline="", encoding="utf-8-sig") as file:
            centers = [
                [float(row["centroid_y"]), float(row["centroid_x"])] for row in csv.DictReader(file)
            ]
        squares, times = np.unique(
            np.array(centers).reshape(-1, 2) // PITCH, axis=0, return_counts=True
        )
        sizes = {each.name: round(each.stat().st_size / 2**20, 1) for each in out.iterdir()}
    return {
        "side": side,
        "status": status,
        "discs": discs,
        "lost": discs - len(squares),
        "twice": int((times - 1).sum()),
        "seconds": round(took, 1),
        "processors": os.cpu_count(),
        "memory_before_mib": round(before, 1),
        "memory_mib": round(max(each for _, each in memory), 1),
        "memory_by_tenth_mib": [
            round(max(part), 1)
            for part in np.array_split([each for _, each in memory], 10)
            if len(part)
        ],
        "files_mib": sizes,
    }
