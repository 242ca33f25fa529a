"""What all readers of annotations share: from the regions of a file to annotated images."""

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError, shown
from mrcnn.formats.annotations import AnnotatedImage
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.json_text import read_json
from mrcnn.formats.shapes import has_area

# A file with more mistakes is not read to its end: each is a line, and a file may hold millions.
_MOST_PROBLEMS = 10_000


@dataclass
class RawRegion:
    """One region as the file has it.

    Attributes:
        where: names file, image and region in messages.
        number: its place in the file, from 0.
        polygon: float64 [K, 2] of (y, x) in pixels; None for a point.
        attributes: what is told of it, its class among it.
        is_box: whether the polygon is the box of an object that has no mask.
        is_crowd: whether it is around many objects at once.
    """

    where: str
    number: int
    polygon: np.ndarray | None
    attributes: Mapping
    is_box: bool = False
    is_crowd: bool = False


@dataclass
class RawImage:
    """The regions of an image, and what the annotations tell of it.

    Attributes:
        filename: as it stands there.
        regions: that can be used.
        size: of the image file in bytes, or None.
        image_shape: (height, width) in pixels, or None.
    """

    filename: str
    regions: list[RawRegion] = field(default_factory=list)
    size: int | None = None
    image_shape: tuple[int, int] | None = None


# Takes what is wrong with an entry, which is then left out; it may raise it.
Note = Callable[[DataError], None]
# The images of a file, from what its JSON holds, its path for messages, the reader of classes,
# which may learn here what holds the class, and what takes mistakes.
Iterate = Callable[[Any, Path, ClassReader, Note], Iterable[RawImage]]


def read_images(
    path: str | os.PathLike,
    iterate: Iterate,
    class_names: Sequence[str] | None,
    attribute: str | None,
    class_aliases: Mapping[str, str] | None,
    problems: list[str] | None,
    program: str = "",
) -> list[AnnotatedImage]:
    """Read a JSON file of annotations; the public readers call this directly.

    Warnings of what is left out point at the line that called the public reader.

    Args:
        path: the file.
        iterate: finds the images in what the file holds.
        class_names, attribute, class_aliases: see `ClassReader`.
        problems: takes the messages of what cannot be used, up to 10,000 of them; None raises the
            first one.
        program: that writes such files, for messages.

    Raises:
        DataError: see `read_json`, `ClassReader` and `iterate`.
    """
    path = Path(path)
    content = read_json(path, program)
    return collect_images(
        content, path, iterate, class_names, attribute, class_aliases, problems, stacklevel=5
    )


def collect_images(
    content: Any,
    path: Path,
    iterate: Iterate,
    class_names: Sequence[str] | None,
    attribute: str | None,
    class_aliases: Mapping[str, str] | None,
    problems: list[str] | None,
    stacklevel: int = 4,
) -> list[AnnotatedImage]:
    """As `read_images`, from what a file holds; readers that call it are called by the user's code.

    Args:
        content: what `iterate` is given.
        path: the file, for messages.
        iterate, class_names, attribute, class_aliases, problems: see `read_images`.
        stacklevel: of the code that warnings point at, as seen from them.

    Raises:
        DataError: see `ClassReader` and `iterate`.
    """
    classes = ClassReader(class_names, attribute, class_aliases)
    note = _raise if problems is None else _collecting(problems, path)
    images: list[AnnotatedImage] = []
    regions: list[list[RawRegion]] = []
    for raw in iterate(content, path, classes, note):
        images.append(AnnotatedImage(raw.filename, raw.size, image_shape=raw.image_shape))
        regions.append(raw.regions)

    shaped = [r for image_regions in regions for r in image_regions if r.polygon is not None]
    classes.find_attribute([(region.where, region.attributes) for region in shaped], path)
    for image, image_regions in zip(images, regions, strict=True):
        for region in image_regions:
            try:
                _add_region(image, region, classes)
            except DataError as error:
                note(error)
    _warn_of_left_out(images, path, stacklevel)
    return images


def _raise(error: DataError) -> None:
    raise error


def _collecting(problems: list[str], path: Path) -> Note:
    most = len(problems) + _MOST_PROBLEMS

    def note(error: DataError) -> None:
        if len(problems) == most:
            raise DataError(
                f"{path}: more than {_MOST_PROBLEMS:,} images and regions cannot be used; the "
                f"first: {problems[most - _MOST_PROBLEMS]}"
            )
        problems.append(str(error))

    return note


def _add_region(image: AnnotatedImage, region: RawRegion, classes: ClassReader) -> None:
    if region.polygon is None:
        image.point_regions += 1
        return
    if region.is_crowd:
        image.crowds.append(region.polygon)
        image.crowd_class_names.append(_class_of_crowd(region, classes))
        return
    class_name = classes.read(region.attributes, region.where)
    if not has_area(region.polygon):
        image.degenerate_regions.append(region.number)
        return
    image.polygons.append(region.polygon)
    image.class_names.append(class_name)
    image.region_numbers.append(region.number)
    image.is_box.append(region.is_box)


def _class_of_crowd(region: RawRegion, classes: ClassReader) -> str:
    """Of other objects than those asked for there may be crowds as well: nothing hangs on it."""
    try:
        return classes.read(region.attributes, region.where)
    except DataError:
        return ""


def _warn_of_left_out(images: list[AnnotatedImage], path: Path, stacklevel: int) -> None:
    points = sum(image.point_regions for image in images)
    if points:
        warnings.warn(
            f"{path}: {points} point regions have no area and are left out.", stacklevel=stacklevel
        )
    crowds = sum(image.crowd_regions for image in images)
    if crowds:
        warnings.warn(
            f"{path}: {crowds} annotations are crowds, outlines around many objects at once, and "
            "nothing counts in them.",
            stacklevel=stacklevel,
        )
    boxes = sum(sum(image.is_box) for image in images)
    # In folders of label files they are what is expected.
    if boxes and not path.is_dir():
        warnings.warn(f"{path}: {boxes} objects are boxes without masks.", stacklevel=stacklevel)
    degenerate = [(image.filename, n) for image in images for n in image.degenerate_regions]
    if degenerate:
        first = ", ".join(f"{shown(name)} region {n + 1}" for name, n in degenerate[:5])
        more = ", ..." if len(degenerate) > 5 else ""
        warnings.warn(
            f"{path}: {len(degenerate)} regions have fewer than 3 distinct points or no area and "
            f"are left out: {first}{more}.",
            stacklevel=stacklevel,
        )
