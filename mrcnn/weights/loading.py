"""Weights of a model from files, by the names of layers; every layout that `layouts` knows."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from mrcnn.weights.layouts import StoredWeight, open_weights
from mrcnn.weights.matching import (
    LayerIndex,
    LoadReport,
    misfit,
    paired,
    require,
    unused_layers,
)

# Of kernels [height, width, channels, filters]; how many channels published weights know.
_CHANNEL_AXIS, _RGB = 2, 3
_AXES_OF_IMAGES = 4


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
        index = LayerIndex(groups)
        used: set[int] = set()
        for models, layer in _layers_and_models(model):
            stored = index.find(layer.name, models)
            used.update(map(id, stored))
            if excluded.intersection((layer.name, *models)):
                report.excluded.append(layer.name)
            elif not stored:
                report.missing.append(layer.name)
            elif (found := paired(layer.weights, stored)) is None:
                found = None if strict else _paired_channels(model, layer.weights, stored)
                if found is None:
                    report.misfits.append(misfit(layer.name, layer.weights, stored))
                else:
                    pairs += found
                    report.adapted.append(layer.name)
                    report.loaded.append(layer.name)
            else:
                pairs += found
                report.loaded.append(layer.name)
        report.unused = unused_layers(groups, used)
        known = {model.name, *groups, *report.unused}
        known.update(*((layer.name, *models) for models, layer in _layers_and_models(model)))
        known.update(layer.name for layer in model.layers)
        report.unknown = sorted(excluded - known)
        require(report, strict)
        assignments = [(variable, weight.read()) for variable, weight in pairs]
    for variable, array in assignments:
        if tuple(variable.shape) != array.shape:
            array = with_channels(array, variable.shape[_CHANNEL_AXIS])
        variable.assign(array)
    return report


def with_channels(kernel: np.ndarray, count: int) -> np.ndarray:
    """A kernel for RGB, [height, width, 3, filters], for another number of channels.

    Those of red, green and blue stay, and each further one gets their mean. Of fewer than three
    each gets as much as makes a gray image what it was as RGB.
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
    """As `paired`, for a convolution on the image whose file is for RGB."""
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
