"""Options of `convert-weights`."""

from pathlib import Path

from mrcnn.app.commands import CONVERT_WEIGHTS
from mrcnn.app.option import Option
from mrcnn.app.option_types import not_negative


def conversion_options() -> list[Option]:
    return [
        Option(
            "state",
            (CONVERT_WEIGHTS,),
            type=Path,
            metavar="FILE",
            help="a state dict, such as maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
        ),
        Option(
            "folder",
            (CONVERT_WEIGHTS,),
            type=Path,
            metavar="DIR",
            help="folder of the model, which is made if it is not there",
        ),
        Option(
            "--norm-epsilon",
            (CONVERT_WEIGHTS,),
            type=not_negative,
            metavar="E",
            help="what batch norm of the backbone adds to the variance (default 1e-05, and 0 where "
            "it is frozen, as in the published file of maskrcnn_resnet50_fpn)",
        ),
    ]
