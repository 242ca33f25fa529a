"""Colours: of instances, one each, and of classes."""

import colorsys
import random
from collections.abc import Iterable
from typing import Any

import matplotlib.colors
import numpy as np

from mrcnn.drawing.palette import CLASS_COLORS, PREDICTION, TRUTH, class_color, in_units
from mrcnn.errors import DataError

Colour = tuple[float, float, float]

TRUTH_COLOUR = in_units(TRUTH)
PREDICTION_COLOUR = in_units(PREDICTION)


def random_colors(N: int, bright: bool = True) -> list[Colour]:
    """Colours as different in hue as possible, in random order.

    The order is drawn from Python's `random`: `random.seed` makes it the same each time.

    Args:
        N: how many.
        bright: False for darker colours.

    Returns:
        N tuples (red, green, blue), each 0..1.
    """
    value = 1.0 if bright else 0.7
    colours = [colorsys.hsv_to_rgb(number / N, 1.0, value) for number in range(N)]
    random.shuffle(colours)
    return colours


def class_colors(class_ids: Iterable[int]) -> list[Colour]:
    """A fixed colour for each class, told apart by the colour-blind too; from class 8 on repeated.

    For `display_instances(..., colors=class_colors(class_ids))`.

    Args:
        class_ids: N integers; 0, the background, is grey.

    Returns:
        N tuples (red, green, blue), each 0..1.
    """
    return [in_units(class_color(int(class_id))) for class_id in class_ids]


def neighbour_colours(boxes: np.ndarray) -> list[Colour]:
    """The colours of classes for instances: boxes that touch differ, as far as seven colours go.

    The same boxes always have the same colours.

    Args:
        boxes: [N, 4], (y1, x1, y2, x2).

    Returns:
        N tuples (red, green, blue), each 0..1.
    """
    y1, x1, y2, x2 = boxes.T
    chosen = np.zeros(len(boxes), int)
    used = np.zeros(len(CLASS_COLORS), int)
    for number in range(len(boxes)):
        touches = (y1[:number] <= y2[number]) & (y2[:number] >= y1[number])
        touches &= (x1[:number] <= x2[number]) & (x2[:number] >= x1[number])
        near = np.bincount(chosen[:number][touches], minlength=len(used))
        # The rarest among the neighbours; of several, the rarest in all.
        chosen[number] = np.lexsort((used, near))[0]
        used[chosen[number]] += 1
    return class_colors(chosen + 1)


def to_rgba(colour: Any) -> tuple[float, float, float, float]:
    """A colour as (red, green, blue, opacity), each 0..1.

    Args:
        colour: 3 or 4 numbers in 0..1, or a name that matplotlib knows.

    Raises:
        DataError: it is no such thing.
    """
    try:
        values = colour if isinstance(colour, str) else [float(part) for part in colour]
        return matplotlib.colors.to_rgba(values)
    except (TypeError, ValueError):
        raise DataError(
            f"{colour!r} is no colour: (red, green, blue) with each between 0 and 1 is expected."
        ) from None


def instance_colours(colours: Any, boxes: np.ndarray) -> list[tuple[float, float, float, float]]:
    """The colours of N instances, those of `neighbour_colours` if none are given.

    Args:
        colours: None, or at least N colours; more are allowed, and not used.
        boxes: [N, 4], (y1, x1, y2, x2).

    Raises:
        DataError: there are too few, or one is no colour.
    """
    count = len(boxes)
    if colours is None or (len(colours) == 0 and count):
        colours = neighbour_colours(boxes)
    if len(colours) < count:
        raise DataError(
            f"{len(colours)} colors for {count} instances: give one for each instance. For one "
            "for each class use colors=class_colors(class_ids)."
        )
    return [to_rgba(colour) for colour in colours[:count]]
