"""Every hyper-parameter of a model, in one place, checked when the configuration is built.

Subclass `Config`, override what differs, and build an instance::

    class CellsConfig(Config):
        NAME = "cells"
        NUM_CLASSES = 1 + 4
        BACKBONE = "resnet50"

    config = CellsConfig()
"""

import math
import numbers
from typing import Any

import numpy as np

from mrcnn.errors import ConfigError

BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101")
NORMALIZATIONS = ("batch", "group")
RESIZE_MODES = ("none", "square", "pad64", "crop")
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


class Config:
    """Settings of one model. Class attributes are the defaults; subclasses override them.

    Building an instance checks the values and raises `ConfigError` with every problem found. It
    also derives `BATCH_SIZE`, `IMAGE_SHAPE` and `IMAGE_META_SIZE`.
    """

    # Name of the experiment; part of the log folder and of the checkpoint file names.
    NAME: str | None = None

    # The batch is GPU_COUNT * IMAGES_PER_GPU images; on a CPU leave GPU_COUNT at 1.
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2

    # Training steps (batches) an epoch; an epoch ends with a checkpoint.
    STEPS_PER_EPOCH = 1000
    # Validation batches at the end of each epoch.
    VALIDATION_STEPS = 50

    # One of BACKBONES, or a function (input_image, stage5, train_bn) -> C1, C2, C3, C4, C5, which
    # goes with COMPUTE_BACKBONE_SHAPE, a function of the image shape. In a class body wrap both in
    # `staticmethod`.
    BACKBONE: Any = "resnet101"
    COMPUTE_BACKBONE_SHAPE: Any = None
    # Pixels per feature cell on P2 to P6.
    BACKBONE_STRIDES = [4, 8, 16, 32, 64]
    # "batch": batch normalisation, as in published weights; TRAIN_BN says whether it trains.
    # "group": group normalisation (Wu & He 2018), for training from random weights.
    NORMALIZATION = "batch"
    # False: batch norm uses stored statistics. True or None: it learns from the batches.
    TRAIN_BN: bool | None = False

    # Channels of the feature pyramid, of the RPN's shared convolution and of the mask head, and
    # width of the two hidden layers of the class and box head.
    TOP_DOWN_PYRAMID_SIZE = 256
    RPN_CONV_CHANNELS = 512
    MASK_HEAD_CHANNELS = 256
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024

    # Classes with the background as number 0.
    NUM_CLASSES = 1

    # One anchor side in pixels for each level P2 to P6.
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)
    # Width / height of the anchors.
    RPN_ANCHOR_RATIOS = [0.5, 1, 2]
    # Anchors stand on every n-th feature cell.
    RPN_ANCHOR_STRIDE = 1
    # Proposals that overlap a better one by more than this IoU are dropped.
    RPN_NMS_THRESHOLD = 0.7
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    # Anchors kept by score before, and proposals kept after non-maximum suppression.
    PRE_NMS_LIMIT = 6000
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000

    # Ground-truth masks as crops of their boxes, resized to MINI_MASK_SHAPE (height, width).
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)

    # How images are brought to size; see `mrcnn.utils.resize_image`.
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    IMAGE_MIN_SCALE = 0
    # True: whatever their size, images are first scaled so that the longer side is IMAGE_MAX_DIM.
    # With mode "pad64" whole images without a square's padding, with "crop" parts of them.
    IMAGE_FIT = False
    IMAGE_CHANNEL_COUNT = 3
    # Subtracted from the RGB pixels (0 to 255).
    MEAN_PIXEL = np.array([123.7, 116.8, 103.9])

    # Regions of interest an image that train the heads, and the share of them that holds objects.
    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33
    # Side of the ROIAlign grids of the class head and of the mask head; side of a mask output.
    POOL_SIZE = 7
    MASK_POOL_SIZE = 14
    MASK_SHAPE = [28, 28]
    # Instances of one image that training uses at most.
    MAX_GT_INSTANCES = 100
    # Standard deviations by which box deltas (dy, dx, log dh, log dw) are divided.
    RPN_BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])
    BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])

    DETECTION_MAX_INSTANCES = 100
    # Detections below this score are dropped; 0 keeps all.
    DETECTION_MIN_CONFIDENCE = 0.7
    DETECTION_NMS_THRESHOLD = 0.3
    # "class": the probability of the detection's class. "object": of all classes together, that
    # is, of not being background; for classes that are hard to tell from one another.
    DETECTION_SCORE = "class"
    # True: detections of different classes suppress each other as well.
    DETECTION_NMS_ACROSS_CLASSES = False
    # True: masks are placed by fractions of a pixel, and boxes are those of the masks. False
    # rounds boxes first, as the original does, which costs outlines where images are scaled down.
    SUBPIXEL_MASKS = False
    # Share of a detected box's height and width that the mask head sees beyond each side, so that
    # a box that is too small does not cut the mask. More than 0 goes with SUBPIXEL_MASKS.
    MASK_MARGIN = 0.0

    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    # "constant", or "cosine": falling to zero over all epochs of one call of `train`.
    LEARNING_RATE_SCHEDULE = "constant"
    # Steps over which the learning rate rises from zero at the start of `train`.
    WARMUP_STEPS = 0
    # L2 regularisation: WEIGHT_DECAY * sum(w ** 2) / size(w) for each weight but norm scales.
    WEIGHT_DECAY = 0.0001
    LOSS_WEIGHTS = {name: 1.0 for name in LOSS_NAMES}
    # False: the regions that train the heads come from the data instead of the RPN.
    USE_RPN_ROIS = True
    # Global norm to which the gradient is clipped.
    GRADIENT_CLIP_NORM = 5.0

    # One of PRECISIONS: what the network computes in. Weights, boxes, suppression and losses are
    # float32 always. "mixed_bfloat16" suits processors and GPUs that have bfloat16; "mixed_float16"
    # is for older GPUs, and scales the loss.
    MIXED_PRECISION = "float32"

    # Seed of initial weights, sampling and augmentation; None draws a new one for each run.
    SEED: int | None = None
    # Threads that prepare training images while the step computes.
    LOADER_WORKERS = 2
    # Megabytes of decoded and resized training images that are kept in memory.
    LOADER_CACHE_MB = 1024

    def __init__(self) -> None:
        problems = _find_problems(self)
        if problems:
            raise ConfigError(
                f"{type(self).__name__} cannot be used:\n"
                + "\n".join(f"  {problem}" for problem in problems)
            )
        self.BATCH_SIZE = self.IMAGES_PER_GPU * self.GPU_COUNT
        side = self.IMAGE_MIN_DIM if self.IMAGE_RESIZE_MODE == "crop" else self.IMAGE_MAX_DIM
        self.IMAGE_SHAPE = np.array([side, side, self.IMAGE_CHANNEL_COUNT])
        # id, original shape (3), moulded shape (3), window (4), scale, one flag a class
        self.IMAGE_META_SIZE = 1 + 3 + 3 + 4 + 1 + self.NUM_CLASSES

    def check_for(self, mode: str) -> None:
        """Check what matters in one mode only.

        Raises:
            ConfigError: `mode` is "training" and there is no class to learn.
        """
        if mode == "training" and self.NUM_CLASSES < 2:
            raise ConfigError(
                f"NUM_CLASSES is {self.NUM_CLASSES}: training needs at least 2, "
                "the background and one class of objects."
            )

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values that JSON can hold; functions as their names."""
        return {name: _plain(getattr(self, name)) for name in _setting_names(self)}

    def display(self) -> None:
        """Print all settings, sorted by name."""
        print(f"\n{type(self).__name__}:")
        for name in _setting_names(self):
            print(f"{name:30} {getattr(self, name)}")
        print()


def _setting_names(config: Config) -> list[str]:
    return [
        name
        for name in sorted(dir(config))
        if not name.startswith("_") and (name.isupper() or not callable(getattr(config, name)))
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if callable(value):
        return getattr(value, "__qualname__", repr(value))
    return value


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, numbers.Real)
        and not isinstance(value, bool | np.bool_)
        and math.isfinite(value)
    )


def _is_integer(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer()


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
    "LEARNING_RATE_SCHEDULE": SCHEDULES,
    "MIXED_PRECISION": PRECISIONS,
    "TRAIN_BN": (False, True, None),
    "DETECTION_SCORE": DETECTION_SCORES,
    "DETECTION_NMS_ACROSS_CLASSES": (False, True),
    "IMAGE_FIT": (False, True),
    "SUBPIXEL_MASKS": (False, True),
    "USE_MINI_MASK": (False, True),
    "USE_RPN_ROIS": (False, True),
}


def _find_problems(config: Config) -> list[str]:
    """One line for each value that cannot work: attribute, value, what is allowed."""
    problems: list[str] = []

    def require(condition: bool, name: str, allowed: str) -> None:
        if not condition:
            problems.append(f"{name} is {getattr(config, name)!r}: must be {allowed}.")

    for name in _POSITIVE_INTEGERS:
        value = getattr(config, name)
        require(_is_integer(value) and value >= 1, name, "a whole number of at least 1")
    for name in _COUNTS_FROM_ZERO:
        value = getattr(config, name)
        require(_is_integer(value) and value >= 0, name, "a whole number of at least 0")
    for name in _FRACTIONS:
        value = getattr(config, name)
        require(_is_number(value) and 0 <= value <= 1, name, "a number from 0 to 1")
    for name in _NOT_NEGATIVE:
        value = getattr(config, name) or 0
        require(_is_number(value) and value >= 0, name, "a number of at least 0")
    for name in _POSITIVE:
        value = getattr(config, name)
        require(_is_number(value) and value > 0, name, "a number above 0")
    for name, choices in _CHOICES.items():
        require(getattr(config, name) in choices, name, f"one of {', '.join(map(repr, choices))}")
    require(
        config.SEED is None or (_is_integer(config.SEED) and 0 <= config.SEED < 2**31),
        "SEED",
        "None or a whole number from 0 to 2147483647",
    )
    require(
        not config.MASK_MARGIN or config.SUBPIXEL_MASKS,
        "MASK_MARGIN",
        "0 unless SUBPIXEL_MASKS is True, since masks then reach beyond the boxes",
    )
    _check_backbone(config, require)
    _check_image_size(config, require)
    _check_sequences(config, require)
    return problems


def _check_backbone(config: Config, require) -> None:
    if callable(config.BACKBONE):
        require(
            callable(config.COMPUTE_BACKBONE_SHAPE),
            "COMPUTE_BACKBONE_SHAPE",
            "a function of the image shape when BACKBONE is a function",
        )
    else:
        require(
            config.BACKBONE in BACKBONES,
            "BACKBONE",
            f"one of {', '.join(map(repr, BACKBONES))}, or a function that builds the network",
        )


def _check_image_size(config: Config, require) -> None:
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


def _check_sequences(config: Config, require) -> None:
    def is_sequence(value: Any, length: int | None = None) -> bool:
        array = np.atleast_1d(np.asarray(value, dtype=object))
        return (
            array.ndim == 1
            and array.size > 0
            and (length is None or array.size == length)
            and all(_is_number(item) and item > 0 for item in array)
        )

    require(is_sequence(config.BACKBONE_STRIDES), "BACKBONE_STRIDES", "numbers above 0")
    levels = np.size(config.BACKBONE_STRIDES)
    require(
        is_sequence(config.RPN_ANCHOR_SCALES, levels),
        "RPN_ANCHOR_SCALES",
        f"{levels} numbers above 0, one for each of BACKBONE_STRIDES",
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
