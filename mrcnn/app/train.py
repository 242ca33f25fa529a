"""`train`: from annotated images and a choice of weights to checkpoints."""

import math
import re
import time
from pathlib import Path
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.backend import load_backend
from mrcnn.app.convert_weights import start_weights
from mrcnn.app.data_sets import (
    VALIDATION,
    find_datasets,
    known_classes,
    load_subsets,
    set_shares,
)
from mrcnn.app.model_files import (
    COCO,
    COCO_TORCHVISION,
    IMAGENET,
    LAST,
    NONE,
    PUBLISHED,
    resolve_weights,
)
from mrcnn.app.object_sizes import anchors_for_objects, median_diameter, scale_by_objects
from mrcnn.app.option_types import ALL, AUTO
from mrcnn.app.options import MAX_OVERLAP
from mrcnn.app.record import store_record, training_record
from mrcnn.app.resume import complete_options, store_options
from mrcnn.app.settings import (
    AUTO_JITTER,
    going_on_settings,
    read_settings,
    same_batch,
    scratch_settings,
)
from mrcnn.app.told import annotated_classes
from mrcnn.config import APPLICATIONS
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.data.objects import require_objects
from mrcnn.errors import ConfigError
from mrcnn.files import atomic_write, make_writable_folder
from mrcnn.runs.checkpoints import epoch_of
from mrcnn.runs.run import Run
from mrcnn.weights.imagenet import PACKAGES
from mrcnn.weights.places import downloads_folder
from mrcnn.weights.published import fetch_weights
from mrcnn.weights.settings import CONFIG_FILE, settings_text

_RESNETS = ("resnet50", "resnet101")
_PUBLISHED_BACKBONES = {COCO: _RESNETS, IMAGENET: (*_RESNETS, *PACKAGES, *APPLICATIONS)}
# With ImageNet weights all else of these is new.
_NEW_BUT_THE_BACKBONE = (*PACKAGES, *APPLICATIONS)
LAYER_PRESETS = ("all", "heads", "3+", "4+", "5+")
_MAX_VALIDATION_STEPS = 50
# Beyond it some images would be all black.
_MOST_COLORFUL = 0.9


def training_settings(
    application: Application, options: Any, stored: dict[str, Any] | None
) -> dict[str, Any]:
    """Attributes of the configuration: what was given wins over what is stored with the weights.

    Raises:
        ConfigError: options that exclude each other.
    """
    given = application.settings_from(options)
    if options.weights == COCO_TORCHVISION:
        network = stored or {}
        for name in ("BACKBONE", "NORMALIZATION"):
            if given.get(name, network.get(name)) != network.get(name):
                raise ConfigError(
                    f"--weights {COCO_TORCHVISION} has the {name.lower()} {network.get(name)}: "
                    f"leave --{name.lower()} out."
                )
        return {**network, **given}
    if options.weights in PUBLISHED:
        # Published weights come with frozen batch normalization, and know no other.
        settings = {"NORMALIZATION": "batch", **given}
        backbone = settings.get("BACKBONE", application.config.BACKBONE)
        backbones = _PUBLISHED_BACKBONES[options.weights]
        if backbone not in backbones:
            start = "ImageNet weights with --weights imagenet"
            if backbone not in _NEW_BUT_THE_BACKBONE:
                start = "random weights with --weights none"
            shown = [name for name in backbones if name not in APPLICATIONS]
            if len(shown) < len(backbones):
                shown.append("a network of keras.applications")
            raise ConfigError(
                f"--weights {options.weights} has no {backbone}: use --backbone "
                f"{', '.join(shown[:-1])} or {shown[-1]}, or train from {start}."
            )
        if settings["NORMALIZATION"] != "batch":
            raise ConfigError(
                f"--weights {options.weights} was trained with batch normalization: leave "
                "--normalization group to --weights none."
            )
        # All but these backbones is new then, and learns as from random weights.
        return (
            _from_scratch(application, settings, options)
            if backbone in _NEW_BUT_THE_BACKBONE
            else settings
        )
    if options.weights == NONE:
        settings = {"NORMALIZATION": "group", **given}
        # Random statistics that are frozen teach nothing.
        settings.setdefault("TRAIN_BN", settings["NORMALIZATION"] == "batch")
        return _from_scratch(application, settings, options)
    if stored is not None and options.weights != LAST:
        return going_on_settings(stored, given)
    return {**(stored or {}), **same_batch(stored or {}, given)}


def _from_scratch(
    application: Application, settings: dict[str, Any], options: Any
) -> dict[str, Any]:
    """The settings, with learning rate and schedule for random weights where none were given."""
    chosen = scratch_settings(application.make_config(settings))
    if options.schedule == "constant":
        chosen["WARMUP_STEPS"] = 0
    return {**chosen, **settings}


def _with_annotated_classes(
    application: Application, options: Any, stored: dict[str, Any]
) -> dict[str, Any]:
    """The stored settings; with the classes of the annotations where those of a model differ."""
    names = tuple(stored.get("CLASS_NAMES") or ())
    folders = options.dataset or [application.default_dataset]
    subsets = [*options.subset, VALIDATION]
    chosen = annotated_classes(application, names, folders, subsets, options)
    if chosen == names:
        return stored
    print(
        f"{options.weights} tells {', '.join(names)}, and the annotations have other classes: its "
        f"body is kept, and layers of {', '.join(chosen)} are made anew."
    )
    return {**stored, "CLASS_NAMES": chosen}


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


def validation_callback(options: Any, validation: AnnotatedDataset, config: Any) -> Any:
    """What detects in the validation images while the model learns; None if it is not asked for.

    Objects are counted as `evaluate` counts them.
    """
    if not options.validate_every:
        return None
    from mrcnn.training.validation import EvaluateDetections

    return EvaluateDetections(
        validation,
        config,
        every=options.validate_every,
        patience=options.patience,
        max_overlap=MAX_OVERLAP,
    )


def start_model(config: Any, options: Any, weights: Path | None) -> Any:
    """The `MaskRCNN` that is to be trained, with the weights that it starts from."""
    load_backend()
    from mrcnn.mask_rcnn import MaskRCNN
    from mrcnn.nets.application_weights import backbone_weights

    if options.weights == IMAGENET:
        weights = backbone_weights(config.BACKBONE, downloads_folder())
    elif options.weights in PUBLISHED:
        weights = fetch_weights(options.weights, downloads_folder())
    model = MaskRCNN(mode="training", config=config, model_dir=str(options.logs))
    if options.weights == LAST:
        model.load_weights(str(weights))
    elif weights is not None:
        # By name: what has another shape, as the class heads have, starts from random weights.
        model.load_weights(str(weights), by_name=True)
        # A checkpoint that was given by its path starts a new run; only `last` goes on with one.
        model.set_log_dir()
    return model


def augmentation_of(options: Any) -> Any:
    """What varies the images of a training; None for nothing."""
    if options.no_augmentation:
        return None
    from mrcnn.data.augmentation import Augmentation

    usual = AUTO_JITTER if options.scale == AUTO else Augmentation.scale
    # From a file of options it is a list.
    return Augmentation(
        overlay=options.overlay,
        scale=tuple(options.scale_jitter or usual),
        **{
            name: min(options.color_jitter * getattr(Augmentation, name), _MOST_COLORFUL)
            for name in ("brightness", "contrast", "color", "gamma")
        },
    )


def _count_devices(options: Any) -> None:
    """Meet the other processes of the training; a number takes the place of `--devices all`."""
    if options.devices is None:
        return
    load_backend()
    from mrcnn.training.distribution import device_count, join_cluster

    join_cluster(None if options.devices == ALL else options.devices)
    if options.devices == ALL:
        options.devices = device_count()


def run(application: Application, options: Any) -> int:
    """Train; returns the exit status."""
    started = time.monotonic()
    _count_devices(options)
    words = application.words
    weights = stored = None
    if options.weights == COCO_TORCHVISION:
        weights, stored = start_weights(application, options.weights_path)
    elif options.weights not in (*PUBLISHED, NONE):
        weights = resolve_weights(application, options.weights, options.logs)
        stored = read_settings(weights)
    goes_on = options.weights == LAST
    options = complete_options(
        application, options, weights.parent if goes_on and weights else None
    )
    check_layers(options.layers)
    if options.patience is not None and not options.validate_every:
        raise ConfigError("--patience counts validations: give --validate-every 1 or more.")
    if options.no_augmentation and options.scale_jitter:
        raise ConfigError(
            "--scale-jitter varies sizes, which --no-augmentation leaves as they are."
        )
    if options.no_augmentation and options.color_jitter != 1:
        raise ConfigError(
            "--color-jitter varies colors, which --no-augmentation leaves as they are."
        )
    is_trained = options.weights != COCO_TORCHVISION
    if stored and is_trained and not goes_on and not options.classes:
        stored = _with_annotated_classes(application, options, stored)
    settings = training_settings(application, options, stored)
    config = application.make_config(settings)
    if options.batch_norm and config.NORMALIZATION != "batch":
        raise ConfigError(
            "--batch-norm is about batch normalization, and this network has another: leave it "
            "out, or give --normalization batch."
        )
    if goes_on and weights is not None:
        check_epochs(weights, config.EPOCHS)
    folders = find_datasets(application, options.dataset)
    settings = known_classes(application, settings, folders, options)
    config = application.make_config(settings)
    training = load_subsets(application, folders, options.subset, config, options)
    require_objects(training)
    set_shares(training, folders, options.dataset_weights)
    validation = load_subsets(application, folders, [VALIDATION], config, options)
    if options.scale == AUTO:
        scaled = scale_by_objects(config, words, training, validation)
        # The longer side that was given, or that the weights had, stays.
        settings = {**scaled, **settings, "OBJECT_DIAMETER": scaled["OBJECT_DIAMETER"]}
        config = application.make_config(settings)
    else:
        settings["OBJECT_DIAMETER"] = median_diameter(training, config)
    if options.anchors == AUTO:
        settings["RPN_ANCHOR_SCALES"] = anchors_for_objects(training, config, words)
    steps = math.ceil(len(validation.image_ids) / config.BATCH_SIZE)
    config = application.make_config(
        {**settings, "VALIDATION_STEPS": min(steps, _MAX_VALIDATION_STEPS)}
    )
    model = start_model(config, options, weights)

    from mrcnn.app.callbacks import AtTheBeginning, StopAfter, TimeNeeded
    from mrcnn.training.replicas import this_process

    # Of several processes one writes and tells.
    writes = this_process().writes
    log_dir = make_writable_folder(model.log_dir)
    record = training_record(folders, options.subset, training, config, words)

    def store_settings() -> None:
        store_options(application, options, log_dir)
        atomic_write(log_dir / CONFIG_FILE, settings_text(config))
        store_record(log_dir, record)

    callbacks: list[Any] = []
    if writes:
        print(f"Checkpoints and settings: {log_dir}", flush=True)
        print(_course(config, options, weights), flush=True)
        # Only then is it sure that no other process trains in the folder.
        callbacks = [AtTheBeginning(store_settings), TimeNeeded(config.EPOCHS)]
    if options.max_minutes is not None:
        callbacks.append(StopAfter(started + 60 * options.max_minutes))
    validating = validation_callback(options, validation, config)
    if validating is not None:
        callbacks.append(validating)
    try:
        model.train(
            training,
            validation,
            learning_rate=config.LEARNING_RATE,
            epochs=config.EPOCHS,
            layers=options.layers,
            augmentation=augmentation_of(options),
            custom_callbacks=callbacks,
        )
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(_how_to_go_on(application, options, interrupt, log_dir)) from None
    if not writes:
        return 0
    print(f"Trained model: {model.find_last()}")
    if validating is not None and validating.best is not None:
        best = validating.best
        print(f"Best model: {validating.best_path} (epoch {best.epoch}, AP50 {best.value:.3f})")
    return 0


def _course(config: Any, options: Any, weights: Path | None) -> str:
    """What the training is about to do, in a line."""
    start = weights if weights is not None else f"--weights {options.weights}"
    return (
        f"From {start}: {config.EPOCHS} epochs of {config.STEPS_PER_EPOCH} steps of "
        f"{config.BATCH_SIZE} images, learning rate {config.LEARNING_RATE:g} "
        f"({config.LEARNING_RATE_SCHEDULE}). The first steps tell how long that takes."
    )


def _how_to_go_on(
    application: Application, options: Any, interrupt: KeyboardInterrupt, log_dir: Path
) -> str:
    """What was said of an interruption, and the command that goes on where there is something."""
    said = str(interrupt)
    if Run.at(log_dir).newest_checkpoint() is None:
        return said
    logs = "" if options.logs == application.default_logs else f" --logs {options.logs}"
    return f"{said} `{application.words.program} train --weights {LAST}{logs}` goes on."
