"""Names of results: nothing overwrites anything by accident, and any file's name can be shown."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

# Bytes of a stem: file systems allow 255 for a name, and endings and temporary names need room.
_LONGEST = 180


def shown_path(path: str | os.PathLike) -> str:
    """A path as text that every table and every console can take, on one line.

    Bytes that are not UTF-8 and control characters are escaped, as in `b\\xe4.jpg`.
    """
    return on_one_line(os.fsencode(path).decode("utf-8", "backslashreplace"))


def on_one_line(text: str) -> str:
    """A text with names in it, with control characters and what is no UTF-8 escaped."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def safe_stem(path: str | os.PathLike) -> str:
    """The stem of a file as results are called after it: of any length, in UTF-8, on one line.

    What cannot be part of it is written as `%E4`; of one that is too long the beginning is taken,
    and a checksum.
    """
    stem = Path(path).stem
    text = os.fsencode(stem).decode("utf-8", "surrogateescape")
    safe = "".join(each if each.isprintable() else _percent(each) for each in text)
    content = safe.encode()
    if len(content) <= _LONGEST:
        return safe
    start = content[: _LONGEST - 9].decode("utf-8", "ignore")
    return f"{start}-{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}"


def _percent(character: str) -> str:
    content = character.encode("utf-8", "surrogateescape")
    return "".join(f"%{byte:02X}" for byte in content)


def unique_names(paths: Sequence[str | os.PathLike], taken: Iterable[str] = ()) -> list[str]:
    """One file stem for each path, all different, also where upper and lower case are the same.

    The first of several `cells.*` keeps its name, the next are `cells_2`, `cells_3`, ...; a name
    that another path has by itself is never given to a second.

    Args:
        paths: of files.
        taken: names that others have.
    """
    stems = [safe_stem(path) for path in paths]
    reserved = {stem.casefold() for stem in stems}
    used = {name.casefold() for name in taken}
    # The next number of a stem: ten thousand files of one name are not counted from 2 each.
    following: dict[str, int] = {}
    names = []
    for stem in stems:
        key = stem.casefold()
        name, number = stem, following.get(key, 1)
        if number > 1:
            name = f"{stem}_{number}"
        while name.casefold() in used or (number > 1 and name.casefold() in reserved):
            number += 1
            name = f"{stem}_{number}"
        following[key] = number + 1
        used.add(name.casefold())
        names.append(name)
    return names
