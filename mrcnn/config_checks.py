"""What values the settings of a configuration may have."""

import math
import numbers
from typing import Any, Protocol

import numpy as np

from mrcnn.errors import shown

BACKBONES = (
    *("resnet18", "resnet34", "resnet50", "resnet101"),
    *("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"),
)
NORMALIZATIONS = ("batch", "group")
RESIZE_MODES = ("none", "square", "pad64", "crop")
PADDINGS = ("zeros", "reflect")
DETECTION_SCORES = ("class", "object")
SCHEDULES = ("constant", "cosine")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
LOSS_NAMES = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)


def _is_number(value: Any) -> bool:
    if not isinstance(value, numbers.Real) or isinstance(value, bool | np.bool_):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        # A whole number that no float can hold.
        return False


def _is_file_name(value: Any) -> bool:
    """Whether text can stand in the name of a folder, and leads nowhere else."""
    return (
        isinstance(value, str)
        and len(value) <= _LONGEST_NAME
        and not set(value) & set('/\\:*?"<>|')
        and (value == "" or value.isprintable())
        and ".." not in value
    )


def _is_integer(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer()


_LONGEST_NAME = 100
_POSITIVE_INTEGERS = (
    "GPU_COUNT IMAGES_PER_GPU STEPS_PER_EPOCH NUM_CLASSES TOP_DOWN_PYRAMID_SIZE RPN_CONV_CHANNELS "
    "MASK_HEAD_CHANNELS FPN_CLASSIF_FC_LAYERS_SIZE RPN_ANCHOR_STRIDE RPN_TRAIN_ANCHORS_PER_IMAGE "
    "PRE_NMS_LIMIT POST_NMS_ROIS_TRAINING POST_NMS_ROIS_INFERENCE IMAGE_CHANNEL_COUNT "
    "TRAIN_ROIS_PER_IMAGE POOL_SIZE MASK_POOL_SIZE MAX_GT_INSTANCES DETECTION_MAX_INSTANCES "
    "IMAGE_MAX_DIM"
).split()
_COUNTS_FROM_ZERO = "VALIDATION_STEPS LOADER_WORKERS LOADER_CACHE_MB WARMUP_STEPS".split()
_FRACTIONS = (
    "RPN_NMS_THRESHOLD ROI_POSITIVE_RATIO DETECTION_NMS_THRESHOLD DETECTION_MIN_CONFIDENCE"
).split()
_NOT_NEGATIVE = "LEARNING_MOMENTUM WEIGHT_DECAY IMAGE_MIN_SCALE MASK_MARGIN".split()
_POSITIVE = "LEARNING_RATE GRADIENT_CLIP_NORM".split()
_CHOICES = {
    "NORMALIZATION": NORMALIZATIONS,
    "IMAGE_RESIZE_MODE": RESIZE_MODES,
    "IMAGE_PADDING": PADDINGS,
    "LEARNING_RATE_SCHEDULE": SCHEDULES,
    "MIXED_PRECISION": PRECISIONS,
    "TRAIN_BN": (False, True, None),
    "DETECTION_SCORE": DETECTION_SCORES,
    "DETECTION_NMS_ACROSS_CLASSES": (False, True),
    "IMAGE_FIT": (False, True),
    "SUBPIXEL_MASKS": (False, True),
    "EVEN_ROI_ALIGN": (False, True),
    "USE_MINI_MASK": (False, True),
    "USE_RPN_ROIS": (False, True),
}


class _Require(Protocol):
    """Notes a problem unless a condition holds."""

    def __call__(self, condition: bool, name: str, allowed: str) -> None: ...


def find_problems(config: Any) -> list[str]:
    """One line for each value that cannot work: attribute, value, what is allowed."""
    problems: list[str] = []

    def require(condition: bool, name: str, allowed: str) -> None:
        if not condition:
            problems.append(f"{name} is {shown(getattr(config, name))}: must be {allowed}.")

    for name in _POSITIVE_INTEGERS:
        value = getattr(config, name)
        require(_is_integer(value) and 1 <= value < 2**31, name, "a whole number of at least 1")
    for name in _COUNTS_FROM_ZERO:
        value = getattr(config, name)
        require(_is_integer(value) and value >= 0, name, "a whole number of at least 0")
    for name in _FRACTIONS:
        value = getattr(config, name)
        require(_is_number(value) and 0 <= value <= 1, name, "a number from 0 to 1")
    for name in _NOT_NEGATIVE:
        value = getattr(config, name)
        value = 0 if value is None or value is False else value
        require(_is_number(value) and value >= 0, name, "a number of at least 0")
    for name in _POSITIVE:
        value = getattr(config, name)
        require(_is_number(value) and value > 0, name, "a number above 0")
    for name, choices in _CHOICES.items():
        value = getattr(config, name)
        chosen = isinstance(value, str | int | float | None) and value in choices
        require(chosen, name, f"one of {', '.join(map(repr, choices))}")
    require(
        config.NAME is None or _is_file_name(config.NAME),
        "NAME",
        "None or text that can be a part of a file name",
    )
    require(
        config.SEED is None or (_is_integer(config.SEED) and 0 <= config.SEED < 2**31),
        "SEED",
        "None or a whole number from 0 to 2147483647",
    )
    for name in ("OBJECT_DIAMETER", "OBJECT_PIXEL_SIZE"):
        value = getattr(config, name)
        require(value is None or (_is_number(value) and value > 0), name, "None or above 0")
    kept = config.KEEP_CHECKPOINTS
    require(
        kept is None or (_is_integer(kept) and kept >= 1),
        "KEEP_CHECKPOINTS",
        "None or a whole number of at least 1",
    )
    require(
        not config.MASK_MARGIN or config.SUBPIXEL_MASKS,
        "MASK_MARGIN",
        "0 unless SUBPIXEL_MASKS is True, since masks then reach beyond the boxes",
    )
    require(
        config.IMAGE_PADDING != "reflect" or config.SUBPIXEL_MASKS is True,
        "IMAGE_PADDING",
        "'zeros' unless SUBPIXEL_MASKS is True, which cuts off what reaches into the mirror image",
    )
    _check_backbone(config, require)
    _check_image_size(config, require)
    _check_sequences(config, require)
    return problems


def _check_backbone(config: Any, require: _Require) -> None:
    if callable(config.BACKBONE):
        require(
            callable(config.COMPUTE_BACKBONE_SHAPE),
            "COMPUTE_BACKBONE_SHAPE",
            "a function of the image shape when BACKBONE is a function",
        )
    else:
        require(
            isinstance(config.BACKBONE, str) and config.BACKBONE in BACKBONES,
            "BACKBONE",
            f"one of {', '.join(map(repr, BACKBONES))}, or a function that builds the network",
        )


def _check_image_size(config: Any, require: _Require) -> None:
    mode = config.IMAGE_RESIZE_MODE
    if mode in ("square", "crop"):
        name = "IMAGE_MIN_DIM" if mode == "crop" else "IMAGE_MAX_DIM"
        side = getattr(config, name)
        require(
            _is_integer(side) and side > 0 and side % 64 == 0,
            name,
            "divisible by 64, because the image is halved six times "
            f"(IMAGE_RESIZE_MODE {mode!r}); for example 256, 320, 384, 448, 512, 640, 1024",
        )
    minimum = config.IMAGE_MIN_DIM
    require(
        minimum is None or (_is_integer(minimum) and minimum >= 0),
        "IMAGE_MIN_DIM",
        "None or a whole number of at least 0",
    )


def _check_sequences(config: Any, require: _Require) -> None:
    def is_sequence(value: Any, length: int | None = None) -> bool:
        array = np.atleast_1d(np.asarray(value, dtype=object))
        return (
            array.ndim == 1
            and array.size > 0
            and (length is None or array.size == length)
            and all(_is_number(item) and item > 0 for item in array)
        )

    require(is_sequence(config.BACKBONE_STRIDES), "BACKBONE_STRIDES", "numbers above 0")
    strides = config.BACKBONE_STRIDES
    levels = np.size(strides) if is_sequence(strides) else None
    require(
        is_sequence(config.RPN_ANCHOR_SCALES, levels),
        "RPN_ANCHOR_SCALES",
        f"{levels or 'as many'} numbers above 0, one for each of BACKBONE_STRIDES",
    )
    require(is_sequence(config.RPN_ANCHOR_RATIOS), "RPN_ANCHOR_RATIOS", "numbers above 0")
    for name in ("RPN_BBOX_STD_DEV", "BBOX_STD_DEV"):
        require(is_sequence(getattr(config, name), 4), name, "4 numbers above 0")
    for name in ("MASK_SHAPE", "MINI_MASK_SHAPE"):
        if name == "MASK_SHAPE" or config.USE_MINI_MASK:
            value = getattr(config, name)
            require(
                is_sequence(value, 2) and all(_is_integer(side) for side in value),
                name,
                "two whole numbers above 0, height and width",
            )
    mean = np.atleast_1d(np.asarray(config.MEAN_PIXEL, dtype=object))
    require(
        mean.size in (1, config.IMAGE_CHANNEL_COUNT) and all(_is_number(item) for item in mean),
        "MEAN_PIXEL",
        f"one number, or one for each of the {config.IMAGE_CHANNEL_COUNT} channels",
    )
    weights = config.LOSS_WEIGHTS
    require(
        isinstance(weights, dict)
        and set(weights) <= set(LOSS_NAMES)
        and all(_is_number(value) and value >= 0 for value in weights.values()),
        "LOSS_WEIGHTS",
        f"a dictionary of numbers of at least 0 with keys among {', '.join(LOSS_NAMES)}",
    )
