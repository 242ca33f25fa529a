"""Box arithmetic on tensors. Boxes are (y1, x1, y2, x2) in the last axis; leading axes are free."""

from keras import ops


def box_area(boxes):
    """Areas [...] of boxes [..., 4]; 0 where a box is turned inside out."""
    height = ops.maximum(boxes[..., 2] - boxes[..., 0], 0.0)
    width = ops.maximum(boxes[..., 3] - boxes[..., 1], 0.0)
    return height * width


def pairwise_iou(boxes1, boxes2):
    """Intersection over union of every box of one set with every box of another.

    Args:
        boxes1: float [..., N, 4].
        boxes2: float [..., M, 4] in the same coordinates.

    Returns:
        float [..., N, M] from 0 to 1; 0 where both boxes are empty.
    """
    first = ops.expand_dims(boxes1, -2)
    second = ops.expand_dims(boxes2, -3)
    height = ops.minimum(first[..., 2], second[..., 2]) - ops.maximum(first[..., 0], second[..., 0])
    width = ops.minimum(first[..., 3], second[..., 3]) - ops.maximum(first[..., 1], second[..., 1])
    intersection = ops.maximum(height, 0.0) * ops.maximum(width, 0.0)
    union = (
        ops.expand_dims(box_area(boxes1), -1) + ops.expand_dims(box_area(boxes2), -2) - intersection
    )
    return ops.where(union > 0.0, intersection / ops.where(union > 0.0, union, 1.0), 0.0)


def apply_box_deltas(boxes, deltas):
    """Move and scale boxes (Girshick et al. 2014, appendix C).

    Args:
        boxes: float [..., 4].
        deltas: float [..., 4] of (dy, dx, log dh, log dw); dy and dx in box heights and widths.

    Returns:
        float [..., 4] refined boxes.
    """
    height = boxes[..., 2] - boxes[..., 0]
    width = boxes[..., 3] - boxes[..., 1]
    centre_y = boxes[..., 0] + 0.5 * height + deltas[..., 0] * height
    centre_x = boxes[..., 1] + 0.5 * width + deltas[..., 1] * width
    height = height * ops.exp(deltas[..., 2])
    width = width * ops.exp(deltas[..., 3])
    y1 = centre_y - 0.5 * height
    x1 = centre_x - 0.5 * width
    return ops.stack([y1, x1, y1 + height, x1 + width], axis=-1)


def box_refinement(boxes, target_boxes):
    """Deltas that `apply_box_deltas` needs to turn `boxes` into `target_boxes`.

    Args:
        boxes: float [..., 4] with positive heights and widths.
        target_boxes: float [..., 4], likewise.

    Returns:
        float [..., 4] of (dy, dx, log dh, log dw).
    """
    height = boxes[..., 2] - boxes[..., 0]
    width = boxes[..., 3] - boxes[..., 1]
    target_height = target_boxes[..., 2] - target_boxes[..., 0]
    target_width = target_boxes[..., 3] - target_boxes[..., 1]
    centre_shift_y = target_boxes[..., 0] + 0.5 * target_height - (boxes[..., 0] + 0.5 * height)
    centre_shift_x = target_boxes[..., 1] + 0.5 * target_width - (boxes[..., 1] + 0.5 * width)
    return ops.stack(
        [
            centre_shift_y / height,
            centre_shift_x / width,
            ops.log(target_height / height),
            ops.log(target_width / width),
        ],
        axis=-1,
    )


def clip_boxes(boxes, window):
    """Clip boxes [..., 4] to a window (y1, x1, y2, x2) that broadcasts against them."""
    y1 = ops.maximum(ops.minimum(boxes[..., 0], window[..., 2]), window[..., 0])
    x1 = ops.maximum(ops.minimum(boxes[..., 1], window[..., 3]), window[..., 1])
    y2 = ops.maximum(ops.minimum(boxes[..., 2], window[..., 2]), window[..., 0])
    x2 = ops.maximum(ops.minimum(boxes[..., 3], window[..., 3]), window[..., 1])
    return ops.stack([y1, x1, y2, x2], axis=-1)


def finite_boxes(boxes):
    """Boxes [..., 4], those with a value that is not finite replaced by zeros, and bool [...].

    A network that diverges predicts such boxes. They must not become indices; the losses tell of
    the trouble.
    """
    finite = ops.all(ops.isfinite(boxes), axis=-1)
    return ops.where(ops.expand_dims(finite, -1), boxes, 0.0), finite


def _pixel_scale(image_shape):
    height, width = image_shape[0], image_shape[1]
    height = ops.cast(height, "float32") - 1.0
    width = ops.cast(width, "float32") - 1.0
    return ops.stack([height, width, height, width])


def normalize_boxes(boxes, image_shape):
    """Pixel boxes to normalised ones: (box - [0, 0, 1, 1]) / [H-1, W-1, H-1, W-1].

    The far edge of a pixel box lies one past its last pixel; normalised, it lies on that pixel, so
    0 and 1 are the centres of the first and of the last pixel.

    Args:
        boxes: [..., 4] in pixels.
        image_shape: (height, width) in pixels; numbers or scalar tensors.

    Returns:
        float32 [..., 4], 0 to 1 inside the image.
    """
    shift = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")
    return (ops.cast(boxes, "float32") - shift) / _pixel_scale(image_shape)


def denormalize_boxes(boxes, image_shape):
    """The inverse of `normalize_boxes`, rounded to whole pixels: int32 [..., 4]."""
    shift = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")
    pixels = ops.cast(boxes, "float32") * _pixel_scale(image_shape) + shift
    return ops.cast(ops.round(pixels), "int32")


def normalized_windows(image_meta):
    """Windows float32 [B, 4], normalised, from image meta rows [B, M]."""
    image_meta = ops.cast(image_meta, "float32")
    window = image_meta[:, 7:11] - ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")
    height = image_meta[:, 4:5] - 1.0
    width = image_meta[:, 5:6] - 1.0
    return window / ops.concatenate([height, width, height, width], axis=-1)
