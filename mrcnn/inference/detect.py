"""Detection over any list of images."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mrcnn.data.moulding import compose_image_meta, mold_image, warn_of_unit_range
from mrcnn.data.resizing import resize_image, resize_settings
from mrcnn.errors import DataError
from mrcnn.inference.limits import DetectionLimits
from mrcnn.inference.results import Detections, unmold
from mrcnn.inference.subpixel import place_masks


@dataclass
class MouldedImage:
    """One image as the network takes it.

    Attributes:
        picture: [H, W, C], resized and padded, the mean not yet subtracted: in its own type it
            takes a quarter of the memory, and there may be many.
        meta: float64 [M], see `mrcnn.data.moulding.compose_image_meta`.
        window: int64 [4], pixel box of the image in `picture`.
        original_shape: shape of the image as it was given.
    """

    picture: np.ndarray
    meta: np.ndarray
    window: np.ndarray
    original_shape: tuple[int, ...]


def mould(image: np.ndarray, config: Any) -> MouldedImage:
    """Resize and pad an image as the configuration says.

    Args:
        image: [H, W, C], 0 to 255.
        config: gives sizes, resize mode, mean pixel and number of classes.

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
    warn_of_unit_range(image, config)
    settings = resize_settings(config)
    if settings["mode"] == "crop":
        # Parts of images are for training; cells are detected in all of an image.
        settings["mode"] = "pad64"
    resized, window, scale, _, _ = resize_image(image, **settings)
    if resized.shape[0] % 64 or resized.shape[1] % 64:
        raise DataError(
            f"An image of {image.shape[0]} x {image.shape[1]} pixels is moulded to "
            f"{resized.shape[0]} x {resized.shape[1]}: both sides must be divisible by 64. Use "
            "IMAGE_RESIZE_MODE 'square' or 'pad64'."
        )
    no_classes = np.zeros(config.NUM_CLASSES, np.int32)
    meta = compose_image_meta(0, image.shape, resized.shape, window, scale, no_classes)
    return MouldedImage(resized, meta, np.array(window), image.shape)


def mould_together(
    images: Sequence[np.ndarray], config: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mould images of one batch.

    Args:
        images: see `mould`; all must come out in one shape.
        config: see `mould`.

    Returns:
        moulded images float64 [B, H, W, C] with the mean subtracted, image meta float64 [B, M] and
        windows int64 [B, 4] in pixels.

    Raises:
        DataError: see `mould`; or the shapes differ.
    """
    moulded = [mould(image, config) for image in images]
    shapes = {image.picture.shape for image in moulded}
    if len(shapes) != 1:
        raise DataError(
            f"The images mould to the shapes {sorted(shapes)}: one batch needs at least one image "
            "and one shape. Use IMAGE_RESIZE_MODE 'square', or mould them one by one."
        )
    return (
        np.stack([mold_image(image.picture, config) for image in moulded]),
        np.stack([image.meta for image in moulded]),
        np.stack([image.window for image in moulded]),
    )


def _batches(
    moulded: Sequence[MouldedImage], batch_size: int
) -> Iterator[tuple[list[int], list[MouldedImage]]]:
    """Groups of one shape and of `batch_size` images; short groups repeat their last image."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for number, image in enumerate(moulded):
        by_shape.setdefault(image.picture.shape, []).append(number)
    for numbers in by_shape.values():
        for start in range(0, len(numbers), batch_size):
            chosen = numbers[start : start + batch_size]
            filled = chosen + [chosen[-1]] * (batch_size - len(chosen))
            yield chosen, [moulded[number] for number in filled]


def network_inputs(
    moulded_images: np.ndarray,
    image_metas: np.ndarray,
    anchors_for: Callable[[tuple[int, ...]], np.ndarray],
) -> list[np.ndarray]:
    """What the inference graph takes: images, image meta and anchors, all float32.

    Args:
        moulded_images: float [B, H, W, C], mean subtracted.
        image_metas: float [B, M].
        anchors_for: normalised anchors [A, 4] of a moulded image shape.
    """
    anchors = anchors_for(moulded_images.shape[1:])
    return [
        moulded_images.astype(np.float32, copy=False),
        np.asarray(image_metas, np.float32),
        np.broadcast_to(anchors, (len(moulded_images), *anchors.shape)),
    ]


def detect_moulded(
    inputs: list[np.ndarray],
    predict: Callable[[list[np.ndarray]], Sequence[np.ndarray]],
    limits: DetectionLimits | None = None,
) -> list[Detections]:
    """Detect objects in one batch of moulded images.

    Args:
        inputs: see `network_inputs`.
        predict, limits: see `detect`.

    Returns:
        the detections of each image, in pixels of the moulded image.
    """
    outputs = predict(inputs)
    if limits is not None:
        limits.look_at(outputs, inputs, range(len(inputs[0])))
    return [
        unmold(detections, masks, image.shape, image.shape, (0, 0, *image.shape[:2]))
        for image, detections, masks in zip(inputs[0], outputs[0], outputs[3], strict=True)
    ]


def detect(
    images: Sequence[np.ndarray],
    config: Any,
    anchors_for: Callable[[tuple[int, ...]], np.ndarray],
    predict: Callable[[list[np.ndarray]], Sequence[np.ndarray]],
    limits: DetectionLimits | None = None,
) -> list[Detections]:
    """Detect objects in images of any number and size.

    Args:
        images: arrays [H, W, C] of 0 to 255.
        config: see `mould`; BATCH_SIZE images go through the network at a time.
        anchors_for: normalised anchors [A, 4] of a moulded image shape.
        predict: runs the inference model on [images, image_meta, anchors].
        limits: notes what the limits of the configuration cost.

    Returns:
        the detections of each image, in the order given.

    Raises:
        DataError: something among `images` is no such array.
    """
    moulded = [mould(image, config) for image in images]
    results: dict[int, Detections] = {}
    undo = partial(place_masks, margin=config.MASK_MARGIN) if config.SUBPIXEL_MASKS else unmold
    for numbers, batch in _batches(moulded, config.BATCH_SIZE):
        pixels = np.stack([mold_image(image.picture, config).astype(np.float32) for image in batch])
        inputs = network_inputs(pixels, np.stack([image.meta for image in batch]), anchors_for)
        outputs = predict(inputs)
        if limits is not None:
            limits.look_at(outputs, inputs, range(len(numbers)))
        for slot, number in enumerate(numbers):
            image = moulded[number]
            results[number] = undo(
                np.asarray(outputs[0][slot]),
                np.asarray(outputs[3][slot]),
                image.original_shape,
                image.picture.shape,
                image.window,
            )
    return [results[number] for number in range(len(moulded))]
