"""COCO's JSON: images, annotations and categories in three lists; read and written.

Masks are written as run lengths, exact to the pixel.
Format: https://cocodataset.org/#format-data
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError, listed, shown
from mrcnn.formats.annotations import AnnotatedImage
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.json_text import write_json
from mrcnn.formats.naming import check_class_names, check_classes, check_filenames
from mrcnn.formats.regions import Note, RawImage, RawRegion, read_images
from mrcnn.formats.run_outlines import mask_outlines
from mrcnn.formats.shapes import image_size, join_outlines, points_to_polygon, rectangle
from mrcnn.instances import Instances, run_length

_LISTS = ("images", "annotations")
_OF_VIA = (
    "VIA writes null where a class was typed as text, or its name begins with a digit: export the "
    "annotations as JSON instead of COCO, or save the project."
)


def read_coco(
    path: str | os.PathLike,
    class_names: Sequence[str] | None = None,
    class_aliases: Mapping[str, str] | None = None,
    *,
    problems: list[str] | None = None,
) -> list[AnnotatedImage]:
    """Read a COCO annotation file.

    Polygons, masks as run lengths, and boxes where there is neither become polygons. An annotation
    in several parts stays one object. Regions without area are left out, crowds are kept apart; one
    warning says how many. Images without annotations stay.

    Args:
        path: the JSON file.
        class_names: the known classes; None takes the name of every category as a class. With a
            single class, all annotations have this class, and categories are not looked at.
        class_aliases: names of categories -> class names, e.g. {"besar": "large"}. Case and
            surrounding blanks do not count, neither here nor in class names.
        problems: takes the message of each image and annotation that cannot be used, which is then
            left out, up to 10,000 of them; None raises the first one.

    Returns:
        one `AnnotatedImage` for each image, in the order of the file.

    Raises:
        DataError: file missing or not COCO, an annotation of an unknown image or class, a bad
            number; the message names file, image, annotation and key. With `problems`, only what
            makes the whole file useless.
    """
    return read_images(path, _images, class_names, None, class_aliases, problems)


def is_coco(content: Any) -> bool:
    """Whether a JSON file has lists of images and annotations, as the COCO format."""
    return isinstance(content, Mapping) and all(
        isinstance(content.get(key), list) for key in _LISTS
    )


def _images(content: Any, path: Path, classes: ClassReader, note: Note) -> Iterator[RawImage]:
    if not is_coco(content):
        raise DataError(
            f"{path} is not a COCO annotation file: expected is an object with the lists "
            f"{listed((*_LISTS, 'categories'))}."
        )
    yield from iterate_coco(content, path, classes, note)


def iterate_coco(
    content: Mapping, path: Path, classes: ClassReader, note: Note
) -> Iterator[RawImage]:
    """The images with their regions, which are numbered by their place in the annotations.

    The category is a region's one attribute, and so the one that holds the class. Messages count
    entries from 1.

    Args:
        content: what the file holds, for which `is_coco` is true.
        path: the file, for messages.
        classes: is told which attribute it is.
        note: takes what is wrong with an entry.
    """
    attribute = classes.attribute or "class"
    classes.default_to(attribute)
    categories = {} if classes.single_class is not None else _categories(content, path, note)
    images: dict[str, RawImage] = {}
    for number, image in enumerate(content["images"], start=1):
        where = f"{path}, image {number}"
        try:
            identity = _identity(image, "id", where)
            if identity in images:
                raise DataError(f"{where}: its 'id' {shown(identity)} is that of an earlier image.")
            filename = _text(image, "file_name", where)
            shape = image_size(image.get("height"), image.get("width"))
            images[identity] = RawImage(filename, image_shape=shape)
        except DataError as error:
            note(error)

    for number, annotation in enumerate(content["annotations"]):
        where = f"{path}, annotation {number + 1}"
        try:
            owner = images.get(_identity(annotation, "image_id", where))
            if owner is None:
                raise DataError(
                    f"{where}: there is no image with the 'id' {shown(annotation['image_id'])}."
                )
            where = f"{path}, image {shown(owner.filename)}, annotation {number + 1}"
            attributes = {}
            if classes.single_class is None:
                attributes[attribute] = _category(annotation, categories, where)
            polygon = _outline(annotation, owner, where)
        except DataError as error:
            note(error)
            continue
        owner.regions.append(
            RawRegion(
                where,
                number,
                polygon,
                attributes,
                is_box=not annotation.get("segmentation"),
                is_crowd=bool(annotation.get("iscrowd")),
            )
        )
    yield from images.values()


def _categories(content: Mapping, path: Path, note: Note) -> dict[str, str]:
    """The names of the categories by their ids."""
    if not isinstance(content.get("categories"), list):
        raise DataError(
            f"{path} is COCO without 'categories', so classes cannot be told apart: export it with "
            "the list of the categories, or name the one class that all objects have."
        )
    categories = {}
    for number, category in enumerate(content["categories"], start=1):
        where = f"{path}, category {number}"
        try:
            categories[_identity(category, "id", where)] = _text(category, "name", where)
        except DataError as error:
            note(error)
    return categories


def _category(annotation: Mapping, categories: Mapping[str, str], where: str) -> str:
    """The name of an annotation's category."""
    if annotation.get("category_id", "") is None:
        raise DataError(f"{where}: 'category_id' is null, so the class is not told. {_OF_VIA}")
    category = _identity(annotation, "category_id", where)
    if category not in categories:
        raise DataError(
            f"{where}: there is no category with the 'id' {shown(category)} (known: "
            f"{listed(categories) or 'none'})."
        )
    return categories[category]


def _outline(annotation: Mapping, image: RawImage, where: str) -> np.ndarray:
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, Mapping):
        try:
            return join_outlines(mask_outlines(segmentation, image.image_shape))
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
    if not segmentation:
        box = annotation.get("bbox")
        if not isinstance(box, list) or len(box) != 4:
            raise DataError(f"{where}: neither 'segmentation' nor a 'bbox' of 4 numbers.")
        corner = points_to_polygon(box[::2], box[1::2], where, ("bbox", "bbox"))
        (y, x), (height, width) = corner
        return rectangle(x, y, width, height)
    if not isinstance(segmentation, list):
        raise DataError(f"{where}: 'segmentation' must be a list.")
    # Some versions of VIA write the numbers of the one polygon without a list around them.
    parts = segmentation if isinstance(segmentation[0], list) else [segmentation]
    outlines = []
    for part in parts:
        if not isinstance(part, list) or len(part) % 2:
            raise DataError(
                f"{where}: 'segmentation' must hold x and y of each point, an even number of "
                "numbers."
            )
        if part:
            outlines.append(
                points_to_polygon(part[::2], part[1::2], where, ("segmentation", "segmentation"))
            )
    return join_outlines(outlines)


def _identity(entry: Any, key: str, where: str) -> str:
    """Ids as text: VIA writes some as numbers and some as text."""
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if not isinstance(value, int | str):
        raise DataError(f"{where}: {key!r} is missing or neither a number nor text.")
    return str(value)


def _text(entry: Any, key: str, where: str) -> str:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    if not isinstance(value, str) or not value:
        raise DataError(f"{where}: {key!r} is missing or not text.")
    return value


# ---- writing


def write_coco(
    path: str | os.PathLike, images: Mapping[str, Instances], class_names: Sequence[str]
) -> None:
    """Write a COCO JSON file; the arguments are those of `coco_dataset`."""
    whole = _without_annotations(images, class_names)
    write_json(path, whole, "annotations", map(json.dumps, _numbered(images)), "[]")


def coco_dataset(images: Mapping[str, Instances], class_names: Sequence[str]) -> dict[str, Any]:
    """Images, annotations and categories in COCO's form, as `pycocotools.coco.COCO` reads it.

    Ids of images and annotations count from 1; the id of a category is the class id. Masks are
    run-length codes with packed counts; a row without a mask has no segmentation. A `bbox` is
    (x, y, width, height) in pixels, tight around the mask. Instances without a pixel are left out,
    those to ignore have `iscrowd` 1. Scores are kept as "score" of the annotations.

    Args:
        images: file name, relative to the folder of the images -> what is on the image.
        class_names: the name of class 1, of class 2 and so on.

    Returns:
        what JSON takes.

    Raises:
        ConfigError: class names that cannot be used.
        DataError: something that is no file name, or an instance of an unknown class.
    """
    whole = _without_annotations(images, class_names)
    return {**whole, "annotations": list(_numbered(images))}


def _without_annotations(
    images: Mapping[str, Instances], class_names: Sequence[str]
) -> dict[str, Any]:
    """All of a data set but its annotations, whose place is kept."""
    check_class_names(class_names)
    check_filenames(images)
    entries: list[dict[str, Any]] = []
    for image_id, (filename, instances) in enumerate(images.items(), start=1):
        check_classes(instances, class_names, filename)
        height, width = instances.image_shape
        entries.append({"id": image_id, "file_name": filename, "height": height, "width": width})
    return {
        "info": {},
        "licenses": [],
        "images": entries,
        "annotations": [],
        "categories": [
            {"id": class_id, "name": name, "supercategory": ""}
            for class_id, name in enumerate(class_names, start=1)
        ],
    }


def _numbered(images: Mapping[str, Instances]) -> Iterator[dict[str, Any]]:
    """The annotations of all images, made while they are asked for."""
    number = 0
    for image_id, instances in enumerate(images.values(), start=1):
        for annotation in _annotations(instances.tight()):
            number += 1
            yield {"id": number, "image_id": image_id} | annotation


def _annotations(instances: Instances) -> Iterator[dict[str, Any]]:
    areas = instances.areas()
    for row, (box, crop) in enumerate(zip(instances.boxes, instances.crops, strict=True)):
        y1, x1, y2, x2 = box.tolist()
        segmentation: Any = []
        if crop is not None:
            counts = run_length.compress(run_length.encode(box, crop, instances.image_shape))
            segmentation = {"size": list(instances.image_shape), "counts": counts}
        annotation = {
            "category_id": int(instances.class_ids[row]),
            "segmentation": segmentation,
            "area": int(areas[row]),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "iscrowd": int(instances.ignore[row]),
        }
        if instances.scores is not None:
            annotation["score"] = float(instances.scores[row])
        yield annotation
