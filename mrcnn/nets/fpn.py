"""Feature pyramid network (Lin et al. 2017, section 3)."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from mrcnn.nets.convolution import Convolution
from mrcnn.ops.tensor import Tensor


# Saved models have it under its first name.
@keras.saving.register_keras_serializable(package="mrcnn", name="Doubled")
class Upsample(layers.UpSampling2D):
    """Each cell twice along both axes: [B, H, W, C] to [B, 2 H, 2 W, C].

    The same as its base class, in a tenth of the operations that have to be traced.
    """

    def call(self, inputs: Tensor) -> Tensor:
        height, width, channels = ops.shape(inputs)[1:]
        columns = ops.reshape(
            ops.stack([inputs, inputs], axis=3), (-1, height, 2 * width, channels)
        )
        return ops.reshape(
            ops.stack([columns, columns], axis=2), (-1, 2 * height, 2 * width, channels)
        )


def feature_pyramid(stages: Sequence[Tensor], channels: int = 256) -> list[Tensor]:
    """Top-down pathway with lateral connections.

    Args:
        stages: [C2, C3, C4, C5] feature maps of the backbone.
        channels: channels of every pyramid level.

    Returns:
        [P2, P3, P4, P5, P6], float [B, H / stride, W / stride, channels], strides 4 to 64. P6 is
        every second value of P5.
    """
    c2, c3, c4, c5 = stages
    merged = {5: layers.Conv2D(channels, 1, name="fpn_c5p5")(c5)}
    for level, stage in ((4, c4), (3, c3), (2, c2)):
        upsampled = Upsample(name=f"fpn_p{level + 1}upsampled")(merged[level + 1])
        lateral = layers.Conv2D(channels, 1, name=f"fpn_c{level}p{level}")(stage)
        merged[level] = layers.Add(name=f"fpn_p{level}add")([upsampled, lateral])
    outputs = [
        Convolution(channels, 3, padding="same", name=f"fpn_p{level}")(merged[level])
        for level in (2, 3, 4, 5)
    ]
    outputs.append(layers.MaxPooling2D(1, strides=2, name="fpn_p6")(outputs[-1]))
    return outputs
