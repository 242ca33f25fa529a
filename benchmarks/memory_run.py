"""One measurement of memory over many calls, in a process of its own. See `benchmarks.memory`."""

import argparse
import importlib.metadata
import itertools
import os
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator

import keras
import numpy as np

from benchmarks import speed_workload as workload
from benchmarks.speed_ours import Fields, SpeedConfig, spread_detections
from mrcnn.data.augmentation import Augmentation
from mrcnn.data.loader import BatchLoader
from mrcnn.model import MaskRCNN

# Calls before the first note: compilation, caches, the allocator's own growth.
WARM_UP = 30
NOTE_EVERY = 50
CELLS = 40
STEPS_IN_AN_EPOCH = 25


class MemoryConfig(SpeedConfig):
    """All parts of the network, but narrow ones and few regions: what leaks leaks in these too."""

    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CONV_CHANNELS = 128
    MASK_HEAD_CHANNELS = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    TRAIN_ROIS_PER_IMAGE = 60
    POST_NMS_ROIS_TRAINING = 300
    POST_NMS_ROIS_INFERENCE = 300
    DETECTION_MAX_INSTANCES = 100
    # The number of detections is to differ from image to image.
    DETECTION_NMS_THRESHOLD = 0.1
    # Room for some of the images: those that are read again are part of the measurement.
    LOADER_CACHE_MB = 1


def detections(options: argparse.Namespace) -> Iterator[Callable[[], object]]:
    """Calls of `detect`, each on an image of another size, in four shapes of the network."""
    size = options.size
    settings = {
        "BACKBONE": options.backbone,
        "IMAGE_RESIZE_MODE": "pad64",
        "IMAGE_MIN_DIM": 0,
        "IMAGE_MAX_DIM": size,
    }
    config = type("MemoryConfig", (MemoryConfig,), settings)()
    model = MaskRCNN("inference", config, tempfile.gettempdir())
    spread_detections(model)
    fields = [workload.make_field(size + 64, size + 64, CELLS, seed).image for seed in range(4)]
    rng = np.random.default_rng(0)
    for number in itertools.count():
        # 64 rows or columns more are another shape after padding.
        height, width = np.array([size + 64 * (number % 2), size + 64 * (number // 2 % 2)])
        height, width = np.array([height, width]) - rng.integers(0, 64, 2)
        image = fields[number % len(fields)][:height, :width]
        yield lambda image=image: model.detect([image])


def steps(options: argparse.Namespace) -> Iterator[Callable[[], object]]:
    """Training steps on the batches of a loader, epoch after epoch."""
    settings = {
        "BACKBONE": options.backbone,
        "IMAGE_MIN_DIM": options.size,
        "IMAGE_MAX_DIM": options.size,
        "STEPS_PER_EPOCH": STEPS_IN_AN_EPOCH,
    }
    config = type("MemoryConfig", (MemoryConfig,), settings)()
    model = MaskRCNN("training", config, tempfile.gettempdir())
    model.set_trainable(".*", verbose=0)
    model.compile(1e-5, config.LEARNING_MOMENTUM)
    size = options.size
    shapes = [(size, size), (size, size * 4 // 3), (size * 2, size * 2), (size * 3, size * 4)]
    fields = [workload.make_field(*shapes[n % 4], CELLS + n, seed=n) for n in range(8)]
    loader = BatchLoader(Fields(fields), config, Augmentation())

    def step(index: int) -> None:
        model.keras_model.train_on_batch(*loader[index])
        if index == STEPS_IN_AN_EPOCH - 1:
            loader.on_epoch_end()

    while True:
        for index in range(STEPS_IN_AN_EPOCH):
            yield lambda index=index: step(index)


def open_files() -> int:
    """File descriptors that this process holds."""
    return len(os.listdir("/proc/self/fd"))


def follow(calls: Iterator[Callable[[], object]], count: int) -> dict:
    """Make calls and note what the process holds.

    Args:
        calls: what to call, one after the other.
        count: number of calls after `WARM_UP` others.

    Returns:
        `notes`, pairs of the number of calls and MiB; `threads` and `files`, each at the first
        and at the last note; `milliseconds`, medians of the first and of the last calls.
    """
    for call in itertools.islice(calls, WARM_UP):
        call()
    every = min(NOTE_EVERY, max(1, count // 10))
    notes = [(0, workload.resident_memory())]
    threads, files = [threading.active_count()], [open_files()]
    milliseconds = []
    for number, call in enumerate(itertools.islice(calls, count), start=1):
        began = time.perf_counter()
        call()
        milliseconds.append(1000 * (time.perf_counter() - began))
        if number % every == 0 or number == count:
            notes.append((number, workload.resident_memory()))
            print(f"  {number} calls: {notes[-1][1]:.1f} MiB", file=sys.stderr, flush=True)
    threads.append(threading.active_count())
    files.append(open_files())
    few = min(NOTE_EVERY, count)
    medians = [statistics.median(part) for part in (milliseconds[:few], milliseconds[-few:])]
    return {"notes": notes, "threads": threads, "files": files, "milliseconds": medians}


def main() -> None:
    """Measure one task and print the result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("detections", "steps"))
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--backbone", default="resnet18")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    calls = detections(options) if options.task == "detections" else steps(options)
    backend = keras.backend.backend()
    workload.tell(
        {
            **follow(calls, options.calls),
            "backend": backend,
            "versions": {name: importlib.metadata.version(name) for name in ("keras", backend)},
        }
    )


if __name__ == "__main__":
    main()
