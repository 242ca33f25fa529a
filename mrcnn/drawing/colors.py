"""Colors: of instances, one each, and of classes."""

import colorsys
import random
from collections.abc import Iterable
from typing import Any

import matplotlib.colors
import numpy as np

from mrcnn.drawing.palette import CLASS_COLORS, PREDICTION, TRUTH, class_color, in_units
from mrcnn.errors import DataError

Color = tuple[float, float, float]

TRUTH_COLOR = in_units(TRUTH)
PREDICTION_COLOR = in_units(PREDICTION)


def random_colors(N: int, bright: bool = True) -> list[Color]:
    """Colors as different in hue as possible, in random order.

    The order is drawn from Python's `random`: `random.seed` makes it the same each time.

    Args:
        N: how many.
        bright: False for darker colors.

    Returns:
        N tuples (red, green, blue), each 0..1.
    """
    value = 1.0 if bright else 0.7
    colors = [colorsys.hsv_to_rgb(number / N, 1.0, value) for number in range(N)]
    random.shuffle(colors)
    return colors


def class_colors(class_ids: Iterable[int]) -> list[Color]:
    """A fixed color for each class, told apart by the color-blind too; from class 8 on repeated.

    For `display_instances(..., colors=class_colors(class_ids))`.

    Args:
        class_ids: N integers; 0, the background, is gray.

    Returns:
        N tuples (red, green, blue), each 0..1.
    """
    return [in_units(class_color(int(class_id))) for class_id in class_ids]


def neighbor_colors(boxes: np.ndarray) -> list[Color]:
    """The colors of classes for instances: boxes that touch differ, as far as seven colors go.

    The same boxes always have the same colors.

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
        # The rarest among the neighbors; of several, the rarest in all.
        chosen[number] = np.lexsort((used, near))[0]
        used[chosen[number]] += 1
    return class_colors(chosen + 1)


def to_rgba(color: Any) -> tuple[float, float, float, float]:
    """A color as (red, green, blue, opacity), each 0..1.

    Args:
        color: 3 or 4 numbers in 0..1, or a name that matplotlib knows.

    Raises:
        DataError: it is no such thing.
    """
    try:
        values = color if isinstance(color, str) else [float(part) for part in color]
        return matplotlib.colors.to_rgba(values)
    except (TypeError, ValueError):
        raise DataError(
            f"{color!r} is no color: (red, green, blue) with each between 0 and 1 is expected."
        ) from None


def instance_colors(colors: Any, boxes: np.ndarray) -> list[tuple[float, float, float, float]]:
    """The colors of N instances, those of `neighbor_colors` if none are given.

    Args:
        colors: None, or at least N colors; more are allowed, and not used.
        boxes: [N, 4], (y1, x1, y2, x2).

    Raises:
        DataError: there are too few, or one is no color.
    """
    count = len(boxes)
    if colors is None or (len(colors) == 0 and count):
        colors = neighbor_colors(boxes)
    if len(colors) < count:
        raise DataError(
            f"{len(colors)} colors for {count} instances: give one for each instance. For one "
            "for each class use colors=class_colors(class_ids)."
        )
    return [to_rgba(color) for color in colors[:count]]
