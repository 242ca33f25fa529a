"""Several images side by side."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mrcnn.drawing.figures import show
from mrcnn.drawing.instances import ClassNames, class_name
from mrcnn.drawing.pixels import as_rgb
from mrcnn.errors import DataError

_WIDTH_INCHES = 14
_TITLE_SIZE = 9


def display_images(
    images: Sequence[ArrayLike],
    titles: Sequence[str] | None = None,
    cols: int = 4,
    cmap: Any = None,
    norm: Any = None,
    interpolation: str | None = None,
) -> list[Axes]:
    """Show images in rows and columns of a new figure.

    Args:
        images: a list of images, or an array of them: [H, W] in the colors of `cmap`, or
            [H, W, 3], see `mrcnn.drawing.pixels.as_rgb`. A single uint8 [H, W, 3] array is taken
            for one image.
        titles: above the images; where there are fewer, the last images have none.
        cols: images in a row.
        cmap, norm, interpolation: see `matplotlib.pyplot.imshow`.

    Returns:
        The axes of the images; `[0].figure.savefig(path)` saves the picture.

    Raises:
        DataError: something among the images is none, or there are no columns.
    """
    if cols < 1:
        raise DataError(f"cols is {cols}: at least one column is needed.")
    several: Sequence[Any] = [images] if _is_one_image(images) else images
    pictures = [_for_imshow(image) for image in several]
    titles = [*(titles if titles is not None else [])]
    titles += [""] * (len(pictures) - len(titles))
    rows = max(1, math.ceil(len(pictures) / cols))
    figure = plt.figure(figsize=(_WIDTH_INCHES, _WIDTH_INCHES * rows / cols))
    axes = []
    for number, picture in enumerate(pictures):
        ax = figure.add_subplot(rows, cols, number + 1)
        ax.set_title(titles[number], fontsize=_TITLE_SIZE)
        ax.axis("off")
        ax.imshow(picture, cmap=cmap, norm=norm, interpolation=interpolation)
        axes.append(ax)
    show()
    return axes


def display_top_masks(
    image: ArrayLike,
    mask: ArrayLike,
    class_ids: ArrayLike,
    class_names: ClassNames,
    limit: int = 4,
) -> list[Axes]:
    """Show an image and beside it the masks of its largest classes.

    Args:
        image: [H, W, 3], see `mrcnn.drawing.pixels.as_rgb`.
        mask: [H, W, N], non-zero inside.
        class_ids: int [N].
        class_names: name of each class, the background's first.
        limit: how many classes, those with the most pixels first. Places left over stay empty.

    Returns:
        The axes: of the image, then of `limit` classes, whose instances have a shade each.

    Raises:
        DataError: masks, class ids and image do not fit together.
    """
    image, mask, class_ids = np.asarray(image), np.asarray(mask), np.asarray(class_ids)
    if mask.size == 0:
        mask = np.zeros((*image.shape[:2], mask.shape[-1] if mask.ndim == 3 else 0), bool)
    if mask.ndim != 3 or mask.shape[2] != len(class_ids) or mask.shape[:2] != image.shape[:2]:
        raise DataError(
            f"The image has the shape {image.shape}, the masks {mask.shape}, and there are "
            f"{len(class_ids)} class_ids: [H, W, 3], [H, W, N] and N are expected."
        )
    inside = mask != 0
    areas = np.count_nonzero(inside, axis=(0, 1))
    totals = {class_id: areas[class_ids == class_id].sum() for class_id in np.unique(class_ids)}
    largest_first = sorted(totals, key=lambda class_id: -totals[class_id])
    top = [class_id for class_id in largest_first if totals[class_id]][:limit]

    pictures = [as_rgb(image)]
    titles = [f"H x W={image.shape[0]}x{image.shape[1]}"]
    for class_id in top:
        pictures.append(_numbered(inside[:, :, class_ids == class_id]))
        titles.append(class_name(class_names, class_id))
    missing = limit - len(top)
    pictures += [np.zeros(image.shape[:2], np.int32)] * missing
    titles += ["-"] * missing
    return display_images(pictures, titles=titles, cols=limit + 1, cmap="Blues_r")


def _numbered(inside: np.ndarray) -> np.ndarray:
    """Instances 1, 2, ... of bool masks [H, W, N] in one int32 [H, W]; the last is on top."""
    numbers = np.zeros(inside.shape[:2], np.int32)
    for number in range(inside.shape[2]):
        numbers[inside[:, :, number]] = number + 1
    return numbers


def _is_one_image(images: Any) -> bool:
    is_color = isinstance(images, np.ndarray) and images.ndim == 3 and images.shape[2] in (3, 4)
    return is_color and images.dtype == np.uint8


def _for_imshow(image: ArrayLike) -> np.ndarray:
    """[H, W] numbers for the color map, or uint8 [H, W, 3]."""
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.ndim != 2:
        return as_rgb(image)
    if image.dtype.kind not in "buif" or 0 in image.shape:
        raise DataError(f"An image of shape {image.shape} and type {image.dtype} cannot be shown.")
    if image.dtype == bool:
        return image.astype(np.uint8)
    # matplotlib has no half precision.
    return image.astype(np.float32) if image.dtype == np.float16 else image
