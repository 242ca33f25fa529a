"""CVAT's XML ("CVAT for images"), one file for all images; read and written.

Points of polygons are taken as those of other programs in which people click: pixel (r, c) has its
center at (c, r). Boxes have no mask, and their numbers are edges of pixels.

Layout: https://docs.cvat.ai/docs/manual/advanced/xml_format/, version 1.1.
"""

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mrcnn.errors import DataError, shown
from mrcnn.files import atomic_write
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.naming import check_class_names, check_classes, check_filenames
from mrcnn.formats.regions import Note, RawImage, RawRegion
from mrcnn.formats.run_outlines import mask_outlines
from mrcnn.formats.shapes import (
    ellipse,
    image_size,
    join_outlines,
    points_to_polygon,
    rectangle,
    text_number,
)
from mrcnn.formats.xml_text import Element, is_xml, parse_xml
from mrcnn.instances import Instances

_SHAPES = ("polygon", "mask", "box", "ellipse", "polyline", "points")
# What an image has besides: marks of the whole, and shapes of other dimensions.
_WITHOUT_AREA = ("polyline", "points")
_NOT_SHAPES = ("tag",)


def is_cvat(content: object) -> bool:
    """Whether the bytes of a file are XML with CVAT's outermost element."""
    return is_xml(content, "annotations")


def iterate_cvat(
    content: bytes, path: Path, classes: ClassReader, note: Note
) -> Iterator[RawImage]:
    """The images of a file with their shapes; messages count those of an image from 1.

    Args:
        content: of the file, for which `is_cvat` is true.
        path: the file, for messages.
        classes: is told where the class is.
        note: takes what is wrong with an image or a shape.

    Raises:
        DataError: the file is no XML, or has tracks of a video.
    """
    attribute = classes.attribute or "class"
    classes.default_to(attribute)
    root = parse_xml(content, path)
    if root.named("track"):
        raise DataError(
            f"{path} has the tracks of a video: export the job from CVAT as 'CVAT for images'."
        )
    for place, image in enumerate(root.named("image")):
        name = image.attributes.get("name", "")
        if not name:
            note(DataError(f"{path}, image {place + 1}: its 'name' is missing."))
            continue
        sides = [image.attributes.get(side, "") for side in ("height", "width")]
        known = all(side.isdecimal() and len(side) < 10 for side in sides)
        raw = RawImage(name, image_shape=image_size(*map(int, sides)) if known else None)
        shapes = [child for child in image.children if child.tag not in _NOT_SHAPES]
        for number, shape in enumerate(shapes):
            where = f"{path}, image {shown(name)}, shape {number + 1}"
            try:
                polygon = _polygon(shape, where)
            except DataError as error:
                note(error)
                continue
            label = shape.attributes.get("label")
            attributes = {} if label is None else {attribute: label}
            is_box = shape.tag == "box"
            raw.regions.append(RawRegion(where, number, polygon, attributes, is_box=is_box))
        yield raw


def _polygon(shape: Element, where: str) -> np.ndarray | None:
    if shape.tag not in _SHAPES:
        raise DataError(
            f"{where}: unknown shape {shown(shape.tag)}. Known shapes are {', '.join(_SHAPES)}."
        )
    if shape.tag in _WITHOUT_AREA:
        return None
    if shape.tag == "polygon":
        return _points(shape.attributes.get("points", ""), where)
    if shape.tag == "mask":
        return _mask(shape, where)
    turn = math.radians(_number(shape, "rotation", where)) if "rotation" in shape.attributes else 0
    if shape.tag == "ellipse":
        x, y, rx, ry = (_number(shape, key, where) for key in ("cx", "cy", "rx", "ry"))
        return ellipse(x - 0.5, y - 0.5, abs(rx), abs(ry), turn)
    x1, y1, x2, y2 = (_number(shape, key, where) for key in ("xtl", "ytl", "xbr", "ybr"))
    if x2 < x1 or y2 < y1:
        raise DataError(f"{where}: the box ends at {x2:g}, {y2:g} before {x1:g}, {y1:g}.")
    return _turned(rectangle(x1, y1, x2 - x1, y2 - y1), turn)


def _points(text: str, where: str) -> np.ndarray:
    pairs = [part.split(",") for part in text.split(";") if part.strip()]
    if not all(len(pair) == 2 for pair in pairs):
        raise DataError(f"{where}: 'points' must be x,y;x,y;..., not {shown(text)}.")
    xs, ys = ([text_number(pair[axis], "points", where) for pair in pairs] for axis in range(2))
    return points_to_polygon(xs, ys, where, ("points", "points"))


def _turned(outline: np.ndarray, turn: float) -> np.ndarray:
    """Turned around its middle, from the x axis to the y axis, in radians."""
    if not turn:
        return outline
    middle = outline.mean(axis=0)
    y, x = (outline - middle).T
    cosine, sine = math.cos(turn), math.sin(turn)
    return np.stack([x * sine + y * cosine, x * cosine - y * sine], axis=1) + middle


def _mask(shape: Element, where: str) -> np.ndarray:
    """A mask in its box, as the lengths of runs along the rows, background first."""
    left, top, width, height = (
        round(_number(shape, key, where)) for key in ("left", "top", "width", "height")
    )
    words = re.split(r"[,\s]+", shape.attributes.get("rle", "").strip())
    if not all(word.isdecimal() and len(word) < 10 for word in words):
        raise DataError(f"{where}: 'rle' must be whole numbers.")
    counts = [int(word) for word in words]
    # The last run may be left out where it is background.
    counts.append(max(width * height - sum(counts), 0))
    try:
        # COCO's runs go down the columns: those of the picture that is laid on its side.
        outlines = mask_outlines({"size": [width, height], "counts": counts})
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    corner = np.array([top, left])
    return join_outlines([outline[:, ::-1] + corner for outline in outlines])


def _number(shape: Element, key: str, where: str) -> float:
    return text_number(shape.attributes.get(key), key, where)


# ---- writing


def write_cvat(
    path: str | os.PathLike, images: Mapping[str, Instances], class_names: Sequence[str]
) -> None:
    """Write the instances of images: masks as CVAT's masks, exact, others as boxes or points.

    Args:
        path: the XML file.
        images: file name, relative to the folder of the images -> what is on the image. Instances
            without a pixel are left out, and scores.
        class_names: the name of class 1, of class 2 and so on.

    Raises:
        ConfigError: class names that cannot be used.
        DataError: something that is no file name, or an instance of an unknown class.
    """
    # It brings the whole of urllib and SSL, which reading does without.
    from xml.sax.saxutils import quoteattr

    check_class_names(class_names)
    check_filenames(images)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    for number, (filename, instances) in enumerate(images.items()):
        check_classes(instances, class_names, filename)
        height, width = instances.image_shape
        lines.append(
            f'  <image id="{number}" name={quoteattr(filename)} width="{width}" height="{height}">'
        )
        instances = instances.tight()
        for row, (box, crop) in enumerate(zip(instances.boxes, instances.crops, strict=True)):
            label = quoteattr(class_names[instances.class_ids[row] - 1])
            lines.append(f'    {_shape(box.tolist(), crop, label)} occluded="0" z_order="0"/>')
        lines.append("  </image>")
    atomic_write(path, "\n".join([*lines, "</annotations>", ""]))


def _shape(box: list[int], crop: np.ndarray | None, label: str) -> str:
    """The element of an instance, as far as its own attributes go."""
    y1, x1, y2, x2 = box
    if crop is not None:
        rle = ", ".join(map(str, _row_runs(crop)))
        return (
            f'<mask label={label} rle="{rle}" left="{x1}" top="{y1}" width="{x2 - x1}" '
            f'height="{y2 - y1}"'
        )
    if y2 > y1 and x2 > x1:
        return f'<box label={label} xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}"'
    return f'<points label={label} points="{x1},{y1}"'


def _row_runs(crop: np.ndarray) -> list[int]:
    """Lengths of the runs along the rows, background first."""
    pixels = np.concatenate([[False], crop.ravel()])
    ends = np.flatnonzero(pixels[1:] != pixels[:-1])
    return np.diff(np.concatenate([[0], ends, [crop.size]])).tolist()
