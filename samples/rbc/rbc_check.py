"""`rbc.py check`: everything that is wrong with a data set, at once."""

import dataclasses
import hashlib
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError
from mrcnn.formats.annotations import AnnotatedImage, locate_image
from mrcnn.formats.outline_checks import check_outlines
from mrcnn.pictures import read_image
from rbc_config import RBCConfig
from rbc_dataset import find_annotations, read_fields, size_problem

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        where: the file, an image or the annotations.
        text: what is wrong, with the region where there is one.
        is_error: whether training stops at it, or leaves it out; else it may be a mistake.
    """

    where: str
    text: str
    is_error: bool = True


@dataclasses.dataclass
class Census:
    """What was read, to tell images that come twice, in one subset or in two.

    Attributes:
        fields, cells: how many were read.
        pictures: the first image with these pixels, by their digest.
    """

    fields: int = 0
    cells: int = 0
    pictures: dict[str, str] = dataclasses.field(default_factory=dict)


def find_subsets(folder: Path) -> list[str]:
    """The subsets of a data set: its folders that hold a JSON file.

    Raises:
        DataError: there is no such folder, or it has no subset.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder.")
    subsets = [
        path.name for path in sorted(folder.iterdir()) if path.is_dir() and any(path.glob("*.json"))
    ]
    if not subsets:
        raise DataError(
            f"{folder}: no subset. Expected are folders such as train and val, each with images "
            "and a VIA file."
        )
    return subsets


def check_subset(
    folder: Path, config: RBCConfig, attribute: str | None, census: Census
) -> list[Finding]:
    """Read everything in `train` or `val`.

    Args:
        folder: of the subset.
        config: CLASS_NAMES, MAX_GT_INSTANCES and DETECTION_MAX_INSTANCES count.
        attribute: VIA region attribute that holds the class; None finds it.
        census: goes on counting.
    """
    try:
        annotations = find_annotations(folder)
        problems: list[str] = []
        with warnings.catch_warnings():
            # What they say of regions without area is told field by field.
            warnings.simplefilter("ignore")
            fields = read_fields(annotations, config.CLASS_NAMES, attribute, problems)
    except DataError as error:
        return [Finding(str(folder), str(error))]
    # Messages of the reader begin with the file, which heads the list already.
    findings = [
        Finding(str(annotations), problem.removeprefix(f"{annotations}, ")) for problem in problems
    ]
    if not fields:
        findings.append(Finding(str(annotations), "no image is listed"))
    listed = Counter(field.filename for field in fields)
    findings += [
        Finding(str(annotations), f"image {name!r} is listed {count} times")
        for name, count in listed.items()
        if count > 1
    ]
    for field in fields:
        findings += check_field(folder, field, config, census)
    unlisted = sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and path.name not in listed
    )
    findings += [
        Finding(str(folder / name), "is not in the annotations", is_error=False)
        for name in unlisted
    ]
    return findings


def check_field(
    folder: Path, field: AnnotatedImage, config: RBCConfig, census: Census
) -> Iterable[Finding]:
    """What is wrong with one image and its outlines."""
    where = str(folder / field.filename)
    census.fields += 1
    census.cells += len(field.polygons)
    findings = list(_check_counts(where, field, config))
    try:
        path = locate_image(folder, field.filename)
        image = read_image(path)
    except DataError as error:
        return [*findings, Finding(where, str(error))]
    findings += _check_picture(where, path, image, field, census)
    for problem in check_outlines(field.polygons, image.shape):
        region = f"region {field.region_numbers[problem.index]}"
        other = ""
        if problem.other is not None:
            other = f": region {field.region_numbers[problem.other]}"
        findings.append(Finding(where, f"{region} {problem.text}{other}", is_error=False))
    findings += [
        Finding(where, f"region {number} has no area and is left out", is_error=False)
        for number in field.degenerate_regions
    ]
    return findings


def _check_counts(where: str, field: AnnotatedImage, config: RBCConfig) -> Iterable[Finding]:
    cells = len(field.polygons)
    if not cells:
        yield Finding(where, "has no outlined cell", is_error=False)
    if field.point_regions:
        text = f"has {field.point_regions} point regions, which have no area and are left out"
        yield Finding(where, text, is_error=False)
    for limit in ("MAX_GT_INSTANCES", "DETECTION_MAX_INSTANCES"):
        if cells > getattr(config, limit):
            text = f"has {cells} cells; {limit} is {getattr(config, limit)}, the others are lost"
            yield Finding(where, text, is_error=False)


def _check_picture(
    where: str, path: Path, image: np.ndarray, field: AnnotatedImage, census: Census
) -> Iterable[Finding]:
    problem = size_problem(field, image.shape)
    if problem:
        yield Finding(where, problem)
    size = path.stat().st_size
    if field.size and field.size != size:
        text = (
            f"has {size} bytes; the annotations were made on a file of {field.size}. Look whether "
            "the outlines fit"
        )
        yield Finding(where, text, is_error=False)
    digest = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
    first = census.pictures.setdefault(digest, where)
    if first != where:
        yield Finding(where, f"is the same picture as {first}", is_error=False)


def report(findings: list[Finding]) -> str:
    """The findings by file, in the order in which they were found."""
    by_file: dict[str, list[str]] = {}
    for finding in findings:
        line = f"  {'error' if finding.is_error else 'look'}: {finding.text}"
        by_file.setdefault(finding.where, []).append(line)
    return "\n".join(line for where, lines in by_file.items() for line in (where, *lines))


def run(options: Any) -> int:
    """Check; returns the exit status, 2 where training would stop."""
    config = RBCConfig()
    if options.classes:
        config.CLASS_NAMES = tuple(options.classes)
    census = Census()
    findings: list[Finding] = []
    subsets = options.subset or find_subsets(options.directory)
    for subset in subsets:
        findings += check_subset(options.directory / subset, config, options.attribute, census)
    if findings:
        print(report(findings))
    errors = sum(finding.is_error for finding in findings)
    print(
        f"{', '.join(subsets)}: {census.fields} fields with {census.cells} cells; {errors} errors, "
        f"{len(findings) - errors} things to look at."
    )
    if errors:
        print("`rbc.py train --on-error skip` leaves out what has errors.")
    return 2 if errors else 0
