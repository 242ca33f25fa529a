"""Figures: made, shown, and filled with the artists that several functions draw."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from mrcnn.drawing.pixels import Crop
from mrcnn.errors import DataError
from mrcnn.files import atomic_path

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


def add_box(ax: Axes, box: Sequence[float], color: Any, **style: Any) -> None:
    """Add the outline of a pixel box (y1, x1, y2, x2)."""
    y1, x1, y2, x2 = box
    style = {"linewidth": 2, "facecolor": "none", **style}
    ax.add_artist(Rectangle((x1, y1), x2 - x1, y2 - y1, edgecolor=color, **style))


def add_shift(ax: Axes, box: Sequence[float], refined_box: Sequence[float], color: Any) -> None:
    """Add a line from the upper left corner of a box to that of the box it was refined to."""
    ax.add_line(Line2D((box[1], refined_box[1]), (box[0], refined_box[0]), color=color))


def add_outlines(ax: Axes, crop: Crop, color: Any) -> None:
    """Add the outlines of a mask."""
    for outline in crop.outlines():
        ax.add_artist(Polygon(outline, facecolor="none", edgecolor=color))


def add_caption(ax: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Add a text with its lower left corner at the pixel (x, y)."""
    ax.text(x, y, text, color="w", size=_CAPTION_SIZE, path_effects=[_RIM], **style)


def has_area(box: Sequence[float]) -> bool:
    """False for the rows of zeros that fill up arrays of boxes."""
    return bool(np.any(box))


def save_picture(ax: Axes, path: str | os.PathLike, scale: int = 1) -> None:
    """Save an image and what is drawn on it in the image's own pixels, without title and margins.

    The figure is left as it was. Lines and captions are as large, against the image, as in it.

    Args:
        ax: such as `display_instances` returns; `display_images(...)[number]` for one of several.
        path: the file to make or replace; its suffix says the format, such as `.png` or `.tif`.
        scale: pixels of the picture for each pixel of the image, along both sides. More than 1
            keeps captions readable on small images.

    Raises:
        DataError: there is no image on the axes, the scale is below 1, or the format is unknown.
        OutputError: the file cannot be written.
    """
    if not ax.images:
        raise DataError("There is no image on these axes, so the picture would have no size.")
    if scale < 1:
        raise DataError(f"scale is {scale!r}: a whole number of at least 1 is expected.")
    figure: Any = ax.get_figure(root=True)
    formats = sorted(figure.canvas.get_supported_filetypes())
    if Path(path).suffix[1:].lower() not in formats:
        raise DataError(
            f"{str(path)!r}: the suffix says the format of a picture; known are {formats}."
        )
    image = ax.images[0]
    height, width = (scale * side for side in image.get_size())
    # Only a draw settles where the axes lie in the figure.
    figure.draw_without_rendering()
    left, right, bottom, top = image.get_extent()
    corners = ax.transData.transform([(left, bottom), (right, top)]) / figure.dpi
    (x0, y0), (x1, _) = corners
    dots_per_inch = width / (x1 - x0)
    # The size is cut to whole pixels; a little more keeps the last of them.
    sides = (np.array([width, height]) + 0.01) / dots_per_inch
    interpolation = image.get_interpolation()
    image.set_interpolation("nearest")
    try:
        with atomic_path(path) as temporary:
            figure.savefig(
                temporary,
                dpi=dots_per_inch,
                bbox_inches=Bbox([(x0, y0), (x0 + sides[0], y0 + sides[1])]),
            )
    finally:
        image.set_interpolation(interpolation)
