"""Options of `export`."""

from pathlib import Path
from typing import TYPE_CHECKING

from mrcnn.app.commands import EXPORT
from mrcnn.app.option import Option
from mrcnn.deploy.formats import FLOAT32, FORMATS, WEIGHTS_AS
from mrcnn.weights.places import shipped_models

if TYPE_CHECKING:
    from mrcnn.app.application import Application


def export_options(application: "Application") -> list[Option]:
    return [
        Option(
            "model",
            (EXPORT,),
            metavar="MODEL",
            help=f"the model that comes with the project ({', '.join(shipped_models())}), the "
            "folder of a run or of a packed model, or a weights file with config.json beside it",
        ),
        Option(
            "--format",
            (EXPORT,),
            choices=tuple(FORMATS),
            metavar="FORMAT",
            help=f"format to write: {', '.join(FORMATS)}",
        ),
        Option(
            "--weights-as",
            (EXPORT,),
            choices=WEIGHTS_AS,
            default=FLOAT32,
            help="what kernels are stored as; float16 halves the file of --format onnx and "
            "openvino, and the network computes in float32 all the same; int8, for onnx, makes "
            "convolutions ones of 8-bit numbers, see --calibration (default %(default)s)",
        ),
        Option(
            "--calibration",
            (EXPORT,),
            type=Path,
            metavar="FOLDER",
            help="images of your own, a few, on which --weights-as int8 sees how large the values "
            "in the network become",
        ),
        Option(
            "--end-to-end",
            (EXPORT,),
            is_flag=True,
            help="a network that takes a picture of any size as it was read, and gives boxes, "
            "classes, scores and masks in it; without, molding pictures and placing masks are "
            "for you to write",
        ),
        Option(
            "--out",
            (EXPORT,),
            type=Path,
            metavar="DIR",
            help=f"folder to write (default {application.results(EXPORT)}/NAME_FORMAT)",
        ),
        Option(
            "--replace",
            (EXPORT,),
            is_flag=True,
            help="replace a network that was exported there already",
        ),
    ]
