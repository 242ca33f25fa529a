"""Box arithmetic on tensors. Boxes are (y1, x1, y2, x2) in the last axis; leading axes are free.

Any finite boxes and deltas give finite values and gradients. The bounds that this takes lie far
beyond what boxes in an image come to, in pixels or normalized.

Boxes are taken apart at once, not edge by edge: an edge that is cut out is four nodes of a graph of
TensorFlow, which all have to be made, optimized and started before the first image.
"""

from collections.abc import Sequence

from keras import ops

from mrcnn.ops.image_meta import ImageMeta
from mrcnn.ops.tensor import Tensor

# No coordinate reaches this far: areas are finite below it.
_FARTHEST = 1e9
# A side or an area below this is none: above it quotients are finite, and so are their gradients,
# which divide by the square.
_LEAST_SIDE = 1e-12
_LEAST_AREA = 1e-18
# The largest logarithm of a change of size.
_LARGEST_GROWTH = 20.0


def _within_reach(values: Tensor) -> Tensor:
    return ops.minimum(ops.maximum(values, -_FARTHEST), _FARTHEST)


def box_area(boxes: Tensor) -> Tensor:
    """Areas [...] of boxes [..., 4]; 0 where a box is turned inside out."""
    return _area(*ops.unstack(boxes, axis=-1))


def _area(y1: Tensor, x1: Tensor, y2: Tensor, x2: Tensor) -> Tensor:
    return ops.maximum(y2 - y1, 0.0) * ops.maximum(x2 - x1, 0.0)


def pairwise_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union of every box of one set with every box of another.

    Args:
        boxes1: float [..., N, 4].
        boxes2: float [..., M, 4] in the same coordinates.

    Returns:
        float [..., N, M] from 0 to 1; 0 where both boxes are empty.
    """
    first, second = _pairs(boxes1, boxes2)
    intersection = _intersections(first, second)
    return _quotient(intersection, _area(*first) + _area(*second) - intersection)


def pairwise_share(boxes: Tensor, regions: Tensor) -> Tensor:
    """Which share of its own area every box has in every region.

    Args:
        boxes: float [..., N, 4].
        regions: float [..., M, 4] in the same coordinates.

    Returns:
        float [..., N, M] from 0 to 1; 0 for an empty box.
    """
    first, second = _pairs(boxes, regions)
    return _quotient(_intersections(first, second), _area(*first))


def _pairs(boxes1: Tensor, boxes2: Tensor) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """The edges of boxes [..., N, 4] and [..., M, 4], each [..., N, 1] or [..., 1, M]."""
    first = ops.expand_dims(_within_reach(boxes1), -2)
    second = ops.expand_dims(_within_reach(boxes2), -3)
    return ops.unstack(first, axis=-1), ops.unstack(second, axis=-1)


def _intersections(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Areas [..., N, M] that boxes share, of `_pairs`."""
    low = (ops.maximum(first[side], second[side]) for side in (0, 1))
    high = (ops.minimum(first[side], second[side]) for side in (2, 3))
    return _area(*low, *high)


def _quotient(part: Tensor, whole: Tensor) -> Tensor:
    """Of areas; 0 where the whole is none."""
    filled = whole > _LEAST_AREA
    return ops.where(filled, part / ops.where(filled, whole, 1.0), 0.0)


def apply_box_deltas(
    boxes: Tensor, deltas: Tensor, largest_growth: float = _LARGEST_GROWTH
) -> Tensor:
    """Move and scale boxes (Girshick et al. 2014, appendix C).

    Args:
        boxes: float [..., 4].
        deltas: float [..., 4] of (dy, dx, log dh, log dw); dy and dx in box heights and widths.
        largest_growth: up to which the logarithms count; with 20 no box grows beyond 5e8 times its
            size.

    Returns:
        float [..., 4] refined boxes.
    """
    y1, x1, y2, x2 = ops.unstack(_within_reach(boxes), axis=-1)
    dy, dx, growth_y, growth_x = ops.unstack(_within_reach(deltas), axis=-1)
    height, width = y2 - y1, x2 - x1
    center_y = y1 + 0.5 * height + dy * height
    center_x = x1 + 0.5 * width + dx * width
    height = height * ops.exp(ops.minimum(growth_y, largest_growth))
    width = width * ops.exp(ops.minimum(growth_x, largest_growth))
    y1 = center_y - 0.5 * height
    x1 = center_x - 0.5 * width
    return ops.stack([y1, x1, y1 + height, x1 + width], axis=-1)


def box_refinement(boxes: Tensor, target_boxes: Tensor) -> Tensor:
    """Deltas that `apply_box_deltas` needs to turn `boxes` into `target_boxes`.

    Args:
        boxes: float [..., 4].
        target_boxes: float [..., 4], likewise.

    Returns:
        float [..., 4] of (dy, dx, log dh, log dw); zeros where a box or its target has no height
        or no width, since nothing turns the one into the other.
    """
    low, high = ops.split(_within_reach(boxes), 2, axis=-1)
    target_low, target_high = ops.split(_within_reach(target_boxes), 2, axis=-1)
    sides, target_sides = high - low, target_high - target_low
    proper = ops.all(ops.minimum(sides, target_sides) > _LEAST_SIDE, axis=-1, keepdims=True)
    # Harmless numbers under what is not taken, or its gradient would not be finite.
    sides = ops.where(proper, sides, 1.0)
    target_sides = ops.where(proper, target_sides, 1.0)
    shifts = target_low + 0.5 * target_sides - (low + 0.5 * sides)
    deltas = ops.concatenate([shifts / sides, ops.log(target_sides / sides)], axis=-1)
    return ops.where(proper, deltas, 0.0)


def clip_boxes(boxes: Tensor, window: Tensor) -> Tensor:
    """Clip boxes [..., 4] to a window (y1, x1, y2, x2) that broadcasts against them."""
    low, high = ops.split(window, 2, axis=-1)
    low, high = (ops.concatenate([corner, corner], axis=-1) for corner in (low, high))
    return ops.maximum(ops.minimum(boxes, high), low)


def finite_boxes(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes [..., 4], those with a value that is not finite replaced by zeros, and bool [...].

    A network that diverges predicts such boxes. They must not become indices; the losses tell of
    the trouble.
    """
    finite = ops.all(ops.isfinite(boxes), axis=-1)
    return ops.where(ops.expand_dims(finite, -1), boxes, 0.0), finite


def spans_of_sides(sides: Tensor) -> Tensor:
    """From the first pixel to the last, of sides in pixels: one less, but 1 for a single pixel."""
    return ops.maximum(ops.cast(sides, "float32") - 1.0, 1.0)


def _pixel_scale(image_shape: Sequence[Tensor]) -> Tensor:
    height, width = (spans_of_sides(side) for side in (image_shape[0], image_shape[1]))
    return ops.stack([height, width, height, width])


def normalize_boxes(boxes: Tensor, image_shape: Sequence[Tensor]) -> Tensor:
    """Pixel boxes to normalized ones: (box - [0, 0, 1, 1]) / [H-1, W-1, H-1, W-1].

    The far edge of a pixel box lies one past its last pixel; normalized, it lies on that pixel, so
    0 and 1 are the centers of the first and of the last pixel.

    Args:
        boxes: [..., 4] in pixels.
        image_shape: (height, width) in pixels; numbers or scalar tensors.

    Returns:
        float32 [..., 4], 0 to 1 inside the image.
    """
    shift = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")
    return (ops.cast(boxes, "float32") - shift) / _pixel_scale(image_shape)


def pixel_boxes(boxes: Tensor, image_shape: Sequence[Tensor]) -> Tensor:
    """The inverse of `normalize_boxes`: float32 [..., 4] in pixels, from edge to edge."""
    shift = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")
    return ops.cast(boxes, "float32") * _pixel_scale(image_shape) + shift


def denormalize_boxes(boxes: Tensor, image_shape: Sequence[Tensor]) -> Tensor:
    """`pixel_boxes`, rounded to whole pixels: int32 [..., 4]."""
    return ops.cast(ops.round(pixel_boxes(boxes, image_shape)), "int32")


def normalized_windows(image_meta: Tensor) -> Tensor:
    """Windows float32 [B, 4], normalized, from image meta rows [B, M]."""
    meta = ImageMeta(ops.cast(image_meta, "float32"))
    window = meta.window - ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")
    spans = spans_of_sides(meta.image_shape[:, :2])
    return window / ops.concatenate([spans, spans], axis=-1)
