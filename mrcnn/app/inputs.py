"""The image files that a command works on: named ones, and those in folders."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mrcnn.app.result_files import RESULT_PICTURES
from mrcnn.pictures import IMAGE_SUFFIXES, images_in, is_zarr, passed_over


@dataclass
class Inputs:
    """What the arguments of a command stand for.

    Attributes:
        paths: of the images; one that is reached twice counts once.
        problems: (argument, reason) of those that give no image.
        passed_over: a line for each file of a folder that is not taken.
    """

    paths: list[Path] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


def expand_inputs(arguments: Iterable[str]) -> Inputs:
    """Image files behind the arguments; folders give their images, sorted by name.

    Results of an earlier run in a folder (a `NAME_overlay.jpg` or `NAME_labels.png` beside an
    image NAME) and hidden files are left out.
    """
    inputs = Inputs()
    paths: dict[Path, Path] = {}
    for text in arguments:
        given = Path(text)
        found = [given]
        if given.is_dir() and not is_zarr(given):
            found, others = images_in(given)
            stems = {path.stem for path in found}
            found = [path for path in found if not _is_earlier_result(path, stems)]
            inputs.passed_over += passed_over(others)
            if not found:
                reason = f"{text}: no image in this folder ({', '.join(IMAGE_SUFFIXES)})"
                inputs.problems.append((text, reason))
        for path in found:
            paths.setdefault(path.resolve(), path)
    inputs.paths = list(paths.values())
    return inputs


def common_folder(paths: Iterable[Path]) -> Path:
    """The innermost folder that holds all files; the names in VIA and COCO files start there."""
    try:
        return Path(os.path.commonpath([path.resolve().parent for path in paths]))
    except ValueError:
        # No path, or paths on several drives.
        return Path()


def _is_earlier_result(path: Path, stems: set[str]) -> bool:
    return any(
        path.name.endswith(ending) and path.name.removesuffix(ending) in stems
        for ending in RESULT_PICTURES
    )
