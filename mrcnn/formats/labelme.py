"""LabelMe's JSON, one file an image with the image's name; read and written.

Points are taken as clicks on pixels, as LabelMe itself fills them: pixel (r, c) has its center at
(c, r). Rectangles are boxes without a mask, and their corners those of pixels. Shapes of one label
and one `group_id` are the parts of one object.

Layout: https://github.com/wkentaro/labelme, `labelme/label_file.py` of version 5.
"""

import base64
import binascii
import io
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.errors import DataError, shown
from mrcnn.files import atomic_write
from mrcnn.formats.beside import image_beside
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.naming import check_class_names, check_classes
from mrcnn.formats.regions import Note, RawImage, RawRegion
from mrcnn.formats.row_outlines import is_point
from mrcnn.formats.run_outlines import label_outlines
from mrcnn.formats.shapes import (
    ellipse,
    image_size,
    join_outlines,
    points_to_polygon,
    rectangle,
)
from mrcnn.instances import Instances
from mrcnn.instances.outlines import json_numbers, outline_polygon
from mrcnn.pictures.explaining import check_size, explained

_VERSION = "5.4.1"
_WITHOUT_AREA = ("point", "points", "line", "linestrip")
_KINDS = ("polygon", "rectangle", "circle", "mask", *_WITHOUT_AREA)


def is_labelme(content: Any) -> bool:
    """Whether a JSON file is LabelMe's."""
    if not isinstance(content, Mapping) or not isinstance(content.get("shapes"), list):
        return False
    return bool({"imagePath", "imageData", "imageHeight", "version"} & set(content)) or any(
        isinstance(shape, Mapping) and "points" in shape for shape in content["shapes"]
    )


def iterate_labelme(
    content: Mapping, path: Path, classes: ClassReader, note: Note
) -> Iterator[RawImage]:
    """The image of a file with its shapes; messages count them from 1.

    Args:
        content: what the file holds, for which `is_labelme` is true.
        path: the file, for messages and for the name of the image.
        classes: is told where the class is.
        note: takes what is wrong with a shape.

    Raises:
        DataError: there is no image that the file could belong to.
    """
    attribute = classes.attribute or "class"
    classes.default_to(attribute)
    named = content.get("imagePath")
    filename = image_beside(path, named if isinstance(named, str) else "")
    shape = image_size(content.get("imageHeight"), content.get("imageWidth"))
    regions: list[RawRegion] = []
    groups: dict[tuple[str, str], list[RawRegion]] = {}
    for number, entry in enumerate(content["shapes"]):
        where = f"{path}, shape {number + 1}"
        try:
            polygon = _polygon(entry, where)
        except DataError as error:
            note(error)
            continue
        label, group = entry.get("label"), entry.get("group_id")
        region = RawRegion(where, number, polygon, {} if label is None else {attribute: label})
        region.is_box = entry.get("shape_type") == "rectangle"
        if polygon is not None and group is not None:
            parts = groups.setdefault((shown(label), shown(group)), [])
            parts.append(region)
            if len(parts) > 1:
                continue
        regions.append(region)
    for first, *others in groups.values():
        if others:
            outlines = [part.polygon for part in (first, *others) if part.polygon is not None]
            first.polygon = join_outlines(outlines)
            first.is_box = False
    yield RawImage(filename, regions, image_shape=shape)


def _polygon(entry: Any, where: str) -> np.ndarray | None:
    if not isinstance(entry, Mapping):
        raise DataError(f"{where}: an object with 'label' and 'points' is expected.")
    kind, points = entry.get("shape_type") or "polygon", entry.get("points")
    if kind not in _KINDS:
        raise DataError(
            f"{where}: unknown shape {shown(kind)}. Known shapes are {', '.join(_KINDS)}."
        )
    if not isinstance(points, list) or not all(
        isinstance(point, list) and len(point) == 2 for point in points
    ):
        raise DataError(f"{where}: 'points' must be a list of [x, y], not {shown(points)}.")
    if kind in _WITHOUT_AREA:
        return None
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    polygon = points_to_polygon(xs, ys, where, ("points", "points"))
    if kind == "polygon":
        return polygon
    if len(points) != 2:
        raise DataError(f"{where}: a {kind} has 2 points, and this one has {len(points)}.")
    (y, x), (other_y, other_x) = polygon.tolist()
    if kind == "circle":
        radius = math.hypot(other_y - y, other_x - x)
        return ellipse(x, y, radius, radius)
    if kind == "mask":
        return _mask(entry.get("mask"), min(x, other_x), min(y, other_y), where)
    return rectangle(min(x, other_x), min(y, other_y), abs(other_x - x), abs(other_y - y))


def _mask(packed: Any, x: float, y: float, where: str) -> np.ndarray:
    try:
        content = base64.b64decode(packed, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise DataError(f"{where}: 'mask' is no PNG picture in base64.") from None
    name = Path(f"{where}, mask")
    with explained(name), Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        check_size(name, *image.size)
        mask = np.asarray(image.convert("L")) != 0
    outlines = label_outlines(mask.astype(np.uint8)).get(1, [])
    corner = np.array([round(y), round(x)])
    return join_outlines([outline + corner for outline in outlines])


# ---- writing


def write_labelme(
    path: str | os.PathLike, instances: Instances, class_names: Sequence[str], image_path: str
) -> None:
    """Write the instances of one image; the arguments are those of `labelme_file`."""
    atomic_write(path, json.dumps(labelme_file(instances, class_names, image_path)) + "\n")


def labelme_file(
    instances: Instances, class_names: Sequence[str], image_path: str
) -> dict[str, Any]:
    """The instances of one image as LabelMe has them.

    A mask is one polygon, see `mrcnn.instances.outlines.outline_polygon`; without a mask it is a
    rectangle or a point. Instances without a pixel are left out, and scores.

    Args:
        instances: of one image.
        class_names: the name of class 1, of class 2 and so on.
        image_path: of the image, relative to the file.

    Returns:
        what JSON takes.

    Raises:
        ConfigError: class names that cannot be used.
        DataError: an instance of an unknown class.
    """
    check_class_names(class_names)
    check_classes(instances, class_names, image_path)
    instances = instances.tight()
    shapes = []
    for row, (box, crop) in enumerate(zip(instances.boxes, instances.crops, strict=True)):
        y1, x1, y2, x2 = box.tolist()
        kind, points = "polygon", [[x1, y1], [x2, y2]]
        if is_point(box, crop):
            kind, points = "point", points[:1]
        elif crop is None:
            kind = "rectangle"
        else:
            polygon = outline_polygon(crop, box[:2])
            points = [
                list(point)
                for point in zip(*(json_numbers(polygon[:, k]) for k in (1, 0)), strict=True)
            ]
        shapes.append(
            {
                "label": class_names[instances.class_ids[row] - 1],
                "points": points,
                "group_id": None,
                "description": "",
                "shape_type": kind,
                "flags": {},
            }
        )
    height, width = instances.image_shape
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
