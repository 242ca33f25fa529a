"""The small layers that the detector is put together from."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.ops.boxes import clip_boxes, normalized_windows
from mrcnn.ops.tensor import Shape, Tensor

register = keras.saving.register_keras_serializable(package="mrcnn")


def _pad_rows(values: Tensor, rows: int) -> Tensor:
    """[B, K, ...] to [B, rows, ...], those beyond K zero."""
    batch, count = ops.shape(values)[:2]
    missing = ops.zeros((batch, rows - count, *values.shape[2:]), dtype=values.dtype)
    return ops.concatenate([values, missing], axis=1)


# Models that were saved whole have it under this name; those of now pad in `PerRegion`.
@keras.saving.register_keras_serializable(package="mrcnn", name="FillUp")
class PadRows(keras.layers.Layer):
    """Zeros for the rows that `FilledBoxes` left out: [B, K, ...] to [B, rows, ...].

    Args:
        rows: in the output.
    """

    def __init__(self, rows: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows = rows

    def call(self, inputs: Tensor) -> Tensor:
        return _pad_rows(inputs, self.rows)

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return (inputs_shape[0], self.rows, *inputs_shape[2:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rows": self.rows}


@register
class PerRegion(keras.layers.Wrapper):
    """A layer applied to each region of each image: [B, R, ...] in, [B, R, ...] out.

    The regions are folded into the batch, so the wrapped layer runs once over all of them. Like
    `keras.layers.TimeDistributed`, which Matterport's heads are wrapped in and which is looked at
    by name and through `.layer`.

    Args:
        layer: the layer for one region; the wrapper takes its name.
        rows: regions of the output, those beyond R zero; None for R.
    """

    def __init__(self, layer: keras.layers.Layer, rows: int | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("name", layer.name)
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, **kwargs)
        self.rows = rows

    def build(self, inputs_shape: Shape) -> None:
        super().build((None, *inputs_shape[2:]))

    def call(self, inputs: Tensor) -> Tensor:
        outputs = self.layer(ops.reshape(inputs, (-1, *inputs.shape[2:])))
        images, regions = inputs.shape[:2]
        if regions is None and images is None:
            regions = ops.shape(inputs)[1]
        images, regions = (images or -1, -1) if regions is None else (-1, regions)
        outputs = ops.reshape(outputs, (images, regions, *outputs.shape[1:]))
        return outputs if self.rows is None else _pad_rows(outputs, self.rows)

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        folded = self.layer.compute_output_shape((None, *inputs_shape[2:]))
        return (inputs_shape[0], self.rows or inputs_shape[1], *folded[1:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rows": self.rows}


@register
class TakeRegions(keras.layers.Layer):
    """The first regions of each image: [B, R, ...] to [B, count, ...]."""

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def call(self, inputs: Tensor) -> Tensor:
        return inputs[:, : self.count]

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return (inputs_shape[0], self.count, *inputs_shape[2:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}


def _rows_can_vary() -> bool:
    """Whether a compiled graph may have a number of rows that only its values tell."""
    return keras.backend.backend() != "jax"


@register
class FilledBoxes(keras.layers.Layer):
    """The boxes of detection rows, without the padding: float [B, D, 6] to [B, K, 4].

    K is the number of detections of the image that has most, at least 1, so that what follows
    does no work for rows that hold nothing. Where a graph must know its shapes (JAX), K is D.
    """

    def call(self, inputs: Tensor) -> Tensor:
        boxes = inputs[..., :4]
        if not _rows_can_vary():
            return boxes
        filled = ops.any(inputs[..., 4] > 0, axis=0)
        count = ops.maximum(ops.sum(ops.cast(filled, "int32")), 1)
        return boxes[:, :count]

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return (inputs_shape[0], None if _rows_can_vary() else inputs_shape[1], 4)


@register
class WidenBoxes(keras.layers.Layer):
    """Boxes [B, K, 4] with a share of their size added on each side, inside windows [B, 4].

    Inputs: [boxes, image_meta [B, M]]; boxes are normalized.

    Args:
        margin: share of the height and of the width.
    """

    def __init__(self, margin: float, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.margin = float(margin)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        boxes, image_meta = inputs
        low, high = ops.split(boxes, 2, axis=-1)
        sides = (high - low) * self.margin
        boxes = boxes + ops.concatenate([-sides, sides], axis=-1)
        return clip_boxes(boxes, ops.expand_dims(normalized_windows(image_meta), 1))

    def compute_output_shape(self, inputs_shape: Sequence[Shape]) -> Shape:
        return inputs_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "margin": self.margin}
