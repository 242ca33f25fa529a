"""Settings of a model as the commands make them: presets, and those beside its weights."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mrcnn.config import Config
from mrcnn.errors import ConfigError, shown
from mrcnn.weights import settings as stored_settings
from mrcnn.weights.settings import is_setting_name

# Narrower feature pyramid and heads, for training on a CPU.
LIGHT = {
    "TOP_DOWN_PYRAMID_SIZE": 128,
    "RPN_CONV_CHANNELS": 128,
    "MASK_HEAD_CHANNELS": 128,
    "FPN_CLASSIF_FC_LAYERS_SIZE": 256,
    "TRAIN_ROIS_PER_IMAGE": 200,
}

# A part of an image holds fewer objects.
CROPPED = {
    "IMAGE_RESIZE_MODE": "crop",
    "IMAGE_FIT": True,
    # No padding is seen in training.
    "IMAGE_PADDING": "reflect",
    "SUBPIXEL_MASKS": True,
    "TRAIN_ROIS_PER_IMAGE": 128,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": 256,
}

# From random weights the network is group-normalized, which allows and needs a higher learning
# rate than the fine-tuning of published weights.
SCRATCH_LEARNING_RATE = 0.01
SCRATCH_WARMUP_STEPS = 200

# Going on from a trained model with images of one's own: an hour's work of annotation, some minutes
# of training.
GO_ON = {
    "LEARNING_RATE": 0.005,
    "LEARNING_RATE_SCHEDULE": "cosine",
    "STEPS_PER_EPOCH": 50,
    "EPOCHS": 3,
}

# Median diameter at which `--scale auto` shows objects to a model that knows none yet, in pixels of
# the network: wide enough for outlines, and twenty of them in a part of 320 x 320 pixels.
DIAMETER = 48.0
# The factors between which sizes vary then, so that an estimate of the scale may be wrong.
AUTO_JITTER = (0.6, 1.6)

# Epochs of a training at most, where the configuration does not say it.
EPOCHS = 100

_RESTORE = (
    "It describes the model beside it; restore it, or move it away and describe the model with "
    "--backbone, --image-size, --light, ..."
)


def make_config(base: type[Config], settings: Mapping[str, Any] | None = None) -> Any:
    """Build a configuration with some attributes set otherwise.

    Args:
        base: class of the configuration, with CLASS_NAMES.
        settings: attribute names and values. NUM_CLASSES follows from CLASS_NAMES.

    Returns:
        a `Config` that has CLASS_NAMES and EPOCHS as well.

    Raises:
        ConfigError: a value, or a combination of values, cannot work.
    """
    attributes = dict(settings or {})
    for name in attributes:
        if not is_setting_name(name):
            raise ConfigError(f"{shown(name)} is not the name of a setting.")
    names = _class_names(attributes.get("CLASS_NAMES", getattr(base, "CLASS_NAMES", ())))
    if "CLASS_NAMES" in attributes or "NUM_CLASSES" not in attributes:
        attributes["NUM_CLASSES"] = 1 + len(names)
    attributes["CLASS_NAMES"] = names
    attributes.setdefault("EPOCHS", getattr(base, "EPOCHS", EPOCHS))
    return base.from_dict(attributes)


def _class_names(value: Any) -> tuple[str, ...]:
    named = isinstance(value, list | tuple) and all(
        isinstance(name, str) and name.strip() for name in value
    )
    if not named or len(set(value)) < len(value):
        raise ConfigError(
            f"CLASS_NAMES is {shown(value)}: must be a list of names, each different."
        )
    return tuple(value)


def going_on_settings(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a training that goes on from a trained model with other data.

    Args:
        stored: those of the model.
        given: those that the user chose, which win.
    """
    # On how many devices it was trained is no part of a model.
    settings = {**stored, "GPU_COUNT": 1, **GO_ON, **given}
    if "WARMUP_STEPS" not in given:
        is_cosine = settings["LEARNING_RATE_SCHEDULE"] == "cosine"
        total = settings["EPOCHS"] * settings["STEPS_PER_EPOCH"]
        settings["WARMUP_STEPS"] = math.ceil(total / 10) if is_cosine else 0
    if settings.get("OBJECT_CLASSES") and "OBJECT_CLASSES" not in given:
        # The classes may be other ones now.
        kept = [name for name in settings["OBJECT_CLASSES"] if name in settings["CLASS_NAMES"]]
        settings["OBJECT_CLASSES"] = kept or None
    return settings


def same_batch(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, and the batch of a training that goes on with another number of devices.

    Args:
        stored: settings of the training.
        given: those that the user chose. Without IMAGES_PER_GPU the batch stays as large as it was,
            if the devices can share it evenly.
    """
    devices, images = stored.get("GPU_COUNT", 1), stored.get("IMAGES_PER_GPU")
    if "GPU_COUNT" not in given or "IMAGES_PER_GPU" in given or images is None:
        return dict(given)
    each, left = divmod(devices * images, given["GPU_COUNT"])
    return dict(given) if left else {**given, "IMAGES_PER_GPU": each}


def scratch_settings(config: Any) -> dict[str, Any]:
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
