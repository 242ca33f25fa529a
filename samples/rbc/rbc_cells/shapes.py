"""Shapes of red cells, named by a network of its own from a crop of each cell."""

import functools
import importlib
import importlib.util
import os
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mrcnn.app.backend import choose_backend
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.inference.network_file import NetworkFile
from mrcnn.inference.onnx_runner import onnx_session
from mrcnn.inference.processors import threads
from mrcnn.instances import Instances
from mrcnn.weights.places import shipped_weights
from rbc_cells.shape_crops import (
    NUMBERS,
    color_curves,
    median_diameter,
    shape_crops,
    shape_numbers,
)
from rbc_cells.ways import SURE

SHAPES = (
    "normal",
    "macrocyte",
    "microcyte",
    "spherocyte",
    "target",
    "stomatocyte",
    "ovalocyte",
    "teardrop",
    "burr",
    "schistocyte",
    "hypochromia",
    "elliptocyte",
)
FILE = "shapes.h5"
# The network's operations without its weights, for ONNX Runtime; see `rbc_cells.shape_graph`.
GRAPH = "shapes.graph.zip"
# What 99 of 100 cells of a name have, of those that the network was taught: at least and at most
# so many median diameters, and so much of the longer axis over the shorter one.
LIMITS: dict[str, tuple[float, float, float]] = {
    "macrocyte": (0.96, np.inf, 1),
    "microcyte": (0, 1.03, 1),
    "schistocyte": (0, 1.1, 1),
    "ovalocyte": (0, np.inf, 1.14),
    "teardrop": (0, np.inf, 1.17),
    "elliptocyte": (0, np.inf, 1.28),
}
# Keras names so many cells at a time, also the last ones: another number would be compiled anew.
_BATCH = 40
# With so many at a time ONNX Runtime is quickest: what a layer gives stays in the processor.
_ONNX_BATCH = 8
# Pictures are written by several threads, and not every backend can run a network in two.
_LOCK = threading.Lock()


def are_named(wanted: bool | None) -> bool:
    """Whether to name shapes.

    Args:
        wanted: None for where something that runs the network is installed; a warning says where
            nothing is.

    Raises:
        ConfigError: they are wanted, and neither ONNX Runtime nor Keras and its backend are
            installed.
    """
    if wanted is False or _runs_on_onnx():
        return wanted is not False
    try:
        choose_backend()
        importlib.import_module("keras")
    except (ConfigError, ImportError) as error:
        problem = f"Shapes of cells are named by a network, which cannot run ({error})"
        remedy = "`pip install onnxruntime`, or detect with --no-shapes"
        if wanted:
            raise ConfigError(f"{problem}: {remedy}.") from error
        warnings.warn(f"{problem}, so they are left out: {remedy}.", stacklevel=2)
        return False
    return True


def _runs_on_onnx() -> bool:
    """Whether ONNX Runtime is installed, and no backend of Keras was named in its place."""
    if os.environ.get("KERAS_BACKEND"):
        return False
    return importlib.util.find_spec("onnxruntime") is not None and _shipped(GRAPH).is_file()


def name_shapes(image: np.ndarray, cells: Instances, is_red: np.ndarray) -> Instances:
    """Cells with the columns "shape", of `SHAPES`, and "shape_score", its probability.

    Args:
        image: uint8 [H, W, 3], RGB.
        cells: with masks.
        is_red: bool [N], which are red cells; the others have no shape.

    Returns:
        the cells; "" and NaN where there is no shape, as in a field whose cells are too small.

    Raises:
        WeightsError: the weights that come with the project are not there.
    """
    names = np.full(len(cells), "", dtype=f"U{max(map(len, SHAPES))}")
    scores = np.full(len(cells), np.nan)
    red = np.flatnonzero(is_red)
    reds = cells.take(red)
    sure = np.ones(len(reds), bool) if reds.scores is None else reds.scores >= SURE
    diameter = median_diameter(reds, sure)
    if diameter is not None:
        curves = color_curves(image, cells)
        found = probabilities(shape_crops(image, reds.boxes, reds.crops, diameter, curves))
        names[red] = [SHAPES[number] for number in found.argmax(axis=1)]
        scores[red] = found.max(axis=1)
    return cells.with_columns(shape=names, shape_score=scores)


def probabilities(crops: np.ndarray) -> np.ndarray:
    """float [N, 12], of each of `SHAPES`, from crops uint8 [N, SIDE, SIDE, 4]."""
    with _LOCK:
        predict = _network()
    count = len(crops)
    step, at_once = _ONNX_BATCH, threads()
    if not _runs_on_onnx():
        step, at_once = _BATCH, 1
        crops = np.concatenate([crops, np.zeros((-count % step, *crops.shape[1:]), np.uint8)])
    numbers = shape_numbers(crops)

    def logits_of(start: int) -> np.ndarray:
        part = slice(start, start + step)
        return predict(crops[part].astype(np.float32), numbers[part])

    with ThreadPoolExecutor(at_once, thread_name_prefix="shapes") as pool:
        parts = list(pool.map(logits_of, range(0, len(crops), step)))
    parts.append(np.zeros((0, len(SHAPES))))
    logits = possible(np.concatenate(parts)[:count], numbers[:count])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def possible(logits: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Logits [N, 12] without the shapes that a cell's size or length rules out, see `LIMITS`.

    Args:
        logits: float [N, 12].
        numbers: float [N, 3], see `shape_numbers`.
    """
    result = np.array(logits, float)
    diameter, length = numbers[:, 0], numbers[:, 1] / np.maximum(numbers[:, 2], 1e-6)
    for name, (least, most, longer) in LIMITS.items():
        ruled_out = (diameter < least) | (diameter > most) | (length < longer)
        result[ruled_out, SHAPES.index(name)] = -np.inf
    return result


@functools.cache
def _network() -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The network with the weights that come with the project, made when it is first needed."""
    path = _shipped(FILE)
    if not path.is_file():
        raise WeightsError(
            f"{path}: the weights that name shapes of cells are not there. Restore the folder from "
            "the repository or install the wheel again, or detect with --no-shapes."
        )
    if _runs_on_onnx():
        content = NetworkFile.read(_shipped(GRAPH)).filled(path, {})
        # Threads that share each layer wait for one another all the time: each has some cells.
        session = onnx_session(content, at_once=threads())
        return lambda crops, numbers: session.run(None, {"crop": crops, "measured": numbers})[0]
    from rbc_cells.shape_network import load_network

    network = load_network(path, len(SHAPES), NUMBERS)

    def predict(crops: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        with _LOCK:
            return np.asarray(network.predict_on_batch([crops, numbers]))

    return predict


def _shipped(name: str) -> Path:
    return shipped_weights("rbc").with_name(name)
