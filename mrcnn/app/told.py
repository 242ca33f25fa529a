"""Classes of annotations, where the application makes others of those that a network tells."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.errors import DataError
from mrcnn.instances import Instances


def annotated_classes(
    application: Application,
    class_names: Sequence[str],
    folders: Iterable[Path],
    subsets: Sequence[str],
    options: Any,
) -> tuple[str, ...]:
    """The classes of annotations: those of a network, or those that the application makes of it.

    Args:
        application: tells other classes than its network.
        class_names: of the network.
        folders: data sets.
        subsets: of each; the first that is there and has an object decides.
        options: of the command line.

    Returns:
        `class_names`, or those of `Application.told_classes` that are not among them, if the
        annotations have one of these or their classes cannot be told.
    """
    told = application.told_classes(class_names, options)
    others = tuple(name for name in told if name not in class_names)
    if not others:
        return tuple(class_names)
    dataset = application.new_dataset()
    # Names as the annotations of these classes may have them.
    known = {name.casefold() for name in (*others, *dataset.class_aliases(others))}
    for folder in folders:
        for subset in subsets:
            try:
                found = dataset.classes_in(folder, [subset], options.attribute)
            except DataError:
                # Loading tells what is wrong.
                continue
            return others if known & {name.casefold() for name in found} else tuple(class_names)
    return others


def compared(instances: Instances, class_names: Sequence[str]) -> Instances:
    """Those instances that are of a class which the annotations have, the first of all."""
    return instances.take(np.flatnonzero(instances.class_ids <= len(class_names)))


def count_line(
    application: Application, class_names: Sequence[str], counts: Mapping[str, int]
) -> str:
    """How many objects there are, such as "72 cells, white blood cell 1".

    Args:
        application: what it counts is summed, other classes follow by their names.
        class_names: of classes 1, 2, ...
        counts: by class name; may lack some.
    """
    is_counted = dict(zip(class_names, application.is_counted(class_names), strict=True))
    total = sum(counts.get(name, 0) for name, own in is_counted.items() if own)
    others = {name: counts.get(name, 0) for name, own in is_counted.items() if not own}
    line = f"{total} {application.words.objects}"
    return f"{line}, {by_class(others)}" if any(others.values()) else line


def by_class(counts: Mapping[str, int]) -> str:
    """Each class with its number of objects, such as "white blood cell 2, platelet 5"."""
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count)
