"""Options that say how a model is trained and what it is."""

from pathlib import Path
from typing import TYPE_CHECKING

from mrcnn.app.commands import CONVERT, CONVERT_WEIGHTS, DETECT, EVALUATE, PACK, TRAIN
from mrcnn.app.option import Group, Option, Stored
from mrcnn.app.option_types import (
    ALL,
    AUTO,
    checkpoint_number,
    device_number,
    fraction,
    positive,
    positive_integer,
    scale_jitter,
    seed_number,
    whole_number,
)
from mrcnn.app.settings import AUTO_JITTER, CROPPED, DIAMETER, EPOCHS, GO_ON, LIGHT
from mrcnn.config import BACKBONES, NORMALIZATIONS, PRECISIONS

if TYPE_CHECKING:
    from mrcnn.app.application import Application

# What training does with an image or a region that cannot be used.
STOP, SKIP = "stop", "skip"
# What brings images to size.
IMAGE_SIZE = "image-size"

_MODEL_COMMANDS = (TRAIN, EVALUATE, DETECT, PACK)
_MODEL = Group(
    "model",
    "A trained model carries these settings in config.json beside its checkpoints; "
    "give them only for weights without that file.",
)
_PRECISION_HELP = (
    "what the network computes in (default float32); mixed_bfloat16 is about twice as quick on "
    "processors and GPUs that have bfloat16"
)


def training_options(application: "Application") -> list[Option]:
    config = application.config
    note = application.words.layers_note and f": {application.words.layers_note}"
    return [
        Option(
            "--epochs",
            (TRAIN,),
            type=positive_integer,
            metavar="N",
            help="epochs in total, those of a resumed run included (default "
            f"{getattr(config, 'EPOCHS', EPOCHS)}; {GO_ON['EPOCHS']} from a trained model)",
            sets=("EPOCHS",),
        ),
        Option(
            "--layers",
            (TRAIN,),
            metavar="all|heads|3+|4+|5+|REGEX",
            help=f"layers that learn (default all){note}; heads is the quick choice on downloaded "
            "weights",
            stored=Stored("all", (str,)),
        ),
        Option(
            "--learning-rate",
            (TRAIN,),
            type=positive,
            metavar="RATE",
            help=f"default {config.LEARNING_RATE:g}, or {GO_ON['LEARNING_RATE']:g} from a trained "
            "model, or 0.01 for --weights none and for ImageNet weights of an EfficientNet-Lite",
            sets=("LEARNING_RATE",),
        ),
        Option(
            "--schedule",
            (TRAIN,),
            choices=("constant", "cosine"),
            help="course of the learning rate (default constant, or cosine from a trained model, "
            "for --weights none and for ImageNet weights of an EfficientNet-Lite)",
            sets=("LEARNING_RATE_SCHEDULE",),
        ),
        Option(
            "--steps",
            (TRAIN,),
            type=positive_integer,
            metavar="N",
            help=f"steps an epoch (default {config.STEPS_PER_EPOCH}; {GO_ON['STEPS_PER_EPOCH']} "
            "from a trained model)",
            sets=("STEPS_PER_EPOCH",),
        ),
        Option(
            "--batch-size",
            (TRAIN,),
            type=positive_integer,
            metavar="N",
            help=f"images a step, on each device (default {config.IMAGES_PER_GPU}, or as a trained "
            "model has it)",
            sets=("IMAGES_PER_GPU",),
        ),
        Option(
            "--devices",
            (TRAIN,),
            type=device_number,
            metavar="N|all",
            help="GPUs that share each step (default 1), of all machines that the training was "
            "started on",
            sets=("GPU_COUNT",),
        ),
        Option(
            "--seed",
            (TRAIN,),
            type=seed_number,
            metavar="S",
            help="makes a run repeatable",
            sets=("SEED",),
        ),
        Option(
            "--max-minutes",
            (TRAIN,),
            type=positive,
            metavar="M",
            help="stop after about M minutes, with a checkpoint",
        ),
        Option(
            "--validate-every",
            (TRAIN,),
            type=whole_number,
            metavar="N",
            help="detect in DIR/val every N epochs and after the last one, log mask AP50 and F1, "
            "and keep the weights of the highest AP50 as best.h5; 0 does not (default 5)",
            stored=Stored(5, (int,)),
        ),
        Option(
            "--keep-checkpoints",
            (TRAIN,),
            type=checkpoint_number,
            metavar="N|all",
            help="keep the newest N checkpoints, and that of the best epoch "
            f"(default {config.KEEP_CHECKPOINTS or ALL})",
            sets=lambda value: {"KEEP_CHECKPOINTS": None if value == ALL else value},
        ),
        Option(
            "--patience",
            (TRAIN,),
            type=positive_integer,
            metavar="P",
            help="stop after P such validations in a row without a higher AP50 (default: never)",
            stored=Stored(None, (int, type(None))),
        ),
        Option(
            "--no-augmentation",
            (TRAIN,),
            is_flag=True,
            help="train on the images as they are",
            stored=Stored(False, (bool,)),
        ),
        Option(
            "--scale",
            (TRAIN,),
            choices=(IMAGE_SIZE, AUTO),
            help="what brings {images} to size: --image-size (default), or auto, the annotated "
            "{objects}: their median diameter in each data set becomes that of the model, "
            f"{DIAMETER:g} pixels for a new one; goes with --crop",
            stored=Stored(IMAGE_SIZE, (str,)),
        ),
        Option(
            "--scale-jitter",
            (TRAIN,),
            type=scale_jitter,
            metavar="LOW,HIGH",
            help="smallest and largest factor by which sizes vary at random (default "
            f"0.8,1.25, or {AUTO_JITTER[0]},{AUTO_JITTER[1]} with --scale auto)",
            stored=Stored(None, (list, type(None))),
        ),
        Option(
            "--on-error",
            (TRAIN, CONVERT),
            choices=(STOP, SKIP),
            help="what to do with images and regions that cannot be used: stop, or skip them with "
            "a warning (default stop); `{program} check` lists them all",
            stored=Stored(STOP, (str,)),
        ),
        Option(
            "--overlay",
            (TRAIN,),
            type=fraction,
            metavar="SHARE",
            help="share of training images that {objects} of other {images} are laid over, so that "
            "new pairs touch and overlap (default 0)",
            stored=Stored(0.0, (int, float)),
        ),
        Option(
            "--class-sampling",
            (TRAIN,),
            type=fraction,
            metavar="SHARE",
            help="draw {images} with classes of fewer than this share of all {objects} more often, "
            "such as 0.2 (default: all equally often)",
            sets=lambda value: {"CLASS_SAMPLING": value or None},
        ),
        Option(
            "--batch-norm",
            (TRAIN,),
            choices=("stored", "learned"),
            help="statistics of --normalization batch: stored, those of the weights stay (default "
            "for published weights); learned, from batches (default for --weights none)",
            sets=lambda value: {"TRAIN_BN": value == "learned"},
        ),
        Option(
            "--color-jitter",
            (TRAIN,),
            type=positive,
            metavar="FACTOR",
            help="how much more than usual brightness, contrast, gamma and the single colors vary "
            "(default 1); 2 to 3 for {images} of laboratories with other stains and lamps",
            stored=Stored(1.0, (int, float)),
        ),
    ]


def model_options(application: "Application") -> list[Option]:
    config = application.config
    return [
        Option(
            "--backbone",
            _MODEL_COMMANDS,
            metavar="NAME",
            help=f"one of {', '.join(BACKBONES)}, or a network of keras.applications, such as "
            f"mobilenet_v2 or efficientnet_v2_s (default {config.BACKBONE})",
            group=_MODEL,
            sets=("BACKBONE",),
        ),
        Option(
            "--image-size",
            _MODEL_COMMANDS,
            type=positive_integer,
            metavar="N",
            help="images are resized to a square of N pixels, a multiple of 64 "
            f"(default {config.IMAGE_MAX_DIM}); with --crop the longer side becomes N pixels",
            group=_MODEL,
            sets=("IMAGE_MIN_DIM", "IMAGE_MAX_DIM"),
        ),
        Option(
            "--crop",
            _MODEL_COMMANDS,
            type=positive_integer,
            metavar="N",
            help="train on random parts of N x N pixels, a multiple of 64, of the resized images; "
            "whole images are detected in without a square's padding (default: whole images)",
            group=_MODEL,
            sets=lambda value: {**CROPPED, "IMAGE_MIN_DIM": value},
            priority=1,
        ),
        Option(
            "--light",
            _MODEL_COMMANDS,
            is_flag=True,
            help="narrower feature pyramid and heads, for a CPU",
            group=_MODEL,
            sets=lambda _: LIGHT,
        ),
        Option(
            "--normalization",
            _MODEL_COMMANDS,
            choices=NORMALIZATIONS,
            help="batch goes with published weights, group with training from random weights",
            group=_MODEL,
            sets=("NORMALIZATION",),
        ),
        Option(
            "--precision",
            (TRAIN, PACK),
            choices=PRECISIONS,
            help=_PRECISION_HELP,
            group=_MODEL,
            sets=("MIXED_PRECISION",),
        ),
        Option(
            "--precision",
            (EVALUATE, DETECT),
            choices=(*PRECISIONS, AUTO),
            help=f"{_PRECISION_HELP}; auto takes what this machine is quick at",
            group=_MODEL,
            sets=lambda value: {} if value == AUTO else {"MIXED_PRECISION": value},
        ),
        Option(
            "--classes",
            (*_MODEL_COMMANDS, CONVERT_WEIGHTS),
            nargs="+",
            metavar="NAME",
            help="class names in the annotations (default "
            f"{' '.join(application.class_names) or application.words.default_classes})",
            group=_MODEL,
            sets=("CLASS_NAMES",),
        ),
        Option(
            "--logs",
            _MODEL_COMMANDS,
            type=Path,
            default=application.default_logs,
            metavar="DIR",
            help="folder of training runs (default %(default)s)",
            group=_MODEL,
        ),
    ]
