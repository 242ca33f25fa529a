"""Names in files that are written: of the classes and of the images."""

from collections.abc import Iterable, Sequence

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.instances import Instances


def check_class_names(class_names: Sequence[str]) -> None:
    """ConfigError unless there are class names, each a text and none there twice."""
    if isinstance(class_names, str) or not class_names:
        raise ConfigError(f"class_names is {class_names!r}; a list of the classes is expected.")
    for name in class_names:
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f"class_names has {name!r}; each must be a text.")
    if len(set(class_names)) != len(class_names):
        raise ConfigError(f"A class is there twice in class_names: {', '.join(class_names)}.")


def check_filenames(filenames: Iterable[str]) -> None:
    """DataError unless each can be the name of an image file."""
    for name in filenames:
        if not isinstance(name, str) or not name or "\0" in name:
            raise DataError(f"{name!r} is no name of an image file.")
        if any("\ud800" <= each <= "\udfff" for each in name):
            raise DataError(
                f"{name!r}: this name is not UTF-8, which no other program reads: rename it."
            )


def check_classes(
    instances: Instances, class_names: Sequence[str], filename: str | None = None
) -> None:
    """DataError unless each instance is of a class that has a name.

    Args:
        instances: of one image.
        class_names: the name of class 1, of class 2 and so on.
        filename: of the image, for messages.
    """
    where = "Instance" if filename is None else f"Image {filename!r}: instance"
    ids = instances.class_ids
    if (ids < 1).any():
        number = int(np.argmax(ids < 1))
        raise DataError(f"{where} {number} has the class id {ids[number]}; classes count from 1.")
    unknown = np.flatnonzero(ids > len(class_names))
    if unknown.size:
        raise DataError(
            f"{where} {unknown[0]} has the class id {ids[unknown[0]]}, but there are "
            f"{len(class_names)} classes: {', '.join(class_names)}."
        )
