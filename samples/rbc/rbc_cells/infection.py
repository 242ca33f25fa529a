"""Malaria parasites in red cells of Giemsa-stained smears, from how dark a cell is inside.

Parasites take up the blue of the stain: dots and rings that absorb more red and green light than
the cell around them. What is darkest in each cell, compared with the same in the other cells of its
field, gives the probability by a logistic regression.
"""

import functools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from mrcnn.errors import WeightsError
from mrcnn.instances import Instances
from mrcnn.weights.places import shipped_weights
from rbc_cells.morphology import eroded
from rbc_cells.ways import SURE

FILE = "infection.json"
INFECTED, PROBABILITY = "infected", "infected_probability"

# Of the densities in a cell: the middle, and what only a parasite's part of it reaches.
QUANTILES = (0.5, 0.9, 0.97, 0.99, 0.997)
# Densities above the cell's median: (channel, difference), whose shares of the cell are taken.
_DARKER = ((0, 0.08), (0, 0.15), (1, 0.12))
# The rim is as dark where cells touch: so much of the radius is left out.
_RIM = 0.08
_BLUR = 1.0
_LEAST_PIXELS = 50
_LEAST_DENSITY = 0.02
# Fewer cells do not tell what is usual in a field.
_LEAST_CELLS = 8
# Farther from the mean than this many standard deviations counts as this many.
_MOST_DEVIATIONS = 3.0


def find_infected(image: np.ndarray, cells: Instances, is_red: np.ndarray) -> Instances:
    """Cells with the columns "infected", 1 or 0, and "infected_probability".

    Args:
        image: uint8 [H, W, 3], RGB.
        cells: with masks.
        is_red: bool [N], which cells are red ones.

    Returns:
        the cells; both are NaN for what is no red cell, for cells of a confidence below 0.5 or of
        less than 50 pixels, and where a field has less than 8 others.

    Raises:
        WeightsError: the weights that come with the project are not there.
    """
    probabilities = np.full(len(cells), np.nan)
    sure = np.ones(len(cells), bool) if cells.scores is None else cells.scores >= SURE
    rows = np.flatnonzero(is_red & sure & (cells.areas() >= _LEAST_PIXELS))
    if len(rows) >= _LEAST_CELLS:
        model = _model()
        values = features(image, cells.take(rows))
        probabilities[rows] = apply_model(model, values)
    infected = np.where(np.isnan(probabilities), np.nan, probabilities >= 0.5)
    return cells.with_columns(**{INFECTED: infected, PROBABILITY: probabilities})


def features(image: np.ndarray, cells: Instances) -> np.ndarray:
    """What tells infected cells from others of their field, whatever the strength of the stain.

    Args:
        image: uint8 [H, W, 3], RGB.
        cells: red cells of one field, with masks.

    Returns:
        float [N, 23]: quantiles of the density of red, green, blue and of what is blue of it, less
        their medians over the field and in units of the density that is usual there; then how
        large the parts are that are much darker than the rest, less the field's median.
    """
    of_each = zip(cells.boxes, cells.crops, strict=True)
    values = np.array([_cell_features(image, box, crop) for box, crop in of_each])
    usual = np.median(values, axis=0)
    count = len(QUANTILES)
    # What absorbs hardly any light gives no unit.
    units = np.maximum(usual[: 3 * count : count], _LEAST_DENSITY)[[0, 1, 2, 0]]
    differences = values - usual
    differences[:, : 4 * count] /= np.repeat(units, count)
    return differences


def _cell_features(image: np.ndarray, box: np.ndarray, crop: np.ndarray) -> np.ndarray:
    y1, x1, y2, x2 = box
    part = ndimage.gaussian_filter(
        image[y1:y2, x1:x2].astype(np.float32), (_BLUR, _BLUR, 0), mode="nearest"
    )
    rim = max(1, int(_RIM * np.sqrt(np.count_nonzero(crop) / np.pi)))
    inside = eroded(crop, rim)
    if np.count_nonzero(inside) < _LEAST_PIXELS:
        inside = crop
    # Picking rows by their numbers is quicker than by a mask.
    pixels = part.reshape(-1, part.shape[2]).take(np.flatnonzero(inside), axis=0)
    density = np.empty((4, len(pixels)), np.float32)
    density[:3] = -np.log10(np.maximum(pixels, 1) / 255).T
    # The blue of the stain absorbs red, what makes a cell red does not.
    density[3] = density[0] - density[1] / 2
    density.sort(axis=1)
    shares = [_share_above(density[channel], more) for channel, more in _DARKER]
    return np.array([*_sorted_quantiles(density, QUANTILES).ravel(), *shares])


def _sorted_quantiles(values: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """`np.quantile` of rows [R, N] that are sorted already, float64 [R, quantiles]."""
    places = (values.shape[1] - 1) * np.asarray(shares)
    before = places.astype(np.int64)
    part = places - before
    low, high = values[:, before], values[:, np.minimum(before + 1, values.shape[1] - 1)]
    step = high - low
    # From the nearer of the two, as NumPy does, so that rounding is the same.
    return np.where(part < 0.5, low + step * part, high - step * (1 - part))


def _share_above(values: np.ndarray, more: float) -> float:
    """Which share of sorted values is by more than so much above their median."""
    count = len(values)
    middle = values[(count - 1) // 2 : count // 2 + 1].mean()
    return (count - int(np.searchsorted(values, middle + more, side="right"))) / count


def apply_model(model: dict[str, Any], values: np.ndarray) -> np.ndarray:
    """The probability of each cell, float [N], from its features [N, F].

    Args:
        model: of `FILE`: `mean` and `deviation` of the features, their `weights`, and `bias`.
        values: see `features`.
    """
    scaled = scale(values, np.array(model["mean"]), np.array(model["deviation"]))
    return 1 / (1 + np.exp(-(scaled @ np.array(model["weights"]) + model["bias"])))


def scale(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Features as deviations from the mean; what is far off counts as less far."""
    return np.clip((values - mean) / deviation, -_MOST_DEVIATIONS, _MOST_DEVIATIONS)


@functools.cache
def _model() -> dict[str, Any]:
    path = shipped_weights("rbc").with_name(FILE)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path}: what tells infected cells cannot be read ({error}). Restore the folder from "
            "the repository, or install the wheel again."
        ) from None
