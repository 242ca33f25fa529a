"""Drawing into image arrays, and images as matplotlib shows them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from skimage.measure import find_contours

from mrcnn.errors import DataError

_LINE_WIDTH = 2


def apply_mask(
    image: np.ndarray, mask: np.ndarray, color: Sequence[float], alpha: float = 0.5
) -> np.ndarray:
    """Tint the part of an image that a mask covers.

    Args:
        image: [H, W, 3 or more], 0 to 255; it is changed. Whole numbers are cut, not rounded.
        mask: [H, W], inside where above 0.5.
        color: (red, green, blue), each 0..1.
        alpha: opacity of the color, 0..1.

    Returns:
        `image` itself.

    Raises:
        DataError: image and mask do not fit together, or the image cannot be changed.
    """
    mask = np.asarray(mask)
    if image.ndim != 3 or image.shape[2] < 3 or mask.shape != image.shape[:2]:
        raise DataError(
            f"The image has the shape {image.shape} and the mask {mask.shape}: an RGB image "
            "[height, width, 3] and one mask [height, width] of the same size are expected."
        )
    _check_writeable(image)
    inside = mask if mask.dtype == bool else mask > 0.5
    for channel in range(3):
        values = image[:, :, channel]
        blend = values[inside] * (1.0 - alpha) + alpha * float(color[channel]) * 255
        if values.dtype.kind in "iu":
            limits = np.iinfo(values.dtype)
            blend = blend.clip(limits.min, limits.max)
        values[inside] = blend
    return image


def draw_box(image: np.ndarray, box: Sequence[int], color: Sequence[float]) -> np.ndarray:
    """Draw the outline of a box, two pixels thick, into an image.

    The top and left lines lie inside the box, the bottom and right ones just below and beside it.

    Args:
        image: [H, W] or [H, W, C]; it is changed.
        box: pixel (y1, x1, y2, x2); what lies outside the image is not drawn.
        color: C values in the image's own range, such as (255, 0, 0) for 8-bit RGB.

    Returns:
        `image` itself.

    Raises:
        DataError: the image cannot be changed.
    """
    _check_writeable(image)
    sides = np.array([int(side) for side in box])
    # Slices from a negative row would count from the far end.
    y1, x1, y2, x2 = sides.clip(0)
    y1_end, x1_end, y2_end, x2_end = (sides + _LINE_WIDTH).clip(0)
    image[y1:y1_end, x1:x2] = color
    image[y2:y2_end, x1:x2] = color
    image[y1:y2, x1:x1_end] = color
    image[y1:y2, x2:x2_end] = color
    return image


def _check_writeable(image: np.ndarray) -> None:
    if not image.flags.writeable:
        raise DataError("The image is read-only: pass a copy of it, image.copy().")


def as_rgb(image: ArrayLike) -> np.ndarray:
    """A copy of an image as 8-bit RGB.

    Args:
        image: [H, W], [H, W, 1] or [H, W, 3 or more] (the first three are taken), of 8 bits;
            boolean; of floating-point numbers up to 1 or up to 255; or of larger values, which are
            scaled so that the largest becomes 255. Negative values and NaN become 0.

    Returns:
        uint8 [H, W, 3].

    Raises:
        DataError: it has another shape.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] == 2 or 0 in image.shape:
        raise DataError(
            f"The image has the shape {image.shape}: [height, width] or [height, width, 3] is "
            "expected."
        )
    image = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[:, :, :3]
    if image.dtype == np.uint8:
        return image.copy()
    values = np.nan_to_num(image.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    largest = values.max()
    if image.dtype == bool or (image.dtype.kind == "f" and largest <= 1):
        values = np.rint(values * 255)
    elif largest > 255:
        values = np.rint(values * (255 / largest))
    return values.clip(0, 255).astype(np.uint8)


class Crop(NamedTuple):
    """A mask without the empty space around it.

    Attributes:
        top, left: where it lies in the image, in pixels.
        mask: bool [h, w].
    """

    top: int
    left: int
    mask: np.ndarray

    def of(self, image: np.ndarray) -> np.ndarray:
        """The part of an image [H, W, ...] that the crop covers, as a view."""
        height, width = self.mask.shape
        return image[self.top : self.top + height, self.left : self.left + width]

    def outlines(self) -> list[np.ndarray]:
        """Closed outlines, each float [K, 2] of (x, y) in pixels of the image."""
        # The frame of zeros closes outlines at the border of the crop.
        contours = find_contours(np.pad(self.mask, 1).astype(np.uint8), 0.5)
        offset = np.array([self.top - 1, self.left - 1])
        return [(contour + offset)[:, ::-1] for contour in contours]


def crops_of(masks: np.ndarray) -> list[Crop]:
    """The crops of whole masks; those of empty masks have no pixel.

    Args:
        masks: [H, W, N], inside where above 0.5.
    """
    inside = masks if masks.dtype == bool else masks > 0.5
    # Two passes over all masks at once: one by one, each would read the memory of all.
    in_row, in_column = np.asarray(inside.any(axis=1)), np.asarray(inside.any(axis=0))
    crops = []
    for number in range(inside.shape[2]):
        top, bottom = _extent(in_row[:, number])
        left, right = _extent(in_column[:, number])
        crops.append(Crop(top, left, inside[top:bottom, left:right, number]))
    return crops


def _extent(inside: np.ndarray) -> tuple[int, int]:
    places = np.flatnonzero(inside)
    return (int(places[0]), int(places[-1]) + 1) if places.size else (0, 0)
