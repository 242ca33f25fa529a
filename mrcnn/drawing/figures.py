"""Figures: made, shown, and filled with the artists that several functions draw."""

import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.patheffects import withStroke

from mrcnn.drawing.pixels import Crop

_CAPTION_SIZE = 11
# White letters with a dark rim are read on any ground.
_RIM = withStroke(linewidth=2, foreground="k")

# Patches are added as plain artists: `add_patch` would work out limits of the axes from every
# point of every outline, which takes longer than all the rest, for limits that the image sets.


def show() -> None:
    """Show the open figures, or quietly do nothing where there is no display."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-interactive", category=UserWarning)
        plt.show()


def new_axes(width: float, height: float) -> Axes:
    """Axes that fill a new figure of the given size in inches."""
    _, ax = plt.subplots(1, figsize=(width, height))
    return ax


def show_image(ax: Axes, image: np.ndarray, margins: Sequence[float], title: str) -> None:
    """Show an image without axis lines, in the middle of some free space.

    Args:
        margins: pixels of space at the top, right, bottom and left.
    """
    top, right, bottom, left = margins
    height, width = image.shape[:2]
    ax.imshow(image)
    ax.set_ylim(height + bottom, -top)
    ax.set_xlim(-left, width + right)
    ax.axis("off")
    ax.set_title(title)


def add_box(ax: Axes, box: Sequence[float], colour: Any, **style: Any) -> None:
    """Add the outline of a pixel box (y1, x1, y2, x2)."""
    y1, x1, y2, x2 = box
    style = {"linewidth": 2, "facecolor": "none", **style}
    ax.add_artist(Rectangle((x1, y1), x2 - x1, y2 - y1, edgecolor=colour, **style))


def add_shift(ax: Axes, box: Sequence[float], refined_box: Sequence[float], colour: Any) -> None:
    """Add a line from the upper left corner of a box to that of the box it was refined to."""
    ax.add_line(Line2D((box[1], refined_box[1]), (box[0], refined_box[0]), color=colour))


def add_outlines(ax: Axes, crop: Crop, colour: Any) -> None:
    """Add the outlines of a mask."""
    for outline in crop.outlines():
        ax.add_artist(Polygon(outline, facecolor="none", edgecolor=colour))


def add_caption(ax: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Add a text with its lower left corner at the pixel (x, y)."""
    ax.text(x, y, text, color="w", size=_CAPTION_SIZE, path_effects=[_RIM], **style)


def has_area(box: Sequence[float]) -> bool:
    """False for the rows of zeros that fill up arrays of boxes."""
    return bool(np.any(box))
