"""COCO's format, which VIA exports: images, annotations and categories in three lists."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError, listed, shown
from mrcnn.formats.run_outlines import mask_outlines
from mrcnn.formats.shapes import RawImage, RawRegion, points_to_polygon, rectangle


def is_coco(content: Any) -> bool:
    """Whether a JSON file has the three lists of the COCO format."""
    return isinstance(content, Mapping) and all(
        isinstance(content.get(key), list) for key in ("images", "annotations", "categories")
    )


def iterate_coco(
    content: Mapping, path: Path, attribute: str, note: Callable[[DataError], None]
) -> Iterator[RawImage]:
    """The images with their regions; the category becomes the given attribute.

    Regions are numbered by their place in the list of annotations.

    Args:
        content: what the file holds.
        path: the file, for messages.
        attribute: the name that the category gets among a region's attributes.
        note: takes what is wrong with an entry, which is then left out; it may raise it.
    """
    categories = {}
    for number, category in enumerate(content["categories"]):
        where = f"{path}, category {number}"
        try:
            categories[_identity(category, "id", where)] = _text(category, "name", where)
        except DataError as error:
            note(error)

    images: dict[str, RawImage] = {}
    for number, image in enumerate(content["images"]):
        where = f"{path}, image {number}"
        try:
            identity = _identity(image, "id", where)
            if identity in images:
                raise DataError(f"{where}: its 'id' {shown(identity)} is that of an earlier image.")
            filename = _text(image, "file_name", where)
            images[identity] = RawImage(filename, image_shape=_image_shape(image))
        except DataError as error:
            note(error)

    for number, annotation in enumerate(content["annotations"]):
        where = f"{path}, annotation {number}"
        try:
            owner = images.get(_identity(annotation, "image_id", where))
            if owner is None:
                raise DataError(
                    f"{where}: there is no image with the 'id' {shown(annotation['image_id'])}."
                )
            where = f"{path}, image {shown(owner.filename)}, annotation {number}"
            category = _identity(annotation, "category_id", where)
            if category not in categories:
                known = listed(categories) or "none"
                raise DataError(
                    f"{where}: there is no category with the 'id' {shown(category)} (known: "
                    f"{known})."
                )
            if annotation.get("iscrowd"):
                owner.crowds += 1
                continue
            polygon = _outline(annotation, owner, where)
        except DataError as error:
            note(error)
            continue
        owner.regions.append(RawRegion(where, number, polygon, {attribute: categories[category]}))
    yield from images.values()


def _image_shape(image: Mapping) -> tuple[int, int] | None:
    shape: tuple[Any, Any] = image.get("height"), image.get("width")
    return shape if all(isinstance(side, int) and side > 0 for side in shape) else None


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


def join_outlines(outlines: list[np.ndarray]) -> np.ndarray:
    """Several outlines as one polygon: walked one after the other from the first one's start.

    The way to each further outline is gone forth and back, so it encloses nothing.
    """
    if len(outlines) == 1:
        return outlines[0]
    if not outlines:
        return np.zeros((0, 2))
    start = outlines[0][:1]
    return np.concatenate([part for outline in outlines for part in (outline, outline[:1], start)])


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
