"""Normalisation and the small layers that the detector is put together from."""

import keras
from keras import ops

register = keras.saving.register_keras_serializable(package="mrcnn")

# Matterport's files were trained with these; Keras' own default of today would be the same.
BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.99
GROUP_NORM_GROUPS = 32


@register
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation whose use of batch statistics is part of the layer.

    Args:
        train_bn: False: always the stored statistics, also while training (gamma and beta still
            learn). True or None: batch statistics while training, stored ones otherwise.
    """

    def __init__(self, train_bn: bool | None = None, **kwargs):
        kwargs.setdefault("epsilon", BATCH_NORM_EPSILON)
        kwargs.setdefault("momentum", BATCH_NORM_MOMENTUM)
        super().__init__(**kwargs)
        self.train_bn = train_bn

    def call(self, inputs, training=None, mask=None):
        if self.train_bn is False:
            training = False
        return super().call(inputs, training=training, mask=mask)

    def get_config(self):
        return {**super().get_config(), "train_bn": self.train_bn}


def normalize(x, name: str, normalization: str = "batch", train_bn: bool | None = False):
    """Apply the configured normalisation under its layer name.

    Args:
        x: feature map.
        name: layer name of the batch normalisation, such as "bn2a_branch2a". Group normalisation
            takes the same name with "gn" for "bn": weights of one do not fit the other.
        normalization: "batch" or "group".
        train_bn: see `BatchNorm`.
    """
    if normalization == "batch":
        return BatchNorm(train_bn, name=name)(x)
    channels = x.shape[-1]
    groups = next(
        number
        for number in range(min(GROUP_NORM_GROUPS, channels), 0, -1)
        if channels % number == 0
    )
    return keras.layers.GroupNormalization(
        groups, epsilon=BATCH_NORM_EPSILON, name=name.replace("bn", "gn", 1)
    )(x)


@register
class FoldRegions(keras.layers.Layer):
    """[B, R, ...] to [B * R, ...], so that ordinary layers work on regions."""

    def call(self, inputs):
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))

    def compute_output_shape(self, inputs_shape):
        return (None, *inputs_shape[2:])


@register
class UnfoldRegions(keras.layers.Layer):
    """[B * R, ...] back to [B, R, ...] for a fixed number of regions an image."""

    def __init__(self, regions: int, **kwargs):
        super().__init__(**kwargs)
        self.regions = regions

    def call(self, inputs):
        return ops.reshape(inputs, (-1, self.regions, *inputs.shape[1:]))

    def compute_output_shape(self, inputs_shape):
        return (None, self.regions, *inputs_shape[1:])

    def get_config(self):
        return {**super().get_config(), "regions": self.regions}


@register
class TakeRegions(keras.layers.Layer):
    """The first regions of each image: [B, R, ...] to [B, count, ...]."""

    def __init__(self, count: int, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def call(self, inputs):
        return inputs[:, : self.count]

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0], self.count, *inputs_shape[2:])

    def get_config(self):
        return {**super().get_config(), "count": self.count}


@register
class ToBoxes(keras.layers.Layer):
    """The boxes of detection rows: float [B, D, 6] to [B, D, 4]."""

    def call(self, inputs):
        return inputs[..., :4]

    def compute_output_shape(self, inputs_shape):
        return (*inputs_shape[:-1], 4)
