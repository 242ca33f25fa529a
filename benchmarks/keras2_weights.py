"""Weights between this project and Keras 2, in both directions, array by array.

    python -m benchmarks.keras2_weights --python PYTHON [--backbones resnet50 resnet101]
                                        [--modes inference training] [--json FILE]

PYTHON is an interpreter of an environment of its own, with `pip install "tensorflow==2.15.*"`.
Each network gets random weights and is saved by `mrcnn.weights.saving`. The other interpreter,
which never sees this package, builds the layers anew, loads the files by name and by order, and
compares every array with the original ones, which it is given apart from those files. Then it
writes random weights of its own, which are loaded and compared here. The exit status is 0 if all
arrays are equal, bit by bit, 1 if not.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

BACKBONES = ("resnet50", "resnet101")
MODES = ("inference", "training")
READER = Path(__file__).with_name("keras2_read.py")
SEED = 10


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.keras2_weights",
        description="Exchange weights files with Keras 2 and compare every array.",
    )
    parser.add_argument(
        "--python", required=True, metavar="PYTHON", help="interpreter that has tensorflow 2.15"
    )
    parser.add_argument("--backbones", nargs="+", choices=BACKBONES, default=list(BACKBONES))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--json", metavar="FILE", help="write all figures to this file as well")
    return parser


def build_model(backbone: str, mode: str):
    """A network of the original's size, with random weights everywhere."""
    import numpy as np

    from mrcnn.config import Config
    from mrcnn.nets.detector import build_inference_model
    from mrcnn.training.model import build_training_model

    class ExchangeConfig(Config):
        NAME = "exchange"
        BACKBONE = backbone
        NUM_CLASSES = 81
        IMAGE_MIN_DIM = 256
        IMAGE_MAX_DIM = 256

    build = build_training_model if mode == "training" else build_inference_model
    model = build(ExchangeConfig())
    random = np.random.default_rng(SEED)
    for weight in model.weights:
        weight.assign(random.normal(size=weight.shape).astype(np.float32))
    return model


def describe(model) -> list[dict[str, Any]]:
    """The layers with weights, in the model's order; nested models hold a list of theirs."""
    import keras

    specs = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            specs.append({"name": layer.name, "kind": "Model", "layers": describe(layer)})
        elif layer.weights:
            inner = getattr(layer, "layer", layer)
            specs.append(
                {
                    "name": layer.name,
                    "kind": type(inner).__name__,
                    "per_region": inner is not layer,
                    "weights": [weight.name for weight in layer.weights],
                    "shapes": [list(weight.shape) for weight in layer.weights],
                }
            )
    return specs


def arrays_of(model) -> dict:
    """Each weight by "layer/weight"."""
    import keras

    from mrcnn.weights.loading import layers_with_weights

    return {
        f"{layer.name}/{weight.name}": keras.ops.convert_to_numpy(weight)
        for layer in layers_with_weights(model)
        for weight in layer.weights
    }


def exchange(backbone: str, mode: str, python: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Figures of one network.

    Args:
        backbone: one of `BACKBONES`.
        mode: one of `MODES`.
        python: the other interpreter.
        folder: an empty one, for the files.

    Yields:
        `network`, `reader`, `file`, `by`, `arrays`, `values` and `difference`, the largest one.
    """
    import keras
    import numpy as np

    from mrcnn.weights.loading import load_weights
    from mrcnn.weights.saving import save_model, save_weights

    model = build_model(backbone, mode)
    save_weights(model, folder / "ours.h5")
    save_model(model, folder / "ours_whole.h5")
    np.savez(folder / "expected.npz", **arrays_of(model))
    (folder / "layers.json").write_text(json.dumps(describe(model)), encoding="utf-8")
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    for name in ("PYTHONPATH", "KERAS_BACKEND"):
        environment.pop(name, None)
    done = subprocess.run(
        [python, str(READER), str(folder)], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{python} failed for {backbone}, {mode}:\n{done.stderr[-2000:]}")
    network = f"{backbone} {mode}"
    read = json.loads((folder / "read.json").read_text(encoding="utf-8"))
    reader = f"Keras {read['keras']}"
    for figure in read["figures"]:
        by = "name" if figure.pop("by_name") else "order"
        yield {"network": network, "reader": reader, "by": by, **figure}

    with np.load(folder / "theirs.npz") as arrays:
        expected = dict(arrays)
    for name in ("theirs.h5", "theirs_whole.h5"):
        for weight in model.weights:
            weight.assign(np.full(weight.shape, np.nan, np.float32))
        load_weights(model, folder / name, strict=True)
        found = arrays_of(model)
        yield {
            "network": network,
            "reader": f"mrcnn, Keras {keras.__version__}",
            "by": "name",
            "file": name,
            "arrays": len(found),
            "values": sum(int(array.size) for array in found.values()),
            # NaN if a weight was not loaded, and then no maximum hides it.
            "difference": float(
                np.max([np.abs(array - expected[key]).max() for key, array in found.items()])
            ),
        }


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = build_parser()
    options = parser.parse_args(argv)
    if shutil.which(options.python) is None:
        parser.error(f"--python {options.python}: there is no such program.")
    row = "{network:20} {reader:20} {file:16} {by:6} {arrays:>7} {values:>12} {difference:>12}"
    print(row.format(**{name: name for name in
        ("network", "reader", "file", "by", "arrays", "values", "difference")}))  # fmt: skip
    figures = []
    for backbone in options.backbones:
        for mode in options.modes:
            with tempfile.TemporaryDirectory() as folder:
                for figure in exchange(backbone, mode, options.python, Path(folder)):
                    figures.append(figure)
                    print(row.format(**figure), flush=True)
    equal = all(figure["difference"] == 0 for figure in figures)
    arrays = sum(figure["arrays"] for figure in figures)
    print(f"{arrays} arrays compared: " + ("all equal, bit by bit." if equal else "NOT ALL EQUAL."))
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
