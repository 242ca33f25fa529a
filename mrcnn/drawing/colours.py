"""Colours: of instances, one each, and of classes."""

import colorsys
import random
from collections.abc import Iterable
from typing import Any

import matplotlib.colors

from mrcnn.errors import DataError

Colour = tuple[float, float, float]

# Okabe and Ito (2008), without black: told apart with any kind of colour vision.
_CLASS_COLOURS = (
    "#E69F00",  # orange
    "#56B4E9",  # sky blue
    "#009E73",  # bluish green
    "#F0E442",  # yellow
    "#0072B2",  # blue
    "#D55E00",  # vermilion
    "#CC79A7",  # reddish purple
)
_BACKGROUND_COLOUR = "#999999"


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
    return [
        matplotlib.colors.to_rgb(
            _CLASS_COLOURS[(int(class_id) - 1) % len(_CLASS_COLOURS)]
            if class_id
            else _BACKGROUND_COLOUR
        )
        for class_id in class_ids
    ]


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


def instance_colours(colours: Any, count: int) -> list[tuple[float, float, float, float]]:
    """The colours of `count` instances, random ones if none are given.

    Args:
        colours: None, or at least `count` colours; more are allowed, and not used.

    Raises:
        DataError: there are too few, or one is no colour.
    """
    if colours is None or (len(colours) == 0 and count):
        colours = random_colors(count)
    if len(colours) < count:
        raise DataError(
            f"{len(colours)} colors for {count} instances: give one for each instance. For one "
            "for each class use colors=class_colors(class_ids)."
        )
    return [to_rgba(colour) for colour in colours[:count]]
