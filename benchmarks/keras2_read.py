"""The part of `benchmarks.keras2_weights` that runs under Keras 2, without this package.

    python keras2_read.py FOLDER

`FOLDER/layers.json` lists the layers of a network; a Keras model of these layers is built, each on
an input of its own. The files that the other side wrote are loaded into it and compared with the
arrays in `expected.npz`. Then random weights are written, in every way that Keras 2 has, for the
other side to read. Figures go to `FOLDER/read.json`.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorflow as tf

keras = tf.keras
REGIONS = 2
SEED = 20


class BatchNorm(keras.layers.BatchNormalization):
    """A subclass, as the original has one."""


def make_layer(spec):
    """A layer that is not built, and the shape of an input for it.

    Args:
        spec: `name`, `kind`, `per_region` and `shapes`, those of the weights.
    """
    shape = spec["shapes"][0]
    if spec["kind"] == "Conv2D":
        height, width, channels, filters = shape
        layer = keras.layers.Conv2D(filters, (height, width), name=spec["name"])
        inputs = (height, width, channels)
    elif spec["kind"] == "Conv2DTranspose":
        height, width, filters, channels = shape
        layer = keras.layers.Conv2DTranspose(filters, (height, width), name=spec["name"])
        inputs = (height, width, channels)
    elif spec["kind"] == "Dense":
        layer = keras.layers.Dense(shape[1], name=spec["name"])
        inputs = (shape[0],)
    elif spec["kind"] == "BatchNorm":
        layer = BatchNorm(name=spec["name"])
        inputs = (4, 4, shape[0])
    else:
        raise ValueError(f"{spec['name']}: unknown kind {spec['kind']}")
    if spec["per_region"]:
        # The layer in the wrapper has a name of Keras' choosing, as in the original.
        inner = type(layer).from_config({**layer.get_config(), "name": None})
        return keras.layers.TimeDistributed(inner, name=spec["name"]), (REGIONS, *inputs)
    return layer, inputs


def build(specs):
    """A model of the layers, whose order with weights is theirs; lists become nested models."""
    inputs, outputs = [], []
    for spec in specs:
        if spec["kind"] == "Model":
            inner = build(spec["layers"])
            layer = keras.Model(inner.inputs, inner.outputs, name=spec["name"])
            tensors = [keras.Input(tensor.shape[1:]) for tensor in inner.inputs]
        else:
            layer, shape = make_layer(spec)
            tensors = [keras.Input(shape)]
        inputs += tensors
        result = layer(tensors if len(tensors) > 1 else tensors[0])
        outputs += result if isinstance(result, list) else [result]
    return keras.Model(inputs, outputs)


def variables(model, specs):
    """Each weight by "layer/weight", as the other side names it."""
    found = {}
    for spec in specs:
        layer = model.get_layer(spec["name"])
        if spec["kind"] == "Model":
            found.update(variables(layer, spec["layers"]))
            continue
        inner = layer.layer if spec["per_region"] else layer
        for name in spec["weights"]:
            found[f"{spec['name']}/{name}"] = getattr(inner, name)
    return found


def compare(weights, expected):
    """Number of arrays and of values, and the largest difference; NaN where nothing was loaded."""
    if set(weights) != set(expected):
        raise ValueError(f"other weights: {sorted(set(weights) ^ set(expected))[:5]}")
    difference = 0.0
    for name, variable in weights.items():
        array = variable.numpy()
        if array.shape != expected[name].shape:
            raise ValueError(f"{name}: {array.shape} instead of {expected[name].shape}")
        difference = max(difference, float(np.abs(array - expected[name]).max()))
        if np.isnan(array).any():
            difference = float("nan")
    return {
        "arrays": len(weights),
        "values": sum(int(array.size) for array in expected.values()),
        "difference": difference,
    }


def main(folder: Path) -> None:
    """Read what the other side wrote, and write for it."""
    specs = json.loads((folder / "layers.json").read_text(encoding="utf-8"))
    with np.load(folder / "expected.npz") as arrays:
        expected = dict(arrays)
    model = build(specs)
    weights = variables(model, specs)
    order = [layer.name for layer in model.layers if layer.weights]
    if order != [spec["name"] for spec in specs]:
        raise ValueError("the layers with weights are in another order than they were listed")
    figures = []
    for name in ("ours.h5", "ours_whole.h5"):
        for by_name in (True, False):
            for variable in weights.values():
                variable.assign(np.full(variable.shape, np.nan, np.float32))
            model.load_weights(str(folder / name), by_name=by_name)
            figures.append({"file": name, "by_name": by_name, **compare(weights, expected)})

    random = np.random.default_rng(SEED)
    for variable in weights.values():
        variable.assign(random.normal(size=variable.shape).astype(np.float32))
    np.savez(folder / "theirs.npz", **{name: v.numpy() for name, v in weights.items()})
    model.save_weights(str(folder / "theirs.h5"))
    model.save(str(folder / "theirs_whole.h5"))
    result = {"tensorflow": tf.__version__, "keras": version("keras"), "figures": figures}
    (folder / "read.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
