"""Normalization: batch norm with stored or batch statistics, and group norm."""

from typing import Any

import keras
from keras import ops

from mrcnn.nets.layers import register
from mrcnn.nets.speed.running import running
from mrcnn.ops.tensor import Tensor

# Matterport's files were trained with these; Keras' own default of today would be the same.
BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.99
GROUP_NORM_GROUPS = 32


@register
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalization whose use of batch statistics is part of the layer.

    Args:
        train_bn: False: always the stored statistics, also while training (gamma and beta still
            learn). True or None: batch statistics while training, stored ones otherwise.
    """

    def __init__(self, train_bn: bool | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("epsilon", BATCH_NORM_EPSILON)
        kwargs.setdefault("momentum", BATCH_NORM_MOMENTUM)
        super().__init__(**kwargs)
        self.train_bn = train_bn

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if self in getattr(running, "passive", ()):
            return inputs
        if self.train_bn is False:
            training = False
        return super().call(inputs, training=training, mask=mask)

    def fold_into(self, kernel: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """What a convolution without this layer computes the same with.

        Args:
            kernel: [..., channels] of the convolution before this layer.
            bias: [channels], or None.

        Returns:
            kernel and bias for the stored statistics.
        """
        scale = ops.rsqrt(self.moving_variance + self.epsilon)
        if self.scale:
            scale = scale * self.gamma
        shift = ((0.0 if bias is None else bias) - self.moving_mean) * scale
        return kernel * scale, shift + self.beta if self.center else shift

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "train_bn": self.train_bn}


@register
class GroupNorm(keras.layers.GroupNormalization):
    """`keras.layers.GroupNormalization` of the last axis of maps [N, H, W, C], in half the nodes.

    The channels are put into groups only once there is one number for each: the maps stay as they
    are, and nothing needs their size, of which TensorFlow makes a node for each side.
    """

    def call(self, inputs: Tensor) -> Tensor:
        images, channels = inputs.shape[0] or -1, inputs.shape[-1]
        groups = (images, 1, 1, self.groups, channels // self.groups)
        maps = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))

        def grouped(values: Tensor) -> Tensor:
            return ops.reshape(ops.mean(values, axis=(1, 2), keepdims=True), groups)

        def spread(values: Tensor) -> Tensor:
            return ops.reshape(values, (images, 1, 1, channels))

        def of_channels(weight: Tensor) -> Tensor:
            return ops.reshape(ops.cast(weight, maps.dtype), groups[3:])

        mean = ops.mean(grouped(maps), axis=-1, keepdims=True)
        every = spread(mean + ops.zeros(groups[3:], maps.dtype))
        variance = ops.mean(grouped(ops.square(maps - every)), axis=-1, keepdims=True)
        scale = ops.rsqrt(variance + self.epsilon) * of_channels(self.gamma)
        shift = of_channels(self.beta) - mean * scale
        return ops.cast(maps * spread(scale) + spread(shift), self.compute_dtype)


def normalization_layer(
    channels: int, name: str, normalization: str = "batch", train_bn: bool | None = False
) -> keras.layers.Layer:
    """The configured normalization under its layer name.

    Args:
        channels: of the feature map that it is for.
        name: layer name of the batch normalization, such as "bn2a_branch2a". Group normalization
            takes the same name with "gn" for "bn": weights of one do not fit the other.
        normalization: "batch" or "group".
        train_bn: see `BatchNorm`.
    """
    if normalization == "batch":
        return BatchNorm(train_bn, name=name)
    groups = next(
        number
        for number in range(min(GROUP_NORM_GROUPS, channels), 0, -1)
        if channels % number == 0
    )
    return GroupNorm(groups, epsilon=BATCH_NORM_EPSILON, name=name.replace("bn", "gn", 1))


def normalize(
    x: Tensor, name: str, normalization: str = "batch", train_bn: bool | None = False
) -> Tensor:
    """Apply `normalization_layer` to a feature map [..., C]."""
    return normalization_layer(x.shape[-1], name, normalization, train_bn)(x)
