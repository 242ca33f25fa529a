"""Weights of a model to files in Matterport's layout, which every version of its program reads.

It is what Keras 2 wrote: a group a layer, in the root; the RPN is one group `rpn_model` with the
weights of its three layers.
"""

import contextlib
import io
import json
import os
from collections.abc import Iterator
from typing import Any

import h5py
import keras
import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.files import atomic_write
from mrcnn.weights.loading import layers_with_weights

# The version whose layout is written; readers convert the weights of versions before 2.
_KERAS_VERSION = b"2.15.0"
_BACKEND = b"tensorflow"
# Kernels of so many bytes are deflated in files that shall be small, which makes them a seventh
# smaller; smaller kernels would take longer to read and save little.
_DEFLATED_BYTES = 2**19
# HDF5 keeps an attribute beside the object, where there is no room for more than 64 KiB.
_MAX_ATTRIBUTE_BYTES = 64512


def save_weights(model: keras.Model, path: str | os.PathLike, *, dtype: str = "float32") -> None:
    """Write a model's weights in Matterport's layout, in one step.

    Args:
        model: the model.
        path: the file to make or replace.
        dtype: "float16" halves the file: kernels, which are most of it, keep 11 bits of each
            value, and large ones are deflated. What has one axis (biases, norms) stays float32.

    Raises:
        WeightsError: another dtype, or a kernel with values beyond those of float16.
    """
    if dtype not in ("float32", "float16"):
        raise WeightsError(f"dtype is {dtype!r}: weights are written as 'float32' or 'float16'.")
    with _new_file(path) as file:
        _write_layers(file, model, dtype)


def save_model(model: keras.Model, path: str | os.PathLike) -> None:
    """Write a whole model as Keras 2 did: the weights in `model_weights`, and the architecture.

    `keras.saving.load_model` makes the model of it again, in a program that imported it.

    Args:
        model: the model.
        path: the file to make or replace.
    """
    with _new_file(path) as file:
        file.attrs["backend"] = _BACKEND
        file.attrs["keras_version"] = _KERAS_VERSION
        file.attrs["model_config"] = _architecture(model).encode()
        _write_layers(file.create_group("model_weights"), model)


def _architecture(model: keras.Model) -> str:
    """JSON from which `keras.saving.load_model` makes the model again; of `.h5` files it knows the
    class of the whole model by its registered name alone."""
    description = json.loads(model.to_json())
    registered = description.get("registered_name")
    return json.dumps({**description, "class_name": registered or description["class_name"]})


@contextlib.contextmanager
def _new_file(path: str | os.PathLike) -> Iterator[h5py.File]:
    """An HDF5 file to be filled, written in one step when the block ends well.

    It is made in memory: on a full disk HDF5 can neither finish nor close a file, and says so in
    words of its own.
    """
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        yield file
    atomic_write(path, content.getbuffer())


def _write_layers(root: h5py.Group, model: keras.Model, dtype: str = "float32") -> None:
    # Old readers look at these attributes before anything else.
    _write_names(root, "layer_names", [layer.name for layer in model.layers])
    root.attrs["backend"] = _BACKEND
    root.attrs["keras_version"] = _KERAS_VERSION
    for layer in model.layers:
        group = root.create_group(layer.name)
        holders = layers_with_weights(layer) if isinstance(layer, keras.Model) else [layer]
        names = []
        for holder in holders:
            for name, variable in _named_weights(holder):
                array = keras.ops.convert_to_numpy(variable).astype(np.float32)
                stored = _as_stored(array, name, dtype)
                group.create_dataset(name, data=stored, **_filters(stored, dtype))
                names.append(name)
        _write_names(group, "weight_names", names)
    # Keras 2.6 and later keep the weights here that belong to no layer.
    _write_names(root.create_group("top_level_model_weights"), "weight_names", [])


def _as_stored(array: np.ndarray, name: str, dtype: str) -> np.ndarray:
    if dtype == "float32" or array.ndim < 2:
        return array
    if np.abs(array).max(initial=0) > np.finfo(dtype).max:
        raise WeightsError(
            f"{name} has values beyond {np.finfo(dtype).max:g}, the largest of {dtype}: write it "
            "as float32."
        )
    return array.astype(dtype)


def _filters(array: np.ndarray, dtype: str) -> dict[str, Any]:
    """How HDF5 keeps an array: in one deflated chunk, or as it is."""
    if dtype == "float32" or array.nbytes < _DEFLATED_BYTES:
        return {}
    return {"chunks": array.shape, "shuffle": True, "compression": "gzip", "compression_opts": 9}


def _named_weights(layer: keras.layers.Layer) -> Iterator[tuple[str, keras.Variable]]:
    """Each weight with its path in the file: `conv1/kernel:0`; a repeated name gets a number."""
    taken: set[str] = set()
    for weight in layer.weights:
        name, number = weight.name, 0
        while name in taken:
            number += 1
            name = f"{weight.name}_{number}"
        taken.add(name)
        yield f"{layer.name}/{name}:0", weight


def _write_names(group: h5py.Group, attribute: str, names: list[str]) -> None:
    """Names as an attribute, in pieces if it would be too large, as Keras does."""
    if not names:
        group.attrs[attribute] = np.zeros(0)
        return
    items = np.array([name.encode() for name in names])
    if items.nbytes <= _MAX_ATTRIBUTE_BYTES:
        group.attrs[attribute] = items
        return
    pieces = -(-items.nbytes // _MAX_ATTRIBUTE_BYTES)
    for number, piece in enumerate(np.array_split(items, pieces + 1)):
        group.attrs[f"{attribute}{number}"] = piece
