"""Pascal VOC's XML, one file an image, with boxes; read and written.

A box is the object's only outline, unless Roboflow wrote its polygon beside it. Its numbers are
edges of pixels: `xmax - xmin` is the width, as LabelImg, Roboflow and MakeSense write them.

Layout: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mrcnn.errors import DataError
from mrcnn.files import atomic_write
from mrcnn.formats.beside import image_beside
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.naming import check_class_names, check_classes
from mrcnn.formats.regions import Note, RawImage, RawRegion
from mrcnn.formats.shapes import image_size, rectangle, text_number
from mrcnn.formats.xml_text import Element, is_xml, parse_xml
from mrcnn.instances import Instances

_SIDES = ("xmin", "ymin", "xmax", "ymax")


def is_voc(content: object) -> bool:
    """Whether the bytes of a file are XML with VOC's outermost element."""
    return is_xml(content, "annotation>") or is_xml(content, "annotation ")


def iterate_voc(content: bytes, path: Path, classes: ClassReader, note: Note) -> Iterator[RawImage]:
    """The image of a file with its objects; messages count them from 1.

    Args:
        content: of the file, for which `is_voc` is true.
        path: the file, for messages and for the name of the image.
        classes: is told where the class is.
        note: takes what is wrong with an object.

    Raises:
        DataError: the file is no XML, or there is no image that it could belong to.
    """
    attribute = classes.attribute or "class"
    classes.default_to(attribute)
    root = parse_xml(content, path)
    shape = None
    for size in root.named("size"):
        sides = [size.text_of(side) or "" for side in ("height", "width")]
        if all(side.isdecimal() and len(side) < 10 for side in sides):
            shape = image_size(*map(int, sides))
    regions = []
    for number, entry in enumerate(root.named("object")):
        where = f"{path}, object {number + 1}"
        try:
            outline = _outline(entry, where)
            is_box = outline is None
            polygon = _box(entry, where) if outline is None else outline
        except DataError as error:
            note(error)
            continue
        name = entry.text_of("name")
        attributes = {} if name is None else {attribute: name}
        regions.append(RawRegion(where, number, polygon, attributes, is_box=is_box))
    yield RawImage(image_beside(path, root.text_of("filename") or ""), regions, image_shape=shape)


def _box(entry: Element, where: str) -> np.ndarray:
    for box in entry.named("bndbox"):
        x1, y1, x2, y2 = (text_number(box.text_of(side), side, where) for side in _SIDES)
        if x2 < x1 or y2 < y1:
            raise DataError(f"{where}: the box ends at {x2:g}, {y2:g} before {x1:g}, {y1:g}.")
        return rectangle(x1, y1, x2 - x1, y2 - y1)
    raise DataError(f"{where}: 'bndbox' is missing.")


def _outline(entry: Element, where: str) -> np.ndarray | None:
    """Roboflow's polygon, of elements x1, y1, x2, y2, ...; None without one."""
    for polygon in entry.named("polygon"):
        points = []
        for number in range(1, len(polygon.children) // 2 + 1):
            y, x = (
                text_number(polygon.text_of(f"{axis}{number}"), f"{axis}{number}", where)
                for axis in "yx"
            )
            points.append((y, x))
        if points:
            return np.array(points)
    return None


# ---- writing


def write_voc(
    path: str | os.PathLike, instances: Instances, class_names: Sequence[str], filename: str
) -> None:
    """Write the boxes of the instances of one image; masks and scores are not kept.

    Args:
        path: the XML file.
        instances: of one image; those to ignore are marked as "difficult".
        class_names: the name of class 1, of class 2 and so on.
        filename: of the image.

    Raises:
        ConfigError: class names that cannot be used.
        DataError: an instance of an unknown class.
    """
    # It brings the whole of urllib and SSL, which reading does without.
    from xml.sax.saxutils import escape

    check_class_names(class_names)
    check_classes(instances, class_names, filename)
    instances = instances.tight()
    height, width = instances.image_shape
    lines = [
        "<annotation>",
        f"  <filename>{escape(filename)}</filename>",
        f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
        "  <segmented>0</segmented>",
    ]
    for row, (y1, x1, y2, x2) in enumerate(instances.boxes.tolist()):
        name = escape(class_names[instances.class_ids[row] - 1])
        sides = "".join(
            f"<{side}>{value}</{side}>"
            for side, value in zip(_SIDES, (x1, y1, x2, y2), strict=True)
        )
        lines += [
            "  <object>",
            f"    <name>{name}</name>",
            f"    <difficult>{int(instances.ignore[row])}</difficult>",
            f"    <bndbox>{sides}</bndbox>",
            "  </object>",
        ]
    atomic_write(path, "\n".join([*lines, "</annotation>", ""]))
