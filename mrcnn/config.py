"""Every hyper-parameter of a model, in one place, checked when the configuration is built.

Subclass `Config`, override what differs, and build an instance::

    class CellsConfig(Config):
        NAME = "cells"
        NUM_CLASSES = 1 + 4
        BACKBONE = "resnet50"

    config = CellsConfig()
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np

from mrcnn.config_checks import (
    APPLICATIONS,
    BACKBONES,
    DETECTION_SCORES,
    GEOMETRIES,
    LOSS_NAMES,
    NORMALIZATIONS,
    PADDINGS,
    PRECISIONS,
    RESIZE_MODES,
    SCHEDULES,
    Count,
    CountFromZero,
    CountFromZeroOrNone,
    CountOrNone,
    FileName,
    Flag,
    FourNumbers,
    Fraction,
    FractionOrNone,
    LossWeights,
    NotNegative,
    Numbers,
    Positive,
    PositiveOrNone,
    Seed,
    ShareOrNone,
    Size,
    bounds_of,
    find_problems,
    one_of,
)
from mrcnn.errors import ConfigError, shown
from mrcnn.ops.image_meta import image_meta_size

__all__ = [
    "APPLICATIONS",
    "BACKBONES",
    "DETECTION_SCORES",
    "GEOMETRIES",
    "LOSS_NAMES",
    "NORMALIZATIONS",
    "PRECISIONS",
    "RESIZE_MODES",
    "SCHEDULES",
    "Config",
]


class Config:
    """Settings of one model. Class attributes are the defaults; subclasses override them.

    Building an instance checks the values and raises `ConfigError` with every problem found. It
    also derives `BATCH_SIZE`, `IMAGE_SHAPE` and `IMAGE_META_SIZE`.
    """

    # --- The run and its batches -------------------------------------------------------------
    # Name of the experiment; part of the log folder and of the checkpoint file names.
    NAME: FileName = None
    # GPUs that share a batch, of all machines together; on a CPU leave it at 1.
    GPU_COUNT: Count = 1
    # Images on each GPU. The batch is GPU_COUNT * IMAGES_PER_GPU images.
    IMAGES_PER_GPU: Count = 2
    # Training steps (batches) an epoch; an epoch ends with a checkpoint.
    STEPS_PER_EPOCH: Count = 1000
    VALIDATION_STEPS: CountFromZero = 50  # Validation batches at the end of each epoch.

    # --- Network -----------------------------------------------------------------------------
    NUM_CLASSES: Count = 1  # Classes with the background, which is number 0.
    # "resnet18", "resnet34", "resnet50", "resnet101", "resnet50-v1.5" (torchvision's ResNet-50),
    # "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", a network of
    # `keras.applications` such as "mobilenet_v2" or "efficientnet_v2_s", or a function of
    # (input_image, stage5, train_bn) -> C1, C2, C3, C4, C5, the last four at strides 4, 8, 16 and
    # 32; in a class body wrap it in `staticmethod`.
    BACKBONE: Any = "resnet101"
    # Where BACKBONE is a function, None or a function of the image shape: [[height, width], ...] of
    # C2 to P6.
    COMPUTE_BACKBONE_SHAPE: Any = None
    BACKBONE_STRIDES: Numbers = [4, 8, 16, 32, 64]  # Pixels per feature cell on P2 to P6.
    # "batch": batch normalization, as in published weights; TRAIN_BN says whether it trains.
    # "group": group normalization (Wu & He 2018), for training from random weights.
    NORMALIZATION: Annotated[str, one_of(NORMALIZATIONS)] = "batch"
    # False: batch norm uses stored statistics. True or None: it learns from the batches.
    TRAIN_BN: Annotated[bool | None, one_of((False, True, None))] = False
    TOP_DOWN_PYRAMID_SIZE: Count = 256  # Channels of the feature pyramid.
    RPN_CONV_CHANNELS: Count = 512  # Channels of the RPN's shared convolution.
    RPN_CONVS: Count = 1  # Shared convolutions of the RPN, one behind the other.
    MASK_HEAD_CHANNELS: Count = 256  # Channels of the mask head.
    # Width of the two hidden layers of the class and box head.
    FPN_CLASSIF_FC_LAYERS_SIZE: Count = 1024
    # 3 x 3 convolutions before them, as wide as the feature pyramid. With some, one hidden layer
    # is left of the two.
    BOX_HEAD_CONVS: CountFromZero = 0
    POOL_SIZE: Count = 7  # Side of the ROIAlign grids of the class and box head.
    MASK_POOL_SIZE: Count = 14  # Side of the ROIAlign grids of the mask head.
    MASK_SHAPE: Size = [28, 28]  # Height and width of a mask output: twice MASK_POOL_SIZE.
    # True: what the heads read of a box lies at the same place of the feature cells wherever the
    # box is in the image. False: as the original, which reads up to half a cell beside it.
    EVEN_ROI_ALIGN: Flag = False
    # Whose rules boxes follow. "matterport": the original's. "torchvision": those that weights of
    # torchvision know. Anchors have whole sides, boxes reach from edge to edge of pixels, proposals
    # are chosen level by level (PRE_NMS_LIMIT of each), ROIAlign takes the mean of 2 x 2 samples in
    # each bin, and masks are made of bins; EVEN_ROI_ALIGN says nothing then.
    GEOMETRY: Annotated[str, one_of(GEOMETRIES)] = "matterport"
    # What the network computes in. Weights, boxes, suppression and losses are float32 always.
    # "mixed_bfloat16" suits processors and GPUs that have bfloat16; "mixed_float16" is for older
    # GPUs, and scales the loss.
    MIXED_PRECISION: Annotated[str, one_of(PRECISIONS)] = "float32"

    # --- Images ------------------------------------------------------------------------------
    # How images are brought to size, their aspect ratio kept. "square": padded to a square.
    # "pad64": padded to sides divisible by 64. "crop": a random square part in training. "none":
    # not at all. See `mrcnn.utils.resize_image`.
    IMAGE_RESIZE_MODE: Annotated[str, one_of(RESIZE_MODES)] = "square"
    # A shorter side below this is enlarged to it, in pixels. With mode "crop" the side of the part.
    IMAGE_MIN_DIM: CountFromZeroOrNone = 800
    IMAGE_MAX_DIM: Count = 1024  # With mode "square" the side of the square, in pixels.
    # Images are enlarged at least this many times; 0 asks for nothing.
    IMAGE_MIN_SCALE: NotNegative = 0
    # True: whatever their size, images are first scaled so that the longer side is IMAGE_MAX_DIM.
    # With mode "pad64" whole images without a square's padding, with "crop" parts of them.
    IMAGE_FIT: Flag = False
    # What detection fills the padding with. "zeros": black, as the original does. "mean":
    # MEAN_PIXEL, in whole numbers where the image has such. "reflect": the image mirrored at its
    # border, for models that never saw black in training.
    IMAGE_PADDING: Annotated[str, one_of(PADDINGS)] = "zeros"
    # Median diameter of the objects that the model was trained on (of the circle with their area),
    # in pixels of the network. Where it is known, a program can bring images to this scale.
    OBJECT_DIAMETER: PositiveOrNone = None
    # Names of the classes whose objects are so large, where others are larger or smaller; None
    # takes all classes.
    OBJECT_CLASSES: Sequence[str] | None = None
    # Micrometers that a pixel of the network was wide in training; None where nobody knows.
    OBJECT_PIXEL_SIZE: PositiveOrNone = None
    IMAGE_CHANNEL_COUNT: Count = 3  # Channels of the images, 3 for RGB.
    MEAN_PIXEL = np.array([123.7, 116.8, 103.9])  # Subtracted from the RGB pixels (0 to 255).

    # --- Anchors and proposals ---------------------------------------------------------------
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)  # Anchor side in pixels for each level P2 to P6.
    RPN_ANCHOR_RATIOS: Numbers = [0.5, 1, 2]  # Width / height of the anchors.
    RPN_ANCHOR_STRIDE: Count = 1  # Anchors stand on every n-th feature cell.
    PRE_NMS_LIMIT: Count = 6000  # Anchors kept by score before non-maximum suppression.
    # Proposals that overlap a better one by more than this IoU are dropped.
    RPN_NMS_THRESHOLD: Fraction = 0.7
    POST_NMS_ROIS_TRAINING: Count = 2000  # Proposals kept after suppression, in training.
    POST_NMS_ROIS_INFERENCE: Count = 1000  # Proposals kept after suppression, in detection.
    # Standard deviations by which the RPN's box deltas (dy, dx, log dh, log dw) are divided.
    RPN_BBOX_STD_DEV: FourNumbers = np.array([0.1, 0.1, 0.2, 0.2])
    # The same for the deltas of the box head.
    BBOX_STD_DEV: FourNumbers = np.array([0.1, 0.1, 0.2, 0.2])

    # --- What training learns from -----------------------------------------------------------
    MAX_GT_INSTANCES: Count = 100  # Instances of one image that training uses at most.
    # Ground-truth masks as crops of their boxes, resized to MINI_MASK_SHAPE.
    USE_MINI_MASK: Flag = True
    MINI_MASK_SHAPE = (56, 56)  # Height and width.
    RPN_TRAIN_ANCHORS_PER_IMAGE: Count = 256  # Anchors an image that train the RPN.
    TRAIN_ROIS_PER_IMAGE: Count = 200  # Regions of interest an image that train the heads.
    ROI_POSITIVE_RATIO: Fraction = 0.33  # Share of these regions that holds objects.
    # False: the regions that train the heads come from the data instead of the RPN.
    USE_RPN_ROIS: Flag = True

    # Share of all objects below which a class is rare, 0 to 1: images with many objects of rare
    # classes are drawn more often, by up to the square root of how many times rarer the class is.
    # None draws all images equally often.
    CLASS_SAMPLING: ShareOrNone = None

    # --- Detection ---------------------------------------------------------------------------
    DETECTION_MAX_INSTANCES: Count = 100  # Detections of one image at most, the best ones.
    # Detections below this score are dropped; 0 keeps all.
    DETECTION_MIN_CONFIDENCE: Fraction = 0.7
    # Detections that overlap a better one by more than this IoU are dropped.
    DETECTION_NMS_THRESHOLD: Fraction = 0.3
    # "class": the probability of the detection's class. "object": of all classes together, that
    # is, of not being background; for classes that are hard to tell from one another.
    DETECTION_SCORE: Annotated[str, one_of(DETECTION_SCORES)] = "class"
    # True: detections of different classes suppress each other as well.
    DETECTION_NMS_ACROSS_CLASSES: Flag = False
    # Where masks are placed, detections whose mask IoU with a better one is above this are dropped,
    # and before that those which several others of their class make up together, which take their
    # scores. So a higher DETECTION_NMS_THRESHOLD keeps objects that overlap. None leaves all.
    DETECTION_MAX_MASK_OVERLAP: FractionOrNone = None
    # True: masks are placed by fractions of a pixel, and boxes are those of the masks. False
    # rounds boxes first, as the original does, which costs outlines where images are scaled down.
    SUBPIXEL_MASKS: Flag = False
    # Share of a detected box's height and width that the mask head sees beyond each side, so that
    # a box that is too small does not cut the mask. More than 0 goes with SUBPIXEL_MASKS.
    MASK_MARGIN: NotNegative = 0.0

    # --- Optimization ------------------------------------------------------------------------
    # For programs to give to `train`, which has no default of its own.
    LEARNING_RATE: Positive = 0.001
    LEARNING_MOMENTUM: NotNegative = 0.9  # Momentum of stochastic gradient descent.
    # "constant", or "cosine": falling to zero over all epochs of one call of `train`.
    LEARNING_RATE_SCHEDULE: Annotated[str, one_of(SCHEDULES)] = "constant"
    # Steps over which the learning rate rises from zero at the start of `train`.
    WARMUP_STEPS: CountFromZero = 0
    # L2 regularization: WEIGHT_DECAY * sum(w ** 2) / size(w) is added to the loss for each weight
    # but the scales and offsets of normalization.
    WEIGHT_DECAY: NotNegative = 0.0001
    # Factor of each loss in the sum.
    LOSS_WEIGHTS: LossWeights = {name: 1.0 for name in LOSS_NAMES}
    GRADIENT_CLIP_NORM: Positive = 5.0  # Global norm to which the gradient is clipped.

    # --- Chance, checkpoints, memory ---------------------------------------------------------
    # Seed of initial weights, sampling and augmentation; None draws a new one for each run.
    SEED: Seed = None
    # Number of the newest checkpoints of a run that are kept; None keeps all. That of the best
    # epoch, where epochs are compared, is never removed.
    KEEP_CHECKPOINTS: CountOrNone = None
    # Threads that prepare training images while the step computes.
    LOADER_WORKERS: CountFromZero = 2
    # Megabytes of decoded and resized training images that are kept in memory.
    LOADER_CACHE_MB: CountFromZero = 1024

    def __init__(self) -> None:
        problems = find_problems(self, _BOUNDS)
        if problems:
            raise ConfigError(
                f"{type(self).__name__} cannot be used:\n"
                + "\n".join(f"  {problem}" for problem in problems)
            )
        self.BATCH_SIZE = self.IMAGES_PER_GPU * self.GPU_COUNT
        side = self.IMAGE_MIN_DIM if self.IMAGE_RESIZE_MODE == "crop" else self.IMAGE_MAX_DIM
        self.IMAGE_SHAPE = np.array([side, side, self.IMAGE_CHANNEL_COUNT])
        self.IMAGE_META_SIZE = image_meta_size(self.NUM_CLASSES)

    def check_for(self, mode: str) -> None:
        """Check what matters in one mode only.

        Raises:
            ConfigError: `mode` is "training" and there is no class to learn, or what follows from
                the settings was set by hand and contradicts them.
        """
        if not hasattr(self, "IMAGE_SHAPE"):
            raise ConfigError(
                f"{type(self).__name__}.__init__ does not call super().__init__(), which derives "
                "BATCH_SIZE, IMAGE_SHAPE and others from the settings: call it."
            )
        if self.IMAGE_SHAPE[-1] != self.IMAGE_CHANNEL_COUNT:
            raise ConfigError(
                f"IMAGE_SHAPE is {tuple(map(int, self.IMAGE_SHAPE))}, but IMAGE_CHANNEL_COUNT is "
                f"{self.IMAGE_CHANNEL_COUNT}: set IMAGE_CHANNEL_COUNT, and let super().__init__() "
                "derive IMAGE_SHAPE from it."
            )
        if mode == "training" and self.NUM_CLASSES < 2:
            raise ConfigError(
                f"NUM_CLASSES is {self.NUM_CLASSES}: training needs at least 2, "
                "the background and one class of objects."
            )

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values that JSON can hold; functions as their names."""
        return {name: _plain(getattr(self, name)) for name in _setting_names(self)}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """The configuration that `to_dict` told, such as one from a `config.json`.

        Args:
            settings: names and values; what is not among them is as in this class.

        Raises:
            ConfigError: a name is none of a setting, or the values cannot work.
        """
        for name in settings:
            if not isinstance(name, str) or not name.isidentifier() or not name.isupper():
                raise ConfigError(f"{shown(name)} is not the name of a setting.")
        return type(cls.__name__, (cls,), dict(settings))()

    def display(self) -> None:
        """Print all settings, sorted by name."""
        print(f"\n{type(self).__name__}:")
        for name in _setting_names(self):
            print(f"{name:30} {getattr(self, name)}")
        print()


_BOUNDS = bounds_of(Config)


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
