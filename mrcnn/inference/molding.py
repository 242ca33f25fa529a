"""From images of any size to batches that the network takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from mrcnn.data.anchors import normalized_anchors
from mrcnn.data.molding import mold_image, warn_of_range
from mrcnn.data.resizing import ResizePlan, plan_resize, resize_settings, scale_evenly, scale_image
from mrcnn.errors import DataError
from mrcnn.ops.image_meta import compose_image_meta

# Anchors of so many image shapes are kept: images padded to their own size have many shapes, and
# the anchors of one take megabytes.
_KEPT_SHAPES = 16
# What `IMAGE_PADDING` is called by numpy.
_PADDING_MODES = {"zeros": "constant", "reflect": "reflect"}


@dataclass
class MoldedImage:
    """One image as the network takes it.

    Attributes:
        picture: [H, W, C], resized and padded, the mean not yet subtracted: in its own type it
            takes a quarter of the memory, and there may be many.
        meta: float64 [M], see `mrcnn.ops.image_meta.compose_image_meta`.
        window: int64 [4], pixel box of the image in `picture`.
        seen: int64 [4], pixel box of what objects may lie in: `window`, or all of `picture` where
            the padding mirrors the image.
        original_shape: shape of the image as it was given.
        scale: pixels of `picture` for each pixel of the image.
    """

    picture: np.ndarray
    meta: np.ndarray
    window: np.ndarray
    seen: np.ndarray
    original_shape: tuple[int, ...]
    scale: float


def mold(image: np.ndarray, config: Any, scale: float | None = None) -> MoldedImage:
    """Resize and pad an image as the configuration says, or to a given scale.

    Args:
        image: [H, W, C], 0 to 255.
        config: gives sizes, resize mode, padding, mean pixel and number of classes.
        scale: pixels of the network for each pixel of the image, whatever the configuration says
            of sizes; it is rounded so that the longer side has whole pixels.

    Raises:
        DataError: `image` is not an image with the configured number of channels.
    """
    image = np.asarray(image)
    channels = config.IMAGE_CHANNEL_COUNT
    if image.ndim != 3 or image.shape[2] != channels or 0 in image.shape:
        raise DataError(
            f"An image of shape {image.shape} was given: expected (height, width, {channels}), "
            "values from 0 to 255. mrcnn.pictures.read_image reads any file as such."
        )
    warn_of_range(image, config)
    if scale is None:
        plan = _usual_plan(image.shape, config)
        resized = _padded(scale_image(image, plan), plan, config)
    else:
        longer = max(1, round(max(image.shape[:2]) * scale))
        plan = plan_resize(image.shape, max_dim=longer, mode="pad64", fit=True)
        resized = _padded(scale_evenly(image, plan), plan, config)
    if resized.shape[0] % 64 or resized.shape[1] % 64:
        raise DataError(
            f"An image of {image.shape[0]} x {image.shape[1]} pixels is molded to "
            f"{resized.shape[0]} x {resized.shape[1]}: both sides must be divisible by 64. Use "
            "IMAGE_RESIZE_MODE 'square' or 'pad64'."
        )
    no_classes = np.zeros(config.NUM_CLASSES, np.int32)
    # An object that the border cuts is found together with its mirror image, and cut off after.
    is_mirrored = config.IMAGE_PADDING == "reflect"
    seen = (0, 0, *resized.shape[:2]) if is_mirrored else plan.window
    meta = compose_image_meta(0, image.shape, resized.shape, seen, plan.scale, no_classes)
    return MoldedImage(
        resized, meta, np.array(plan.window), np.array(seen), image.shape, float(plan.scale)
    )


def usual_scale(shape: Sequence[int], config: Any) -> float:
    """Pixels of the network for each pixel of an image of (height, width, ...), by the settings."""
    return float(_usual_plan(shape, config).scale)


def _usual_plan(shape: Sequence[int], config: Any) -> ResizePlan:
    settings = resize_settings(config)
    if settings["mode"] == "crop":
        # Parts of images are for training; cells are detected in all of an image.
        settings["mode"] = "pad64"
    return plan_resize(shape, **settings)


def _padded(image: np.ndarray, plan: ResizePlan, config: Any) -> np.ndarray:
    if plan.frame_shape == plan.resized_shape:
        return image
    if config.IMAGE_PADDING == "mean":
        return _padded_with(image, np.asarray(config.MEAN_PIXEL), plan)
    mode: Any = _PADDING_MODES[config.IMAGE_PADDING]
    return np.pad(image, plan.padding, mode=mode)


def _padded_with(image: np.ndarray, color: np.ndarray, plan: ResizePlan) -> np.ndarray:
    """A picture on a ground of one color, in its own type."""
    (top, bottom), (left, right), _ = plan.padding
    height, width, channels = image.shape
    is_whole = np.issubdtype(image.dtype, np.integer)
    padded = np.empty((top + height + bottom, left + width + right, channels), image.dtype)
    padded[:] = np.rint(color) if is_whole else color
    padded[top : top + height, left : left + width] = image
    return padded


def mold_together(
    images: Sequence[np.ndarray], config: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mold images of one batch.

    Args:
        images: see `mold`; all must come out in one shape.
        config: see `mold`.

    Returns:
        molded images float64 [B, H, W, C] with the mean subtracted, image meta float64 [B, M] and
        windows int64 [B, 4] in pixels.

    Raises:
        DataError: see `mold`; or the shapes differ.
    """
    molded = [mold(image, config) for image in images]
    shapes = {image.picture.shape for image in molded}
    if len(shapes) != 1:
        raise DataError(
            f"The images mold to the shapes {sorted(shapes)}: one batch needs at least one image "
            "and one shape. Use IMAGE_RESIZE_MODE 'square', or mold them one by one."
        )
    return (
        np.stack([mold_image(image.picture, config) for image in molded]),
        np.stack([image.meta for image in molded]),
        np.stack([image.window for image in molded]),
    )


def anchors_by_shape(config: Any) -> Callable[[tuple[int, ...]], np.ndarray]:
    """A function from (height, width) to normalized anchors, which keeps those of a few shapes."""
    return lru_cache(_KEPT_SHAPES)(lambda shape: normalized_anchors(config, shape))


def network_inputs(
    molded_images: np.ndarray,
    image_metas: np.ndarray,
    anchors_for: Callable[[tuple[int, ...]], np.ndarray],
) -> list[np.ndarray]:
    """What the inference graph takes: images, image meta and anchors, all float32.

    Args:
        molded_images: float [B, H, W, C], mean subtracted.
        image_metas: float [B, M].
        anchors_for: normalized anchors [A, 4] of the (height, width) of molded images.
    """
    anchors = anchors_for(molded_images.shape[1:3])
    return [
        molded_images.astype(np.float32, copy=False),
        np.asarray(image_metas, np.float32),
        np.broadcast_to(anchors, (len(molded_images), *anchors.shape)),
    ]


def batch_inputs(
    molded: Sequence[MoldedImage],
    config: Any,
    anchors_for: Callable[[tuple[int, ...]], np.ndarray],
) -> list[np.ndarray]:
    """`network_inputs` of images of one shape, filled up to BATCH_SIZE with the last one."""
    filled = [*molded, *[molded[-1]] * (config.BATCH_SIZE - len(molded))]
    pixels = np.stack([mold_image(image.picture, config).astype(np.float32) for image in filled])
    return network_inputs(pixels, np.stack([image.meta for image in filled]), anchors_for)
