"""Files of the VGG Image Annotator (VIA): versions 1 and 2 are read, projects of version 2 written.

Four forms are read: plain exports with the regions of an image as an object (VIA 1) or a list
(VIA 2), and project files of either kind; beside them VIA's export in COCO format. A project that
was written here is read again, as is what VIA saves after a person has corrected its regions.

Coordinates are those of clicks on pixels: pixel (r, c) has its center at (c, r). VIA's canvas shows
them half a pixel farther up and left than the mask's edge.

Layout: https://www.robots.ox.ac.uk/~vgg/software/via/, `via.js` of version 2.0.11.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError, shown
from mrcnn.formats.annotations import AnnotatedImage
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.coco import is_coco, iterate_coco
from mrcnn.formats.regions import Note, RawImage, RawRegion, read_images
from mrcnn.formats.shapes import LARGEST, checked_number, ellipse, points_to_polygon, rectangle

SHAPES = ("polygon", "polyline", "rect", "circle", "ellipse", "point")


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
    COCO's format has as run lengths. Points and regions without area are left out, crowds are kept
    apart; one warning says how many. Images without regions stay.

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
    return read_images(path, _images, class_names, attribute, class_aliases, problems, "VIA")


def is_via(content: Any) -> bool:
    """Whether a JSON file is an export or a project of VIA, as far as its first levels tell."""
    if not isinstance(content, Mapping):
        return False
    if not content or "_via_img_metadata" in content or _is_via_3(content):
        return True
    return any(isinstance(entry, Mapping) and "regions" in entry for entry in content.values())


def _is_via_3(content: Mapping) -> bool:
    return "project" in content and "metadata" in content and "file" in content


def _images(content: Any, path: Path, classes: ClassReader, note: Note) -> Iterator[RawImage]:
    # VIA exports to COCO's format as well.
    yield from (iterate_coco if is_coco(content) else iterate_via)(content, path, classes, note)


def iterate_via(content: Any, path: Path, classes: ClassReader, note: Note) -> Iterator[RawImage]:
    """The images of a VIA export or project with their regions.

    Args:
        content: what the file holds.
        path: the file, for messages.
        classes: finds out later which attribute holds the class.
        note: takes what is wrong with an entry.

    Raises:
        DataError: this is not an export or a project of VIA 1 or 2.
    """
    entries = content
    if isinstance(content, Mapping) and "_via_img_metadata" in content:
        entries = content["_via_img_metadata"]
        classes.options = _option_names(content.get("_via_attributes"))
    if not isinstance(entries, Mapping):
        raise DataError(
            f"{path} is not a VIA annotation file: expected is an object with one entry an image."
        )
    if _is_via_3(entries):
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
            # As VIA counts them on its screen.
            where = f"{prefix}, region {number + 1}"
            try:
                found.append(_read_region(region, number, where))
            except DataError as error:
                note(error)
        yield RawImage(filename, found, size=size)


def _option_names(attributes: Any) -> dict[str, dict[str, str]]:
    """Of each region attribute with options, the name of each by its id."""
    found = {}
    regions = attributes.get("region") if isinstance(attributes, Mapping) else None
    for name, attribute in regions.items() if isinstance(regions, Mapping) else ():
        options = attribute.get("options") if isinstance(attribute, Mapping) else None
        if isinstance(options, Mapping):
            found[name] = {
                key: text for key, text in options.items() if isinstance(text, str) and text.strip()
            }
    return found


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


def shape_to_polygon(shape: Any, where: str) -> np.ndarray | None:
    """The outline of a VIA shape.

    Corners of polygons are pixel centers. A rectangle covers `width` x `height` whole pixels from
    (x, y) on.

    Args:
        shape: VIA's "shape_attributes" of a region.
        where: names file, image and region in error messages.

    Returns:
        float64 [K, 2] of (y, x) in pixels; None for a point, which has no area.

    Raises:
        DataError: unknown shape, or a number that is missing or not usable.
    """
    if not isinstance(shape, Mapping):
        raise DataError(f"{where}: 'shape_attributes' must be an object, not {shown(shape)}.")
    name = shape.get("name")
    if name == "point":
        return None
    if name in ("polygon", "polyline"):
        return _polygon(shape, where)
    if name == "rect":
        x, y = _number(shape, "x", where), _number(shape, "y", where)
        width = _number(shape, "width", where, smallest=0)
        height = _number(shape, "height", where, smallest=0)
        return rectangle(x, y, width, height)
    if name == "circle":
        radius = _number(shape, "r", where, smallest=0)
        return _ellipse(shape, radius, radius, 0.0, where)
    if name == "ellipse":
        theta = _number(shape, "theta", where) if "theta" in shape else 0.0
        return _ellipse(
            shape,
            _number(shape, "rx", where, smallest=0),
            _number(shape, "ry", where, smallest=0),
            theta,
            where,
        )
    raise DataError(f"{where}: unknown shape {shown(name)}. Known shapes are {', '.join(SHAPES)}.")


def _polygon(shape: Mapping, where: str) -> np.ndarray:
    keys = ("all_points_x", "all_points_y")
    for key in keys:
        if key not in shape:
            raise DataError(f"{where}: the {shape['name']} has no {key!r}.")
    return points_to_polygon(shape[keys[0]], shape[keys[1]], where, keys)


def _ellipse(shape: Mapping, rx: float, ry: float, theta: float, where: str) -> np.ndarray:
    return ellipse(_number(shape, "cx", where), _number(shape, "cy", where), rx, ry, theta)


def _number(shape: Mapping, key: str, where: str, smallest: float = -LARGEST) -> float:
    if key not in shape:
        raise DataError(f"{where}: the {shape['name']} has no {key!r}.")
    return checked_number(shape[key], key, where, smallest)


# ---- writing
