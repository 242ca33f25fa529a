"""How large a pixel is, where a file says it.

Most files have a resolution for printers or screens, such as 72 or 300 dots per inch, which says
nothing about what was photographed. A size counts only if a microscope can have taken it.
"""

import contextlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# In micrometers. 10 micrometers are 2540 dots per inch, finer than printers and scanners of paper.
SMALLEST, LARGEST = 0.001, 10.0

MICROMETERS_PER_INCH = 25400.0
_MICROMETERS = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "micrometers"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers"), 1e-3),
    **dict.fromkeys(("mm", "millimeter", "millimeters"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimeters"), 1e4),
    **dict.fromkeys(("m", "meter", "meters"), 1e6),
    **dict.fromkeys(("in", "inch", "inches"), MICROMETERS_PER_INCH),
    **dict.fromkeys(("Å", "angstrom"), 1e-4),
}

# Numbers of TIFF tags.
DESCRIPTION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 270, 282, 283, 296
SIZE_TAGS = (DESCRIPTION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT)
_INCH, _CENTIMETER = 2.0, 3.0
_RESOLUTION_UNITS = {_INCH: MICROMETERS_PER_INCH, _CENTIMETER: 1e4}


@dataclass(frozen=True)
class PixelSize:
    """What one pixel covers.

    Attributes:
        y, x: its height and width in micrometers.
        told_by: where the file says it, such as "OME-XML" or "TIFF resolution".
    """

    y: float
    x: float
    told_by: str

    @property
    def side(self) -> float:
        """Side of the square with the same area, in micrometers."""
        return math.sqrt(self.y * self.x)


def plausible(y: float, x: float, told_by: str, notes: list[str] | None = None) -> PixelSize | None:
    """The size in micrometers, or None if no microscope has such pixels.

    Args:
        y, x, told_by: see `PixelSize`.
        notes: a size that is not taken is told here. For those that were meant for a microscope.
    """
    # Comparisons with a NaN are false.
    if SMALLEST <= y < LARGEST and SMALLEST <= x < LARGEST:
        return PixelSize(y, x, told_by)
    if notes is not None and not math.isnan(y) and not math.isnan(x):
        notes.append(
            f"pixels of {y:g} x {x:g} micrometers (by its {told_by}) are those of no microscope, "
            "so that size was not used"
        )
    return None


def of_dots_per_inch(dpi: Any, told_by: str) -> PixelSize | None:
    """Of the resolution of a PNG, JPEG or other file.

    Args:
        dpi: (x, y) as read; anything else counts as nothing.
        told_by: see `PixelSize`.
    """
    try:
        x, y = (MICROMETERS_PER_INCH / float(value) for value in dpi)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return plausible(y, x, told_by)


def of_lengths(
    y: Any, x: Any, y_unit: str, x_unit: str, told_by: str, notes: list[str] | None = None
) -> PixelSize | None:
    """Of the height and width of a pixel in units of length, by their names or signs."""
    if not (_unit(y_unit) and _unit(x_unit)):
        return None
    return plausible(_number(y) * _unit(y_unit), _number(x) * _unit(x_unit), told_by, notes)


def of_tiff_tags(
    tags: Mapping[int, Any],
    description: str | None = None,
    number: int = 0,
    notes: list[str] | None = None,
) -> PixelSize | None:
    """Of the tags of a TIFF page: OME-XML, ImageJ's and Aperio's metadata, the resolution.

    Args:
        tags: values as read, by the tag's number; see `SIZE_TAGS`.
        description: of the file's first page, which speaks for all; by default the page's own.
        number: of the image in OME-XML.
        notes: takes what is wrong with a size of a microscope; resolutions are mostly those of
            screens and printers.
    """
    description = description_of(tags if description is None else {DESCRIPTION: description})
    if "PhysicalSizeX" in description:
        return _of_ome_xml(description, number, notes)
    if description.startswith("Aperio"):
        told = re.search(r"\bMPP\s*=\s*([\d.]+)", description)
        size = _number(told[1] if told else None)
        return plausible(size, size, "Aperio MPP", notes)
    per_x, per_y = (_number(tags.get(tag)) for tag in (X_RESOLUTION, Y_RESOLUTION))
    if not (per_x > 0 and per_y > 0):
        return None
    told = imagej_values(description)
    if _unit(told.get("unit", "")):
        x_unit = told["unit"]
        y_unit = told.get("yunit", x_unit)
        return plausible(_unit(y_unit) / per_y, _unit(x_unit) / per_x, "ImageJ metadata")
    unit = _RESOLUTION_UNITS.get(_number(tags.get(RESOLUTION_UNIT, _INCH)), math.nan)
    return plausible(unit / per_y, unit / per_x, "TIFF resolution")


def description_of(tags: Mapping[int, Any]) -> str:
    """The text of the description, "" if there is none."""
    text = tags.get(DESCRIPTION, "")
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    # Some readers take each byte for a character.
    with contextlib.suppress(UnicodeError, AttributeError):
        text = text.encode("latin-1").decode("utf-8")
    return str(text)


def imagej_values(description: str) -> dict[str, str]:
    """The lines `name=value` of a description by ImageJ; empty of any other."""
    if not description.startswith("ImageJ="):
        return {}
    pairs = (line.partition("=") for line in description.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _of_ome_xml(description: str, number: int, notes: list[str] | None) -> PixelSize | None:
    """Of one image. The text is searched, not parsed: it comes from anywhere."""
    images = re.findall(r"<(?:\w+:)?Pixels\b([^>]*)>", description)
    pixels = images[number] if number < len(images) else ""
    told = dict(re.findall(r"\b(PhysicalSize\w+)\s*=\s*[\"']([^\"']*)", pixels))
    y, x = (told.get(f"PhysicalSize{axis}") for axis in "YX")
    y_unit, x_unit = (told.get(f"PhysicalSize{axis}Unit", "µm") for axis in "YX")
    return of_lengths(y, x, y_unit, x_unit, "OME-XML", notes)


def _unit(name: str) -> float:
    """Micrometers of a unit of length, 0 of an unknown one."""
    name = name.replace("\\u00B5", "µ").replace("&#181;", "µ").replace("&#xB5;", "µ")
    return _MICROMETERS.get(name, 0.0) or _MICROMETERS.get(name.lower(), 0.0)


def _number(value: Any) -> float:
    """A value of a tag as a number, also a fraction (numerator, denominator); NaN of others."""
    try:
        if isinstance(value, tuple) and len(value) == 2:
            return float(value[0]) / float(value[1])
        return float(value[0] if isinstance(value, tuple) else value)
    except (TypeError, ValueError, ArithmeticError, IndexError):
        return math.nan
