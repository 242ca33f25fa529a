"""Weights of a model from files, by the names of layers; every layout that `layouts` knows."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.weights.layouts import StoredGroups, StoredWeight, open_weights, plain_name

# How many names a message lists.
_SHOWN = 8
# Of kernels [height, width, channels, filters]; how many channels published weights know.
_CHANNEL_AXIS, _RGB = 2, 3
_AXES_OF_IMAGES = 4
_NUMBERED_SCOPE = re.compile(r"(.+)_\d+")


@dataclass(repr=False)
class LoadReport:
    """What a weights file gave to a model. `str()` of it is a summary to read.

    Attributes:
        path: the file.
        loaded: names of the layers that took their weights from it.
        misfits: a line for each layer whose shapes differ.
        missing: names of the model's layers that the file does not have.
        unused: names of the file's layers that the model does not have.
        excluded: names of the layers that were left out on demand.
        unknown: names to leave out that neither the model nor the file has.
        adapted: names of the layers that were fitted to other channels of the image; they are among
            those that were loaded.
    """

    path: Path
    loaded: list[str] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    adapted: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        """One line with counts: a cell of a notebook that ends with `load_weights` shows it."""
        counts = [(name, len(value)) for name, value in vars(self).items() if name != "path"]
        text = ", ".join(f"{count} {name}" for name, count in counts if count or name == "loaded")
        return f"<LoadReport of {self.path}: {text}>"

    def __str__(self) -> str:
        lines = [f"Weights from {self.path}: {len(self.loaded)} layers loaded."]
        for title, names in (
            ("fitted to the channels of the images", self.adapted),
            ("skipped, other shape", self.misfits),
            ("not in the file, left as they were", self.missing),
            ("in the file but not in the model", self.unused),
            ("left out as asked", self.excluded),
            ("to leave out, which neither model nor file has (misspelt?)", self.unknown),
        ):
            if names:
                lines.append(f"  {len(names)} {title}: {_shortened(names)}")
        return "\n".join(lines)


def _shortened(names: list[str], limit: int = _SHOWN) -> str:
    shown = ", ".join(names[:limit])
    return f"{shown}, and {len(names) - limit} more" if len(names) > limit else shown


def layers_with_weights(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """All layers that hold weights, those of nested models instead of the nested models."""
    for _, layer in _layers_and_models(model):
        yield layer


def _layers_and_models(
    model: keras.Model, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], keras.layers.Layer]]:
    """Each layer that holds weights, and the names of the nested models that it is in."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers_and_models(layer, (*above, layer.name))
        elif layer.weights:
            yield above, layer


# --- Loading -------------------------------------------------------------------------------------


def load_weights(
    model: keras.Model,
    path: str | os.PathLike,
    exclude: Iterable[str] = (),
    strict: bool = False,
) -> LoadReport:
    """Give a model the weights of a file, by layer name.

    Everything is compared and read first: after an error the model is as it was. Arrays that the
    model does not need are not read.

    Where images have other than three channels, the first convolution of a file for RGB is fitted,
    unless all layers must fit: further channels get the mean of its kernels of red, green and blue.

    Args:
        model: the model to change.
        path: a file that Keras 1, 2 or 3, Matterport's program or `save_weights` wrote: `.h5`,
            `.weights.h5` or `.keras`, of weights or of a whole model.
        exclude: names of layers to leave as they are; that of a nested model stands for all of it.
        strict: True if every layer must find weights that fit.

    Returns:
        A report of what was loaded and what was not.

    Raises:
        WeightsError: the file, or something of it that is needed, cannot be read, nothing in it
            fits, or, with `strict`, something does not.
    """
    excluded = {exclude} if isinstance(exclude, str) else set(exclude)
    report = LoadReport(Path(path))
    with open_weights(path) as groups:
        pairs = []
        index = _Index(groups)
        used: set[int] = set()
        for models, layer in _layers_and_models(model):
            stored = index.find(layer.name, models)
            used.update(map(id, stored))
            if excluded.intersection((layer.name, *models)):
                report.excluded.append(layer.name)
            elif not stored:
                report.missing.append(layer.name)
            elif (found := _paired(layer.weights, stored)) is None:
                found = None if strict else _paired_channels(model, layer.weights, stored)
                if found is None:
                    report.misfits.append(_misfit(layer, stored))
                else:
                    pairs += found
                    report.adapted.append(layer.name)
                    report.loaded.append(layer.name)
            else:
                pairs += found
                report.loaded.append(layer.name)
        report.unused = _unused(groups, used)
        known = {model.name, *groups, *report.unused}
        known.update(*((layer.name, *models) for models, layer in _layers_and_models(model)))
        known.update(layer.name for layer in model.layers)
        report.unknown = sorted(excluded - known)
        _require(report, strict)
        assignments = [(variable, weight.read()) for variable, weight in pairs]
    for variable, array in assignments:
        if tuple(variable.shape) != array.shape:
            array = with_channels(array, variable.shape[_CHANNEL_AXIS])
        variable.assign(array)
    return report


def with_channels(kernel: np.ndarray, count: int) -> np.ndarray:
    """A kernel for RGB, [height, width, 3, filters], for another number of channels.

    Those of red, green and blue stay, and each further one gets their mean. Of fewer than three
    each gets as much as makes a grey image what it was as RGB.
    """
    mean = kernel.mean(axis=_CHANNEL_AXIS, keepdims=True)
    if count < _RGB:
        return np.repeat(mean * (_RGB / count), count, axis=_CHANNEL_AXIS)
    return np.concatenate(
        [kernel, np.repeat(mean, count - _RGB, axis=_CHANNEL_AXIS)], _CHANNEL_AXIS
    )


def _paired_channels(
    model: keras.Model, variables: Sequence[keras.Variable], stored: list[StoredWeight]
) -> list[tuple[keras.Variable, StoredWeight]] | None:
    """As `_paired`, for a convolution on the image whose file is for RGB."""
    shape = tuple(model.inputs[0].shape)
    channels = shape[-1] if len(shape) == _AXES_OF_IMAGES else None
    wanted = [tuple(variable.shape) for variable in variables]
    if channels in (None, _RGB) or len(wanted) != len(stored) or len(wanted[0]) != len(shape):
        return None
    height, width, inputs, filters = wanted[0]
    others = [weight.shape for weight in stored[1:]]
    if inputs != channels or stored[0].shape != (height, width, _RGB, filters):
        return None
    return list(zip(variables, stored, strict=True)) if others == wanted[1:] else None


def _require(report: LoadReport, strict: bool) -> None:
    if not report.loaded:
        raise WeightsError(
            f"{report.path}: none of its layers fits this model, so nothing was loaded. "
            f"It belongs to another network: check BACKBONE and NORMALIZATION.\n{report}"
        )
    if strict and (report.misfits or report.missing):
        raise WeightsError(
            f"{report.path}: belongs to a model of another shape, so nothing was loaded. Check "
            "BACKBONE, NORMALIZATION, NUM_CLASSES and the channel settings, or load what fits with "
            f"by_name=True.\n{report}"
        )


class _Index:
    """The weights of a file by group and by the layers in it, so that each is looked up once."""

    def __init__(self, groups: StoredGroups) -> None:
        self._groups = groups
        self._scopes = {group: _by_scope(weights) for group, weights in groups.items()}
        self._nested: dict[str, list[StoredWeight]] = {}
        for group, weights in groups.items():
            if _of_several_layers(weights):
                for scope, found in self._scopes[group].items():
                    self._nested.setdefault(scope, found)

    def find(self, layer: str, models: tuple[str, ...]) -> list[StoredWeight]:
        """The weights of a layer, which is inside of nested models of these names."""
        for model in reversed(models):
            if found := self._scopes.get(model, {}).get(layer):
                return found
        if layer in self._groups:
            return self._groups[layer]
        # The file may be of a model that had this whole model inside, as for several GPUs.
        return self._nested.get(layer, [])


def _of_several_layers(weights: list[StoredWeight]) -> bool:
    return len({weight.scopes[-1:] for weight in weights}) > 1


def _by_scope(weights: Iterable[StoredWeight]) -> dict[str, list[StoredWeight]]:
    exact: dict[str, list[StoredWeight]] = {}
    numbered: dict[str, list[StoredWeight]] = {}
    for weight in weights:
        for scope in dict.fromkeys(weight.scopes):
            exact.setdefault(scope, []).append(weight)
        # TensorFlow 1 numbered the scopes of a second model in the process: `rpn_class_raw_1`.
        names = (_NUMBERED_SCOPE.fullmatch(scope) for scope in weight.scopes)
        for name in dict.fromkeys(found[1] for found in names if found):
            numbered.setdefault(name, []).append(weight)
    return numbered | exact


def _paired(
    variables: Sequence[keras.Variable], stored: list[StoredWeight]
) -> list[tuple[keras.Variable, StoredWeight]] | None:
    """Each variable with what the file has for it, or None if they do not fit.

    Raises:
        WeightsError: by way of `open_weights`, if one of the stored weights cannot be read.
    """
    for weight in stored:
        if weight.problem:
            weight.read()
    if len(stored) != len(variables):
        return None
    names = [plain_name(variable.name) for variable in variables]
    by_name = {weight.name: weight for weight in stored}
    if len(by_name) == len(stored) and set(by_name) == set(names):
        stored = [by_name[name] for name in names]
    for variable, name, weight in zip(variables, names, stored, strict=True):
        if tuple(variable.shape) != weight.shape or not _same_role(name, weight.name):
            return None
    return list(zip(variables, stored, strict=True))


def _same_role(name: str | None, stored: str | None) -> bool:
    """Whether names agree; Keras 3 says kernel where Keras 2 said depthwise_kernel."""
    return name is None or stored is None or stored == name or stored.endswith(f"_{name}")


def _misfit(layer: keras.layers.Layer, stored: list[StoredWeight]) -> str:
    in_file = _shapes(
        (weight.name or str(n), weight.shape) for n, weight in enumerate(stored[:_SHOWN])
    )
    if len(stored) > _SHOWN:
        in_file += f" and {len(stored) - _SHOWN} more"
    in_model = _shapes((variable.name, tuple(variable.shape)) for variable in layer.weights)
    return f"{layer.name} (file {in_file}, model {in_model})"


def _shapes(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> str:
    return " ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes)


def _unused(groups: StoredGroups, used: set[int]) -> list[str]:
    """Names of layers in the file that no layer of the model asked for."""
    names = set()
    for group, weights in groups.items():
        nested = _of_several_layers(weights)
        names |= {
            weight.scopes[-1] if nested and weight.scopes else group
            for weight in weights
            if id(weight) not in used
        }
    return sorted(names)
