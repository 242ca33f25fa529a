"""Fixtures that several rooms' tests share."""

import functools
import os
import subprocess
import warnings
from pathlib import Path

# Quiet, and the same on every machine, before any backend is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np
import pytest
from hypothesis import settings

pytest_plugins = ["tests.browsing", "tests.forking.python", "tests.small_data"]

# Test machines are shared and slow at times; a time limit on single examples would be noise.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

GOLDEN = Path(__file__).parent / "golden"

# Folders and files that are begun first, so that no process has a long one left when the others
# have none.
LONG = (
    "backends",
    "clients",
    "notebooks",
    "rbc_sample",
    "training",
    "packaging",
    "benchmarks",
    "nuclei",
    "test_packaging.py",
    "test_model.py",
)


def pytest_collection_modifyitems(items):
    """The long tests before the others, each file as a whole."""

    def place(item):
        names = [item.path.parent.name, item.path.name]
        return next((LONG.index(name) for name in names if name in LONG), len(LONG))

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def weights_without_programs():
    """On JAX NumPy makes the initial weights; see `weights_by_numpy`."""
    if os.environ.get("KERAS_BACKEND") != "jax":
        yield
        return
    from tests.compiling import weights_by_numpy

    with weights_by_numpy():
        yield


@pytest.fixture(scope="session")
def golden():
    """Numbers that the original computed: `golden("layers")["roialign_boxes"]`."""
    files = {}

    def load(name: str):
        if name not in files:
            with np.load(GOLDEN / f"{name}.npz") as arrays:
                files[name] = dict(arrays)
        return files[name]

    return load


@pytest.fixture(scope="session")
def give_golden_weights():
    """Sets all weights of a model to those that the golden numbers were computed with."""
    from benchmarks.golden import golden_weight
    from mrcnn.weights.loading import layers_with_weights

    def give(model) -> None:
        for layer in layers_with_weights(model):
            for weight in layer.weights:
                weight.assign(golden_weight(layer.name, weight.name, tuple(weight.shape)))

    return give


def _eager():
    """While this lasts TensorFlow makes no graphs: for a few steps they take longer than they save.

    What graphs compute is tested where this is not used.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Even though the `tf.config.experimental_run")
        yield
    tf.config.run_functions_eagerly(False)


eager = pytest.fixture(_eager)
eager_module = pytest.fixture(_eager, scope="module")


@pytest.fixture(scope="session")
def value_and_gradients():
    """`(function, *arrays, given=())`: a scalar function's value, its gradients as arrays or None.

    The function gets the arrays `given` as well; there is no gradient for them. JAX compiles a
    function once for all calls with arrays of the same shapes.
    """
    import keras

    def tensorflow(function, *arrays, given=()):
        import tensorflow as tf

        tensors = [tf.convert_to_tensor(array) for array in arrays]
        with tf.GradientTape() as tape:
            for tensor in tensors:
                tape.watch(tensor)
            value = function(*tensors, *(tf.convert_to_tensor(array) for array in given))
        gradients = tape.gradient(value, tensors)
        return float(value), [None if found is None else found.numpy() for found in gradients]

    @functools.cache
    def compiled(function, count):
        from jax import jit, value_and_grad

        return jit(value_and_grad(function, argnums=tuple(range(count))))

    def jax(function, *arrays, given=()):
        value, gradients = compiled(function, len(arrays))(*arrays, *given)
        return float(value), [np.asarray(found) for found in gradients]

    def torch(function, *arrays, given=()):
        import torch

        tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
        value = function(*tensors, *(torch.tensor(array) for array in given))
        gradients = [None] * len(tensors)
        if value.requires_grad:
            gradients = torch.autograd.grad(value, tensors, allow_unused=True)
        return float(value.detach()), [
            None if found is None else found.numpy() for found in gradients
        ]

    return {"tensorflow": tensorflow, "jax": jax, "torch": torch}[keras.backend.backend()]


@pytest.fixture(scope="session")
def make_config():
    """Builds a configuration from attributes."""
    from mrcnn.config import Config

    def make(**attributes):
        return type("TestConfig", (Config,), attributes)()

    return make


@pytest.fixture(scope="session")
def tiny_config(make_config):
    """A network that is whole but small: 128 x 128 pixels, ResNet-18, narrow heads."""

    def make(**attributes):
        return make_config(
            **{
                "NAME": "tiny",
                "BACKBONE": "resnet18",
                "NORMALIZATION": "batch",
                "NUM_CLASSES": 3,
                "IMAGES_PER_GPU": 1,
                "IMAGE_MIN_DIM": 128,
                "IMAGE_MAX_DIM": 128,
                "RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128),
                "TOP_DOWN_PYRAMID_SIZE": 32,
                "RPN_CONV_CHANNELS": 32,
                "MASK_HEAD_CHANNELS": 32,
                "FPN_CLASSIF_FC_LAYERS_SIZE": 64,
                "PRE_NMS_LIMIT": 500,
                "POST_NMS_ROIS_TRAINING": 100,
                "POST_NMS_ROIS_INFERENCE": 60,
                "TRAIN_ROIS_PER_IMAGE": 30,
                "RPN_TRAIN_ANCHORS_PER_IMAGE": 64,
                "MAX_GT_INSTANCES": 20,
                "DETECTION_MAX_INSTANCES": 20,
                "DETECTION_MIN_CONFIDENCE": 0.0,
                "MINI_MASK_SHAPE": (28, 28),
                "STEPS_PER_EPOCH": 3,
                "VALIDATION_STEPS": 1,
                "LOADER_WORKERS": 1,
                "SEED": 7,
                **attributes,
            }
        )

    return make


@pytest.fixture
def disks():
    """A prepared dataset of images with bright disks, as polygons: `disks([radii], [radii])`."""
    from mrcnn.data.dataset import Dataset

    class Disks(Dataset):
        def load_image(self, image_id):
            size = self.image_info[image_id]["size"]
            image = np.full((size, size, 3), 40, np.uint8)
            rows, columns = np.mgrid[:size, :size]
            for y, x, radius in self.image_info[image_id]["disks"]:
                image[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = (200, 120, 140)
            return image

        def image_shape(self, image_id):
            size = self.image_info[image_id]["size"]
            return (size, size, 3)

        def load_polygons(self, image_id):
            angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
            found = self.image_info[image_id]["disks"]
            polygons = [
                np.stack([y + radius * np.sin(angles), x + radius * np.cos(angles)], axis=1)
                for y, x, radius in found
            ]
            return polygons, np.array([1 + n % 2 for n in range(len(found))], np.int32)

    def make(*images, size=128):
        dataset = Disks()
        dataset.add_class("disks", 1, "odd")
        dataset.add_class("disks", 2, "even")
        for number, image in enumerate(images):
            dataset.add_image("disks", number, path=None, disks=image, size=size)
        dataset.prepare()
        return dataset

    return make


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own: `small_disk(kilobytes=64)`, also `read_only=True`; the path of its folder.

    Skips where this user may not make one.
    """
    mounted = []

    def make(kilobytes, read_only=False):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        options = f"size={kilobytes}k,{'ro' if read_only else 'rw'}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            done = None
        if done is None or done.returncode:
            pytest.skip("making a small disk needs the rights of an administrator, on Linux")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=10)
