"""Matterport's functions on tensors that its programs call by name; boxes are (y1, x1, y2, x2).

They work on any backend of Keras, in a graph or on values. Where the number of rows that come out
depends on the values, as in `trim_zeros_graph`, JAX cannot compile them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.ops.boxes import (
    apply_box_deltas,
    box_refinement,
    clip_boxes,
    pairwise_iou,
    spans_of_sides,
)
from mrcnn.ops.tensor import Tensor


def _tensor(value: Any, dtype: str | None = None) -> Tensor:
    """A tensor of the backend, or a symbolic one as it is."""
    if keras.utils.is_keras_tensor(value):
        return value if dtype is None else ops.cast(value, dtype)
    return ops.convert_to_tensor(value, dtype=dtype)


def apply_box_deltas_graph(boxes: Tensor, deltas: Tensor) -> Tensor:
    """Boxes [N, 4] moved and scaled by deltas [N, 4]; see `mrcnn.ops.boxes.apply_box_deltas`."""
    return apply_box_deltas(_tensor(boxes), _tensor(deltas))


def clip_boxes_graph(boxes: Tensor, window: Tensor) -> Tensor:
    """Boxes [N, 4] clipped to a window [4] of the same unit."""
    return clip_boxes(_tensor(boxes), _tensor(window))


def overlaps_graph(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """IoU [N, M] of every box of [N, 4] with every box of [M, 4]."""
    return pairwise_iou(_tensor(boxes1), _tensor(boxes2))


def box_refinement_graph(box: Tensor, gt_box: Tensor) -> Tensor:
    """Deltas float32 [N, 4] that turn boxes [N, 4] into ground-truth boxes [N, 4]."""
    return box_refinement(_tensor(box, "float32"), _tensor(gt_box, "float32"))


def log2_graph(x: Tensor) -> Tensor:
    """Logarithm to base 2."""
    return ops.log2(_tensor(x))


def norm_boxes_graph(boxes: Tensor, shape: Tensor) -> Tensor:
    """Pixel boxes to normalized ones.

    Args:
        boxes: [..., 4] in pixels.
        shape: [..., 2], (height, width) in pixels.

    Returns:
        float32 [..., 4]; 0 and 1 are the centers of the first and of the last pixel.
    """
    scale, shift = _scale_and_shift(shape)
    return (_tensor(boxes, "float32") - shift) / scale


def denorm_boxes_graph(boxes: Tensor, shape: Tensor) -> Tensor:
    """Normalized boxes to int32 [..., 4] in pixels; the inverse of `norm_boxes_graph`."""
    scale, shift = _scale_and_shift(shape)
    return ops.cast(ops.round(_tensor(boxes, "float32") * scale + shift), "int32")


def _scale_and_shift(shape: Tensor) -> tuple[Tensor, Tensor]:
    spans = spans_of_sides(_tensor(shape, "float32"))
    scale = ops.concatenate([spans, spans], axis=-1)
    return scale, ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")


def trim_zeros_graph(boxes: Tensor, name: str = "trim_zeros") -> tuple[Tensor, Tensor]:
    """Leave rows of zeros out.

    Args:
        boxes: [N, 4].
        name: not used; part of the established signature.

    Returns:
        the K rows that are not all zero, [K, 4], and bool [N] that says which.
    """
    boxes = _tensor(boxes)
    filled = ops.any(ops.not_equal(boxes, 0), axis=1)
    return ops.take(boxes, _where(filled), axis=0), filled


def batch_pack_graph(x: Tensor, counts: Tensor, num_rows: int) -> Tensor:
    """Put the first rows of each image after one another.

    Args:
        x: [B, R, ...].
        counts: int [B], rows to take of each image.
        num_rows: B, the number of images.

    Returns:
        [sum(counts), ...].
    """
    x = _tensor(x)[:num_rows]
    rows = ops.shape(x)[1]
    wanted = ops.arange(rows, dtype="int32") < ops.expand_dims(
        _tensor(counts, "int32")[:num_rows], 1
    )
    flat = ops.reshape(x, (-1, *x.shape[2:]))
    return ops.take(flat, _where(ops.reshape(wanted, (-1,))), axis=0)


def _where(flags: Tensor) -> Tensor:
    """Indices int32 [K] at which bool [N] is true."""
    return ops.cast(ops.nonzero(flags)[0], "int32")


def batch_slice(
    inputs: Any,
    graph_fn: Callable[..., Any],
    batch_size: int,
    names: Sequence[str | None] | None = None,
) -> Any:
    """Apply a function for one image to each image of a batch.

    Args:
        inputs: one tensor or a list of tensors, each [B, ...].
        graph_fn: takes the slices of one image, returns one tensor or several.
        batch_size: B.
        names: not used; Keras names its tensors itself.

    Returns:
        the outputs stacked along a new first axis: one tensor, or a list where `graph_fn` returns
        several.
    """
    if not isinstance(inputs, list | tuple):
        inputs = [inputs]
    results = []
    for image in range(batch_size):
        result = graph_fn(*(tensor[image] for tensor in inputs))
        results.append(result if isinstance(result, list | tuple) else [result])
    stacked = [ops.stack(list(values), axis=0) for values in zip(*results, strict=True)]
    return stacked[0] if len(stacked) == 1 else stacked
