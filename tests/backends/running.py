"""The same source on TensorFlow, JAX and PyTorch.

Each backend gets a process of its own, since Keras takes its backend once. `MRCNN_TEST_BACKENDS`
names the backends that must be there; without it, those that are not installed are skipped.
"""

import contextlib
import functools
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = os.environ.get("MRCNN_TEST_BACKENDS", "").split()
# What the running process tests itself anyway.
CURRENT = os.environ.get("KERAS_BACKEND", "tensorflow")

# A backend needs no other: those that its argument names cannot be imported.
ALONE = """
import sys
from importlib.machinery import PathFinder

def find_spec(name, *arguments, found=PathFinder.find_spec):
    return None if name.partition(".")[0] in sys.argv[2:] else found(name, *arguments)

PathFinder.find_spec = find_spec
"""
LIBRARIES = {"tensorflow": ["tensorflow"], "jax": ["jax", "jaxlib"], "torch": ["torch"]}

PROGRAM = """
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.model import MaskRCNN

class TinyConfig(Config):
    NAME = "tiny"; BACKBONE = "resnet18"; NORMALIZATION = "group"; NUM_CLASSES = 2; SEED = 1
    IMAGES_PER_GPU = 1; IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TOP_DOWN_PYRAMID_SIZE = RPN_CONV_CHANNELS = MASK_HEAD_CHANNELS = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64; PRE_NMS_LIMIT = 300; POST_NMS_ROIS_TRAINING = 60
    POST_NMS_ROIS_INFERENCE = 40; TRAIN_ROIS_PER_IMAGE = 20; MAX_GT_INSTANCES = 10
    DETECTION_MAX_INSTANCES = 10; DETECTION_MIN_CONFIDENCE = 0.0; STEPS_PER_EPOCH = 3
    VALIDATION_STEPS = 1; LOADER_WORKERS = 1; RPN_TRAIN_ANCHORS_PER_IMAGE = 64

class Squares(Dataset):
    def load_image(self, image_id):
        image = np.full((100, 128, 3), 230, np.uint8)
        for y1, x1, y2, x2 in self.image_info[image_id]["boxes"]:
            image[y1:y2, x1:x2] = (150, 60, 90)
        return image
    def load_mask(self, image_id):
        boxes = self.image_info[image_id]["boxes"]
        masks = np.zeros((100, 128, len(boxes)), bool)
        for number, (y1, x1, y2, x2) in enumerate(boxes):
            masks[y1:y2, x1:x2, number] = True
        return masks, np.ones(len(boxes), np.int32)

dataset = Squares()
dataset.add_class("squares", 1, "square")
for number, boxes in enumerate([[(10, 10, 40, 50), (50, 60, 90, 100)], [], [(30, 30, 33, 31)]]):
    dataset.add_image("squares", number, path=None, boxes=boxes)
dataset.prepare()
folder = sys.argv[1]
model = MaskRCNN("training", TinyConfig(), folder)
history = model.train(dataset, dataset, 0.01, epochs=1, layers="all").history
assert all(np.isfinite(value).all() for value in history.values()), history
written = {path.name.partition(".tfevents")[0] for path in Path(model.log_dir).rglob("*.*")}
assert {"events.out", "losses.csv", "training_state_0001.npz"} <= written, written
assert not {name.partition(".")[0] for name in sys.modules} & {*sys.argv[2:]}

def build(seed):
    config = TinyConfig(); config.SEED = seed
    detector = MaskRCNN("inference", config, folder)
    detector.load_weights(detector.find_last())
    return detector

images = [dataset.load_image(0), dataset.load_image(0)[:64, :64]]
first = build(2)
with ThreadPoolExecutor(5) as pool:
    # Four threads detect with one model, from the first call on, while a fifth builds another.
    answers = [pool.submit(first.detect, images) for _ in range(4)]
    second = pool.submit(build, 3)
results = [first.detect(images), second.result().detect(images)]
results += [answer.result() for answer in answers]
assert len(results[0][0]["rois"]) > 0
for result in results[1:]:
    for one, other in zip(results[0], result, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])
np.savez(folder + "/result.npz", **results[0][0])
"""


def backend_or_skip(backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        if backend in REQUIRED:
            pytest.fail(f"{backend} is not installed, and MRCNN_TEST_BACKENDS asks for it")
        pytest.skip(f"{backend} is not installed")


def run(backend: str, *arguments: str, **environment: str) -> None:
    output_of(backend, *arguments, **environment)


def output_of(backend: str, *arguments: str, **environment: str) -> str:
    """What a Python program under a backend writes to standard output."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        # PyTorch's threads would wait for one another wherever another test has a processor.
        env={**os.environ, "KERAS_BACKEND": backend, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout


@functools.cache
def xla_flags() -> str:
    """`XLA_FLAGS` without the newer way to make code of fused operations, three times as slow.

    And with the code of a program in one piece: pieces side by side take a sixth more in sum. As
    they are where this XLA does not know the flags: it would end the process.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    quick = f"{flags} --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    done = subprocess.run(
        [sys.executable, "-c", "import jax; jax.devices()"],
        env={**os.environ, "XLA_FLAGS": quick},
        capture_output=True,
        timeout=300,
        check=False,
    )
    return quick if done.returncode == 0 else flags


@contextlib.contextmanager
def quick_to_compile(backend: str) -> Iterator[dict[str, str]]:
    """Variables for JAX, where nearly all of the time goes into compiling programs that run once.

    As they are compiled anywhere all tests run with `KERAS_BACKEND=jax`.
    """
    if backend != "jax":
        yield {}
        return
    with tempfile.TemporaryDirectory() as folder:
        yield {
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
            "XLA_FLAGS": xla_flags(),
            # The same network in two models is one program.
            "JAX_COMPILATION_CACHE_DIR": folder,
        }


def three_steps_save_reload_detect(backend: str, folder: Path) -> None:
    """Train, save, and detect with the weights that were saved, in one thread and in four.

    None of it with the help of another backend, whether that is installed or not.
    """
    backend_or_skip(backend)
    others = [name for other in LIBRARIES if other != backend for name in LIBRARIES[other]]
    with quick_to_compile(backend) as environment:
        run(backend, "-c", ALONE + PROGRAM, str(folder), *others, **environment)


# What is about one backend's graphs, or long and about what all of them share.
LEFT_OUT = (
    "matterport/test_generator.py",
    "matterport/test_methods.py",
    "nets/test_inspection.py",
    "training/test_calls.py",
    "training/test_compilation.py",
    "training/test_distribution.py",
    "training/test_interruption.py",
    "training/test_long_runs.py",
    "training/test_parallel.py",
    "training/test_precision.py",
    "training/test_validation.py",
)


def numbers_of_the_original(backend: str) -> None:
    """Operations, stages, network, targets and losses, under the backend."""
    if backend == CURRENT:
        pytest.skip(f"{backend} runs these tests in this process")
    backend_or_skip(backend)
    with quick_to_compile(backend) as environment:
        run(
            backend, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
            "tests/ops", "tests/nets", "tests/training", "tests/matterport",
            *(f"--ignore=tests/{name}" for name in LEFT_OUT),
            **environment,
        )  # fmt: skip
