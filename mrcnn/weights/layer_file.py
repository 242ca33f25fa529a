"""Arrays of layers as a file in Matterport's layout, without a model of Keras."""

import io
import os
from collections.abc import Mapping

import h5py
import numpy as np

from mrcnn.files import atomic_write

# Weights of layers by the names of the layers, such as "conv1", and in them by their own.
Layers = Mapping[str, Mapping[str, np.ndarray]]


def write_layers(
    path: str | os.PathLike, layers: Layers, models: Mapping[str, Layers] | None = None
) -> None:
    """Write weights, in one step.

    Args:
        path: the file to make or replace.
        layers: of the network.
        models: of the models in it, such as "rpn_model", the layers; each is one group.
    """
    groups = {name: {name: weights} for name, weights in layers.items()} | dict(models or {})
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in groups]
        for name, members in groups.items():
            group = file.create_group(name)
            paths = {
                f"{layer}/{weight}:0": array
                for layer, weights in members.items()
                for weight, array in weights.items()
            }
            for key, array in paths.items():
                group.create_dataset(key, data=array)
            group.attrs["weight_names"] = [key.encode() for key in paths]
    atomic_write(path, content.getbuffer())
