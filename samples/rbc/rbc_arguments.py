"""The command line of rbc.py. Nothing heavy is imported here, so that --help is quick."""

import argparse
from pathlib import Path

from mrcnn.app.option_types import (
    anchor_scales,
    checkpoint_number,
    confidence_or_auto,
    fraction,
    positive,
    positive_integer,
    seed_number,
    whole_number,
)
from mrcnn.config import BACKBONES

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DATASET = ROOT / "datasets" / "rbc"
DEFAULT_LOGS = ROOT / "logs"
DEFAULT_WEIGHTS = ROOT / "weights"
DEFAULT_RESULTS = ROOT / "results"
DEFAULT_MAX_OVERLAP = 0.5
MEASURED, LEARNED = "measured", "learned"
STAIN, NETWORK = "stain", "network"
# What training does with an image or a region that cannot be used.
STOP, SKIP = "stop", "skip"

EXIT_STATUS = "Exit status: 0 on success, 2 on bad input (with the reason on stderr)."


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "model",
        "A trained model carries these settings in config.json beside its checkpoints; "
        "give them only for weights without that file.",
    )
    group.add_argument(
        "--backbone",
        metavar="NAME",
        help=f"one of {', '.join(BACKBONES)} (default resnet50)",
    )
    group.add_argument(
        "--image-size",
        type=positive_integer,
        metavar="N",
        help="images are resized to a square of N pixels, a multiple of 64 (default 512); with "
        "--crop the longer side becomes N pixels",
    )
    group.add_argument(
        "--crop",
        type=positive_integer,
        metavar="N",
        help="train on random parts of N x N pixels, a multiple of 64, of the resized images; "
        "whole images are detected in without a square's padding (default: whole images)",
    )
    group.add_argument(
        "--light", action="store_true", help="narrower feature pyramid and heads, for a CPU"
    )
    group.add_argument(
        "--normalization",
        choices=("batch", "group"),
        help="batch goes with published weights, group with training from random weights",
    )
    group.add_argument(
        "--precision",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
        help="what the network computes in (default float32); mixed_bfloat16 is about twice as "
        "quick on processors and GPUs that have bfloat16",
    )
    group.add_argument(
        "--classes",
        nargs="+",
        metavar="NAME",
        help="class names in the annotations (default large normal small undefined)",
    )
    group.add_argument(
        "--logs",
        type=Path,
        default=DEFAULT_LOGS,
        metavar="DIR",
        help="folder of training runs (default %(default)s)",
    )


def _add_detection_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-overlap",
        type=fraction,
        default=DEFAULT_MAX_OVERLAP,
        metavar="IOU",
        help="a detection whose mask has a higher IoU than this with a better one is the same "
        "cell under another class and is left out; 1 keeps all (default %(default)s)",
    )
    parser.add_argument(
        "--size-class",
        choices=(MEASURED, LEARNED),
        default=MEASURED,
        help="how a cell's size class is told: measured from its mask against the median of its "
        "field (default), or learned by the network",
    )
    parser.add_argument(
        "--outline",
        choices=(STAIN, NETWORK),
        default=STAIN,
        help="where a cell's outline lies: moved to the edge of the stain, by a tenth of its "
        "radius at most (default), or where the network draws it",
    )


def _add_export_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("detections as files of other programs")
    group.add_argument(
        "--via", action="store_true", help="a VIA 2 project, to correct instead of drawing"
    )
    group.add_argument("--coco", action="store_true", help="COCO JSON with run-length masks")
    group.add_argument(
        "--geojson", action="store_true", help="a GeoJSON file for each image, for QuPath"
    )
    group.add_argument(
        "--imagej", action="store_true", help="a ROI archive for each image, for ImageJ"
    )


def _add_weights_option(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    parser.add_argument(
        "--weights",
        default=default,
        metavar="rbc|last|best|PATH",
        help="the model that comes with the project, the last checkpoint, the best one of a "
        "training that was validated, a .h5 file, or the folder of a run or of a packed model "
        f"(default {default or 'last where something was trained, else rbc'})",
    )


def _add_dataset_option(parser: argparse.ArgumentParser, note: str) -> None:
    parser.add_argument(
        "--dataset",
        type=Path,
        metavar="DIR",
        help=f"folder with train/ and val/, each of images and a VIA JSON file ({note})",
    )
    _add_attribute_option(parser)


def _add_attribute_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--attribute",
        metavar="NAME",
        help="region attribute that holds the class (default: found by itself)",
    )


def _add_train(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "train",
        help="train a model",
        description="Train on DIR/train, or on what --subset names, and validate on DIR/val; a "
        "checkpoint after each epoch.",
        epilog=EXIT_STATUS,
    )
    _add_dataset_option(
        parser, f"default {DEFAULT_DATASET}; a demo set is rendered there if there is none"
    )
    parser.add_argument(
        "--subset",
        nargs="+",
        metavar="NAME",
        help="folders in DIR to train on (default train)",
    )
    parser.add_argument(
        "--anchors",
        type=anchor_scales,
        metavar="paper|auto|A,B,C,D,E",
        help="sides of the anchors on the five pyramid levels, in pixels of the resized image: the "
        "paper's 8,16,32,64,128 (default), derived from the annotated cells, or given",
    )
    parser.add_argument(
        "--weights",
        default="coco",
        metavar="coco|imagenet|rbc|last|best|none|PATH",
        help="start from downloaded COCO (default) or ImageNet weights, from the model that comes "
        "with the project, from the last or the best checkpoint, from random weights, or from a "
        ".h5 file; only `last` goes on with its run, with the data and options that it had unless "
        "others are given",
    )
    parser.add_argument(
        "--epochs",
        type=positive_integer,
        metavar="N",
        help="epochs in total, those of a resumed run included (default 100)",
    )
    parser.add_argument(
        "--layers",
        metavar="all|heads|3+|4+|5+|REGEX",
        help="layers that learn (default all): smears look unlike photographs, so the "
        "backbone should adapt too; heads is the quick choice on downloaded weights",
    )
    parser.add_argument(
        "--learning-rate",
        type=positive,
        metavar="RATE",
        help="default 0.001, or 0.01 for --weights none",
    )
    parser.add_argument(
        "--schedule",
        choices=("constant", "cosine"),
        help="course of the learning rate (default constant, or cosine for --weights none)",
    )
    parser.add_argument(
        "--steps", type=positive_integer, metavar="N", help="steps an epoch (default 100)"
    )
    parser.add_argument(
        "--batch-size", type=positive_integer, metavar="N", help="images a step (default 2)"
    )
    parser.add_argument("--seed", type=seed_number, metavar="S", help="makes a run repeatable")
    parser.add_argument(
        "--max-minutes",
        type=positive,
        metavar="M",
        help="stop after about M minutes, with a checkpoint",
    )
    parser.add_argument(
        "--validate-every",
        type=whole_number,
        metavar="N",
        help="detect in DIR/val every N epochs and after the last one, log mask AP50 and F1, and "
        "keep the weights of the highest AP50 as best.h5; 0 does not (default 5)",
    )
    parser.add_argument(
        "--keep-checkpoints",
        type=checkpoint_number,
        metavar="N|all",
        help="keep the newest N checkpoints, and that of the best epoch (default 5)",
    )
    parser.add_argument(
        "--patience",
        type=positive_integer,
        metavar="P",
        help="stop after P such validations in a row without a higher AP50 (default: never)",
    )
    parser.add_argument(
        "--no-augmentation",
        action="store_true",
        default=None,
        help="train on the images as they are",
    )
    parser.add_argument(
        "--on-error",
        choices=(STOP, SKIP),
        help="what to do with images and regions that cannot be used: stop, or skip them with a "
        "warning (default stop); `rbc.py check` lists them all",
    )
    parser.add_argument(
        "--overlay",
        type=fraction,
        metavar="SHARE",
        help="share of training images that cells of other fields are laid over, so that new pairs "
        "touch and overlap (default 0)",
    )
    _add_model_options(parser)
    parser.set_defaults(module="rbc_train")


def _add_evaluate(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="compare detections with annotated cells",
        description="Detect once, then count at each confidence: a cell is segmented when a "
        "detection matches it one to one at mask IoU >= 0.5. Writes report.html, table.md, "
        "summary.json, per_image.csv, per_cell.csv and pictures/.",
        epilog=EXIT_STATUS,
    )
    _add_dataset_option(parser, f"default {DEFAULT_DATASET}")
    parser.add_argument(
        "--subset", default="val", metavar="NAME", help="folder in DIR (default %(default)s)"
    )
    _add_weights_option(parser)
    parser.add_argument(
        "--min-conf",
        type=confidence_or_auto,
        nargs="+",
        metavar="C|auto",
        help="one or more confidences, or auto for the one that the last --sweep chose for these "
        "weights (default 0.7)",
    )
    parser.add_argument(
        "--sweep",
        action="store_true",
        help="go over all confidences, say which has the highest F1 and PQ, count at it as well, "
        "and keep it beside the weights for --min-conf auto",
    )
    parser.add_argument(
        "--method",
        choices=("network", "watershed"),
        default="network",
        help="watershed is the classical method, Otsu's threshold and a watershed, which needs "
        "no weights (default %(default)s)",
    )
    parser.add_argument(
        "--border",
        choices=("ignore", "count"),
        default="ignore",
        help="whether an unmatched detection that touches the image border is a false alarm in "
        "the headline figures; the tables have both (default %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"folder of the results (default {DEFAULT_RESULTS / 'evaluate'}/SUBSET)",
    )
    _add_detection_options(parser)
    _add_export_options(parser)
    _add_model_options(parser)
    parser.set_defaults(module="rbc_evaluate")


def _add_detect(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "detect",
        help="outline, label and measure the cells of images",
        description="Writes NAME_overlay.png, NAME_labels.png (16 bit; 0 background, cells 1 to "
        "N by falling score), cells.csv and summary.csv.",
        epilog="A file that cannot be read stops nothing but itself; it is listed at the end. "
        "Exit status: 0 when every image was read, 2 when one was not or on bad input.",
    )
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE_OR_FOLDER", help="image files, or folders of images"
    )
    _add_weights_option(parser)
    parser.add_argument(
        "--min-conf",
        type=confidence_or_auto,
        default=0.7,
        metavar="C|auto",
        help="smallest confidence of a cell; auto takes the one that the last `evaluate --sweep` "
        "chose for these weights (default %(default)s)",
    )
    parser.add_argument(
        "--pixel-size",
        type=positive,
        metavar="MICROMETRES",
        help="side of a pixel; adds columns in micrometres",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_RESULTS / "detect",
        metavar="DIR",
        help="folder of the results (default %(default)s)",
    )
    _add_detection_options(parser)
    _add_export_options(parser)
    _add_model_options(parser)
    parser.set_defaults(module="rbc_detect")


def _add_smears(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "smears",
        help="render a data set of stained smears",
        description="Render fields with exact annotations to DIR/train and DIR/val.",
        epilog=EXIT_STATUS,
    )
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--fields", type=positive_integer, metavar="N", help="number of fields")
    parser.add_argument(
        "--seed", type=seed_number, default=0, metavar="S", help="same seed, same bytes"
    )
    parser.set_defaults(module="rbc_cells.smears.command")


def _add_pack(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "pack",
        help="put a trained model into a folder of its own",
        description="Write DIR/rbc.h5, with kernels as 16-bit numbers, and beside it the settings, "
        "the confidence that a sweep chose, and the record of the training. `--weights DIR` names "
        "the model from then on.",
        epilog=EXIT_STATUS,
    )
    parser.add_argument("directory", type=Path, metavar="DIR")
    _add_weights_option(parser, "best")
    parser.add_argument(
        "--replace", action="store_true", help="replace a model that is packed there already"
    )
    _add_model_options(parser)
    parser.set_defaults(module="rbc_pack")


def _add_check(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "check",
        help="read a whole data set and tell everything that is wrong with it",
        description="Read all annotations and images of DIR and list, by file and region, what "
        "training would stop at (errors) and what may be a mistake (look).",
        epilog="Exit status: 0 without errors, 2 with some.",
    )
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument(
        "--subset",
        nargs="+",
        metavar="NAME",
        help="folders in DIR (default: all that hold a JSON file)",
    )
    _add_attribute_option(parser)
    parser.add_argument(
        "--classes", nargs="+", metavar="NAME", help="names of the classes (default: sizes)"
    )
    parser.set_defaults(module="rbc_check")


def build_parser() -> argparse.ArgumentParser:
    """The parser; the parsed options name the module that runs the command in `module`."""
    parser = argparse.ArgumentParser(
        prog="rbc.py",
        description="Red blood cells in stained smears: train, evaluate, detect, check, render.",
        epilog=EXIT_STATUS,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_train(commands)
    _add_evaluate(commands)
    _add_detect(commands)
    _add_smears(commands)
    _add_pack(commands)
    _add_check(commands)
    return parser
