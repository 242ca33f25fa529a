"""All options of the commands that every application has."""

from pathlib import Path
from typing import TYPE_CHECKING

from mrcnn.app.commands import (
    CHECK,
    CONVERT,
    CONVERT_WEIGHTS,
    DETECT,
    EVALUATE,
    PACK,
    SERVE,
    TRAIN,
)
from mrcnn.app.conversion_options import conversion_options
from mrcnn.app.counting_options import counting_options
from mrcnn.app.export_options import export_options
from mrcnn.app.option import Group, Option, Stored
from mrcnn.app.option_types import (
    WeightsAction,
    anchor_scales,
    channel_numbers,
    confidence_or_auto,
    engine_name,
    fraction,
    pixel_side,
    positive,
    positive_integer,
)
from mrcnn.app.result_files import OVERLAYS
from mrcnn.app.serving_options import serving_options
from mrcnn.app.training_options import model_options, training_options
from mrcnn.report.languages import LANGUAGES
from mrcnn.report.words import NETWORK

if TYPE_CHECKING:
    from mrcnn.app.application import Application

MAX_OVERLAP = 0.5
# What may run the network, see `mrcnn.app.runtimes`.
AUTO, KERAS, ONNX, OPENVINO = RUNTIMES = ("auto", "keras", "onnx", "openvino")
# Those of `mrcnn.formats.writing`, which takes too long to import for a help text.
FORMATS = (
    "via", "via-csv", "coco", "cvat", "boxes-csv", "yolo", "voc", "labelme", "geojson", "imagej",
    "labels",
)  # fmt: skip

_EXPORT = Group("detections as files of other programs")


def options(application: "Application") -> list[Option]:
    """The options in the order of the help; an application's own stand before the groups."""
    return [
        *_inputs(application),
        *export_options(application),
        *_weights(application),
        *conversion_options(),
        *training_options(application),
        *_evaluation(application),
        *_detection(application),
        *counting_options(application),
        *serving_options(application),
        *application.own_options,
        *_exports(),
        *model_options(application),
    ]


def _inputs(application: "Application") -> list[Option]:
    """What a command works on."""
    data = f"folder with train/ and val/, each of images and {application.words.annotations}"
    default = f"default {application.default_dataset}"
    demo = f"{default}; a demo set is rendered there if there is none"
    return [
        Option("directory", (PACK, CHECK), type=Path, metavar="DIR"),
        Option(
            "source",
            (CONVERT,),
            type=Path,
            metavar="IN",
            help="a data set with folders such as train and val, one such folder, or a file of "
            "annotations beside its images",
        ),
        Option(
            "out",
            (CONVERT,),
            type=Path,
            metavar="OUT",
            help="folder of the new data set, or for a file of annotations also a file",
        ),
        Option(
            "--to",
            (CONVERT,),
            choices=FORMATS,
            metavar="FORMAT",
            help=f"format to write: {', '.join(FORMATS)}",
        ),
        Option(
            "--no-images",
            (CONVERT,),
            is_flag=True,
            help="write the annotations alone; else the images are copied beside them",
        ),
        Option(
            "images",
            (DETECT,),
            nargs="+",
            metavar="IMAGE_OR_FOLDER",
            help="image files, or folders of images",
        ),
        Option(
            "--page",
            (DETECT,),
            type=positive_integer,
            metavar="N",
            help="of files with several pages, such as stacks, the one to take, counted from 1 "
            "(default: the first, but for thumbnails)",
        ),
        Option(
            "--channels",
            (DETECT,),
            type=channel_numbers,
            metavar="R,G,B",
            help="of files with several channels the three to take for red, green and blue, or "
            "one for gray, counted from 1 (default: the file's colors, else the first three)",
        ),
        Option(
            "--subset",
            (CHECK, CONVERT),
            nargs="+",
            metavar="NAME",
            help="folders in DIR (default: all with annotations, and such as val)",
        ),
        Option(
            "--all",
            (CHECK,),
            is_flag=True,
            help="say everything that is wrong; else of each kind the first, and how many more",
        ),
        Option(
            "--dataset",
            (TRAIN,),
            type=Path,
            nargs="+",
            metavar="DIR",
            help=f"{data} ({demo if application.render_demo else default}); of several, all are "
            "learned from, each the classes that it annotates",
            stored=Stored(None, (str, list, type(None))),
        ),
        Option(
            "--dataset-weights",
            (TRAIN,),
            type=positive,
            nargs="+",
            metavar="W",
            help="share of each data set in the {images} that are drawn, as numbers that are "
            "compared with one another (default: every {image} equally often)",
            stored=Stored(None, (list, type(None))),
        ),
        Option("--dataset", (EVALUATE,), type=Path, metavar="DIR", help=f"{data} ({default})"),
        Option(
            "--attribute",
            (TRAIN, EVALUATE, CHECK, CONVERT),
            metavar="NAME",
            help="region attribute that holds the class (default: found by itself)",
            stored=Stored(None, (str, type(None))),
        ),
        Option(
            "--subset",
            (TRAIN,),
            nargs="+",
            metavar="NAME",
            help="folders in DIR to train on (default train)",
            stored=Stored(["train"], (list,)),
        ),
        Option(
            "--subset",
            (EVALUATE,),
            default="val",
            metavar="NAME",
            help="folder in DIR (default %(default)s)",
        ),
        Option(
            "--classes",
            (CHECK, CONVERT),
            nargs="+",
            metavar="NAME",
            help=f"names of the classes (default: {application.words.default_classes})",
            sets=("CLASS_NAMES",),
        ),
        Option(
            "--anchors",
            (TRAIN,),
            type=anchor_scales,
            metavar="paper|auto|A,B,C,D,E",
            help="sides of the anchors on the five pyramid levels, in pixels of the resized image: "
            f"the paper's {','.join(map(str, application.config.RPN_ANCHOR_SCALES))} (default), "
            "derived from the annotated {objects}, or given",
            sets=lambda value: _anchors(application, value),
        ),
    ]


def _anchors(application: "Application", value: str | tuple[float, ...]) -> dict:
    if value == "paper":
        return {"RPN_ANCHOR_SCALES": application.config.RPN_ANCHOR_SCALES}
    # "auto" needs the data.
    return {"RPN_ANCHOR_SCALES": value} if isinstance(value, tuple) else {}


def _weights(application: "Application") -> list[Option]:
    """Which weights a command starts with."""
    own = "".join(f"{name}|" for name in application.shipped)
    shipped = "a model that comes with the project, " if own else ""
    trained = (
        f"{shipped}the last checkpoint, the best one of a training that was validated, a .h5 file, "
        "or the folder of a run or of a packed model (default {default})"
    )
    usual = f"last where something was trained, else {application.name}" if own else "last"
    always = application.name if own else "last"
    return [
        Option(
            "--weights",
            (TRAIN,),
            nargs="+",
            action=WeightsAction,
            default="coco",
            metavar=(f"coco|coco-torchvision|imagenet|{own}last|best|none|PATH", "PATH"),
            help="start from downloaded COCO (default) or ImageNet weights, from COCO weights of "
            "torchvision (PATH is its .pth file, or what `{program} convert-weights` made of it), "
            f"{f'from {shipped}' if own else ''}from the last or the best checkpoint, from random "
            "weights, or from a .h5 file; only `last` goes on with its run, with the data and "
            "options that it had unless others are given",
        ),
        Option(
            "--weights",
            (EVALUATE,),
            metavar=f"{own}last|best|PATH",
            help=trained.replace("{default}", usual),
        ),
        Option(
            "--weights",
            (DETECT, SERVE),
            metavar=f"{own}last|best|PATH",
            help=trained.replace("{default}", always),
        ),
        Option(
            "--weights",
            (PACK,),
            default="best",
            metavar=f"{own}last|best|PATH",
            help=trained.replace("{default}", "best"),
        ),
        Option(
            "--diameter",
            (PACK,),
            type=positive,
            metavar="PX",
            help="median diameter of the {objects} in training, in pixels of the resized images; "
            "for models that do not know it",
            sets=("OBJECT_DIAMETER",),
        ),
        Option(
            "--replace",
            (PACK, CONVERT_WEIGHTS),
            is_flag=True,
            help="replace a model that is there already",
        ),
    ]


def _evaluation(application: "Application") -> list[Option]:
    default = application.config.DETECTION_MIN_CONFIDENCE
    methods = [
        Option(
            "--method",
            (EVALUATE, DETECT),
            choices=(NETWORK, *application.baselines),
            default=NETWORK,
            help="; ".join(
                f"{name} is {baseline.help}" for name, baseline in application.baselines.items()
            )
            + " (default %(default)s)",
        )
    ]
    return [
        Option(
            "--min-conf",
            (EVALUATE,),
            type=confidence_or_auto,
            nargs="+",
            metavar="C|auto",
            help="one or more confidences, or auto for the one that the last --sweep chose for "
            f"these weights (default {default:g})",
        ),
        Option(
            "--sweep",
            (EVALUATE,),
            is_flag=True,
            help="go over all confidences, say which has the highest F1 and PQ, count at it as "
            "well, and keep it beside the weights for --min-conf auto",
        ),
        *(methods if application.baselines else []),
        Option(
            "--border",
            (EVALUATE,),
            choices=("ignore", "count"),
            default="ignore",
            help="whether an unmatched detection that touches the image border is a false alarm in "
            "the headline figures; the tables have both (default %(default)s)",
        ),
        Option(
            "--out",
            (EVALUATE,),
            type=Path,
            metavar="DIR",
            help=f"folder of the results (default {application.results(EVALUATE)}/SUBSET)",
        ),
    ]


def _detection(application: "Application") -> list[Option]:
    return [
        Option(
            "--min-conf",
            (DETECT, SERVE),
            type=confidence_or_auto,
            metavar="C|auto",
            help="smallest confidence of {an_object}; auto takes the one that the last `evaluate "
            "--sweep` chose for these weights (default "
            f"{application.config.DETECTION_MIN_CONFIDENCE:g})",
        ),
        Option(
            "--pixel-size",
            (DETECT, SERVE),
            type=pixel_side,
            metavar="MICROMETERS",
            help="side of a pixel; adds columns in micrometers",
        ),
        Option(
            "--diameter",
            (EVALUATE, DETECT, SERVE),
            type=positive,
            metavar="PX",
            help="diameter of the {objects} in pixels of the images (default: estimated from each "
            "image, where the model knows the size of its {objects})",
        ),
        Option(
            "--out",
            (DETECT,),
            type=Path,
            metavar="DIR",
            help="folder of the results (default: a new one in "
            f"{application.results(DETECT)}, called after the time)",
        ),
        Option(
            "--resume",
            (DETECT,),
            is_flag=True,
            help="go on with the run in the folder of the results, or with the last one: what it "
            "has is left out",
        ),
        Option(
            "--overwrite",
            (DETECT,),
            is_flag=True,
            help="replace the results that are in the folder",
        ),
        Option(
            "--overlay-format",
            (DETECT,),
            choices=tuple(OVERLAYS),
            default=next(iter(OVERLAYS)),
            help="of the pictures with outlines; png loses nothing and is ten times as large "
            "(default %(default)s)",
        ),
        Option(
            "--anonymous",
            (DETECT,),
            is_flag=True,
            help="write neither folders nor the name of the machine into the results; images are "
            "named from the folder that holds them all",
        ),
        Option(
            "--engine",
            (EVALUATE, DETECT),
            type=engine_name,
            metavar="dask[=ADDRESS]",
            help="have worker processes detect: dask starts some on this machine, dask=ADDRESS "
            "takes those of a scheduler; needs the extra `scale`",
        ),
        Option(
            "--language",
            (EVALUATE, DETECT),
            choices=LANGUAGES,
            default=LANGUAGES[0],
            help="of the report: en for English, id for Indonesian (default %(default)s)",
        ),
        Option(
            "--runtime",
            (EVALUATE, DETECT),
            choices=RUNTIMES,
            default=AUTO,
            help="what runs the network: keras; onnx, ONNX Runtime, or openvino, both in float32 "
            "on a processor; auto takes onnx where it is installed and the model has a graph for "
            "it, as the one that comes with the project (default %(default)s)",
        ),
        Option(
            "--max-overlap",
            (EVALUATE, DETECT),
            type=fraction,
            default=MAX_OVERLAP,
            metavar="IOU",
            help="a detection whose mask has a higher IoU than this with a better one is the same "
            "{object} under another class and is left out; 1 keeps all (default %(default)s)",
        ),
    ]


def _exports() -> list[Option]:
    texts = {
        "--via": "a VIA 2 project, to correct instead of drawing",
        "--coco": "COCO JSON with run-length masks",
        "--geojson": "a GeoJSON file for each image, for QuPath",
        "--imagej": "a ROI archive for each image, for ImageJ",
    }
    return [
        Option(flag, (EVALUATE, DETECT), help=text, is_flag=True, group=_EXPORT)
        for flag, text in texts.items()
    ]
