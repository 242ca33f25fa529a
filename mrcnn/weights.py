"""Weight files in Matterport's HDF5 layout: read by layer name, written for anybody to read.

A file holds one group a layer, in the root or in the group `model_weights`; its weights are listed
in the group's attribute `weight_names`. The RPN is nested: the group `rpn_model` holds the weights
of three layers, under `rpn_conv_shared/kernel:0` or `rpn_model/rpn_conv_shared/kernel:0`.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import keras
import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.files import atomic_path

# Keras 1 wrote `conv1_W_1:0` for what later versions call `conv1/kernel:0`. Its running_std is a
# variance, whatever the name says.
_KERAS1_NAMES = {
    "W": "kernel",
    "b": "bias",
    "gamma": "gamma",
    "beta": "beta",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
}
_KERAS1_PATTERN = re.compile(
    r"^(?P<layer>.+)_(?P<weight>W|b|gamma|beta|running_mean|running_std)(_\d+)?$"
)


@dataclass
class LoadReport:
    """What a weights file gave to a model. `str()` of it is a summary to read.

    Attributes:
        path: the file.
        loaded: names of the layers that took their weights from it.
        misfits: a line for each layer whose shapes differ.
        missing: names of the model's layers that the file does not have.
        unused: names of the file's layers that the model does not have.
        excluded: names of the layers that were left out on demand.
    """

    path: Path
    loaded: list[str] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"Weights from {self.path}: {len(self.loaded)} layers loaded."]
        for title, names in (
            ("skipped, other shape", self.misfits),
            ("not in the file, left as they were", self.missing),
            ("in the file but not in the model", self.unused),
            ("left out as asked", self.excluded),
        ):
            if names:
                lines.append(f"  {len(names)} {title}: {_shortened(names)}")
        return "\n".join(lines)


def _shortened(names: list[str], limit: int = 8) -> str:
    shown = ", ".join(names[:limit])
    return f"{shown}, and {len(names) - limit} more" if len(names) > limit else shown


def layers_with_weights(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """All layers that hold weights, those of nested models instead of the nested models."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_with_weights(layer)
        elif layer.weights:
            yield layer


def read_weights(path: str | os.PathLike) -> dict[str, dict[str, np.ndarray]]:
    """All arrays of a weights file.

    Args:
        path: HDF5 file written by Keras 1 or 2, Matterport's program, or `save_weights`.

    Returns:
        layer name -> weight name (kernel, bias, gamma, beta, moving_mean, moving_variance) ->
        float array.

    Raises:
        WeightsError: there is no such file, or it cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file.")
    try:
        with h5py.File(path, "r") as file:
            return _read_groups(file.get("model_weights", file))
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(
            f"{path}: cannot be read as an HDF5 weights file ({error}). "
            "It may be truncated or of another kind; fetch or copy it again."
        ) from error


def _read_groups(root: h5py.Group) -> dict[str, dict[str, np.ndarray]]:
    layers: dict[str, dict[str, np.ndarray]] = {}
    for group_name, group in root.items():
        if not isinstance(group, h5py.Group):
            continue
        for weight_path in _weight_paths(group):
            layer, weight = _split_weight_path(group_name, weight_path)
            layers.setdefault(layer, {})[weight] = np.asarray(group[weight_path], np.float32)
    return layers


def _weight_paths(group: h5py.Group) -> list[str]:
    if "weight_names" in group.attrs:
        names = group.attrs["weight_names"]
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
    paths: list[str] = []
    group.visititems(
        lambda name, item: paths.append(name) if isinstance(item, h5py.Dataset) else None
    )
    return paths


def _split_weight_path(group_name: str, weight_path: str) -> tuple[str, str]:
    """Layer and weight of a path such as "rpn_model/rpn_conv_shared/kernel:0"."""
    *parents, weight = weight_path.split("/")
    weight = weight.split(":")[0]
    keras1 = _KERAS1_PATTERN.match(weight)
    if keras1:
        return parents[-1] if parents else group_name, _KERAS1_NAMES[keras1["weight"]]
    return parents[-1] if parents else group_name, weight


def load_weights(
    model: keras.Model,
    path: str | os.PathLike,
    exclude: Iterable[str] = (),
    strict: bool = False,
) -> LoadReport:
    """Give a model the weights of a file, by layer name.

    Everything is read and compared first: after an error the model is as it was.

    Args:
        model: the model to change.
        path: see `read_weights`.
        exclude: names of layers to leave as they are.
        strict: True if every layer must find weights that fit.

    Returns:
        A report of what was loaded and what was not.

    Raises:
        WeightsError: the file cannot be read, nothing in it fits, or, with `strict`, something
            does not.
    """
    stored = read_weights(path)
    exclude = set(exclude)
    report = LoadReport(Path(path))
    assignments = []
    model_layers = set()
    for layer in layers_with_weights(model):
        model_layers.add(layer.name)
        if layer.name in exclude:
            report.excluded.append(layer.name)
        elif layer.name not in stored:
            report.missing.append(layer.name)
        else:
            arrays = stored[layer.name]
            shapes = {weight.name: tuple(weight.shape) for weight in layer.weights}
            found = {name: array.shape for name, array in arrays.items()}
            if shapes == found:
                assignments += [(weight, arrays[weight.name]) for weight in layer.weights]
                report.loaded.append(layer.name)
            else:
                report.misfits.append(
                    f"{layer.name} (file {_shapes(found)}, model {_shapes(shapes)})"
                )
    report.unused = sorted(set(stored) - model_layers)
    if not report.loaded:
        raise WeightsError(
            f"{path}: none of its layers fits this model, so nothing was loaded. "
            "It belongs to another network: check BACKBONE and NORMALIZATION.\n" + str(report)
        )
    if strict and (report.misfits or report.missing):
        raise WeightsError(
            f"{path}: belongs to a model of another shape, so nothing was loaded. Check BACKBONE, "
            "NORMALIZATION, NUM_CLASSES and the channel settings, or load what fits with "
            f"by_name=True.\n{report}"
        )
    for variable, array in assignments:
        variable.assign(array)
    return report


def _shapes(shapes: dict[str, tuple[int, ...]]) -> str:
    return " ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())


def save_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Write a model's weights in Matterport's layout, in one step.

    Args:
        model: the model.
        path: the file to make or replace.
    """
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        # Old readers look at these attributes before anything else.
        file.attrs["layer_names"] = np.array([layer.name for layer in model.layers], dtype="S")
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.15.0"
        for layer in model.layers:
            group = file.create_group(layer.name)
            holders = layers_with_weights(layer) if isinstance(layer, keras.Model) else [layer]
            names = []
            for holder in holders:
                for weight in holder.weights:
                    name = f"{holder.name}/{weight.name}:0"
                    array = keras.ops.convert_to_numpy(weight).astype(np.float32)
                    group.create_dataset(name, data=array)
                    names.append(name)
            group.attrs["weight_names"] = np.array(names, dtype="S") if names else np.zeros(0, "S1")
