"""Networks of `keras.applications` as backbones, with names of layers that the detector expects.

A network is built by Keras and copied, layer by layer. The copy differs where a detector needs it:

- It takes the image less its mean, as all backbones here, and scales it as the weights know it.
- Convolutions and pooling that would cut off the border are padded: maps have whole strides.
- Batch norm is `mrcnn.nets.normalization`'s, whose use of batch statistics is a setting.
- Dropout is left out: a training that is resumed goes on as if it had not stopped.
- Layers are called `res4_NAME` and `bn4_NAME` after their stage, so that "4+" chooses them.
"""

import contextlib
import io
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from mrcnn.nets.normalization import BatchNorm, normalization_layer
from mrcnn.ops.tensor import Tensor

# Of `mrcnn.config.APPLICATIONS`, the names of Keras.
FUNCTIONS = {
    **{f"convnext_{size}": f"ConvNeXt{size.capitalize()}" for size in ("tiny", "small", "base")},
    "convnext_large": "ConvNeXtLarge",
    "convnext_xlarge": "ConvNeXtXLarge",
    **{f"densenet{depth}": f"DenseNet{depth}" for depth in (121, 169, 201)},
    **{f"efficientnet_b{size}": f"EfficientNetB{size}" for size in range(8)},
    **{f"efficientnet_v2_b{size}": f"EfficientNetV2B{size}" for size in range(4)},
    **{f"efficientnet_v2_{size}": f"EfficientNetV2{size.upper()}" for size in "sml"},
    "inception_resnet_v2": "InceptionResNetV2",
    "inception_v3": "InceptionV3",
    "mobilenet": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_small": "MobileNetV3Small",
    "mobilenet_v3_large": "MobileNetV3Large",
    "nasnet_mobile": "NASNetMobile",
    "nasnet_large": "NASNetLarge",
    "resnet152": "ResNet152",
    **{f"resnet{depth}_v2": f"ResNet{depth}V2" for depth in (50, 101, 152)},
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "xception": "Xception",
}
# What the weights of ImageNet know: pixels of -1 to 1, standardized ones, or less their mean.
_SIGNED = (np.full(3, 127.5), np.full(3, 127.5))
_STANDARD = (255 * np.array([0.485, 0.456, 0.406]), 255 * np.array([0.229, 0.224, 0.225]))
_CENTERED = (np.array([123.68, 116.779, 103.939]), np.ones(3))
_EFFICIENT_V2 = (np.full(3, 128.0), np.full(3, 128.0))
_INPUTS = {
    "convnext": _STANDARD,
    "densenet": _STANDARD,
    "efficientnet_b": _STANDARD,
    "efficientnet_v2_b": _STANDARD,
    "efficientnet_v2": _EFFICIENT_V2,
    "resnet152_v2": _SIGNED,
    "resnet152": _CENTERED,
    "vgg": _CENTERED,
}
# Those were trained on blue, green and red.
_BGR = ("resnet152", "vgg16", "vgg19")
# Side of the image that strides are looked at on: large enough for what is lost at borders.
_SIDE = 512
_LAST_STAGE = 5


class Copy(NamedTuple):
    """A network as a backbone.

    Attributes:
        stages: the maps at strides 4, 8, 16 and 32.
        layers: Keras' layer and the one in the copy, of those that may share their weights.
    """

    stages: list[Tensor]
    layers: list[tuple[keras.layers.Layer, keras.layers.Layer]]


def application_stages(
    input_image: Tensor,
    architecture: str,
    mean_pixel: Any,
    normalization: str = "batch",
    train_bn: bool | None = False,
) -> list[Tensor]:
    """Build a backbone.

    Args:
        input_image: float [B, H, W, C], mean subtracted; H and W divisible by 32.
        architecture: a key of `FUNCTIONS`.
        mean_pixel: what was subtracted, a number or one for each channel.
        normalization, train_bn: see `mrcnn.nets.normalization.normalize`.

    Returns:
        [C2, C3, C4, C5] feature maps at strides 4, 8, 16 and 32.
    """
    channels = input_image.shape[-1]
    mean, deviation = (_for_channels(values, channels) for values in _input_of(architecture))
    subtracted = np.broadcast_to(np.asarray(mean_pixel, float), (channels,))
    # Whole pixels and their fractions, before the network's own precision rounds them.
    image = keras.layers.Rescaling(
        (1 / deviation).tolist(),
        ((subtracted - mean) / deviation).tolist(),
        name="input_scale",
        dtype="float32",
    )(input_image)
    return copied(built(architecture, channels), image, normalization, train_bn).stages


def built(architecture: str, channels: int = 3, weights: str | None = None) -> keras.Model:
    """The network as Keras builds it, without its classifier, on an image [_SIDE, _SIDE, C].

    Args:
        architecture: a key of `FUNCTIONS`.
        channels: of the image.
        weights: None for random ones, or what Keras takes: "imagenet", or the path of a file.
    """
    function = getattr(keras.applications, FUNCTIONS[architecture])
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # That images of other than three channels are unusual.
        warnings.simplefilter("ignore")
        return function(include_top=False, weights=weights, input_shape=(_SIDE, _SIDE, channels))


def copied(
    network: keras.Model,
    image: Tensor,
    normalization: str = "batch",
    train_bn: bool | None = False,
) -> Copy:
    """A network of `built` as a backbone, with weights of its own.

    Args:
        network: the network.
        image: float [B, H, W, C], scaled as the weights know it.
        normalization, train_bn: see `mrcnn.nets.normalization.normalize`.
    """
    stages, names = _stages_of(network), _Names()
    last = _last_of_each_stage(network, stages)
    maps: dict[str, Tensor] = {}
    pairs: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []

    def layer_like(layer: keras.layers.Layer, stage: int) -> keras.layers.Layer:
        name = names.of(layer)
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            return keras.layers.Identity(name=f"res{stage}_{name}")
        if isinstance(layer, keras.layers.Dropout) or type(layer).__name__ == "StochasticDepth":
            return keras.layers.Dropout(0, name=f"res{stage}_{name}")
        if isinstance(layer, keras.layers.BatchNormalization):
            made = _norm(layer, f"bn{stage}_{name}", normalization, train_bn)
        else:
            config = {**layer.get_config(), "name": f"res{stage}_{name}"}
            made = type(layer).from_config(_with_border(layer, config))
        if normalization == "batch" or not isinstance(layer, keras.layers.BatchNormalization):
            pairs.append((layer, made))
        return made

    def copy(operation: Any) -> Callable[..., Any]:
        stage = stages[operation.name]
        if isinstance(operation, keras.Sequential):
            made = [layer_like(layer, stage) for layer in operation.layers]
        elif isinstance(operation, keras.layers.Layer):
            made = [layer_like(operation, stage)]
        else:
            made = [type(operation).from_config(operation.get_config())]

        def call(*values: Any, **options: Any) -> Any:
            # Not every layer knows of a mask, and there is none.
            output = made[0](*values, **{k: v for k, v in options.items() if v is not None})
            for each in made[1:]:
                output = each(output)
            maps[operation.name] = output
            return output

        return call

    # Keras' own way to run a graph anew, as `keras.models.clone_model` does; that one would leave
    # the layers with outputs in two graphs.
    network._run_through_graph([image], operation_fn=copy)
    return Copy([maps[name] for name in last], pairs)


def is_bgr(architecture: str) -> bool:
    """Whether the weights of ImageNet know the channels in the other order."""
    return architecture in _BGR


def _input_of(architecture: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation float64 [3] of RGB pixels by which the weights know images."""
    starts = (start for start in sorted(_INPUTS, key=len, reverse=True))
    return next((_INPUTS[s] for s in starts if architecture.startswith(s)), _SIGNED)


def _for_channels(values: np.ndarray, count: int) -> np.ndarray:
    """Those of red, green and blue; of further channels, or where there is no color, their mean."""
    rest = np.full(max(count, 3), values.mean())
    rest[:3] = values if count >= 3 else values.mean()
    return rest[:count]


class _Names:
    """Names that do not depend on which models were built before: Keras counts layers by class."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def of(self, layer: keras.layers.Layer) -> str:
        # As Keras makes names of classes.
        kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", type(layer).__name__)
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()
        if not re.fullmatch(rf"{kind}(_\d+)?", layer.name):
            return layer.name
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return f"{kind}_{self._counts[kind]}"


def _norm(
    layer: keras.layers.BatchNormalization, name: str, normalization: str, train_bn: bool | None
) -> keras.layers.Layer:
    if normalization != "batch":
        return normalization_layer(layer.input.shape[-1], name, normalization, train_bn)
    same = {each: getattr(layer, each) for each in ("epsilon", "momentum", "center", "scale")}
    return BatchNorm(train_bn, name=name, **same)


def _with_border(layer: keras.layers.Layer, config: dict[str, Any]) -> dict[str, Any]:
    """The settings of a layer, padded where it would cut off the border."""
    size = config.get("kernel_size", config.get("pool_size"))
    if config.get("padding") != "valid" or size is None:
        return config
    sides = zip(_pair(size), _pair(config["strides"]), strict=True)
    cuts = any(side > stride for side, stride in sides)
    padded = any(isinstance(each, keras.layers.ZeroPadding2D) for each in _before(layer))
    return {**config, "padding": "same"} if cuts and not padded else config


def _pair(value: int | Sequence[int]) -> Sequence[int]:
    return (value, value) if isinstance(value, int) else value


# --- The graph -----------------------------------------------------------------------------------


def _before(operation: Any) -> list[Any]:
    """The operations whose outputs an operation of a graph takes."""
    return [
        tensor._keras_history.operation
        for node in operation._inbound_nodes[:1]
        for tensor in node.input_tensors
    ]


def _side(operation: Any) -> int:
    """Height of the map that an operation gives; 1 where it gives none."""
    shape: Sequence[Any] = getattr(operation.output, "shape", ())
    return shape[1] if len(shape) == 4 else 1


def _stages_of(network: keras.Model) -> dict[str, int]:
    """The stage 1 to 5 of each operation, by the size of its map; else that of what it takes."""
    stages: dict[str, int] = {}
    for operation in network.operations:
        side = _side(operation)
        if side > 1:
            stage = round(math.log2(_SIDE / side))
        else:
            stage = max((stages[each.name] for each in _before(operation)), default=1)
        stages[operation.name] = min(max(stage, 1), _LAST_STAGE)
    return stages


def _last_of_each_stage(network: keras.Model, stages: Mapping[str, int]) -> list[str]:
    """The operations that give C2 to C5: the last of their size that all behind them goes through.

    Where there is none, as in NASNet, whose cells take two maps each, the last of those that are
    put together of most maps.
    """
    operations = list(network.operations)
    places = {operation.name: place for place, operation in enumerate(operations)}
    farthest = list(range(len(operations)))
    for place, operation in enumerate(operations):
        for each in _before(operation):
            farthest[places[each.name]] = max(farthest[places[each.name]], place)
    chosen: dict[int, str] = {}
    merged: dict[int, tuple[int, str]] = {}
    reached = 0
    for place, operation in enumerate(operations):
        stage, parts = stages[operation.name], len(_before(operation))
        is_map = _side(operation) > 1 and not isinstance(operation, keras.layers.ZeroPadding2D)
        if is_map and parts > 1 and parts >= merged.get(stage, (0, ""))[0]:
            merged[stage] = (parts, operation.name)
        if is_map and reached <= place:
            chosen[stage] = operation.name
        reached = max(reached, farthest[place])
    of_stages = {**{stage: name for stage, (_, name) in merged.items()}, **chosen}
    end = network.output._keras_history.operation.name
    return [*(of_stages[stage] for stage in (2, 3, 4)), end]
