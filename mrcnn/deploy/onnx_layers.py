"""What layers on feature maps are in ONNX.

Feature maps are [N, C, H, W] here, and [N, H, W, C] in Keras; regions of images are so many maps.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import layers

from mrcnn.deploy.onnx_graph import OnnxGraph
from mrcnn.nets.convolution import Convolution, DepthwiseConvolution
from mrcnn.nets.fpn import Upsample
from mrcnn.nets.heads import SqueezePool
from mrcnn.nets.normalization import BatchNorm, GroupNorm

# (graph, layer, names of its inputs, shape of the first one as Keras has it) -> name of its output.
Shape = tuple[Any, ...]
Converter = Callable[[OnnxGraph, Any, list[str], Shape], str]
_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid"}


class UnknownLayerError(Exception):
    """A layer, or a way to use one, that this file does not know."""


def activated(graph: OnnxGraph, value: str, function: Any) -> str:
    """A value under one of the activations of Keras."""
    name = getattr(function, "__name__", str(function))
    if name == "linear":
        return value
    if name not in _ACTIVATIONS:
        raise UnknownLayerError(f"the activation {name}")
    return graph(_ACTIVATIONS[name], value)


def _bias(layer: Any, graph: OnnxGraph) -> list[str]:
    return [graph.weight(layer, "bias")] if layer.use_bias else []


def _padding(layer: Any) -> dict[str, Any]:
    if layer.padding == "valid":
        return {}
    if layer.padding != "same":
        raise UnknownLayerError(f"the padding {layer.padding!r} of {layer.name}")
    sides = getattr(layer, "kernel_size", None) or layer.pool_size
    if set(layer.strides) == {1} and all(side % 2 for side in sides):
        return {"pads": [side // 2 for side in sides] * 2}
    return {"auto_pad": "SAME_UPPER"}


def _convolution(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    if set(layer.dilation_rate) != {1}:
        raise UnknownLayerError(f"the dilation of {layer.name}")
    if covers(layer, shape):
        return product(graph, layer, inputs[0], (2, 0, 1, 3))
    found = graph(
        "Conv",
        *inputs,
        graph.weight(layer, "kernel", (3, 2, 0, 1)),
        *_bias(layer, graph),
        strides=list(layer.strides),
        group=layer.groups,
        **_padding(layer),
    )
    return activated(graph, found, layer.activation)


def covers(layer: Any, shape: Shape) -> bool:
    """Whether a layer is a convolution whose kernel is as large as the map, of `shape` in Keras."""
    return (
        ON_MAPS.get(type(layer)) is _convolution
        and layer.padding == "valid"
        and shape[-3:-1] == layer.kernel_size
        and layer.groups == 1
    )


def product(graph: OnnxGraph, layer: Any, maps: str, axes: tuple[int, ...] | None) -> str:
    """A convolution that `covers` the map: runtimes are quicker at one matrix product.

    Args:
        graph: it grows.
        layer: the convolution.
        maps: name of what it is applied to.
        axes: in which order the axes of its kernel lie as those of the maps do; None for that of
            Keras.
    """
    kernel = graph.weight(layer, "kernel", axes, (-1, layer.filters))
    weights = [kernel, *_bias(layer, graph)]
    found = graph("Gemm", graph("Flatten", maps, axis=1), *weights)
    found = graph("Reshape", found, graph.integers(0, layer.filters, 1, 1))
    return activated(graph, found, layer.activation)


def _depthwise(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    if layer.depth_multiplier != 1 or set(layer.dilation_rate) != {1}:
        raise UnknownLayerError(f"the depth multiplier or the dilation of {layer.name}")
    found = graph(
        "Conv",
        *inputs,
        graph.weight(layer, "kernel", (2, 3, 0, 1)),
        *_bias(layer, graph),
        strides=list(layer.strides),
        group=layer.kernel.shape[2],
        **_padding(layer),
    )
    return activated(graph, found, layer.activation)


def _transposed(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    """A convolution that makes four cells of one, as so many maps: [N, ...] to [N * 4, ...].

    They are put beside each other later, when there are fewer channels.
    """
    if layer.kernel_size != (2, 2) or layer.strides != (2, 2):
        raise UnknownLayerError(f"the kernel or the strides of {layer.name}")
    channels = layer.kernel.shape[-2]
    kernel = graph.weight(layer, "kernel", shape=(-1, layer.kernel.shape[-1], 1, 1))
    bias = [graph.weight(layer, "bias", times=4)] if layer.use_bias else []
    found = activated(graph, graph("Conv", *inputs, kernel, *bias), layer.activation)
    height, width = shape[-3:-1]
    return graph("Reshape", found, graph.integers(-1, channels, height, width))


def _dense(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    weights = [graph.weight(layer, "kernel"), *_bias(layer, graph)]
    return activated(graph, graph("Gemm", *inputs, *weights), layer.activation)


def _batch_norm(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    channels = shape[-1]
    gamma = graph.weight(layer, "gamma") if layer.scale else graph.constant(np.ones(channels))
    beta = graph.weight(layer, "beta") if layer.center else graph.constant(np.zeros(channels))
    stored = [graph.weight(layer, each) for each in ("moving_mean", "moving_variance")]
    return graph("BatchNormalization", *inputs, gamma, beta, *stored, epsilon=layer.epsilon)


def _group_norm(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    """Groups as channels of their own: runtimes are quicker at that than at their `groups`."""
    ones, zeros = (graph.constant(np.full(layer.groups, each)) for each in (1, 0))
    grouped = graph("Reshape", *inputs, graph.integers(0, layer.groups, -1))
    normalized = graph("InstanceNormalization", grouped, ones, zeros, epsilon=layer.epsilon)
    found = graph("Reshape", normalized, graph.sizes(inputs[0], 0, 4))
    if not (layer.scale or layer.center):
        return found
    # One pass in place of two: a batch norm of values whose mean is 0 and whose variance is 1.
    none, one = (graph.constant(np.full(shape[-1], each)) for each in (0, 1))
    gamma = graph.weight(layer, "gamma") if layer.scale else one
    beta = graph.weight(layer, "beta") if layer.center else none
    found = graph("BatchNormalization", found, gamma, beta, none, one, epsilon=0.0)
    graph.tell_channels(found, shape[-1])
    return found


def _relu(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    if layer.negative_slope or layer.threshold:
        raise UnknownLayerError(f"the slope or the threshold of {layer.name}")
    if layer.max_value is None:
        return graph("Relu", *inputs)
    return graph("Clip", *inputs, graph.constant(0.0), graph.constant(layer.max_value))


def _rescaling(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    scale, offset = (
        graph.constant(np.reshape(each, (-1, 1, 1))) for each in (layer.scale, layer.offset)
    )
    return graph("Add", graph("Mul", *inputs, scale), offset)


def _zero_padding(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    (top, bottom), (left, right) = layer.padding
    return graph("Pad", *inputs, graph.integers(0, 0, top, left, 0, 0, bottom, right))


def _max_pool(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    strides, side = list(layer.strides), list(layer.pool_size)
    return graph("MaxPool", *inputs, kernel_shape=side, strides=strides, **_padding(layer))


def _upsample(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    if layer.interpolation != "nearest":
        raise UnknownLayerError(f"the interpolation {layer.interpolation!r} of {layer.name}")
    scales = graph.constant([1.0, 1.0, *layer.size])
    return graph(
        "Resize",
        *inputs,
        "",
        scales,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _mean(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    if layer.keepdims:
        raise UnknownLayerError(f"the shape of {layer.name}")
    return graph("ReduceMean", *inputs, graph.integers(2, 3), keepdims=0)


def _add(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    total, *others = inputs
    for other in others:
        total = graph("Add", total, other)
    return total


def _softmax(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Shape) -> str:
    if layer.axis != -1:
        raise UnknownLayerError(f"the axis of {layer.name}")
    return graph("Softmax", *inputs, axis=-1)


# By the very class: one that a program derives may compute something else.
ON_MAPS: dict[type, Converter] = {
    Convolution: _convolution,
    layers.Conv2D: _convolution,
    DepthwiseConvolution: _depthwise,
    layers.DepthwiseConv2D: _depthwise,
    layers.Conv2DTranspose: _transposed,
    layers.Dense: _dense,
    BatchNorm: _batch_norm,
    layers.BatchNormalization: _batch_norm,
    GroupNorm: _group_norm,
    layers.GroupNormalization: _group_norm,
    layers.Rescaling: _rescaling,
    layers.ZeroPadding2D: _zero_padding,
    layers.MaxPooling2D: _max_pool,
    layers.GlobalAveragePooling2D: _mean,
    layers.UpSampling2D: _upsample,
    Upsample: _upsample,
    SqueezePool: lambda graph, layer, inputs, shape: graph("Flatten", *inputs, axis=1),
}
# The same whatever the axes are.
EVERYWHERE: dict[type, Converter] = {
    layers.Activation: lambda graph, layer, inputs, shape: activated(
        graph, inputs[0], layer.activation
    ),
    layers.ReLU: _relu,
    layers.Add: _add,
    layers.Softmax: _softmax,
    layers.Dropout: lambda graph, layer, inputs, shape: inputs[0],
}
