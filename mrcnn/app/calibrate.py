"""`calibrate`: keep the pixel size and the white light of a microscope, from one picture."""

from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.microscopes import Microscope, microscope_file, store_microscope
from mrcnn.app.option_types import PIXEL_SIDES, is_pixel_side
from mrcnn.errors import DataError
from mrcnn.measure.background import white_level_of
from mrcnn.measure.ruling import ruling_of
from mrcnn.pictures import Picture, open_picture

# A channel that is as bright may be brighter in truth.
_CUT_OFF = 254.5


def run(application: Application, options: Any) -> int:
    """Calibrate a microscope; returns the exit status."""
    # A name that cannot be is told before the picture is read.
    microscope_file(options.microscope)
    with open_picture(options.picture) as picture:
        image = picture.pixels()
        size, how = _pixel_size(application, picture, image, options)
    if not is_pixel_side(size):
        raise DataError(
            f"{options.picture}: {size:.5g} micrometers ({how}) is not {PIXEL_SIDES}. --division "
            "is the distance of two lines in micrometers."
        )
    white = white_level_of(image)
    levels = ", ".join(f"{level:.0f}" for level in white)
    print(f"pixel size: {size:.5g} micrometers ({how})")
    print(f"white level of red, green and blue: {levels}")
    if max(white) >= _CUT_OFF:
        print(
            "Warning: the background is cut off at 255, so optical densities will be too low. "
            "Take the picture, and all others, with a shorter exposure."
        )
    microscope = Microscope(size, white, str(options.picture.resolve()))
    path = store_microscope(options.microscope, microscope)
    print(f"kept in {path}; use it with detect --microscope {_quoted(options.microscope)}")
    return 0


def _quoted(name: str) -> str:
    """A name as a command line takes it, on any system."""
    return f'"{name}"' if " " in name else name


def _pixel_size(
    application: Application, picture: Picture, image: np.ndarray, options: Any
) -> tuple[float, str]:
    """The side of a pixel in micrometers, and how it is known."""
    if options.pixel_size is not None and options.division is not None:
        raise DataError("--pixel-size and --division both say how large a pixel is: give one.")
    if options.pixel_size is not None:
        return options.pixel_size, "as given"
    if options.division is not None:
        ruling = ruling_of(image)
        if ruling is None:
            raise DataError(
                f"{picture.name}: no lines of a stage micrometer are seen. They have to be in "
                "focus, to cross at least a third of the picture, and to be five or more; or "
                "measure by hand and give --pixel-size."
            )
        return (
            options.division / ruling.period,
            f"{ruling.period:.2f} pixels from line to line, about {ruling.lines} lines: compare "
            "with the picture",
        )
    if picture.pixel_size is not None:
        return picture.pixel_size.side, f"by its {picture.pixel_size.told_by}"
    raise DataError(
        f"{picture.name} does not tell how large its pixels are. Give --division MICROMETERS where "
        "it shows a stage micrometer, or --pixel-size MICROMETERS."
    )
