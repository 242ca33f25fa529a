"""Annotations made with the VGG Image Annotator (VIA), versions 1 and 2.

Five forms are read: plain exports with the regions of an image as an object (VIA 1) or a list
(VIA 2), project files of either kind, and VIA's export in COCO format.
Format: https://www.robots.ox.ac.uk/~vgg/software/via/
"""

import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError, shown
from mrcnn.formats.annotations import AnnotatedImage, locate_image
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.coco_reading import is_coco, iterate_coco
from mrcnn.formats.shapes import RawImage, RawRegion, shape_to_polygon

# Programs find both in one place.
__all__ = ["locate_image", "read_via"]

# COCO's largest file has 450 MB, and takes some gigabytes of memory. Nothing larger is meant.
_MAX_BYTES = 1 << 29
# A file with more mistakes is not read to its end: each is a line, and a file may hold millions.
_MOST_PROBLEMS = 10_000
# Where text has one half of a pair that stands for one character, no file or screen takes it.
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def read_via(
    path: str | os.PathLike,
    class_names: Sequence[str] | None = None,
    attribute: str | None = None,
    class_aliases: Mapping[str, str] | None = None,
    *,
    problems: list[str] | None = None,
) -> list[AnnotatedImage]:
    """Read a VIA annotation file.

    Polygons, polylines (closed), rectangles, circles and ellipses become polygons, as do masks that
    COCO's format has as run lengths. Points, regions without area and crowds are left out; one
    warning says how many. Images without regions stay.

    Args:
        path: the JSON file.
        class_names: the known classes; None takes every value as a class. With a single class and
            no `attribute`, all regions have this class.
        attribute: the region attribute that holds the class: text, radio, select, or a checkbox
            group with one option checked. None: the one whose values are known classes is found.
        class_aliases: other names -> class names, e.g. {"besar": "large"}. Case and surrounding
            blanks do not count, neither here nor in class names.
        problems: takes the message of each image and region that cannot be used, which is then
            left out, up to 10,000 of them; None raises the first one.

    Returns:
        one `AnnotatedImage` for each image, in the order of the file.

    Raises:
        DataError: file missing or not VIA, a region of unknown shape or class, a bad number; the
            message names file, image, region and key. With `problems`, only what makes the whole
            file useless.
    """
    path = Path(path)
    content = _read_json(path)
    reader = ClassReader(class_names, attribute, class_aliases)
    note = _raise if problems is None else _collecting(problems, path)
    if is_coco(content):
        entries = iterate_coco(content, path, reader.attribute or "class", note)
        if reader.attribute is None and reader.single_class is None:
            # This format keeps one attribute alone, as its categories.
            reader.attribute = "class"
    else:
        entries = _iterate_via(content, path, note)
    images: list[AnnotatedImage] = []
    regions: list[list[RawRegion]] = []
    for raw in entries:
        images.append(
            AnnotatedImage(
                raw.filename, raw.size, image_shape=raw.image_shape, crowd_regions=raw.crowds
            )
        )
        regions.append(raw.regions)

    shaped = [r for image_regions in regions for r in image_regions if r.polygon is not None]
    reader.find_attribute([(region.where, region.attributes) for region in shaped], path)
    for image, image_regions in zip(images, regions, strict=True):
        for region in image_regions:
            try:
                _add_region(image, region, reader)
            except DataError as error:
                note(error)
    _warn_of_left_out(images, path)
    return images


def _raise(error: DataError) -> None:
    raise error


def _collecting(problems: list[str], path: Path) -> Callable[[DataError], None]:
    most = len(problems) + _MOST_PROBLEMS

    def note(error: DataError) -> None:
        if len(problems) == most:
            raise DataError(
                f"{path}: more than {_MOST_PROBLEMS:,} images and regions cannot be used; the "
                f"first: {problems[most - _MOST_PROBLEMS]}"
            )
        problems.append(str(error))

    return note


def _add_region(image: AnnotatedImage, region: RawRegion, reader: ClassReader) -> None:
    if region.polygon is None:
        image.point_regions += 1
        return
    class_name = reader.read(region.attributes, region.where)
    if not _has_area(region.polygon):
        image.degenerate_regions.append(region.number)
        return
    image.polygons.append(region.polygon)
    image.class_names.append(class_name)
    image.region_numbers.append(region.number)


def _has_area(polygon: np.ndarray) -> bool:
    """Whether there are three distinct points that do not lie on one line."""
    if len(polygon) < 3:
        return False
    edges = polygon[1:] - polygon[0]
    farthest = edges[np.argmax((edges**2).sum(axis=1))]
    return bool(np.any(np.abs(edges[:, 0] * farthest[1] - edges[:, 1] * farthest[0]) > 1e-6))


def _warn_of_left_out(images: list[AnnotatedImage], path: Path) -> None:
    points = sum(image.point_regions for image in images)
    if points:
        warnings.warn(
            f"{path}: {points} point regions have no area and are left out.", stacklevel=3
        )
    crowds = sum(image.crowd_regions for image in images)
    if crowds:
        warnings.warn(
            f"{path}: {crowds} annotations are crowds, outlines around many objects at once, and "
            "are left out.",
            stacklevel=3,
        )
    degenerate = [(image.filename, n) for image in images for n in image.degenerate_regions]
    if degenerate:
        first = ", ".join(f"{shown(name)} region {n}" for name, n in degenerate[:5])
        more = ", ..." if len(degenerate) > 5 else ""
        warnings.warn(
            f"{path}: {len(degenerate)} regions have fewer than 3 distinct points or no area and "
            f"are left out: {first}{more}.",
            stacklevel=3,
        )


def _read_json(path: Path) -> Any:
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected is the VIA annotation file in it (JSON).")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(
                f"{path} has more than {_MAX_BYTES >> 20} MiB, which no annotation file has."
            )
        content = path.read_bytes()
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise DataError(
                f"The folder {path.parent} does not exist; expected is a folder with images and "
                f"the annotation file {path.name}."
            ) from None
        others = sorted(other.name for other in path.parent.glob("*.json"))[:5]
        hint = f" JSON files there: {', '.join(others)}." if others else ""
        raise DataError(
            f"The annotation file {path} does not exist: export the annotations from VIA as JSON "
            f"to this place.{hint}"
        ) from None
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}.") from None
    try:
        read = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_repetition)
        if _HALF_CHARACTER.search(content):
            json.dumps(read, ensure_ascii=False).encode()
        return read
    except _RepeatedKeyError as error:
        raise DataError(
            f"{path} has the key {shown(error.args[0])} twice in one object, so one of the two "
            "would be lost: give each entry a key of its own, or remove one."
        ) from None
    except UnicodeEncodeError:
        raise DataError(
            f"{path} has half a character (an escape from \\ud800 to \\udfff without the other "
            "half of its pair): export it again."
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}).") from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path} is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}. "
            "It may have been cut short; export it from VIA again."
        ) from None
    except RecursionError:
        raise DataError(f"{path} is not a VIA file: it is nested too deeply.") from None
    except ValueError as error:
        # For example an integer of thousands of digits.
        raise DataError(f"{path} is not valid JSON: {error}.") from None


class _RepeatedKeyError(Exception):
    """A key stands twice in an object of a JSON file."""


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _RepeatedKeyError(key)
            seen.add(key)
    return found


def _iterate_via(content: Any, path: Path, note: Callable[[DataError], None]) -> Iterator[RawImage]:
    """Each image of a VIA export or project."""
    entries = content
    if isinstance(content, Mapping) and "_via_img_metadata" in content:
        entries = content["_via_img_metadata"]
    if not isinstance(entries, Mapping):
        raise DataError(
            f"{path} is not a VIA annotation file: expected is an object with one entry an image."
        )
    if "project" in entries and "metadata" in entries and "file" in entries:
        raise DataError(
            f"{path} is a project of VIA 3; read are the formats of VIA 1 and 2. Export the "
            "annotations from VIA 2 as JSON."
        )
    for key, entry in entries.items():
        try:
            filename, size, regions = _read_entry(entry, key, path)
        except DataError as error:
            note(error)
            continue
        found = []
        prefix = f"{path}, image {shown(filename)}"
        for number, region in enumerate(regions):
            where = f"{prefix}, region {number}"
            try:
                found.append(_read_region(region, number, where))
            except DataError as error:
                note(error)
        yield RawImage(filename, found, size=size)


def _read_entry(entry: Any, key: str, path: Path) -> tuple[str, int | None, list]:
    """File name, size in bytes, and the regions as they stand in the file."""
    if not isinstance(entry, Mapping) or "regions" not in entry or "filename" not in entry:
        raise DataError(
            f"{path}, entry {shown(key)}: 'filename' and 'regions' are expected in each entry of a "
            "VIA annotation file."
        )
    filename, regions = entry["filename"], entry["regions"]
    if not isinstance(filename, str) or not filename:
        raise DataError(f"{path}, entry {shown(key)}: 'filename' must be text.")
    if isinstance(regions, Mapping):
        regions = list(regions.values())
    if not isinstance(regions, list):
        raise DataError(f"{path}, image {shown(filename)}: 'regions' must be an object or a list.")
    size = entry.get("size")
    return filename, size if isinstance(size, int) and size >= 0 else None, regions


def _read_region(region: Any, number: int, where: str) -> RawRegion:
    if not isinstance(region, Mapping) or "shape_attributes" not in region:
        raise DataError(f"{where}: 'shape_attributes' is missing.")
    attributes = region.get("region_attributes") or {}
    if not isinstance(attributes, Mapping):
        raise DataError(f"{where}: 'region_attributes' must be an object.")
    return RawRegion(where, number, shape_to_polygon(region["shape_attributes"], where), attributes)
