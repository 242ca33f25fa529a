"""Microscopes that were calibrated: a file for each in the user's folder of settings."""

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mrcnn.app.option_types import is_pixel_side
from mrcnn.errors import ConfigError, OutputError
from mrcnn.files import atomic_write, is_newer

VERSION = 1
# Names of files on every system.
_NAME = re.compile(r"[A-Za-z0-9][\w .-]{0,60}(?<![ .])")


@dataclass(frozen=True)
class Microscope:
    """What a calibration found.

    Attributes:
        pixel_size_um: side of a pixel in micrometers.
        white_level: of red, green and blue where nothing lies, above 0 to 255.
        picture: path of the picture that it was made from.
    """

    pixel_size_um: float
    white_level: tuple[float, float, float]
    picture: str = ""


def microscopes_folder() -> Path:
    """The folder of the files, which need not exist yet.

    It is `mrcnn/microscopes` in `XDG_CONFIG_HOME`, on Windows in `APPDATA`, else in `.config` in
    the home folder.

    Raises:
        ConfigError: nothing says where the home folder is.
    """
    for variable in ("XDG_CONFIG_HOME", "APPDATA"):
        named = Path(os.environ.get(variable, ""))
        if named.is_absolute():
            return named / "mrcnn" / "microscopes"
    try:
        return Path.home() / ".config" / "mrcnn" / "microscopes"
    except RuntimeError as error:
        raise ConfigError(
            "There is no home folder to keep microscopes in. Name one for settings in "
            "XDG_CONFIG_HOME."
        ) from error


def microscope_file(name: str) -> Path:
    """The file of a microscope, which need not exist.

    Raises:
        ConfigError: the name cannot be that of a file.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a microscope: expected are letters, digits, spaces, "
            '"-", "_" and ".", 61 of them at most, the first a letter or a digit.'
        )
    return microscopes_folder() / f"{name}.json"


def store_microscope(name: str, microscope: Microscope) -> Path:
    """Write the file of a microscope, in place of an earlier one; returns its path.

    Raises:
        ConfigError: see `microscope_file`.
        OutputError: it cannot be written.
    """
    path = microscope_file(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be made ({error.strerror or error}).") from error
    content = {"version": VERSION, **asdict(microscope)}
    atomic_write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def read_microscope(name: str) -> Microscope:
    """A microscope that was calibrated.

    Raises:
        ConfigError: there is none of this name, or its file is not what calibration writes.
    """
    path = microscope_file(name)
    if not path.is_file():
        known = sorted(each.stem for each in path.parent.glob("*.json"))
        others = f"Known are {', '.join(known)}." if known else "None was calibrated yet."
        raise ConfigError(
            f"--microscope {name}: there is no {path}. {others} `calibrate {name} PICTURE "
            "--division MICROMETERS` makes it."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        is_newer(path, content.get("version"), VERSION)
        size = float(content["pixel_size_um"])
        red, green, blue = (float(value) for value in content["white_level"])
        if not (is_pixel_side(size) and all(0 < value <= 255 for value in (red, green, blue))):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: expected are pixel_size_um, a number above 0, and white_level, three numbers "
            "above 0 to 255. Calibrate the microscope again."
        ) from error
    return Microscope(size, (red, green, blue), str(content.get("picture", "")))


def choose_scale(options: Any) -> None:
    """Put what is known of the microscope into the options: `pixel_size` and `white_level`.

    A `--pixel-size` that is given counts, as for another objective.

    Raises:
        ConfigError: the microscope is not known; the limits of size are not in order.
    """
    options.white_level = None
    if options.size_limits is not None and options.size_limits[0] >= options.size_limits[1]:
        small, large = options.size_limits
        raise ConfigError(
            f"--size-limits {small:g} {large:g}: the first, below which all is small, must be less "
            "than the second."
        )
    if options.microscope is None:
        return
    microscope = read_microscope(options.microscope)
    options.white_level = microscope.white_level
    if options.pixel_size is None:
        options.pixel_size = microscope.pixel_size_um
