"""Reading annotations of any format; the content of the file tells which one it is."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mrcnn.errors import DataError
from mrcnn.formats.annotations import AnnotatedImage
from mrcnn.formats.classes import ClassReader
from mrcnn.formats.coco import is_coco, iterate_coco
from mrcnn.formats.regions import Iterate, Note, RawImage, read_images
from mrcnn.formats.via import is_via, iterate_via


class Reader(NamedTuple):
    """How a format is known and read.

    Attributes:
        recognizes: whether what a JSON file holds is of this format.
        iterate: gives the images of such a file.
    """

    recognizes: Callable[[Any], bool]
    iterate: Iterate


# The first that recognizes a file reads it.
READERS = {
    "COCO": Reader(is_coco, iterate_coco),
    "VIA": Reader(is_via, iterate_via),
}


def read_annotations(
    path: str | os.PathLike,
    class_names: Sequence[str] | None = None,
    attribute: str | None = None,
    class_aliases: Mapping[str, str] | None = None,
    *,
    problems: list[str] | None = None,
) -> list[AnnotatedImage]:
    """Read an annotation file in any of the formats of `READERS`.

    What counts for VIA is told at `mrcnn.formats.via.read_via`, and for COCO at
    `mrcnn.formats.coco.read_coco`.

    Args:
        path: the JSON file.
        class_names: the known classes; None takes every class that is there.
        attribute: of a region, which holds the class, where the format has attributes; None finds
            it.
        class_aliases: other names -> class names.
        problems: takes the message of each image and region that cannot be used, which is then
            left out, up to 10,000 of them; None raises the first one.

    Returns:
        one `AnnotatedImage` for each image, in the order of the file.

    Raises:
        DataError: the file is missing or in none of the formats, or what its reader raises.
    """
    return read_images(path, _images, class_names, attribute, class_aliases, problems)


def _images(content: Any, path: Path, classes: ClassReader, note: Note) -> Iterable[RawImage]:
    for reader in READERS.values():
        if reader.recognizes(content):
            return reader.iterate(content, path, classes, note)
    raise DataError(
        f"{path} is in none of the formats that are read: {', '.join(READERS)}. Export the "
        "annotations in one of them."
    )
