"""Names of results: nothing overwrites anything by accident."""

import os
from collections.abc import Sequence
from pathlib import Path


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
