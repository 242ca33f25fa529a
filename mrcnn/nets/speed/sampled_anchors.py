"""What the RPN says of the anchors that it trains on, computed for them alone.

The RPN's losses read a few hundred of its many thousand outputs. Back through the whole
convolution the gradient would be zero almost everywhere, at the cost of a third of the network's
work: here the same outputs are computed once more from the feature cells around those anchors, and
the gradient goes that way.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.nets.layers import register
from mrcnn.ops.nms import take_rows
from mrcnn.ops.pyramid import gather_patches, lay_out_pyramid
from mrcnn.ops.tensor import Tensor


def sampled_rows(match: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Anchors that take part in the losses, in their order.

    Args:
        match: int [B, A, 1]; 1 object, -1 background, 0 not sampled. At most `count` of an image
            are sampled; further ones are left out.
        count: rows of the result.

    Returns:
        int32 [B, count] indices of anchors, and their match int [B, count, 1]; rows that are left
        have match 0.
    """
    anchors = match.shape[1] or ops.shape(match)[1]
    sampled = ops.not_equal(ops.squeeze(match, -1), 0)
    # The earlier an anchor, the higher its key: the highest ones come out in anchor order.
    keys = ops.where(sampled, anchors - ops.arange(anchors, dtype="int32"), 0)
    highest, rows = ops.top_k(keys, count)
    rows = ops.cast(rows, "int32")
    return rows, ops.where(ops.expand_dims(highest, -1) > 0, take_rows(match, rows), 0)


@register
class SampledAnchors(keras.layers.Layer):
    """RPN outputs of the sampled anchors.

    Inputs: [rpn_match int [B, A, 1], rpn_class_logits [B, A, 2], rpn_bbox [B, A, 4], P2, ..., P6].
    Outputs: match int32 [B, K, 1], logits [B, K, 2], deltas [B, K, 4]; see `sampled_rows`.

    Until `read_from` tells where the weights are, the outputs are taken from the second and third
    input.

    Args:
        count: K, the most anchors that are sampled of an image.
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        # Features are read in the type that they have.
        self.autocast = False
        self.count = count
        # A function, since Keras would count the weights of a layer that is kept as this one's.
        self._rpn_layers: Callable[[], list[keras.layers.Layer]] | None = None

    def read_from(self, rpn: keras.Model) -> None:
        """Compute the outputs with the weights of an RPN, see `mrcnn.nets.rpn.build_rpn`."""
        names = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
        found = [rpn.get_layer(name) for name in names]
        self._rpn_layers = lambda: found

    def call(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        match, logits, deltas, *feature_maps = inputs
        rows, match = sampled_rows(match, self.count)
        if self._rpn_layers is None:
            return match, take_rows(logits, rows), take_rows(deltas, rows)
        return match, *self._outputs(self._rpn_layers(), rows, feature_maps)

    def _outputs(
        self,
        rpn_layers: Sequence[keras.layers.Layer],
        rows: Tensor,
        feature_maps: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor]:
        shared, classes, boxes = rpn_layers
        size, stride, ratios = shared.kernel_size[0], shared.strides[0], classes.filters // 2
        level, row, column, ratio = _places(rows, feature_maps, size, stride, ratios)
        pyramid = lay_out_pyramid(feature_maps)
        patches = gather_patches(pyramid, level, row, column, size)
        hidden = ops.relu(_apply(shared, ops.cast(patches, "float32")))

        chosen = ops.arange(self.count, dtype="int32") * ratios + ratio

        def of_ratio(layer: keras.layers.Layer, values: int) -> Tensor:
            every = ops.reshape(_apply(layer, hidden), (-1, self.count * ratios, values))
            return take_rows(every, chosen)

        return of_ratio(classes, 2), of_ratio(boxes, 4)

    def compute_output_spec(
        self, inputs: Sequence[keras.KerasTensor]
    ) -> tuple[keras.KerasTensor, ...]:
        batch = inputs[0].shape[0]
        return (
            keras.KerasTensor((batch, self.count, 1), inputs[0].dtype),
            keras.KerasTensor((batch, self.count, 2), "float32"),
            keras.KerasTensor((batch, self.count, 4), "float32"),
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}


def _places(
    rows: Tensor, feature_maps: Sequence[Tensor], size: int, stride: int, ratios: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where anchors lie: level, first row and column of their patch, ratio; each int32 [B, K]."""
    starts, widths, padding = [0], [], []
    for feature_map in feature_maps:
        height, width = ops.shape(feature_map)[1:3]
        rows_there, columns_there = -(-height // stride), -(-width // stride)
        starts.append(starts[-1] + rows_there * columns_there * ratios)
        widths.append(columns_there)
        # What "same" puts before the first row and column.
        padding.append(
            [
                max((count - 1) * stride + size - side, 0) // 2
                for count, side in ((rows_there, height), (columns_there, width))
            ]
        )
    starts, widths, padding = (
        ops.convert_to_tensor(numbers, dtype="int32") for numbers in (starts[:-1], widths, padding)
    )
    level = ops.sum(ops.cast(ops.expand_dims(rows, -1) >= starts, "int32"), axis=-1) - 1
    within = rows - ops.take(starts, level, axis=0)
    cell, ratio = within // ratios, within % ratios
    width, before = ops.take(widths, level, axis=0), ops.take(padding, level, axis=0)
    return (
        level,
        cell // width * stride - before[..., 0],
        cell % width * stride - before[..., 1],
        ratio,
    )


def _apply(convolution: keras.layers.Layer, patches: Tensor) -> Tensor:
    """A convolution whose kernel covers the patches: [B, K, ...] to [B, K, filters]."""
    kernel = ops.reshape(convolution.kernel, (-1, convolution.filters))
    patches = ops.reshape(patches, (-1, patches.shape[1], kernel.shape[0]))
    return ops.matmul(patches, kernel) + convolution.bias
