"""EfficientNet-Lite against the published network in numpy, on weights under PyTorch's names."""

from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.nets.efficientnet import efficientnet_stages
from mrcnn.nets.model import DetectorModel
from mrcnn.nets.normalization import BatchNorm
from mrcnn.weights.imagenet import PACKAGES, backbone_layers

MEAN_PIXEL = (123.7, 116.8, 103.9)
# Of the published table: repeats, kernel, stride, expansion, channels in and out.
TABLE = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
]
BLOCKS = [
    (kernel, stride if first else 1, expansion, channels if first else filters, filters)
    for repeats, kernel, stride, expansion, channels, filters in TABLE
    for first in [True] + [False] * (repeats - 1)
]
RNG = np.random.default_rng(0)


def norm(name, channels):
    return {
        f"{name}.weight": RNG.uniform(0.5, 1.5, channels),
        f"{name}.bias": RNG.normal(0.5, 0.5, channels),
        f"{name}.running_mean": RNG.normal(0, 0.3, channels),
        f"{name}.running_var": RNG.uniform(0.3, 2, channels),
    }


def kernel(*shape):
    return RNG.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)


def published_tensors():
    tensors = {"_conv_stem.weight": kernel(32, 3, 3, 3), **norm("_bn0", 32)}
    for number, (size, _, expansion, channels, filters) in enumerate(BLOCKS):
        block, wide = f"_blocks.{number}.", channels * expansion
        if expansion > 1:
            tensors[f"{block}_expand_conv.weight"] = kernel(wide, channels, 1, 1)
            tensors |= norm(f"{block}_bn0", wide)
        tensors[f"{block}_depthwise_conv.weight"] = kernel(wide, 1, size, size)
        tensors[f"{block}_project_conv.weight"] = kernel(filters, wide, 1, 1)
        tensors |= norm(f"{block}_bn1", wide) | norm(f"{block}_bn2", filters)
    return {name: array.astype(np.float32) for name, array in tensors.items()}


def windows(x, size, stride):
    """[H, W, C] to [h, w, C, size, size], with zeros around as TensorFlow's "same" puts them."""
    around = [max((-(-side // stride) - 1) * stride + size - side, 0) for side in x.shape[:2]]
    x = np.pad(x, [(n // 2, n - n // 2) for n in around] + [(0, 0)])
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), (0, 1))[::stride, ::stride]


def reference(tensors, image):
    """The feature maps at strides 4, 8, 16 and 32 of an image [H, W, 3]."""

    def normalized(x, name):
        weight, bias, mean, variance = (
            tensors[f"{name}.{of}"] for of in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * weight + bias

    x = windows((image - 127) / 128, 3, 2)
    x = normalized(np.einsum("hwcij,kcij->hwk", x, tensors["_conv_stem.weight"]), "_bn0")
    x = x.clip(0, 6)
    maps = {}
    for number, (size, stride, expansion, *_) in enumerate(BLOCKS):
        block, y = f"_blocks.{number}.", x
        if expansion > 1:
            y = y @ tensors[f"{block}_expand_conv.weight"][:, :, 0, 0].T
            y = normalized(y, f"{block}_bn0").clip(0, 6)
        depthwise = tensors[f"{block}_depthwise_conv.weight"][:, 0]
        y = np.einsum("hwcij,cij->hwc", windows(y, size, stride), depthwise)
        y = normalized(y, f"{block}_bn1").clip(0, 6)
        y = y @ tensors[f"{block}_project_conv.weight"][:, :, 0, 0].T
        y = normalized(y, f"{block}_bn2")
        x = x + y if x.shape == y.shape else y
        maps[len(image) // len(x)] = x
    return [maps[stride] for stride in (4, 8, 16, 32)]


@pytest.fixture(scope="module")
def tensors():
    return published_tensors()


@pytest.fixture(scope="module")
def stages(tensors):
    """Input and feature maps of the network with these weights."""
    image = keras.Input((64, 96, 3))
    stages = efficientnet_stages(image, "efficientnet-lite0", MEAN_PIXEL)
    model = keras.Model(image, stages[1:])
    blocks = PACKAGES["efficientnet-lite0"].blocks
    for name, weights in backbone_layers(tensors, blocks, Path("made-up")):
        model.get_layer(name).set_weights(list(weights.values()))
    return image, stages[1:]


@pytest.mark.parametrize("kind", [keras.Model, DetectorModel])
def test_feature_maps_are_those_of_the_published_network(tensors, stages, kind):
    pixels = np.random.default_rng(1).integers(0, 256, (64, 96, 3))
    found = kind(*stages)((pixels - MEAN_PIXEL)[None].astype(np.float32))
    for one, expected in zip(found, reference(tensors, pixels), strict=True):
        array = keras.ops.convert_to_numpy(one)[0]
        assert array.shape == expected.shape
        np.testing.assert_allclose(array, expected, atol=1e-5 * np.abs(expected).max())


def test_every_norm_becomes_part_of_a_convolution(stages):
    model = DetectorModel(*stages)
    norms = {layer for layer in model.layers if isinstance(layer, BatchNorm)}
    assert {norm for _, norm, _ in model._foldable._pairs} == norms
    assert len(norms) == 1 + 2 + 3 * 15


def test_the_largest_is_wider_and_deeper():
    image = keras.Input((64, 64, 3))
    stages = efficientnet_stages(image, "efficientnet-lite2", 120.0, train_bn=True)
    assert [stage.shape[-1] for stage in stages] == [16, 24, 48, 120, 352]
    model = keras.Model(image, stages)
    # As the published file has without its classifier.
    assert model.count_params() == 4_413_488
    depthwise = [layer.name for layer in model.layers if layer.name.endswith("_depthwise")]
    assert [
        f"{kind}{stage}{chr(ord('a') + number)}_depthwise"
        for stage, count in enumerate(PACKAGES["efficientnet-lite2"].blocks, start=1)
        for number in range(count)
        for kind in ("res", "bn")
    ] == depthwise
    # Each output sees one channel; what lies beyond two standard deviations is cut off.
    array = keras.ops.convert_to_numpy(model.get_layer("res5b_depthwise").kernel)
    assert array.std() == pytest.approx(0.88 * 2**0.5 / 5, rel=0.03)
