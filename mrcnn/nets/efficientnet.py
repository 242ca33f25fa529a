"""EfficientNet-Lite backbones (Tan & Le 2019; without squeeze-excite and swish, as for devices).

Few weights and products for what they know: inverted residual blocks of a wide depthwise
convolution between two of one pixel. ReLU6 bounds every map, which suits integers of 8 bits.
Blocks are named by their stages as those of the ResNets are.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from keras import layers
from keras.initializers import TruncatedNormal

from mrcnn.nets.convolution import Convolution, DepthwiseConvolution
from mrcnn.nets.normalization import normalize
from mrcnn.ops.tensor import Tensor


class _Row(NamedTuple):
    """Blocks of one kind."""

    stage: int
    repeats: int
    size: int
    expansion: int
    channels: int


_ROWS = (
    _Row(1, 1, 3, 1, 16),
    _Row(2, 2, 3, 6, 24),
    _Row(3, 2, 5, 6, 40),
    _Row(4, 3, 3, 6, 80),
    _Row(4, 3, 5, 6, 112),
    _Row(5, 4, 5, 6, 192),
    _Row(5, 1, 3, 6, 320),
)
# How much wider and deeper than the table; its first and last row are as deep in all of them.
SCALES = {
    "efficientnet-lite0": (1.0, 1.0),
    "efficientnet-lite1": (1.0, 1.1),
    "efficientnet-lite2": (1.1, 1.2),
}
STEM_CHANNELS = 32
# Channels are multiples of it.
_CHANNEL_STEP = 8
# The published weights were trained on (pixel - 127) / 128.
_MEAN, _DEVIATION = 127.0, 128.0


def efficientnet_stages(
    input_image: Tensor,
    architecture: str,
    mean_pixel: Any,
    normalization: str = "batch",
    train_bn: bool | None = False,
) -> list[Tensor]:
    """Build a backbone.

    Args:
        input_image: float [B, H, W, C], mean subtracted; H and W divisible by 32.
        architecture: a key of `SCALES`.
        mean_pixel: what was subtracted, a number or one for each channel.
        normalization, train_bn: see `mrcnn.nets.normalization.normalize`.

    Returns:
        [C1, C2, C3, C4, C5] feature maps at strides 2, 4, 8, 16 and 32.
    """
    width, depth = SCALES[architecture]
    norm: dict[str, Any] = {"normalization": normalization, "train_bn": train_bn}
    x = _as_trained(input_image, mean_pixel)
    x = _normalized(
        Convolution(STEM_CHANNELS, 3, name="conv1", strides=2, **_plain(norm))(x), "bn_conv1", norm
    )
    outputs: dict[int, Tensor] = {}
    blocks: dict[int, int] = {}
    for row in _ROWS:
        repeats = row.repeats if row in (_ROWS[0], _ROWS[-1]) else math.ceil(depth * row.repeats)
        for _ in range(repeats):
            number = blocks.get(row.stage, 0)
            blocks[row.stage] = number + 1
            strides = 2 if number == 0 and row.stage > 1 else 1
            name = f"{row.stage}{chr(ord('a') + number)}"
            x = _block(x, row, _channels(width * row.channels), strides, name, norm)
        outputs[row.stage] = x
    return list(outputs.values())


def _as_trained(image: Tensor, mean_pixel: Any) -> Tensor:
    """The image as the published weights know it.

    A layer and not a part of the first kernel: zeros around the map must stay the mean, and of
    inputs 128 times as large that kernel's gradients would be as much larger than all others.
    """
    offset = (np.atleast_1d(np.asarray(mean_pixel, float)) - _MEAN) / _DEVIATION
    # Whole pixels and their fractions, before the network's own precision rounds them.
    return layers.Rescaling(1 / _DEVIATION, offset.tolist(), name="input_scale", dtype="float32")(
        image
    )


def _block(
    x: Tensor, row: _Row, channels: int, strides: int, name: str, norm: dict[str, Any]
) -> Tensor:
    """An inverted residual block: wider, depthwise, narrow again; added to its input if it fits.

    Args:
        x: feature map [B, H, W, C].
        row: size of the depthwise kernel, and how many times wider it is in between.
        channels: of the output.
        strides: of the depthwise convolution.
        name: stage number and block letter, for the layer names.
        norm: normalization and train_bn.
    """
    y = x
    if row.expansion > 1:
        y = Convolution(row.expansion * x.shape[-1], 1, name=f"res{name}_expand", **_plain(norm))(y)
        y = _normalized(y, f"bn{name}_expand", norm)
    # Each output sees one channel: Keras' rules would count all of them as its inputs.
    spread = TruncatedNormal(stddev=(2.0 if _by_data(norm) else 1.0) ** 0.5 / row.size)
    y = DepthwiseConvolution(
        row.size,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=spread,
        name=f"res{name}_depthwise",
    )(y)
    y = _normalized(y, f"bn{name}_depthwise", norm)
    y = Convolution(channels, 1, name=f"res{name}_project", **_plain(norm))(y)
    y = normalize(y, f"bn{name}_project", **norm)
    if strides == 1 and x.shape[-1] == channels:
        y = layers.Add(name=f"res{name}_out")([y, x])
    return y


def _normalized(x: Tensor, name: str, norm: dict[str, Any]) -> Tensor:
    return layers.ReLU(6.0)(normalize(x, name, **norm))


def _by_data(norm: dict[str, Any]) -> bool:
    """Whether maps are normalized by what is in them: then kernels may be as large as He's."""
    return norm["normalization"] == "group" or norm["train_bn"] is not False


def _plain(norm: dict[str, Any]) -> dict[str, Any]:
    """What the convolutions over all channels have in common."""
    return {
        "padding": "same",
        "use_bias": False,
        "kernel_initializer": "he_normal" if _by_data(norm) else "glorot_uniform",
    }


def _channels(wanted: float) -> int:
    """The nearest multiple of the step that is not more than a tenth below."""
    found = max(_CHANNEL_STEP, int(wanted + _CHANNEL_STEP / 2) // _CHANNEL_STEP * _CHANNEL_STEP)
    return found + _CHANNEL_STEP if found < 0.9 * wanted else found
