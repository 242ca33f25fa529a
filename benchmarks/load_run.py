"""One task of `benchmarks.load`, in a process of its own."""

import argparse
import gc
import importlib.metadata
import itertools
import os
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from benchmarks import speed_workload as workload
from benchmarks.memory_run import MemoryConfig, open_files
from benchmarks.speed_ours import spread_detections
from mrcnn.data.augmentation import Augmentation
from mrcnn.data.dataset import Dataset
from mrcnn.errors import LimitWarning
from mrcnn.model import MaskRCNN
from rbc_cells.smears import CLASS_NAMES, RenderedField, render_field

# Calls before anything is measured: compilation, caches, the allocator's own growth.
WARM_UP = 100
# Calls at either end of the run that are compared.
END = 100
# (height, width) of the images; each is rendered twice, with other cells.
SHAPES = ((320, 320), (384, 512), (512, 384), (480, 640))
CELL_DIAMETER = 50.0
STEPS_IN_AN_EPOCH = 50
CROP = 128
ANSWERS = ("rois", "class_ids", "scores", "masks")


class LoadConfig(MemoryConfig):
    """The background and four classes of cells; images are padded to their own size."""

    BACKBONE = "resnet18"
    IMAGE_RESIZE_MODE = "pad64"
    IMAGE_MIN_DIM = 0
    IMAGE_MAX_DIM = 320
    MAX_GT_INSTANCES = 200


class CropConfig(LoadConfig):
    """Training on crops, with all that goes on around the steps of a run."""

    NORMALIZATION = "group"
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = CROP
    STEPS_PER_EPOCH = STEPS_IN_AN_EPOCH
    VALIDATION_STEPS = 2
    KEEP_CHECKPOINTS = 2


class Smears(Dataset):
    """Rendered fields, kept in memory."""

    def __init__(self, fields: Sequence[RenderedField]) -> None:
        super().__init__()
        for class_id, name in enumerate(CLASS_NAMES, start=1):
            self.add_class("smears", class_id, name)
        for number, field in enumerate(fields):
            self.add_image("smears", number, None, field=field)
        self.prepare()

    def load_image(self, image_id: int) -> np.ndarray:
        """The picture."""
        return self.image_info[image_id]["field"].image

    def load_polygons(self, image_id: int) -> tuple[list[np.ndarray], np.ndarray]:
        """The outlines and their classes."""
        field = self.image_info[image_id]["field"]
        ids = [1 + CLASS_NAMES.index(name) for name in field.class_names]
        return field.polygons, np.array(ids, np.int32)


def fields() -> list[RenderedField]:
    """The images, the same in every run."""
    return [
        render_field(7, number, *shape, cell_diameter=CELL_DIAMETER)
        for number, shape in enumerate(SHAPES * 2)
    ]


class Course:
    """What the process holds, call after call.

    Args:
        count: calls that are measured, after `warm_up` others.
        warm_up: calls that are not.
    """

    def __init__(self, count: int, warm_up: int) -> None:
        self.count = count
        self.warm_up = warm_up
        self.calls = 0
        self.milliseconds: list[float] = []
        self.mebibytes: list[float] = []
        self.first: dict[str, int] | None = None
        self.last: dict[str, int] | None = None

    def note(self, seconds: float) -> None:
        """After each call: how long it took."""
        self.calls += 1
        number = self.calls - self.warm_up
        if number == 0:
            self.first = held()
        if 0 < number <= self.count:
            self.milliseconds.append(1000 * seconds)
            self.mebibytes.append(workload.resident_memory())
            if number % 100 == 0 or number == self.count:
                text = f"  {number} calls: {self.mebibytes[-1]:.0f} MiB"
                print(text, file=sys.stderr, flush=True)
        if number == self.count:
            self.last = held()

    def result(self) -> dict[str, Any]:
        """Means of memory and medians of time at both ends; what was held before and after."""
        end = max(1, min(END, self.count // 3))
        return {
            "calls": self.count,
            "end": end,
            "mebibytes": [statistics.fmean(part) for part in ends(self.mebibytes, end)],
            "milliseconds": [statistics.median(part) for part in ends(self.milliseconds, end)],
            "held": [self.first, self.last],
            # Every so often, to draw the course.
            "course": self.mebibytes[:: max(1, self.count // 50)],
        }


def ends(values: list[float], count: int) -> tuple[list[float], list[float]]:
    """The first and the last values."""
    return values[:count], values[-count:]


def held() -> dict[str, int]:
    """Threads, files and objects of this process."""
    gc.collect()
    return {
        "threads": threading.active_count(),
        "system threads": len(os.listdir("/proc/self/task")),
        "open files": open_files(),
        "objects": len(gc.get_objects()),
    }


def warm_up_for(count: int) -> int:
    return max(len(SHAPES) * 2, min(WARM_UP, count // 2))


def make_detector() -> MaskRCNN:
    """A network that finds boxes all over the image."""
    model = MaskRCNN("inference", LoadConfig(), tempfile.gettempdir())
    spread_detections(model)
    return model


def detections(options: argparse.Namespace) -> dict[str, Any]:
    """Image after image through `detect`."""
    model = make_detector()
    pictures = itertools.cycle([field.image for field in fields()])
    course = Course(options.calls, warm_up_for(options.calls))
    for picture in itertools.islice(pictures, course.warm_up + course.count):
        began = time.perf_counter()
        model.detect([picture])
        course.note(time.perf_counter() - began)
    return course.result()


class NoteSteps(keras.callbacks.Callback):
    """Tells a course of each training step, with the making of its batch."""

    def __init__(self, course: Course) -> None:
        super().__init__()
        self.course = course
        self._ended: float | None = None

    def on_epoch_begin(self, epoch, logs=None):
        # What an epoch ends with is no step.
        self._ended = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.course.note(time.perf_counter() - self._ended)
        self._ended = time.perf_counter()


def steps(options: argparse.Namespace) -> dict[str, Any]:
    """A training run as any: loader, checkpoints, logs, validation."""
    # The first epoch brings validation and files of its own.
    course = Course(options.calls, 2 * STEPS_IN_AN_EPOCH)
    settings = {"LOADER_WORKERS": options.threads}
    config = type("CropConfig", (CropConfig,), settings)()
    made, before = fields(), held()
    epochs = -(-(course.warm_up + course.count) // STEPS_IN_AN_EPOCH)
    with tempfile.TemporaryDirectory() as folder:
        model = MaskRCNN("training", config, folder)
        model.train(
            Smears(made[:6]), Smears(made[6:]), 1e-3, epochs, "all",
            augmentation=Augmentation(), custom_callbacks=[NoteSteps(course)],
        )  # fmt: skip
    del model
    return {**course.result(), "around": [before, held()]}


def together(options: argparse.Namespace) -> dict[str, Any]:
    """The answers of one model to several threads at once, and to one, while others are built."""
    model = make_detector()
    pictures = [field.image for field in fields()]
    rounds = -(-options.calls // (options.threads * len(pictures)))
    start = threading.Barrier(options.threads + 1)

    def ask(first: int) -> Iterator[tuple[int, dict]]:
        start.wait()
        for number in range(first, first + rounds * len(pictures)):
            chosen = number % len(pictures)
            yield chosen, model.detect([pictures[chosen]])[0]

    def build() -> int:
        start.wait()
        built = 0
        while not finished.is_set():
            MaskRCNN("inference", LoadConfig(), tempfile.gettempdir())
            built += 1
        return built

    # What the threads find the first time, for comparison with what one thread finds after.
    kept: dict[int, dict] = {}
    lock, finished, wrong, asked = threading.Lock(), threading.Event(), [], itertools.count()

    def compare(first: int) -> None:
        for chosen, found in ask(first):
            next(asked)
            with lock:
                known = kept.setdefault(chosen, found)
            if not same(found, known):
                wrong.append(chosen)

    before = held()
    with ThreadPoolExecutor(options.threads + 1) as pool:
        builder = pool.submit(build)
        work: list[Callable] = [pool.submit(compare, first) for first in range(options.threads)]
        try:
            for future in work:
                future.result()
        finally:
            finished.set()
        built = builder.result()
    for chosen, found in kept.items():
        if not same(found, model.detect([pictures[chosen]])[0]):
            wrong.append(chosen)
    return {
        "calls": next(asked),
        "threads": options.threads,
        "built": built,
        "detections": sum(len(found["rois"]) for found in kept.values()),
        "different": len(wrong),
        "held": [before, held()],
    }


def same(one: dict, other: dict) -> bool:
    """Whether two answers of `detect` are equal to the last bit."""
    return all(np.array_equal(one[key], other[key]) for key in ANSWERS)


TASKS = {"detections": detections, "steps": steps, "together": together}


def main() -> None:
    """Carry out one task and print the result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    warnings.simplefilter("ignore", LimitWarning)
    # The progress of a training is for the terminal, the last line of the output for the caller.
    backend = keras.backend.backend()
    result = TASKS[options.task](options)
    versions = {name: importlib.metadata.version(name) for name in ("keras", backend)}
    workload.tell({**result, "backend": backend, "versions": versions})


if __name__ == "__main__":
    main()
