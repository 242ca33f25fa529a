"""What a training leaves behind in its process: nothing."""

import gc
import os
import threading
import time
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.data.loader import BatchLoader
from mrcnn.errors import DataError

HAS_PROC = Path("/proc/self/fd").exists()


def held():
    """Threads, open files and objects of this process."""
    gc.collect()
    files = len(os.listdir("/proc/self/fd")) if HAS_PROC else 0
    return threading.active_count(), files, len(gc.get_objects())


def back_to(before):
    """Whether threads and files become as many as they were; threads take a moment to end."""
    deadline = time.monotonic() + 20
    while held()[:2] != before[:2] and time.monotonic() < deadline:
        time.sleep(0.05)
    return held()[:2] == before[:2]


class NoteSteps(keras.callbacks.Callback):
    """What is held after each tenth step."""

    def __init__(self):
        super().__init__()
        self.notes = []
        self.steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps % 10 == 0:
            self.notes.append(held())


@pytest.fixture
def crops(tiny_config):
    """A configuration of crops so small that a step takes no time."""

    def make(**settings):
        small = {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 64, "NORMALIZATION": "group"}
        return tiny_config(**{**small, "LOADER_WORKERS": 2, **settings})

    return make


def test_sixty_steps_hold_what_twenty_do(crops, disks, light_fit):
    config = crops(STEPS_PER_EPOCH=10)
    dataset = disks([(60, 60, 20), (30, 90, 12)], [(100, 30, 9)], [])
    notes = NoteSteps()
    before = held()
    light_fit(config, dataset, None, 6, notes)
    assert notes.steps == 60
    (threads, files, objects), *_, last = notes.notes[1:]
    assert last[:2] == (threads, files)
    # An object a step would be 40; the history of the losses grows by a few an epoch.
    assert last[2] - objects < 40 + 4 * 20
    # TensorFlow keeps the loader; its threads have ended all the same.
    assert back_to(before)


def test_no_training_leaves_its_loaders_threads_or_images(crops, disks, light_fit, monkeypatch):
    loaders = []
    made = BatchLoader.__init__

    def remember(self, *arguments, **options):
        made(self, *arguments, **options)
        loaders.append(weakref.ref(self))

    monkeypatch.setattr(BatchLoader, "__init__", remember)
    dataset = disks([(60, 60, 20), (30, 90, 12)], [(100, 30, 9)])
    config = crops(STEPS_PER_EPOCH=1)
    before = held()
    for _ in range(2):
        light_fit(config, dataset, dataset, 1)
        assert back_to(before)

    def fail(image_id):
        raise DataError("unreadable")

    dataset.load_image = fail
    with pytest.raises(DataError, match="unreadable"):
        light_fit(config, dataset, None, 1)
    assert back_to(before)
    assert len(loaders) == 5
    for loader in filter(None, (reference() for reference in loaders)):
        assert loader._maker._cache.max_bytes == loader._maker._cache.used_bytes == 0


@pytest.mark.parametrize("threads", [0, 2])
def test_a_closed_loader_gives_the_same_batches(crops, disks, threads):
    dataset = disks([(60, 60, 20)], [(100, 30, 9)])
    running = threading.active_count()
    # Loaders of other tests may be kept by TensorFlow, and their threads wait for ever.
    others = set(threading.enumerate())
    loader, other = (BatchLoader(dataset, crops(), threads=threads) for _ in range(2))
    expected = [other[index] for index in range(3)]
    first = loader[0]
    loader.close()
    loader.close()
    found = [first, loader[1], loader[2]]
    for (one,), (known,) in zip(found, expected, strict=True):
        for array, value in zip(one, known, strict=True):
            np.testing.assert_array_equal(array, value)
    other.close()
    for thread in set(threading.enumerate()) - others:
        if thread.name.startswith("batch-loader"):
            thread.join(10)
    assert threading.active_count() == running
