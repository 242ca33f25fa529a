"""A small model made like the detector, and what its tests compare."""

from collections.abc import Callable
from typing import NamedTuple

import h5py
import keras
import numpy as np
import pytest

from mrcnn.nets.layers import PerRegion
from mrcnn.weights.saving import save_weights

CLASSES = 3


def build(filters=4, classes=CLASSES, name="rpn_model"):
    """A backbone layer, a nested RPN of two layers, and a wrapped head."""
    image = keras.Input((8, 8, 3), name="input_image")
    x = keras.layers.Conv2D(filters, 3, name="conv1")(image)
    x = keras.layers.BatchNormalization(name="bn_conv1")(x)
    x = keras.layers.Activation("relu", name="activation")(x)
    inner_input = keras.Input((None, None, filters), name="input_rpn_feature_map")
    inner = keras.Model(
        inner_input,
        [
            keras.layers.Conv2D(2, 1, name="rpn_class_raw")(inner_input),
            keras.layers.Conv2D(2, 1, name="rpn_bbox_pred")(inner_input),
        ],
        name=name,
    )
    regions = keras.Input((5, filters), name="input_regions")
    head = PerRegion(keras.layers.Dense(classes, name="mrcnn_class_logits"))(regions)
    model = keras.Model([image, regions], [*inner(x), head])
    random = np.random.default_rng(filters)
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape).astype(np.float32))
    return model


LAYERS = ["conv1", "bn_conv1", "rpn_class_raw", "rpn_bbox_pred", "mrcnn_class_logits"]


def arrays(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def other_values(model):
    """The same model with other weights."""
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 7, np.float32))
    return model


def assert_equal(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


class Small(NamedTuple):
    """What the tests of this folder share."""

    build: Callable
    arrays: Callable
    other_values: Callable
    assert_equal: Callable
    layers: list[str]


@pytest.fixture(scope="session")
def small():
    return Small(build, arrays, other_values, assert_equal, LAYERS)


@pytest.fixture(scope="session")
def model():
    """The small model; no test changes it."""
    return build()


@pytest.fixture(scope="session")
def twin_model():
    return build()


@pytest.fixture
def twin(twin_model):
    """Another such model, whose weights are all 7."""
    return other_values(twin_model)


@pytest.fixture
def saved(model, tmp_path):
    """The small model's weights in a file."""
    path = tmp_path / "weights.h5"
    save_weights(model, path)
    return path


@pytest.fixture
def groups_of(saved):
    """The saved file as {group: [(path in the group, array)]}, in the order of its attributes."""
    with h5py.File(saved) as file:
        return {
            name.decode(): [
                (path.decode(), file[name][path][()]) for path in file[name].attrs["weight_names"]
            ]
            for name in file.attrs["layer_names"]
        }
