"""What the network is fed: centerd images and small masks."""

import functools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrcnn.data.resizing import resize
from mrcnn.errors import DataError
from mrcnn.instances.geometry import extract_bboxes

# The class id of regions to ignore, where crowds have negative class ids as well: their class is
# not known, and they count by other rules.
IGNORED_CLASS_ID = -1_000_000
# What lies in such a region by at least this share of its own area is no background.
IGNORED_SHARE = 0.5
# The highest value of a picture, and how far resizing may go beyond it.
_WHITE, _TOLERANCE = 255, 1


def mold_image(images: np.ndarray, config: Any) -> np.ndarray:
    """Subtract the mean color from RGB images ([..., 3], 0 to 255); float."""
    return images.astype(np.float32) - config.MEAN_PIXEL


def warn_of_range(image: np.ndarray, config: Any, name: str = "An image") -> None:
    """Warn of an image that is not of 0 to 255: of what the network sees then it learned nothing.

    Args:
        image: as given, of any type.
        config: a mean pixel near 0 or above 255 belongs to a network that takes other values.
        name: of the image, for the message.
    """
    if image.dtype in (np.uint8, np.bool_) or image.dtype.kind not in "iuf" or not image.size:
        return
    lowest, highest = image.min(), image.max()
    problem = ""
    if not np.isfinite(lowest) or not np.isfinite(highest):
        problem = "values that are not finite (NaN or infinite), of which the network sees nothing"
        remedy = "Replace them, with numpy.nan_to_num say, and look where they come from."
    elif not 1 < np.max(config.MEAN_PIXEL) <= _WHITE:
        return
    elif image.dtype.kind == "f" and 0 < highest <= 1 and lowest >= 0:
        problem = "values from 0 to 1, where 0 to 255 are expected: the network sees black"
        remedy = "Multiply it by 255, or read it with mrcnn.pictures.read_image."
    elif lowest < -_TOLERANCE:
        problem = "values below 0, where 0 to 255 are expected"
        remedy = "Give it as it was read: the mean is subtracted here (mold_image)."
    elif highest > _WHITE + _TOLERANCE:
        problem = f"values above 255 ({image.dtype}), where 0 to 255 are expected"
        remedy = "Scale it to 0 to 255, or read it with mrcnn.pictures.read_image."
    if problem:
        warnings.warn(f"{name} has {problem}. {remedy}", stacklevel=2)


def unmold_image(normalized_images: np.ndarray, config: Any) -> np.ndarray:
    """Add the mean color again; uint8. The inverse of `mold_image`."""
    return (normalized_images + config.MEAN_PIXEL).astype(np.uint8)


def minimize_mask(bbox: np.ndarray, mask: np.ndarray, mini_shape: Sequence[int]) -> np.ndarray:
    """Masks of whole images to small masks of their boxes.

    Args:
        bbox: [N, 4] pixel boxes.
        mask: [H, W, N], non-zero inside.
        mini_shape: (height, width) of the small masks.

    Returns:
        bool [height, width, N].

    Raises:
        DataError: a box has no area.
    """
    small = np.zeros((*mini_shape, mask.shape[-1]), bool)
    for number in range(mask.shape[-1]):
        y1, x1, y2, x2 = (int(side) for side in bbox[number][:4])
        crop = mask[y1:y2, x1:x2, number].astype(bool)
        if crop.size == 0:
            raise DataError(
                f"The box of mask {number}, {[y1, x1, y2, x2]}, has no area inside the image: "
                "drop empty masks first."
            )
        small[:, :, number] = shrink_mask(crop, mini_shape)
    return small


def shrink_mask(crop: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """One bool [h, w] mask resized to `shape`: bilinear, inside where above one half.

    Equal to rounding `resize(crop, shape)`, without its cost: the sums are made axis by axis, and
    where they come out too close to one half to be sure, `resize` decides.
    """
    if crop.all():
        # `resize` clips to the range of its input, which here is 1 alone.
        return np.ones(tuple(shape), bool)
    values = crop.astype(np.float64)
    blend = _blend(values, shape)
    inside = blend > 0.5
    if np.any(np.abs(blend - 0.5) < 1e-9):
        inside = np.around(resize(values, shape)).astype(bool)
    return inside


def mini_masks(instances: Any, shape: Sequence[int]) -> np.ndarray:
    """Masks of instances resized to (height, width), bool [h, w, N], as `minimize_mask`.

    No small mask is empty but that of an instance without a mask: what is too thin to reach one
    half anywhere keeps every place that it touches.

    Args:
        instances: their `crops` are used.
        shape: (height, width) of the small masks.
    """
    masks = np.zeros((len(instances), *(int(side) for side in shape)), bool)
    for number, crop in enumerate(instances.crops):
        if crop is None:
            continue
        masks[number] = shrink_mask(crop, masks.shape[1:])
        if not masks[number].any():
            places = np.argwhere(crop) * masks.shape[1:] // crop.shape
            masks[number][tuple(places.T)] = True
    return np.ascontiguousarray(masks.transpose(1, 2, 0))


def whole_masks(instances: Any) -> np.ndarray:
    """Masks of instances in the size of the image, bool [H, W, N]; empty where there is none."""
    masks = np.zeros((*instances.image_shape, len(instances)), bool)
    for number, ((y1, x1, y2, x2), crop) in enumerate(
        zip(instances.boxes, instances.crops, strict=True)
    ):
        if crop is not None:
            masks[y1:y2, x1:x2, number] = crop
    return masks


def spread_mask(values: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """A mask as the network gives it, resized to its box.

    Equal to `resize(values, shape) >= 0.5`, and quicker in the way of `shrink_mask`.

    Args:
        values: float [h, w], 0 to 1.
        shape: (height, width) of the box in pixels.

    Returns:
        bool [height, width].
    """
    if values.min() >= 0.5:
        # Beyond the border are zeros, but `resize` clips to the range of its input.
        return np.ones(tuple(shape), bool)
    blend = _blend(values.astype(np.float64), shape)
    # Values of float32 are resized to float32.
    if np.any(np.abs(blend - 0.5) < 1e-6):
        return resize(values, shape) >= 0.5
    return blend >= 0.5


def _blend(values: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """float64 [h, w] resized to `shape`: bilinear, zeros beyond the border, not clipped."""
    rows = _blend_matrix(values.shape[0], shape[0])
    columns = _blend_matrix(values.shape[1], shape[1])
    return rows @ values @ columns.T


@functools.lru_cache(maxsize=512)
def _blend_matrix(length: int, new_length: int) -> np.ndarray:
    """float64 [new_length, length]: bilinear weights along one axis, zeros beyond the border."""
    positions = (np.arange(new_length) + 0.5) * (length / new_length) - 0.5
    lower = np.floor(positions).astype(np.int64)
    fraction = positions - lower
    # One more column on each side takes the weights that fall outside.
    weights = np.zeros((new_length, length + 2))
    rows = np.arange(new_length)
    weights[rows, lower + 1] = 1 - fraction
    weights[rows, lower + 2] = fraction
    weights = weights[:, 1:-1]
    weights.flags.writeable = False
    return weights


def expand_mask(bbox: np.ndarray, mini_mask: np.ndarray, image_shape: Sequence[int]) -> np.ndarray:
    """Small masks back to masks of whole images; the inverse of `minimize_mask` up to rounding.

    Args:
        bbox: [N, 4] pixel boxes inside the image.
        mini_mask: [h, w, N].
        image_shape: (height, width, ...) of the image.

    Returns:
        bool [H, W, N].
    """
    masks = np.zeros((*image_shape[:2], mini_mask.shape[-1]), bool)
    for number in range(mini_mask.shape[-1]):
        y1, x1, y2, x2 = (int(side) for side in bbox[number][:4])
        values = resize(mini_mask[:, :, number].astype(np.float64), (y2 - y1, x2 - x1))
        masks[y1:y2, x1:x2, number] = np.around(values).astype(bool)
    return masks


def mold_mask(mask: np.ndarray, config: Any) -> np.ndarray:
    """Masks of whole images as the network is trained on them.

    Args:
        mask: [H, W, N], non-zero inside; no mask may be empty.
        config: needs `USE_MINI_MASK` and `MINI_MASK_SHAPE`.

    Returns:
        bool, [H, W, N] or, with `USE_MINI_MASK`, [h, w, N] small masks of the tight boxes.
    """
    mask = mask.astype(bool)
    if not config.USE_MINI_MASK:
        return mask
    return minimize_mask(extract_bboxes(mask), mask, config.MINI_MASK_SHAPE)


def unmold_mask(mask: np.ndarray, bbox: Sequence[int], image_shape: Sequence[int]) -> np.ndarray:
    """A mask as the network gives it, placed in the image.

    Args:
        mask: float [h, w] in 0..1, of the box alone.
        bbox: (y1, x1, y2, x2) in pixels, inside the image.
        image_shape: (height, width, ...) of the image.

    Returns:
        bool [H, W], inside where the resized mask is at least one half.
    """
    y1, x1, y2, x2 = (int(side) for side in bbox)
    full = np.zeros(tuple(image_shape[:2]), bool)
    full[y1:y2, x1:x2] = resize(mask, (y2 - y1, x2 - x1)) >= 0.5
    return full
