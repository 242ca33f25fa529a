"""`rbc.py train`: from annotated fields and a choice of weights to checkpoints."""

import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.option_types import AUTO
from mrcnn.data.resizing import plan_resize, resize_settings
from mrcnn.errors import ConfigError
from mrcnn.files import atomic_write, make_writable_folder
from mrcnn.runs.checkpoints import epoch_of
from mrcnn.runs.run import Run
from mrcnn.weights.settings import CONFIG_FILE, settings_text
from rbc_arguments import DEFAULT_DATASET, DEFAULT_MAX_OVERLAP, DEFAULT_WEIGHTS
from rbc_config import (
    RBCConfig,
    make_config,
    read_settings,
    resolve_weights,
    scratch_settings,
    settings_from_options,
)
from rbc_dataset import RBCDataset
from rbc_record import store_record, training_record
from rbc_resume import complete_options, store_options

PUBLISHED = ("coco", "imagenet")
LAYER_PRESETS = ("all", "heads", "3+", "4+", "5+")
_MAX_VALIDATION_STEPS = 50


def find_dataset(dataset: Path | None) -> Path:
    """The folder that was asked for, or the demo set, rendered if it is not there yet."""
    if dataset is not None:
        return dataset
    if not any(DEFAULT_DATASET.glob("*/*.json")):
        print(f"No data set was given and there is none in {DEFAULT_DATASET}:")
        print("rendering the demo set of synthetic smears there.", flush=True)
        from rbc_cells.smears.command import render

        render(DEFAULT_DATASET)
    return DEFAULT_DATASET


def training_settings(options: Any, stored: dict[str, Any] | None) -> dict[str, Any]:
    """Attributes of the configuration: what was given wins over what is stored with the weights.

    Raises:
        ConfigError: options that exclude each other.
    """
    given = settings_from_options(options)
    if options.weights in PUBLISHED:
        # Published weights come with frozen batch normalisation, and know no other.
        settings = {"NORMALIZATION": "batch", **given}
        backbone = settings.get("BACKBONE", RBCConfig.BACKBONE)
        if backbone not in ("resnet50", "resnet101"):
            raise ConfigError(
                f"--weights {options.weights} has no {backbone}: use --backbone resnet50 or "
                "resnet101, or train from random weights with --weights none."
            )
        if settings["NORMALIZATION"] != "batch":
            raise ConfigError(
                f"--weights {options.weights} was trained with batch normalisation: leave "
                "--normalization group to --weights none."
            )
        return settings
    if options.weights == "none":
        settings = {"NORMALIZATION": "group", **given}
        # Random statistics that are frozen teach nothing.
        settings["TRAIN_BN"] = settings["NORMALIZATION"] == "batch"
        chosen = scratch_settings(make_config(settings))
        if options.schedule == "constant":
            chosen["WARMUP_STEPS"] = 0
        return {**chosen, **settings}
    return {**(stored or {}), **given}


def load_subsets(
    dataset_dir: Path, subsets: Sequence[str], config: RBCConfig, options: Any
) -> RBCDataset:
    """Load subsets as one data set, ready for use."""
    dataset = RBCDataset()
    for subset in subsets:
        before = len(dataset.image_info)
        dataset.load_rbc(
            dataset_dir, subset, config.CLASS_NAMES, options.attribute, options.on_error
        )
        fields = dataset.image_info[before:]
        cells = sum(len(info["polygons"]) for info in fields)
        print(f"{Path(dataset_dir) / subset}: {len(fields)} fields, {cells} cells")
    dataset.prepare()
    return dataset


def anchors_for_cells(dataset: RBCDataset, config: RBCConfig) -> tuple[int, ...]:
    """Anchor sides in pixels of the resized image, from the sizes of the annotated cells.

    The median of the boxes' sides stands on the second pyramid level, where a feature cell is 8
    pixels wide; the others are its half, double, ...
    """
    sides = []
    for info in dataset.image_info:
        plan = plan_resize((info["height"], info["width"]), **resize_settings(config))
        for polygon in info["polygons"]:
            height, width = np.ptp(polygon, axis=0)
            sides.append(math.sqrt(height * width) * plan.scale)
    if not sides:
        raise ConfigError("--anchors auto: the training fields have no cells to derive sizes from.")
    low, median, high = np.percentile(sides, (5, 50, 95))
    scales = tuple(max(1, round(median * factor)) for factor in (0.5, 1, 2, 4, 8))
    print(
        f"Cells are {median:.0f} pixels wide in the resized fields (nine of ten {low:.0f} to "
        f"{high:.0f}): anchors of {', '.join(map(str, scales))} pixels."
    )
    return scales


def check_layers(layers: str) -> None:
    """Refuse a selection of layers that is neither a preset nor a regular expression.

    Raises:
        ConfigError: it cannot be compiled.
    """
    if layers in LAYER_PRESETS:
        return
    try:
        re.compile(layers)
    except re.error as error:
        raise ConfigError(
            f"--layers {layers!r} is neither one of {', '.join(LAYER_PRESETS)} nor a regular "
            f"expression of layer names ({error})."
        ) from None


def check_epochs(checkpoint: Path, epochs: int) -> None:
    """Refuse to go on with a run that has all its epochs.

    Raises:
        ConfigError: the checkpoint is of the last epoch, of which nothing is left to do, or of a
            later one.
    """
    done = epoch_of(checkpoint)
    if done > epochs or (done == epochs and Run.at(checkpoint.parent).has_losses(done)):
        raise ConfigError(
            f"{checkpoint} has {done} epochs already; --epochs {epochs} is the number "
            "in total. Give a higher one."
        )


def validation_callback(options: Any, validation: RBCDataset, config: RBCConfig) -> Any:
    """What detects in the validation fields while the model learns; None if it is not asked for.

    Cells are counted as `rbc.py evaluate` counts them.
    """
    if not options.validate_every:
        return None
    from mrcnn.training.validation import EvaluateDetections

    return EvaluateDetections(
        validation,
        config,
        every=options.validate_every,
        patience=options.patience,
        max_overlap=DEFAULT_MAX_OVERLAP,
    )


def run(options: Any) -> int:
    """Train; returns the exit status."""
    started = time.monotonic()
    weights = stored = None
    if options.weights not in (*PUBLISHED, "none"):
        weights = resolve_weights(options.weights, options.logs)
        stored = read_settings(weights)
    options = complete_options(options, weights.parent if options.weights == "last" else None)
    check_layers(options.layers)
    if options.patience is not None and not options.validate_every:
        raise ConfigError("--patience counts validations: give --validate-every 1 or more.")
    settings = training_settings(options, stored)
    config = make_config(settings)
    if options.weights == "last":
        check_epochs(weights, config.EPOCHS)
    dataset_dir = find_dataset(options.dataset)
    training = load_subsets(dataset_dir, options.subset, config, options)
    validation = load_subsets(dataset_dir, ["val"], config, options)
    if options.anchors == AUTO:
        settings["RPN_ANCHOR_SCALES"] = anchors_for_cells(training, config)
    steps = math.ceil(len(validation.image_ids) / config.BATCH_SIZE)
    config = make_config({**settings, "VALIDATION_STEPS": min(steps, _MAX_VALIDATION_STEPS)})
    if options.weights in PUBLISHED:
        from mrcnn.weights.published import fetch_weights

        weights = fetch_weights(options.weights, directory=DEFAULT_WEIGHTS)

    from mrcnn.app.callbacks import AtTheBeginning, StopAfter
    from mrcnn.model import MaskRCNN

    model = MaskRCNN(mode="training", config=config, model_dir=str(options.logs))
    if options.weights == "last":
        model.load_weights(str(weights))
    elif weights is not None:
        # By name: what has another shape, as the class heads have, starts from random weights.
        model.load_weights(str(weights), by_name=True)
        # A checkpoint that was given by its path starts a new run; only `last` goes on with one.
        model.set_log_dir()
    log_dir = make_writable_folder(model.log_dir)
    record = training_record(dataset_dir, options.subset, training, config)

    def store_settings() -> None:
        store_options(options, log_dir)
        atomic_write(log_dir / CONFIG_FILE, settings_text(config))
        store_record(log_dir, record)

    print(f"Checkpoints and settings: {log_dir}", flush=True)
    # Only then is it sure that no other process trains in the folder.
    callbacks = [AtTheBeginning(store_settings)]
    if options.max_minutes is not None:
        callbacks.append(StopAfter(started + 60 * options.max_minutes))
    validating = validation_callback(options, validation, config)
    if validating is not None:
        callbacks.append(validating)
    augmentation = None
    if not options.no_augmentation:
        from mrcnn.data.augmentation import Augmentation

        augmentation = Augmentation(overlay=options.overlay)
    model.train(
        training,
        validation,
        learning_rate=config.LEARNING_RATE,
        epochs=config.EPOCHS,
        layers=options.layers,
        augmentation=augmentation,
        custom_callbacks=callbacks,
    )
    print(f"Trained model: {model.find_last()}")
    if validating is not None and validating.best is not None:
        best = validating.best
        print(f"Best model: {validating.best_path} (epoch {best.epoch}, AP50 {best.value:.3f})")
    return 0
