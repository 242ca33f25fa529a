"""Options of what is counted: slides, sizes, microscopes, and counts by hand."""

from pathlib import Path
from typing import TYPE_CHECKING

from mrcnn.app.commands import CALIBRATE, COMPARE, DETECT
from mrcnn.app.option import Option
from mrcnn.app.option_types import FOLDER, pixel_side, positive, slide_rule

if TYPE_CHECKING:
    from mrcnn.app.application import Application


def counting_options(application: "Application") -> list[Option]:
    """Those of `detect`, and of the commands that are about counting."""
    return [
        Option(
            "--group",
            (DETECT,),
            type=slide_rule,
            metavar=f"{FOLDER}|REGEX",
            help="which {images} are of one slide, for slides.csv: those in one folder, or those "
            "from whose path a regular expression takes the same text by its one group "
            "(default: all)",
        ),
        Option(
            "--size-limits",
            (DETECT,),
            type=positive,
            nargs=2,
            metavar=("SMALL", "LARGE"),
            help="diameters in micrometers below and above which {an_object} is small or large, "
            "whatever the others of its {image} are; adds the column size_by_limits",
        ),
        Option(
            "--microscope",
            (DETECT,),
            metavar="NAME",
            help="the microscope, as `{program} calibrate NAME` has kept it: size of pixels, and "
            "the light that is white",
        ),
        *_calibration(),
        *_comparison(application),
    ]


def _calibration() -> list[Option]:
    return [
        Option("microscope", (CALIBRATE,), metavar="NAME", help="what the microscope is called"),
        Option(
            "picture",
            (CALIBRATE,),
            type=Path,
            metavar="PICTURE",
            help="a picture with free background, taken as others are: of a stage micrometer, or "
            "of an empty place",
        ),
        Option(
            "--division",
            (CALIBRATE,),
            type=positive,
            metavar="MICROMETERS",
            help="distance of the lines of the stage micrometer in the picture, which is measured",
        ),
        Option(
            "--pixel-size",
            (CALIBRATE,),
            type=pixel_side,
            metavar="MICROMETERS",
            help="side of a pixel, where it is known already",
        ),
    ]


def _comparison(application: "Application") -> list[Option]:
    return [
        Option("counts", (COMPARE,), type=Path, metavar="COUNTS"),
        Option(
            "--results",
            (COMPARE,),
            type=Path,
            metavar="DIR",
            help="folder of a run of detect (default: the last one in "
            f"{application.results(DETECT)})",
        ),
        Option(
            "--out",
            (COMPARE,),
            type=Path,
            metavar="DIR",
            help="folder of the comparison (default: compare in that of the run)",
        ),
    ]
