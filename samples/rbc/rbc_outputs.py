"""Names and folders of results: nothing overwrites anything by accident."""

import csv
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mrcnn.errors import MrcnnError


def prepare_folder(folder: Path) -> Path:
    """Make a folder for results and check that it can be written to, before hours of work.

    Raises:
        MrcnnError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MrcnnError(
            f"{folder}: cannot write results there ({error.strerror or error}). "
            "Give another folder with --out."
        ) from None
    return folder


def csv_text(rows: Sequence[Sequence]) -> str:
    """Rows of values, the head first, as the text of a CSV file."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def unique_names(paths: Sequence[str | os.PathLike]) -> list[str]:
    """One file stem for each path, all different, also where upper and lower case are the same.

    The first of several `cells.*` keeps its name, the next are `cells_2`, `cells_3`, ...; a name
    that another path has by itself is never given to a second.
    """
    stems = [Path(path).stem for path in paths]
    reserved = {stem.casefold() for stem in stems}
    used: set[str] = set()
    names = []
    for stem in stems:
        name, number = stem, 1
        while name.casefold() in used or (number > 1 and name.casefold() in reserved):
            number += 1
            name = f"{stem}_{number}"
        used.add(name.casefold())
        names.append(name)
    return names
