"""Settings of the red blood cell model, and how they travel with its weights."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrcnn.app.option_types import ALL
from mrcnn.config import Config
from mrcnn.errors import ConfigError, WeightsError, shown
from mrcnn.runs.run import Run
from mrcnn.weights import settings as stored_settings
from mrcnn.weights.settings import is_setting_name
from rbc_arguments import DEFAULT_WEIGHTS

# The folder of the model that comes with the project, and what `rbc.py pack` calls its file.
SHIPPED = "rbc"
PACKED_FILE = "rbc.h5"

# Narrower feature pyramid and heads, for training on a CPU.
LIGHT = {
    "TOP_DOWN_PYRAMID_SIZE": 128,
    "RPN_CONV_CHANNELS": 128,
    "MASK_HEAD_CHANNELS": 128,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 256,
    "TRAIN_ROIS_PER_IMAGE": 200,
}

# A part of a field holds a few dozen cells.
CROPPED = {
    "IMAGE_RESIZE_MODE": "crop",
    "IMAGE_FIT": True,
    "TRAIN_ROIS_PER_IMAGE": 128,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": 256,
}

# From random weights the network is group-normalised, which allows and needs a higher learning
# rate than the fine-tuning of published weights.
SCRATCH_LEARNING_RATE = 0.01
SCRATCH_WARMUP_STEPS = 200

_RESTORE = (
    "It describes the model beside it; restore it, or move it away and describe the model with "
    "--backbone, --image-size, --light, ..."
)


class RBCConfig(Config):
    """Mask R-CNN for red blood cells in stained smears, with the values of the paper.

    ResNet-50, anchors of 8 to 128 pixels, learning rate 0.001, 100 epochs and a confidence of 0.7
    are the paper's. The instance limits are ours: a field holds up to 130 cells, and a limit below
    that silently loses some.
    """

    NAME = "rbc"
    # Values of the classes' attribute in the annotations, in the order of their numbers from 1.
    CLASS_NAMES = ("large", "normal", "small", "undefined")
    NUM_CLASSES = 1 + len(CLASS_NAMES)

    BACKBONE = "resnet50"
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    LEARNING_RATE = 0.001
    EPOCHS = 100  # Epochs of a training at most.
    DETECTION_MIN_CONFIDENCE = 0.7

    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 100
    # A hundred checkpoints of ResNet-50 are 18 GB.
    KEEP_CHECKPOINTS = 5

    # A cell of 105 pixels in a field of 1600 x 1200 is 34 pixels wide here.
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512

    MAX_GT_INSTANCES = 200
    DETECTION_MAX_INSTANCES = 200
    # A third of the regions hold cells: each of 130 cells can have its own.
    TRAIN_ROIS_PER_IMAGE = 400
    # Half of the anchors may hold cells.
    RPN_TRAIN_ANCHORS_PER_IMAGE = 320
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 1000

    # Sizes are hard to tell apart, cells are not: the confidence is that of a cell of any size,
    # and one cell is one detection.
    DETECTION_SCORE = "object"
    DETECTION_NMS_ACROSS_CLASSES = True
    # Outlines to a fraction of a pixel, and not cut off where a box is a little small.
    SUBPIXEL_MASKS = True
    MASK_MARGIN = 0.05


def make_config(settings: Mapping[str, Any] | None = None) -> RBCConfig:
    """Build an `RBCConfig` with some attributes set otherwise.

    Args:
        settings: attribute names and values; CLASS_NAMES sets NUM_CLASSES as well.

    Raises:
        ConfigError: a value, or a combination of values, cannot work.
    """
    attributes = dict(settings or {})
    for name in attributes:
        if not is_setting_name(name):
            raise ConfigError(f"{shown(name)} is not the name of a setting.")
    if "CLASS_NAMES" in attributes:
        attributes["CLASS_NAMES"] = _class_names(attributes["CLASS_NAMES"])
        attributes["NUM_CLASSES"] = 1 + len(attributes["CLASS_NAMES"])
    return RBCConfig.from_dict(attributes)


def _class_names(value: Any) -> tuple[str, ...]:
    named = isinstance(value, list | tuple) and all(
        isinstance(name, str) and name.strip() for name in value
    )
    if not named or len(set(value)) < len(value):
        raise ConfigError(
            f"CLASS_NAMES is {shown(value)}: must be a list of names, each different."
        )
    return tuple(value)


def settings_from_options(options: Any) -> dict[str, Any]:
    """The attributes that the command line sets; what was not given is not in the result."""
    settings: dict[str, Any] = {}
    if getattr(options, "light", False):
        settings.update(LIGHT)
    if getattr(options, "crop", None) is not None:
        settings.update(CROPPED)
    for option, attributes in {
        "backbone": ("BACKBONE",),
        "normalization": ("NORMALIZATION",),
        "precision": ("MIXED_PRECISION",),
        "image_size": ("IMAGE_MIN_DIM", "IMAGE_MAX_DIM"),
        "classes": ("CLASS_NAMES",),
        "batch_size": ("IMAGES_PER_GPU",),
        "steps": ("STEPS_PER_EPOCH",),
        "learning_rate": ("LEARNING_RATE",),
        "schedule": ("LEARNING_RATE_SCHEDULE",),
        "epochs": ("EPOCHS",),
        "seed": ("SEED",),
    }.items():
        value = getattr(options, option, None)
        if value is not None:
            settings.update(dict.fromkeys(attributes, value))
    if getattr(options, "crop", None) is not None:
        settings["IMAGE_MIN_DIM"] = options.crop
    kept = getattr(options, "keep_checkpoints", None)
    if kept is not None:
        settings["KEEP_CHECKPOINTS"] = None if kept == ALL else kept
    if isinstance(getattr(options, "anchors", None), tuple):
        settings["RPN_ANCHOR_SCALES"] = options.anchors
    elif getattr(options, "anchors", None) == "paper":
        settings["RPN_ANCHOR_SCALES"] = RBCConfig.RPN_ANCHOR_SCALES
    return settings


def scratch_settings(config: RBCConfig) -> dict[str, Any]:
    """Learning rate and schedule for random weights, where neither was chosen by hand."""
    total = config.EPOCHS * config.STEPS_PER_EPOCH
    return {
        "LEARNING_RATE": SCRATCH_LEARNING_RATE,
        "LEARNING_RATE_SCHEDULE": "cosine",
        "WARMUP_STEPS": min(SCRATCH_WARMUP_STEPS, math.ceil(total / 10)),
    }


def read_settings(weights: Path) -> dict[str, Any] | None:
    """Settings saved beside a weights file, see `mrcnn.weights.settings`; None where none are.

    Raises:
        ConfigError: the file is there but is not what training writes.
    """
    return stored_settings.read_settings(weights, advice=_RESTORE)


def last_checkpoint(logs: Path, name: str = RBCConfig.NAME) -> Path:
    """The newest checkpoint in a folder of runs, or in the folder of one run.

    Args:
        logs: holds runs (`rbc20260131T0930/mask_rcnn_rbc_0001.h5`), or is itself a run.

    Raises:
        WeightsError: there is no checkpoint.
    """
    for run in _runs(logs, name):
        if newest := run.newest_checkpoint(name.lower()):
            return newest
    raise WeightsError(
        f"No trained model in {logs}: expected {name.lower()}*/mask_rcnn_{name.lower()}_*.h5. "
        "Train one with `rbc.py train`, point --logs at the folder of runs, or give --weights PATH."
    )


def best_weights(logs: Path, name: str = RBCConfig.NAME) -> Path:
    """The best weights of the newest run that has some, or of the run `logs` itself.

    Raises:
        WeightsError: no run was evaluated while it trained.
    """
    for run in _runs(logs, name):
        if run.best_weights.is_file():
            return run.best_weights
    best = Run.at(logs).best_weights.name
    raise WeightsError(
        f"No {best} in {logs}: expected {name.lower()}*/{best}, which `rbc.py train "
        "--validate-every N` keeps. Give `last`, or train with it."
    )


def _runs(logs: Path, name: str) -> list[Run]:
    """The run that a folder may be, and those in it, the newest first."""
    # Their names go on with a year.
    return [Run.at(logs), *Run.among(logs, f"{name.lower()}2")]


def shipped_weights() -> Path:
    """The model that comes with the project.

    Raises:
        WeightsError: its file was taken away.
    """
    path = DEFAULT_WEIGHTS / SHIPPED / PACKED_FILE
    if not path.is_file():
        raise WeightsError(
            f"{path}: the weights that come with the project are not there. Restore the folder "
            "from the repository, or give `last`, `best` or a .h5 file."
        )
    return path


def resolve_weights(weights: str, logs: Path) -> Path:
    """The file behind `--weights rbc|last|best|PATH`, where PATH may be the folder of a run.

    Raises:
        WeightsError: there is no such file, or no checkpoint.
    """
    if weights == "last":
        return last_checkpoint(logs)
    if weights == "best":
        return best_weights(logs)
    if weights == SHIPPED:
        return shipped_weights()
    path = Path(weights)
    if path.is_dir():
        packed = path / PACKED_FILE
        return packed if packed.is_file() else last_checkpoint(path)
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such weights file. Expected `rbc`, `last`, `best`, a .h5 file or the "
            "folder of a run."
        )
    return path
