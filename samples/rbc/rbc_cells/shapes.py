"""Shapes of red cells, named by a network of its own from a crop of each cell."""

import functools
import importlib
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.app.backend import choose_backend
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.instances import Instances
from mrcnn.weights.places import shipped_weights
from rbc_cells.kinds import PLATELET, WHITE
from rbc_cells.shape_crops import (
    NUMBERS,
    color_gains,
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
# Cells are named so many at a time, also the last ones: another number would be compiled anew.
_BATCH = 32
# Not every backend can run a network in two threads at once.
_LOCK = threading.Lock()


def are_named(wanted: bool | None) -> bool:
    """Whether to name shapes.

    Args:
        wanted: None for where Keras is installed; a warning says where it is not.

    Raises:
        ConfigError: they are wanted, and Keras or its backend is not installed.
    """
    if wanted is False:
        return False
    try:
        choose_backend()
        importlib.import_module("keras")
    except (ConfigError, ImportError) as error:
        problem = f"Shapes of cells are named by a network, which cannot run ({error})"
        remedy = "`pip install keras tensorflow`, or detect with --no-shapes"
        if wanted:
            raise ConfigError(f"{problem}: {remedy}.") from error
        warnings.warn(f"{problem}, so they are left out: {remedy}.", stacklevel=2)
        return False
    return True


def name_shapes(image: np.ndarray, cells: Instances, class_names: Sequence[str]) -> Instances:
    """Cells with the columns "shape", of `SHAPES`, and "shape_score", its probability.

    Args:
        image: uint8 [H, W, 3], RGB.
        cells: with masks; those of a class "white blood cell" or "platelet" have no shape.
        class_names: of classes 1, 2, ...

    Returns:
        the cells; "" and NaN where there is no shape, as in a field whose cells are too small.

    Raises:
        WeightsError: the weights that come with the project are not there.
    """
    names = np.full(len(cells), "", dtype=object)
    scores = np.full(len(cells), np.nan)
    others = [number for number, name in enumerate(class_names, 1) if name in (WHITE, PLATELET)]
    red = np.flatnonzero(~np.isin(cells.class_ids, others))
    reds = cells.take(red)
    sure = np.ones(len(reds), bool) if reds.scores is None else reds.scores >= SURE
    diameter = median_diameter(reds, sure)
    if diameter is not None:
        gains = color_gains(image, cells)
        found = probabilities(shape_crops(image, reds.boxes, reds.crops, diameter, gains))
        names[red] = [SHAPES[number] for number in found.argmax(axis=1)]
        scores[red] = found.max(axis=1)
    return cells.with_columns(shape=names, shape_score=scores)


def probabilities(crops: np.ndarray) -> np.ndarray:
    """float [N, 12], of each shape, from crops uint8 [N, SIDE, SIDE, 4]."""
    network = _network()
    count = len(crops)
    padded = np.zeros((-(-count // _BATCH) * _BATCH, *crops.shape[1:]), np.float32)
    padded[:count] = crops
    numbers = shape_numbers(padded)
    parts = [np.zeros((0, len(SHAPES)))]
    for start in range(0, len(padded), _BATCH):
        batch = [padded[start : start + _BATCH], numbers[start : start + _BATCH]]
        with _LOCK:
            parts.append(np.asarray(network.predict_on_batch(batch)))
    logits = np.concatenate(parts)[:count]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@functools.cache
def _network() -> Any:
    """The network with the weights that come with the project, made when it is first needed."""
    from rbc_cells.shape_network import load_network

    path = shipped_weights("rbc").with_name(FILE)
    if not path.is_file():
        raise WeightsError(
            f"{path}: the weights that name shapes of cells are not there. Restore the folder from "
            "the repository or install the wheel again, or detect with --no-shapes."
        )
    return load_network(path, len(SHAPES), NUMBERS)
