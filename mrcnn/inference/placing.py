"""From the network's normalized outputs to `Instances` in the pixels of the image.

The original rounds a detected box to whole pixels of the image and stretches the mask over it
(`unmold`). Where the network sees the image at a third of its size, that moves outlines by a pixel
or two. `place_masks` reads the mask for each pixel of the image at the place where its center lies.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.data.molding import spread_mask
from mrcnn.instances import Instances
from mrcnn.instances.geometry import denorm_boxes, norm_boxes

# An object may have its center outside the picture by this share of its box's side.
MOST_OUTSIDE = 0.1


def placement(config: Any) -> Callable[..., Instances]:
    """The function that a configuration asks for: `unmold`, or `place_masks` with its margin."""
    if not config.SUBPIXEL_MASKS:
        return unmold
    return partial(place_masks, margin=config.MASK_MARGIN, bins=config.GEOMETRY == "torchvision")


def count_filled(detections: np.ndarray) -> int:
    """Rows of detections [D, 6] before the padding, whose class is 0."""
    padding = np.flatnonzero(detections[:, 4] == 0)
    return int(padding[0]) if len(padding) else len(detections)


def unmold(
    detections: np.ndarray,
    masks: np.ndarray,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: ArrayLike,
) -> Instances:
    """Undo the molding of one image's detections.

    A detection without area, which the original returned as a box of one pixel, is left out.

    Args:
        detections: float [D, 6] of (y1, x1, y2, x2, class id, score), normalized to the molded
            image; rows of class 0 end the list.
        masks: float [D, h, w, classes] from 0 to 1.
        original_image_shape: (H, W, ...) of the image as it was given.
        image_shape: (H, W, ...) of the molded image.
        window: (y1, x1, y2, x2) of the picture in the molded image, in pixels.

    Returns:
        by falling score; a mask may have no pixel.
    """
    count = count_filled(detections)
    rows = np.flatnonzero(
        (detections[:count, 2] > detections[:count, 0])
        & (detections[:count, 3] > detections[:count, 1])
    )
    class_ids = detections[rows, 4].astype(np.int32)

    limits = norm_boxes(np.asarray(window), image_shape[:2])
    boxes = pixels_of_boxes(detections[rows, :4], limits, original_image_shape)
    # Scaling down can leave less than a pixel.
    visible = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes, rows, class_ids = boxes[visible], rows[visible], class_ids[visible]
    crops = (
        spread_mask(masks[row, :, :, class_id], (bottom - top, right - left))
        for row, class_id, (top, left, bottom, right) in zip(rows, class_ids, boxes, strict=True)
    )
    return Instances.trusted(original_image_shape, boxes, crops, class_ids, detections[rows, 5])


def pixels_of_boxes(
    boxes: np.ndarray, window: np.ndarray, original_image_shape: Sequence[int]
) -> np.ndarray:
    """Boxes in whole pixels of the image, int32 [N, 4], from boxes and window of the molded one.

    Args:
        boxes: float [N, 4], normalized to the molded image.
        window: float [4], the part of it that shows the image, normalized as well.
        original_image_shape: (H, W, ...) of the image.
    """
    y1, x1, y2, x2 = window
    inside = (boxes - np.array([y1, x1, y1, x1])) / np.array([y2 - y1, x2 - x1, y2 - y1, x2 - x1])
    return denorm_boxes(inside, original_image_shape[:2]).reshape(-1, 4)


def of_the_picture(
    detections: np.ndarray, image_shape: Sequence[int], window: ArrayLike
) -> np.ndarray:
    """Which detections are objects of the picture and not of its mirror image around it.

    Args:
        detections: float [D, 6], see `unmold`.
        image_shape: (H, W, ...) of the molded image.
        window: (y1, x1, y2, x2) of the picture in it, in pixels.

    Returns:
        int64 [K] rows before the padding whose center is inside the window or next to it. An object
        that the border halves makes one with its mirror image, whose center lies on the border: a
        little to either side of it, as the network happens to see it.
    """
    boxes = detections[: count_filled(detections), :4].astype(np.float64)
    y1, x1, y2, x2 = norm_boxes(np.asarray(window), image_shape[:2])
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    near = (boxes[:, 2:] - boxes[:, :2]) * MOST_OUTSIDE
    is_near = (centers + near >= (y1, x1)) & (centers - near <= (y2, x2))
    return np.flatnonzero(is_near.all(axis=1))


def widen_boxes(boxes: np.ndarray, margin: float, window: np.ndarray) -> np.ndarray:
    """Boxes with a share of their height and width added on each side, as far as a window goes.

    Args:
        boxes: [N, 4], normalized.
        margin: share of the height and of the width.
        window: [4], normalized.

    Returns:
        float [N, 4].
    """
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], (1, 2)) * (margin * np.array([-1, -1, 1, 1]))
    low, high = np.tile(window[:2], 2), np.tile(window[2:], 2)
    return np.clip(boxes + sides, low, high)


def place_masks(
    detections: np.ndarray,
    masks: np.ndarray,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: ArrayLike,
    margin: float = 0.0,
    seen: ArrayLike | None = None,
    bins: bool = False,
) -> Instances:
    """Undo the molding of one image's detections without rounding their boxes.

    A detection whose mask has no pixel is left out; the boxes are those of the masks.

    Args:
        detections: float [D, 6] of (y1, x1, y2, x2, class id, score), normalized to the molded
            image; rows of class 0 end the list.
        masks: float [D, h, w, classes] from 0 to 1, of the boxes widened by `margin`; their
            corners lie on the centers of the boxes' corner pixels.
        original_image_shape: (H, W, ...) of the image as it was given.
        image_shape: (H, W, ...) of the molded image.
        window: (y1, x1, y2, x2) of the picture in the molded image, in pixels.
        margin: see `widen_boxes`.
        seen: (y1, x1, y2, x2) of what was seen as image, in pixels: `window`, or more where the
            padding mirrors the picture. What lies outside the picture is cut off.
        bins: True for masks that divide their boxes into equal bins, instead of having corners.
    """
    count = count_filled(detections)
    class_ids = detections[:count, 4].astype(np.int32)
    window = np.asarray(window, np.float64)
    limits = window if seen is None else np.asarray(seen, np.float64)
    normalized_limits = norm_boxes(limits, image_shape[:2]).astype(np.float64)
    boxes = widen_boxes(detections[:count, :4].astype(np.float64), margin, normalized_limits)
    # Centers of the first and last pixels, counted from the first pixel of the picture.
    sides = np.array(image_shape[:2], np.float64)
    centers = boxes.reshape(-1, 2, 2) * (sides - 1) - window[:2]
    factors = np.array(original_image_shape[:2]) / (window[2:] - window[:2])

    found_boxes, crops, rows = [], [], []
    for row in range(count):
        mask = masks[row, :, :, class_ids[row]]
        places = [
            _sample(centers[row, :, axis], factors[axis], original_image_shape[axis], length, bins)
            for axis, length in enumerate(mask.shape)
        ]
        (top, in_rows), (left, in_columns) = places
        inside = in_rows @ mask @ in_columns.T >= 0.5
        filled_rows, filled_columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        if not len(filled_rows):
            continue
        y1, y2 = filled_rows[0], filled_rows[-1] + 1
        x1, x2 = filled_columns[0], filled_columns[-1] + 1
        found_boxes.append((top + y1, left + x1, top + y2, left + x2))
        crops.append(inside[y1:y2, x1:x2])
        rows.append(row)
    return Instances.trusted(
        original_image_shape, found_boxes, crops, class_ids[rows], detections[rows, 5]
    )


def _sample(
    centers: np.ndarray, factor: float, side: int, length: int, bins: bool
) -> tuple[int, np.ndarray]:
    """Where the pixels of one axis read the mask.

    Args:
        centers: (first, last) pixel centers of the box in the picture, as pixel numbers.
        factor: pixels of the image per pixel of the picture.
        side: of the image in pixels.
        length: of the mask.
        bins: whether its cells are bins of the box, or the first and the last lie on `centers`.

    Returns:
        number of the first pixel whose center lies in the box, and bilinear weights
        float64 [pixels, length].
    """
    first, last = centers
    # The box reaches half a pixel of the picture beyond the centers.
    begin = max(int(np.ceil(first * factor - 0.5)), 0)
    end = min(int(np.ceil((last + 1) * factor - 0.5)), side)
    pixels = np.arange(begin, max(begin, end))
    in_picture = (pixels + 0.5) / factor - 0.5
    if bins:
        position = (in_picture + 0.5 - first) / max(last + 1 - first, 1e-9) * length - 0.5
    else:
        position = (in_picture - first) / max(last - first, 1e-9) * (length - 1)
    position = np.clip(position, 0, length - 1)
    lower = np.minimum(position.astype(np.int64), max(length - 2, 0))
    weights = np.zeros((len(pixels), length))
    numbers = np.arange(len(pixels))
    weights[numbers, lower] = 1 - (position - lower)
    if length > 1:
        weights[numbers, lower + 1] = position - lower
    return begin, weights
