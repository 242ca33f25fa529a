"""`check`: everything that is wrong with a data set, at once."""

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.names import on_one_line
from mrcnn.data.annotated import AnnotatedDataset, size_problem
from mrcnn.errors import DataError
from mrcnn.formats.annotations import AnnotatedImage, locate_image
from mrcnn.formats.beside import ANNOTATION_FOLDERS
from mrcnn.formats.finding import annotation_files, annotations_of_subset
from mrcnn.formats.outline_checks import check_outlines
from mrcnn.formats.problem_kinds import Finding, by_kind, more_like_it
from mrcnn.formats.yolo import IMAGES, LABELS, find_yolo
from mrcnn.pictures import IMAGE_SUFFIXES, read_image
from mrcnn.report.words import Words

# Folders of these names are subsets even where only images lie in them.
_SUBSETS = ("train", "val", "valid", "validation", "test")


class Checker:
    """Reads subsets and says what is wrong with them.

    Args:
        config: CLASS_NAMES, MAX_GT_INSTANCES and DETECTION_MAX_INSTANCES count.
        dataset: says how annotations are found and read.
        attribute: region attribute that holds the class; None finds it.
        words: what objects and images are called.

    Attributes:
        images, objects: how many were read.
    """

    def __init__(
        self, config: Any, dataset: AnnotatedDataset, attribute: str | None, words: Words
    ) -> None:
        self.config = config
        self.dataset = dataset
        self.attribute = attribute
        self.words = words
        self.images = self.objects = 0
        # The first image with these pixels, by their digest.
        self._pictures: dict[str, str] = {}

    def check_subset(self, folder: Path) -> list[Finding]:
        """Read everything in a folder such as `train` or `val`."""
        try:
            annotations = self.dataset.find_annotations(folder)
            problems: list[str] = []
            with warnings.catch_warnings():
                # What they say of regions without area is told image by image.
                warnings.simplefilter("ignore")
                # Where no classes are named, all are known.
                names = self.config.CLASS_NAMES or None
                images = self.dataset.read(annotations, names, self.attribute, problems)
        except DataError as error:
            return [Finding(str(folder), str(error))]
        # Messages of the reader begin with the file, which heads the list already.
        findings = [
            Finding(str(annotations), problem.removeprefix(f"{annotations}, "))
            for problem in problems
        ]
        if not images:
            findings.append(Finding(str(annotations), "no image is listed"))
        files = self.dataset.annotation_files(folder)
        folder = self.dataset.image_folder(folder)
        listed = Counter(image.filename for image in images)
        found = {located.name for image in images if (located := _located(folder, image))}
        found.update(path.name for path in files)
        findings += [
            Finding(str(annotations), f"image {name!r} is listed {count} times")
            for name, count in listed.items()
            if count > 1
        ]
        for image in images:
            findings += self.check_image(folder, image)
        unlisted = sorted(
            path.name
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES and path.name not in found
        )
        findings += [
            Finding(str(folder / name), "is not in the annotations", is_error=False)
            for name in unlisted
        ]
        return findings

    def check_image(self, folder: Path, image: AnnotatedImage) -> list[Finding]:
        """What is wrong with one image and its outlines."""
        where = str(folder / image.filename)
        self.images += 1
        self.objects += len(image.polygons)
        findings = list(self._check_counts(where, image))
        try:
            path = locate_image(folder, image.filename)
            pixels = read_image(path)
        except DataError as error:
            return [*findings, Finding(where, str(error))]
        findings += self._check_picture(where, path, pixels, image)
        for problem in check_outlines(image.polygons, pixels.shape):
            # Counted as VIA does.
            region = f"region {image.region_numbers[problem.index] + 1}"
            other = ""
            if problem.other is not None:
                other = f": region {image.region_numbers[problem.other] + 1}"
            findings.append(Finding(where, f"{region} {problem.text}{other}", is_error=False))
        findings += [
            Finding(where, f"region {number + 1} has no area and is left out", is_error=False)
            for number in image.degenerate_regions
        ]
        return findings

    def _check_counts(self, where: str, image: AnnotatedImage) -> Iterable[Finding]:
        count = len(image.polygons)
        if not count:
            yield Finding(where, f"has no outlined {self.words.object}", is_error=False)
        if image.point_regions:
            text = f"has {image.point_regions} point regions, which have no area and are left out"
            yield Finding(where, text, is_error=False)
        if image.crowd_regions:
            text = (
                f"has {image.crowd_regions} crowds, outlines around many {self.words.objects} at "
                "once, which are left out"
            )
            yield Finding(where, text, is_error=False)
        if any(image.is_box):
            text = f"has {sum(image.is_box)} {self.words.objects} that are boxes without masks"
            yield Finding(where, text, is_error=False)
        for limit in ("MAX_GT_INSTANCES", "DETECTION_MAX_INSTANCES"):
            most = getattr(self.config, limit)
            if count > most:
                text = f"has {count} {self.words.objects}; {limit} is {most}, the others are lost"
                yield Finding(where, text, is_error=False)

    def _check_picture(
        self, where: str, path: Path, pixels: np.ndarray, image: AnnotatedImage
    ) -> Iterable[Finding]:
        problem = size_problem(image, pixels.shape)
        if problem:
            yield Finding(where, problem)
        size = path.stat().st_size
        if image.size and image.size != size:
            text = (
                f"has {size} bytes; the annotations were made on a file of {image.size}. Look "
                "whether the outlines fit"
            )
            yield Finding(where, text, is_error=False)
        digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
        first = self._pictures.setdefault(digest, where)
        if first != where:
            text = f"is the same picture as {first}"
            yield Finding(where, text, is_error=False, kind="same picture")


def find_subsets(folder: Path, kind: str) -> list[str]:
    """The subsets of a data set: its folders with annotations, and such as `val` with images.

    Args:
        folder: of the data set.
        kind: of the annotation files, for the message.

    Raises:
        DataError: there is no such folder, or it has no subset.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder.")
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    # YOLO's folders `labels` and `images` have those of the subsets in them.
    inner += [folder / path.name for path in sorted((folder / LABELS).glob("*/"))]
    others = (IMAGES, *ANNOTATION_FOLDERS)
    subsets = [path.name for path in inner if path.name not in others and _is_subset(path)]
    if not subsets:
        raise DataError(
            f"{folder}: no subset. Expected are folders such as train and val, each with images "
            f"and a {kind}."
        )
    return subsets


def _is_subset(folder: Path) -> bool:
    if find_yolo(folder):
        return True
    try:
        if folder.is_dir() and (annotation_files(folder) or annotations_of_subset(folder)):
            return True
    except DataError:
        return True
    return (
        folder.name in _SUBSETS
        and folder.is_dir()
        and any(path.suffix.lower() in IMAGE_SUFFIXES for path in folder.iterdir())
    )


def _located(folder: Path, image: AnnotatedImage) -> Path | None:
    try:
        return locate_image(folder, image.filename)
    except DataError:
        return None


def report(findings: list[Finding], program: str, each: bool = False) -> str:
    """The findings by file, in the order in which they were found.

    Args:
        findings: what is wrong.
        program: whose `check --all` says where else.
        each: say all of a kind; else the first, how many more there are, and where some are.
    """
    kinds = [[finding] for finding in findings] if each else by_kind(findings)
    by_file: dict[str, list[str]] = {}
    for first, *others in kinds:
        where = on_one_line(first.where)
        lines = by_file.setdefault(where, [])
        text = first.text.replace(first.where, where)
        lines.append(f"  {'error' if first.is_error else 'look'}: {text}")
        if others:
            lines.append(f"    {on_one_line(more_like_it(others))}")
    if len(kinds) < len(findings):
        by_file[f"`{program} check --all` says each by itself."] = []
    return "\n".join(line for where, lines in by_file.items() for line in (where, *lines))


def run(application: Application, options: Any) -> int:
    """Check; returns the exit status, 2 where training would stop."""
    words = application.words
    config = application.make_config(application.settings_from(options))
    dataset = application.new_dataset()
    checker = Checker(config, dataset, options.attribute, words)
    findings: list[Finding] = []
    subsets = options.subset or find_subsets(options.directory, dataset.KIND)
    for subset in subsets:
        findings += checker.check_subset(options.directory / subset)
    if findings:
        print(report(findings, words.program, options.all))
    errors = sum(finding.is_error for finding in findings)
    print(
        f"{', '.join(subsets)}: {checker.images} {words.images} with {checker.objects} "
        f"{words.objects}; {errors} errors, {len(findings) - errors} things to look at."
    )
    if errors:
        print(f"`{words.program} train --on-error skip` leaves out what has errors.")
    return 2 if errors else 0
