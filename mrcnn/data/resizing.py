"""Bringing images and masks to the size of the network."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
import skimage.transform

from mrcnn.errors import ConfigError

RESIZE_MODES = ("square", "pad64", "none", "crop")
# An image that is made this many times smaller, or more, is averaged by whole pixels first: single
# pixels of it would show noise and thin lines that the network never saw.
_COARSE = 4
# Of squares of so many pixels a side float32 holds the sum of 8-bit values exactly.
_EXACT = 256
# And 16 bits hold it of squares of so many.
_SHORT_SUMS = 16
# So many rows at a time stay in the processor's memory.
_ROWS = 16


@dataclass(frozen=True)
class ResizePlan:
    """How an image is scaled and where it lies in its frame; all figures in pixels.

    Attributes:
        original_shape: (height, width) of the image as read.
        scale: factor of both sides.
        resized_shape: (height, width) after scaling.
        frame_shape: (height, width) of the result, with padding or after cropping.
        top, left: rows and columns of padding before the image (0 when it is cropped).
        is_crop: the frame is a part of the resized image, its place still to be drawn.
    """

    original_shape: tuple[int, int]
    scale: float
    resized_shape: tuple[int, int]
    frame_shape: tuple[int, int]
    top: int = 0
    left: int = 0
    is_crop: bool = False

    @property
    def window(self) -> tuple[int, int, int, int]:
        """(y1, x1, y2, x2) of the part of the frame that shows the image."""
        if self.is_crop:
            return (0, 0, *self.frame_shape)
        height, width = self.resized_shape
        return (self.top, self.left, self.top + height, self.left + width)

    @property
    def padding(self) -> list[tuple[int, int]]:
        """Zeros before and after each axis (rows, columns, channels)."""
        if self.is_crop:
            return [(0, 0), (0, 0), (0, 0)]
        bottom = self.frame_shape[0] - self.resized_shape[0] - self.top
        right = self.frame_shape[1] - self.resized_shape[1] - self.left
        return [(self.top, bottom), (self.left, right), (0, 0)]


def resize_settings(config: Any) -> dict[str, Any]:
    """What a configuration says of sizes, as arguments of `plan_resize` and `resize_image`."""
    return {
        "min_dim": config.IMAGE_MIN_DIM,
        "max_dim": config.IMAGE_MAX_DIM,
        "min_scale": config.IMAGE_MIN_SCALE,
        "mode": config.IMAGE_RESIZE_MODE,
        "fit": config.IMAGE_FIT,
    }


def plan_resize(
    shape: Sequence[int],
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    *,
    fit: bool = False,
    own_scale: float | None = None,
) -> ResizePlan:
    """Work out scale, padding and frame of `resize_image` from the image's size alone.

    Args:
        shape: (height, width, ...) of the image.
        min_dim, max_dim, min_scale, mode, fit: see `resize_image`.
        own_scale: pixels of the result for each pixel of this image, whatever `max_dim`,
            `min_scale` and `fit` say; only in mode "crop". An image that is smaller than the crop
            then stays so.

    Raises:
        ConfigError: the mode is unknown or has no place for a scale, or a size that it needs is
            missing.
    """
    height, width = int(shape[0]), int(shape[1])
    original = (height, width)
    if own_scale is not None and mode != "crop":
        raise ConfigError(
            f"IMAGE_RESIZE_MODE is {mode!r}, but the image has a scale of its own "
            f"({own_scale:.3g}), at which it has any size: use 'crop', which trains on parts."
        )
    if mode == "none":
        return ResizePlan(original, 1, original, original)
    if mode not in RESIZE_MODES:
        raise ConfigError(
            f"IMAGE_RESIZE_MODE is {mode!r}: must be one of {', '.join(map(repr, RESIZE_MODES))}."
        )

    scale = 1.0
    frame: tuple[int, int] | None = None
    if own_scale is not None:
        scale = own_scale
    elif fit:
        if not max_dim:
            raise ConfigError("IMAGE_FIT needs IMAGE_MAX_DIM, the longer side in pixels.")
        scale = max_dim / max(height, width)
    else:
        if min_dim:
            scale = max(scale, min_dim / min(height, width))
        if min_scale:
            scale = max(scale, min_scale)
    if mode == "square":
        if not max_dim:
            raise ConfigError("IMAGE_RESIZE_MODE 'square' needs IMAGE_MAX_DIM, the side in pixels.")
        frame = (max_dim, max_dim)
        if round(max(height, width) * scale) > max_dim:
            scale = max_dim / max(height, width)
    # A very long image must keep at least one pixel of its short side.
    resized = (max(1, round(height * scale)), max(1, round(width * scale)))

    if mode == "crop":
        if not min_dim:
            raise ConfigError("IMAGE_RESIZE_MODE 'crop' needs IMAGE_MIN_DIM, the side in pixels.")
        return ResizePlan(original, scale, resized, (min_dim, min_dim), is_crop=True)
    if frame is None:
        if min_dim and min_dim % 64 and not fit:
            raise ConfigError(
                f"IMAGE_MIN_DIM is {min_dim}: must be divisible by 64 in IMAGE_RESIZE_MODE 'pad64'."
            )
        frame = (-(-resized[0] // 64) * 64, -(-resized[1] // 64) * 64)
    top, left = (frame[0] - resized[0]) // 2, (frame[1] - resized[1]) // 2
    return ResizePlan(original, scale, resized, frame, top, left)


def resize(
    image: np.ndarray,
    output_shape: Sequence[int],
    order: int = 1,
    mode: str = "constant",
    cval: float = 0,
    clip: bool = True,
    preserve_range: bool = False,
    anti_aliasing: bool = False,
    anti_aliasing_sigma: float | Sequence[float] | None = None,
) -> np.ndarray:
    """`skimage.transform.resize` with the defaults that the network was designed with.

    Bilinear, zeros beyond the border, and no smoothing before an image is made smaller. Boolean
    images are interpolated as 0.0 and 1.0.
    """
    if image.dtype == bool and order > 0:
        image = image.astype(np.float64)
    if image.dtype.kind == "f" and order <= 1 and np.isnan(image).any():
        # Between two values there is nothing to clip; of values that are none the library warns.
        clip = False
    return skimage.transform.resize(
        image,
        output_shape,
        order=order,
        mode=mode,
        cval=cval,
        clip=clip,
        preserve_range=preserve_range,
        anti_aliasing=anti_aliasing,
        anti_aliasing_sigma=anti_aliasing_sigma,
    )


def scale_image(image: np.ndarray, plan: ResizePlan) -> np.ndarray:
    """`image` scaled as planned, without padding or cropping, in its own dtype."""
    if plan.scale == 1:
        return image
    if _is_made_smaller(image, plan.resized_shape):
        return made_smaller(image, plan.resized_shape)
    return resize(image, plan.resized_shape, preserve_range=True).astype(image.dtype)


def _is_made_smaller(image: np.ndarray, shape: Sequence[int]) -> bool:
    """Whether an image is one of 8 bits that grows along no side."""
    if image.dtype != np.uint8 or image.ndim != 3:
        return False
    return all(0 < new <= old for new, old in zip(shape, image.shape[:2], strict=True))


def made_smaller(image: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """`resize` with `preserve_range`, cut to 8 bits; equal to it, in a fraction of the time.

    Nothing beyond the border is looked at, so that its modes make no difference.

    Args:
        image: uint8 [H, W, C].
        shape: (height, width), neither larger than that of the image.

    Returns:
        uint8 [height, width, C].
    """
    (above, below, of_below), (left, right, of_right) = (
        _neighbors(old, new) for old, new in zip(image.shape[:2], shape, strict=True)
    )
    channels = image.shape[2]
    # A row of pixels is a row of numbers: single ones are picked in a third of the time.
    picked = image.reshape(len(image), -1)
    columns, others = (
        (each[:, None] * channels + np.arange(channels)).ravel() for each in (left, right)
    )
    of_right = np.repeat(of_right, channels)
    smaller = np.empty((shape[0], len(columns)), np.uint8)
    lowest = float(image.min(initial=255))
    for begin in range(0, shape[0], _ROWS):
        rows = slice(begin, begin + _ROWS)
        values = np.zeros(smaller[rows].shape)
        part = np.empty_like(values)
        # Rounding is that of `scipy.ndimage.zoom`: product by product, in this order.
        for places, weights in ((above, 1 - of_below), (below, of_below)):
            lines = picked[places[rows]]
            for numbers, factors in ((columns, 1 - of_right), (others, of_right)):
                np.multiply(lines.take(numbers, axis=1), weights[rows, None], out=part)
                part *= factors
                values += part
        # It may come out by a rounding below the darkest pixel, which is cut off then.
        smaller[rows] = np.maximum(values, lowest, out=values)
    return smaller.reshape(*shape, channels)


def _neighbors(length: int, new_length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Between which two pixels of `length` each of fewer ones lies, and the second's weight."""
    places = (np.arange(new_length) + 0.5) * (length / new_length) - 0.5
    first = np.floor(places).astype(np.int64)
    return first, np.minimum(first + 1, length - 1), 1 - (1 - (places - first))


def scale_evenly(image: np.ndarray, plan: ResizePlan) -> np.ndarray:
    """`image` in the size of a plan that may be far from its own, in its own dtype.

    Unlike `scale_image`, which resizes as the original does: means of squares of pixels where the
    image is made far smaller, and no dark rim where it is made larger.
    """
    factor = int(1 / plan.scale / (_COARSE / 2)) if plan.scale <= 1 / _COARSE else 1
    if factor > 1:
        rest = [(0, -side % factor) for side in image.shape[:2]]
        if any(after for _, after in rest):
            image = np.pad(image, (*rest, (0, 0)), mode="edge")
        height, width = (side // factor for side in image.shape[:2])
        squares = image.reshape(height, factor, width, factor, -1)
        image = np.rint(_means(squares)).astype(image.dtype)
    if image.shape[:2] == plan.resized_shape:
        return image
    if _is_made_smaller(image, plan.resized_shape):
        return made_smaller(image, plan.resized_shape)
    return resize(image, plan.resized_shape, mode="edge", preserve_range=True).astype(image.dtype)


def _means(squares: np.ndarray) -> np.ndarray:
    """Means float32 [h, w, C] of squares [h, n, w, n, C]."""
    side = squares.shape[1]
    if squares.dtype != np.uint8 or side > _EXACT:
        return np.asarray(squares.mean(axis=(1, 3), dtype=np.float32))
    # Sums of whole numbers are exact in any order, and whole rows are added quickly.
    kind = np.dtype(np.uint16 if side <= _SHORT_SUMS else np.uint32)
    of_rows = squares[:, 0].astype(kind)
    for row in range(1, side):
        of_rows += squares[:, row]
    sums = of_rows[:, :, 0].copy()
    for column in range(1, side):
        sums += of_rows[:, :, column]
    return sums.astype(np.float32) / np.float32(side**2)


def resize_image(
    image: np.ndarray,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    *,
    fit: bool = False,
) -> tuple[
    np.ndarray,
    tuple[int, int, int, int],
    float,
    list[tuple[int, int]],
    tuple[int, int, int, int] | None,
]:
    """Scale an image, keeping its aspect ratio, and pad or crop it.

    Args:
        image: [H, W, C].
        min_dim: the shorter side is scaled up to at least this; images are not made smaller for
            it. In mode "crop" also the side of the crop.
        max_dim: in mode "square" the side of the result; an image that would be larger is made
            smaller.
        min_scale: scale up by at least this factor, even where `min_dim` does not ask for it.
        mode: "square" pads to max_dim x max_dim, "pad64" pads to sides divisible by 64, "crop"
            cuts a random min_dim x min_dim part (with Python's `random`), "none" does nothing.
        fit: scale the longer side to `max_dim`, up or down, whatever the other sizes say; of use
            with "pad64" and "crop".

    Returns:
        image in its own dtype, window (y1, x1, y2, x2) of the picture in it in pixels, scale,
        padding [(top, bottom), (left, right), (0, 0)], and crop (y, x, height, width) in the
        scaled image or None.

    Raises:
        ConfigError: unknown mode, or a size that it needs is missing or not usable.
    """
    plan = plan_resize(image.shape, min_dim, max_dim, min_scale, mode, fit=fit)
    image = scale_image(image, plan)
    crop = None
    if plan.is_crop:
        height, width = plan.frame_shape
        y = random.randint(0, plan.resized_shape[0] - height)
        x = random.randint(0, plan.resized_shape[1] - width)
        crop = (y, x, height, width)
        image = image[y : y + height, x : x + width]
    elif plan.frame_shape != plan.resized_shape:
        image = np.pad(image, plan.padding, mode="constant", constant_values=0)
    return image, plan.window, plan.scale, plan.padding, crop


def nearest_indices(length: int, scale: float) -> np.ndarray:
    """Which of `length` rows (or columns) each row shows when a mask is scaled.

    The rule of `scipy.ndimage.zoom` at order 0: first and last rows stay first and last.

    Returns:
        int64 [round(length * scale)], but at least one.
    """
    if round(length * scale) < 1:
        return np.zeros(1, np.int64)
    indices = scipy.ndimage.zoom(np.arange(length), scale, order=0)
    if len(indices) > 1:
        # By a rounding the last place may come to lie outside, for which zoom gives 0.
        indices[-1] = length - 1
    return indices


def resize_mask(
    mask: np.ndarray,
    scale: float,
    padding: Sequence[tuple[int, int]],
    crop: Sequence[int] | None = None,
) -> np.ndarray:
    """Scale masks, then crop or pad them, to follow `resize_image`.

    Args:
        mask: [H, W, N].
        scale, padding, crop: as `resize_image` returned them.

    Returns:
        [H', W', N] in the dtype of `mask`.
    """
    rows = nearest_indices(mask.shape[0], scale)
    columns = nearest_indices(mask.shape[1], scale)
    if crop is not None:
        y, x, height, width = crop
        return mask[np.ix_(rows[y : y + height], columns[x : x + width])]
    return np.pad(mask[np.ix_(rows, columns)], padding, mode="constant", constant_values=0)
