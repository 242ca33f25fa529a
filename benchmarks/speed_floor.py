"""How much work a step or an image is in multiply-adds, and how fast the machine multiplies.

    python -m benchmarks.speed_floor

prints the machine's fastest matrix product in float32 and bfloat16.
"""

import json
import math
import time

import keras
import numpy as np
from keras import ops

# Parts of the network by the beginning of layer names, in the order of the first match.
PARTS = {
    "feature pyramid": ("fpn_",),
    "RPN": ("rpn_",),
    "mask head": ("mrcnn_mask",),
    "class and box head": ("mrcnn_",),
    "backbone": ("",),
}
MATRIX_SIDES = (1024, 2048, 4096)


def part_of(name: str) -> str:
    """The part of the network that a layer belongs to."""
    return next(part for part, starts in PARTS.items() if name.startswith(starts))


def layer_work(model: keras.Model, image_shape: tuple[int, int], rows: dict[str, int]) -> dict:
    """Multiply-adds of one image, forward, by layer name.

    Args:
        model: a detector.
        image_shape: (height, width) of the molded image, where the model leaves it open.
        rows: regions of each head, by the name of its part.
    """
    work: dict[str, int] = {}
    for layer in model.layers:
        if layer.name == "rpn_model":
            for level in range(5):
                height, width = (-(-side // 2 ** (level + 2)) for side in image_shape)
                for inner in layer.layers:
                    if isinstance(inner, keras.layers.Conv2D):
                        stride = layer.get_layer("rpn_conv_shared").strides[0]
                        cells = math.ceil(height / stride) * math.ceil(width / stride)
                        work[inner.name] = work.get(inner.name, 0) + cells * math.prod(
                            inner.kernel.shape
                        )
            continue
        inner = getattr(layer, "layer", layer)
        if not hasattr(inner, "kernel"):
            continue
        if inner is layer:
            height, width = _map_size(layer, image_shape)
            positions = height * width
        else:
            # Of a transposed convolution every input position meets the whole kernel.
            tensor = (
                layer.input if isinstance(inner, keras.layers.Conv2DTranspose) else layer.output
            )
            grid = tensor.shape[2:-1]
            positions = rows[part_of(layer.name)] * math.prod(grid)
        work[layer.name] = positions * math.prod(inner.kernel.shape)
    return work


def _map_size(layer: keras.layers.Layer, image_shape: tuple[int, int]) -> tuple[int, int]:
    """Output size of a convolution on the image or on a feature map."""
    strides = {"conv1": 2, "res2": 4, "res3": 8, "res4": 16, "res5": 32}
    for level in (2, 3, 4, 5):
        strides |= {f"fpn_p{level}": 2**level, f"fpn_c{level}p{level}": 2**level}
    stride = next(value for start, value in strides.items() if layer.name.startswith(start))
    return image_shape[0] // stride, image_shape[1] // stride


def image_side(config) -> tuple[int, int]:
    """(height, width) of the molded image."""
    return int(config.IMAGE_SHAPE[0]), int(config.IMAGE_SHAPE[1])


def training_work(model: keras.Model, config) -> dict:
    """Multiply-adds of one image in a training step, by part: forward and both gradients.

    The gradient of a convolution's kernel costs what the convolution does, and so does the
    gradient of its input; the former is needed where the layer trains, the latter where something
    below it does. Of the RPN only the sampled anchors have a gradient.
    """
    positives = int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO)
    rows = {"mask head": positives, "class and box head": config.TRAIN_ROIS_PER_IMAGE}
    forward = layer_work(model, image_side(config), rows)
    rpn = model.get_layer("rpn_model")
    backbone_trains = any(
        layer.trainable and layer.weights and part_of(layer.name) == "backbone"
        for layer in model.layers
    )
    totals: dict[str, dict[str, int]] = {}
    for name, work in forward.items():
        part = part_of(name)
        layer = rpn.get_layer(name) if part == "RPN" else model.get_layer(name)
        kernel_gradient = work if layer.trainable else 0
        first_of_pyramid = name.startswith("fpn_c")
        reaches_below = backbone_trains or not (part == "backbone" or first_of_pyramid)
        input_gradient = work if reaches_below and name != "conv1" else 0
        if part == "RPN":
            sampled = config.RPN_TRAIN_ANCHORS_PER_IMAGE * math.prod(layer.kernel.shape)
            # These outputs are computed once more.
            kernel_gradient, input_gradient = 2 * sampled, sampled
        entry = totals.setdefault(part, {"forward": 0, "backward": 0})
        entry["forward"] += work
        entry["backward"] += kernel_gradient + input_gradient
    return totals


def inference_work(model: keras.Model, config, detections: int) -> dict:
    """Multiply-adds of one image in `detect`, by part."""
    rows = {"mask head": detections, "class and box head": config.POST_NMS_ROIS_INFERENCE}
    totals: dict[str, dict[str, int]] = {}
    for name, work in layer_work(model, image_side(config), rows).items():
        entry = totals.setdefault(part_of(name), {"forward": 0, "backward": 0})
        entry["forward"] += work
    return totals


def peak(dtype: str) -> float:
    """Multiply-adds a second of the fastest of some large matrix products, in thousand millions."""
    best = 0.0
    for side in MATRIX_SIDES:
        one = ops.cast(ops.convert_to_tensor(np.ones((side, side), np.float32)), dtype)

        def multiply(one=one):
            return np.asarray(ops.convert_to_numpy(ops.matmul(one, one)[:1, :1]))

        multiply()
        for _ in range(5):
            began = time.perf_counter()
            multiply()
            best = max(best, side**3 / (time.perf_counter() - began) / 1e9)
    return best


def main() -> None:
    """Print the peaks as JSON."""
    print("\n" + json.dumps({dtype: peak(dtype) for dtype in ("float32", "bfloat16")}))


if __name__ == "__main__":
    main()
