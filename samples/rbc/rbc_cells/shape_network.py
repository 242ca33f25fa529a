"""The network that names shapes of red cells: an EfficientNet-Lite, cut off at stride 16.

Its layers have the names of `mrcnn`'s backbone `efficientnet-lite0`, whose weights they can take.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from mrcnn.weights.loading import load_weights
from rbc_cells.shape_crops import BACKGROUND, SIDE

# Blocks of one kind: stage, repeats, kernel, expansion, channels.
_ROWS = ((1, 1, 3, 1, 16), (2, 2, 3, 6, 24), (3, 2, 5, 6, 40), (4, 3, 3, 6, 80), (4, 3, 5, 6, 112))
_STEM, _HEAD = 32, 256
# The ImageNet weights know images as (pixel - 127) / 128.
_MEAN, _DEVIATION = 127.0, 128.0
# Another network may be built in another precision at the same time.
_DTYPE = "float32"
# How much of what is not the cell fades into the background, and pixels around the mask that stay.
FADED = 0.6
AROUND = 3
# How far each pixel goes to the mean of 3 x 3: about as soft as crops are that were turned,
# moved and softened in training. A network that learned from those takes sharp ones for others.
SOFTNESS = 0.375


@keras.saving.register_keras_serializable("rbc_cells")
class Softened(layers.Layer):
    """Crops float [B, H, W, 4], a little softer; in training they stay as they come."""

    def call(self, crops: Any, training: bool | None = None) -> Any:
        """See the class."""
        if training:
            return crops
        return crops + SOFTNESS * (ops.average_pool(crops, 3, 1, padding="same") - crops)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """See `keras.layers.Layer`."""
        return input_shape


@keras.saving.register_keras_serializable("rbc_cells")
class FadedSurroundings(layers.Layer):
    """Crops [B, H, W, 4] of colors and masks -> colors [B, H, W, 3], the neighbors paler."""

    def call(self, crops: Any) -> Any:
        """See the class."""
        colors, mask = crops[..., :3], crops[..., 3:] / 255
        mask = ops.max_pool(mask, 2 * AROUND + 1, 1, padding="same")
        return colors + (BACKGROUND - colors) * (1 - mask) * FADED

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """See `keras.layers.Layer`."""
        return (*input_shape[:-1], 3)


def build_network(
    classes: int, numbers: int, *, normalized: bool = False, dropout: float = 0.0
) -> keras.Model:
    """A network from crops and measured numbers of cells to one logit a class.

    Args:
        classes: number of shapes.
        numbers: how many numbers there are of each cell.
        normalized: with batch norms, as a training needs them; without, they are part of the
            convolutions, see `folded`.
        dropout: share of the features that training leaves out.

    Returns:
        a model of the inputs float [B, SIDE, SIDE, 4], 0 to 255, and float [B, numbers].
    """
    crop = keras.Input((SIDE, SIDE, 4), name="crop")
    measured = keras.Input((numbers,), name="measured")
    x = Softened(name="softened", dtype=_DTYPE)(crop)
    x = FadedSurroundings(name="faded", dtype=_DTYPE)(x)
    x = layers.Rescaling(1 / _DEVIATION, -_MEAN / _DEVIATION, name="input_scale", dtype=_DTYPE)(x)
    x = _convolved(x, _STEM, 3, "conv1", normalized, strides=2)
    counts: dict[int, int] = {}
    for stage, repeats, size, expansion, channels in _ROWS:
        for _ in range(repeats):
            number = counts.get(stage, 0)
            counts[stage] = number + 1
            name = f"res{stage}{chr(ord('a') + number)}"
            y = x
            if expansion > 1:
                y = _convolved(y, expansion * x.shape[-1], 1, f"{name}_expand", normalized)
            strides = 2 if number == 0 and stage > 1 else 1
            y = _convolved(y, None, size, f"{name}_depthwise", normalized, strides=strides)
            y = _convolved(y, channels, 1, f"{name}_project", normalized, bounded=False)
            if strides == 1 and x.shape[-1] == channels:
                y = layers.Add(name=f"{name}_out", dtype=_DTYPE)([y, x])
            x = y
    x = _convolved(x, _HEAD, 1, "head", normalized)
    x = layers.GlobalAveragePooling2D(name="mean", dtype=_DTYPE)(x)
    x = layers.Concatenate(name="features", dtype=_DTYPE)([x, measured])
    x = layers.Dropout(dropout, name="dropout", dtype=_DTYPE)(x)
    logits = layers.Dense(classes, name="shapes", dtype=_DTYPE)(x)
    return keras.Model([crop, measured], logits, name="shapes")


def load_network(path: Path, classes: int, numbers: int) -> keras.Model:
    """The network without norms, with the weights of a file.

    Raises:
        WeightsError: the file cannot be read, or is of another network.
    """
    network = build_network(classes, numbers)
    load_weights(network, path, strict=True)
    return network


def folded(network: keras.Model) -> keras.Model:
    """The same network without norms: each is a part of the convolution before it."""
    (_, side), classes = network.input_shape, network.output_shape[-1]
    plain = build_network(classes, side[-1])
    for layer in plain.layers:
        if not layer.weights:
            continue
        weights = network.get_layer(layer.name).get_weights()
        if isinstance(layer, layers.Dense):
            layer.set_weights(weights)
            continue
        norm = network.get_layer(_norm_name(layer.name))
        gamma, beta, mean, variance = norm.get_weights()
        gain = gamma / np.sqrt(variance + norm.epsilon)
        # Kernels of depthwise convolutions have their filters in the axis before the last.
        is_depthwise = isinstance(layer, layers.DepthwiseConv2D)
        layer.set_weights(
            [weights[0] * (gain[:, None] if is_depthwise else gain), beta - mean * gain]
        )
    return plain


def _convolved(
    x: Any,
    filters: int | None,
    size: int,
    name: str,
    normalized: bool,
    *,
    strides: int = 1,
    bounded: bool = True,
) -> Any:
    """A convolution, its norm and ReLU6, which `bounded` has; depthwise without `filters`."""
    kind: dict[str, Any] = {"strides": strides, "padding": "same", "use_bias": not normalized}
    kind["dtype"] = _DTYPE
    if filters is None:
        x = layers.DepthwiseConv2D(size, name=name, **kind)(x)
    else:
        x = layers.Conv2D(filters, size, name=name, **kind)(x)
    if normalized:
        x = layers.BatchNormalization(
            epsilon=1e-3, momentum=0.95, name=_norm_name(name), dtype=_DTYPE
        )(x)
    return layers.ReLU(6.0, dtype=_DTYPE)(x) if bounded else x


def _norm_name(convolution: str) -> str:
    """Of the norm after a convolution: "bn_conv1", "bn2a_expand"."""
    return f"bn{convolution[3:]}" if convolution.startswith("res") else f"bn_{convolution}"
