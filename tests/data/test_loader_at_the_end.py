"""A program that uses the loader's threads ends by itself, and soon, whatever happens to it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Arguments: what happens, number of threads. The numbers at the end: images that were begun when
# it had happened and when the threads had ended, and the seconds between.
PROGRAM = """
import atexit, os, signal, sys, threading, time
import numpy as np

# A shell starts what runs in its background with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
begun, told = [], []
# What is registered before the loader is imported is called after its threads have ended.
atexit.register(lambda: print(told[0], len(begun), time.monotonic() - told[1]))

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.data.loader import BatchLoader
from mrcnn.errors import DataError

happens, threads = sys.argv[1], int(sys.argv[2])

class Settings(Config):
    NAME = "end"
    NUM_CLASSES = 2
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    STEPS_PER_EPOCH = 40
    LOADER_CACHE_MB = 0

class Images(Dataset):
    def load_image(self, image_id):
        begun.append(image_id)
        if happens == "interrupt":
            if len(begun) == 4:
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        elif image_id == 2:
            time.sleep(0.1)
            raise SystemExit(7) if happens == "exit" else DataError("broken.jpg")
        elif image_id > 2:
            time.sleep(0.3 if happens == "exit" else 3600)
        return np.zeros((64, 64, 3), np.uint8)

    def load_polygons(self, image_id):
        return [], np.zeros(0, np.int32)

dataset = Images()
dataset.add_class("a", 1, "cell")
for number in range(40):
    dataset.add_image("a", number, None)
dataset.prepare()
loader = BatchLoader(dataset, Settings(), shuffle=False, threads=threads)
try:
    for index in range(40):
        loader[index]
finally:
    told += [len(begun), time.monotonic()]
"""


def run(happens, threads):
    """Exit status, images begun before and in all, seconds from the event to the end; stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, happens, str(threads)],
        cwd=ROOT,
        # The backend that is imported soonest; the loader needs none.
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    before, after, seconds = done.stdout.split()
    return done.returncode, int(before), int(after), float(seconds), done.stderr


def test_an_error_ends_the_program_though_other_threads_hang():
    status, _, _, seconds, complaint = run("error", 3)
    assert status == 1
    assert complaint.endswith("DataError: broken.jpg\n")
    assert seconds < 15


def test_sys_exit_in_a_thread_ends_the_program_with_that_status():
    status, _, _, seconds, complaint = run("exit", 3)
    assert (status, complaint) == (7, "")
    assert seconds < 15


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill sends no SIGINT there")
def test_an_interrupted_program_begins_no_more_images():
    status, before, after, seconds, complaint = run("interrupt", 2)
    assert status in (-signal.SIGINT, 130)
    assert complaint.endswith("KeyboardInterrupt\n")
    # Four more batches were waiting. On a busy machine one may begin before the others are dropped.
    assert before >= 4 and after - before <= 1
    assert seconds < 15
