"""Mask R-CNN of torchvision, `maskrcnn_resnet50_fpn` and `_v2`, as weights of this network.

What differs in the arrays is brought over here; what differs in the network is told as settings:

- Kernels are [height, width, channels, filters] here, boxes (y, x) instead of (x, y), and anchors
  come by rising width instead of falling.
- Pixels are 0 to 255 less their mean: the first kernels are divided by 255 and by the deviation.
- The RPN has a logit for the background besides that of an object: 0 makes the same probability.
  Its box deltas are divided by RPN_BBOX_STD_DEV.
- Batch norm adds another epsilon to the variance: the difference goes into the variances. Those of
  the pyramid are folded into its convolutions. Where there is none, as in the heads of the first
  version, there is one here that changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.weights.layer_file import write_layers
from mrcnn.weights.torch_file import read_tensors
from mrcnn.weights.torchvision_layers import (
    USUAL_EPSILON,
    Layers,
    Source,
    as_float32,
    conv_layer,
    folded,
    no_norm,
    norm_layer,
    normed,
)

# Blocks of stages 2 to 5.
_BLOCKS = (3, 4, 6, 3)
_MEAN = 255 * np.array([0.485, 0.456, 0.406])
_DEVIATION = 255 * np.array([0.229, 0.224, 0.225])
# Of `Config`; in the order here, (y, x, height, width).
_RPN_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])
_RATIOS = 3
# From (x, y, width, height).
_BOX_ORDER = [1, 0, 3, 2]
# What belongs to other networks, or to none: it may be there and is left out.
_NEEDED = ("backbone.", "rpn.", "roi_heads.box", "roi_heads.mask")
_SHOWN = 8
# The settings that say which network it is.
NETWORK = (
    "BACKBONE",
    "GEOMETRY",
    "NORMALIZATION",
    "MEAN_PIXEL",
    "TOP_DOWN_PYRAMID_SIZE",
    "RPN_CONVS",
    "RPN_CONV_CHANNELS",
    "BOX_HEAD_CONVS",
    "POOL_SIZE",
    "FPN_CLASSIF_FC_LAYERS_SIZE",
    "MASK_HEAD_CHANNELS",
)
# How torchvision brings images to size and what it takes for a detection; it pads to 32 pixels,
# and this network to 64.
DETECTION = {
    "IMAGE_RESIZE_MODE": "pad64",
    "IMAGE_MIN_DIM": 800,
    "IMAGE_MAX_DIM": 1333,
    "IMAGE_PADDING": "mean",
    "SUBPIXEL_MASKS": True,
    "PRE_NMS_LIMIT": 1000,
    "POST_NMS_ROIS_INFERENCE": 1000,
    "RPN_NMS_THRESHOLD": 0.7,
    "DETECTION_SCORE": "each",
    "DETECTION_MIN_CONFIDENCE": 0.05,
    "DETECTION_NMS_THRESHOLD": 0.5,
    "DETECTION_MAX_INSTANCES": 100,
}


@dataclass
class Converted:
    """A network of torchvision here.

    Attributes:
        layers: weights of the layers, by their names and in them by those of the weights.
        rpn: those of the RPN's layers.
        settings: those of `NETWORK`, and NUM_CLASSES.
        left_out: names of the tensors that have no place here.
        epsilon: that batch norm of the backbone was taken to have.
    """

    layers: Layers
    rpn: Layers
    settings: dict[str, Any]
    left_out: list[str]
    epsilon: float


def convert_file(path: Path, target: Path, epsilon: float | None = None) -> Converted:
    """Write a network of torchvision in Matterport's layout, in one step.

    Args:
        path: a `state_dict` that PyTorch wrote.
        target: the file to make or replace.
        epsilon: see `convert_tensors`.

    Raises:
        WeightsError: the file cannot be read, or is of another network.
        OutputError: the target cannot be written.
    """
    converted = convert_tensors(read_tensors(path), path, epsilon)
    write_layers(target, converted.layers, {"rpn_model": converted.rpn})
    return converted


def convert_tensors(
    tensors: Mapping[str, np.ndarray], path: Path, epsilon: float | None = None
) -> Converted:
    """The weights and settings of a network of torchvision.

    Args:
        tensors: of a `state_dict` of `maskrcnn_resnet50_fpn` or `maskrcnn_resnet50_fpn_v2`.
        path: of its file, for errors.
        epsilon: of batch norm in the backbone. None takes 1e-5, and 0 where it is frozen, as the
            published file of the first version knows it.

    Raises:
        WeightsError: it is of another network.
    """
    source = Source(tensors, path)
    if epsilon is None:
        counts = "backbone.body.bn1.num_batches_tracked" in tensors
        epsilon = USUAL_EPSILON if counts else 0.0
    layers = _backbone(source, epsilon)
    layers |= _pyramid(source)
    rpn, rpn_settings = _rpn(source)
    box_layers, box_settings = _box_head(source)
    mask_layers, mask_settings = _mask_head(source, box_settings["NUM_CLASSES"])
    settings = {
        "BACKBONE": "resnet50-v1.5",
        "GEOMETRY": "torchvision",
        "NORMALIZATION": "batch",
        "MEAN_PIXEL": [round(float(value), 3) for value in _MEAN],
        "TOP_DOWN_PYRAMID_SIZE": int(layers["fpn_p2"]["bias"].size),
        **rpn_settings,
        **box_settings,
        **mask_settings,
    }
    left_out = source.left()
    if unknown := [name for name in left_out if name.startswith(_NEEDED)]:
        raise WeightsError(
            f"{path}: is of another network: {_listed(unknown)} has no place in ResNet-50 with a "
            "feature pyramid as torchvision's maskrcnn_resnet50_fpn and maskrcnn_resnet50_fpn_v2 "
            "have them."
        )
    return Converted(layers | box_layers | mask_layers, rpn, settings, left_out, epsilon)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


# --- Parts ---------------------------------------------------------------------------------------


def _backbone(source: Source, epsilon: float) -> Layers:
    body = "backbone.body"
    layers = {
        "conv1": conv_layer(source, f"{body}.conv1", False, 1.0 / _DEVIATION),
        "bn_conv1": norm_layer(source, f"{body}.bn1", epsilon),
    }
    for stage, blocks in enumerate(_BLOCKS, start=2):
        for number in range(blocks):
            there = f"{body}.layer{stage - 1}.{number}"
            parts = [(f"2{letter}", f"conv{n}", f"bn{n}") for n, letter in enumerate("abc", 1)]
            if number == 0:
                parts.append(("1", "downsample.0", "downsample.1"))
            for branch, convolution, norm in parts:
                name = f"{stage}{chr(ord('a') + number)}_branch{branch}"
                layers[f"res{name}"] = conv_layer(source, f"{there}.{convolution}", False)
                layers[f"bn{name}"] = norm_layer(source, f"{there}.{norm}", epsilon)
    for name, shape in _backbone_kernels().items():
        found = layers[name]["kernel"].shape
        if found != shape:
            raise WeightsError(
                f"{source.path}: the kernel of {name} is {found}, and that of ResNet-50 {shape}: "
                "it is of another network."
            )
    return layers


def _backbone_kernels() -> dict[str, tuple[int, ...]]:
    """Shapes of the kernels whose size tells ResNet-50 from its relatives."""
    widths = {stage: 64 * 2 ** (stage - 2) for stage in (2, 3, 4, 5)}
    middle = {f"res{n}a_branch2b": (3, 3, width, width) for n, width in widths.items()}
    outer = {f"res{n}a_branch2c": (1, 1, width, 4 * width) for n, width in widths.items()}
    return {"conv1": (7, 7, 3, 64), **middle, **outer}


def _pyramid(source: Source) -> Layers:
    layers = {}
    for number, level in enumerate((2, 3, 4, 5)):
        for kind, name in (("inner", f"fpn_c{level}p{level}"), ("layer", f"fpn_p{level}")):
            there = f"backbone.fpn.{kind}_blocks.{number}"
            is_normed = f"{there}.1.running_var" in source
            layer = conv_layer(source, f"{there}.0", biased=not is_normed)
            if is_normed:
                layer = folded(source, layer, f"{there}.1")
            layers[name] = layer
    return layers


def _rpn(source: Source) -> tuple[Layers, dict[str, Any]]:
    head = "rpn.head"
    convs = _counted(source, f"{head}.conv.{{}}.0.weight")
    names = [*(f"rpn_conv{number}" for number in range(1, convs)), "rpn_conv_shared"]
    layers = {
        name: conv_layer(source, f"{head}.conv.{number}.0") for number, name in enumerate(names)
    }
    logits, deltas = (conv_layer(source, f"{head}.{each}") for each in ("cls_logits", "bbox_pred"))
    if logits["bias"].size != _RATIOS or deltas["bias"].size != 4 * _RATIOS:
        raise WeightsError(
            f"{source.path}: the RPN has {logits['bias'].size} anchors on each cell, expected "
            f"{_RATIOS}."
        )

    def background_too(array: np.ndarray) -> np.ndarray:
        by_width = array[..., ::-1]
        return np.stack([np.zeros_like(by_width), by_width], -1).reshape(*array.shape[:-1], -1)

    def in_order(array: np.ndarray) -> np.ndarray:
        boxes = array.reshape(*array.shape[:-1], _RATIOS, 4)[..., ::-1, _BOX_ORDER]
        return (boxes / _RPN_STD_DEV).reshape(array.shape)

    layers["rpn_class_raw"] = as_float32(**{k: background_too(v) for k, v in logits.items()})
    layers["rpn_bbox_pred"] = as_float32(**{k: in_order(v) for k, v in deltas.items()})
    channels = int(layers["rpn_conv_shared"]["bias"].size)
    return layers, {"RPN_CONVS": convs, "RPN_CONV_CHANNELS": channels}


def _counted(source: Source, name: str) -> int:
    """How many tensors there are of a name with a number in it; at least 1."""
    count = 0
    while name.format(count) in source:
        count += 1
    return max(count, 1)


def _box_head(source: Source) -> tuple[Layers, dict[str, Any]]:
    head, predictor = "roi_heads.box_head", "roi_heads.box_predictor"
    layers: Layers = {}
    convs, pool_side = 0, 1
    while f"{head}.{convs}.0.weight" in source:
        here, there = f"mrcnn_box_conv{convs + 1}", f"{head}.{convs}"
        norm = f"mrcnn_box_bn{convs + 1}"
        layers |= normed(source, f"{there}.0", f"{there}.1", here, norm)
        convs += 1
    # Behind the convolutions the map is laid out in a row.
    names = [f"{head}.{convs + 1}"] if convs else [f"{head}.fc6", f"{head}.fc7"]
    for number, there in enumerate(names, start=1):
        weight = source(f"{there}.weight", 2)
        side = _pool_side(source, weight.shape[1]) if number == 1 else 1
        pool_side = max(pool_side, side)
        kernel = weight.reshape(len(weight), -1, side, side).transpose(2, 3, 1, 0)
        bias = source(f"{there}.bias", 1)
        layers[f"mrcnn_class_conv{number}"] = as_float32(kernel=kernel, bias=bias)
        layers[f"mrcnn_class_bn{number}"] = no_norm(len(bias))
    logits = source(f"{predictor}.cls_score.weight", 2)
    classes = len(logits)
    layers["mrcnn_class_logits"] = as_float32(
        kernel=logits.T, bias=source(f"{predictor}.cls_score.bias", 1)
    )
    weight, bias = (
        source(f"{predictor}.bbox_pred.{part}", axes) for part, axes in (("weight", 2), ("bias", 1))
    )
    if len(bias) != 4 * classes:
        raise WeightsError(
            f"{source.path}: {len(bias)} box deltas are not four for each of {classes} classes."
        )
    order = (4 * np.arange(classes)[:, None] + _BOX_ORDER).reshape(-1)
    layers["mrcnn_bbox_fc"] = as_float32(kernel=weight[order].T, bias=bias[order])
    return layers, {
        "NUM_CLASSES": classes,
        "BOX_HEAD_CONVS": convs,
        "POOL_SIZE": pool_side,
        "FPN_CLASSIF_FC_LAYERS_SIZE": int(layers["mrcnn_class_conv1"]["bias"].size),
    }


def _pool_side(source: Source, inputs: int) -> int:
    """Side of the grid that the first hidden layer reads, of so many values."""
    channels = source("backbone.fpn.layer_blocks.0.0.weight", 4).shape[0]
    side = round((inputs / channels) ** 0.5)
    if channels * side * side != inputs:
        raise WeightsError(f"{source.path}: the box head reads {inputs} values, which is no grid.")
    return side


def _mask_head(source: Source, classes: int) -> tuple[Layers, dict[str, Any]]:
    head, predictor = "roi_heads.mask_head", "roi_heads.mask_predictor"
    layers: Layers = {}
    for number in range(4):
        layers |= normed(
            source,
            f"{head}.{number}.0",
            f"{head}.{number}.1",
            f"mrcnn_mask_conv{number + 1}",
            f"mrcnn_mask_bn{number + 1}",
        )
    # There [inputs, filters, height, width], here [height, width, filters, inputs].
    layers["mrcnn_mask_deconv"] = conv_layer(source, f"{predictor}.conv5_mask")
    layers["mrcnn_mask"] = conv_layer(source, f"{predictor}.mask_fcn_logits")
    masks = layers["mrcnn_mask"]["bias"].size
    if masks != classes:
        raise WeightsError(
            f"{source.path}: {masks} masks are not one for each of {classes} classes."
        )
    return layers, {"MASK_HEAD_CHANNELS": int(layers["mrcnn_mask_deconv"]["bias"].size)}
