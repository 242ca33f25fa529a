"""Size classes of red blood cells, measured from their masks.

A cell's equivalent diameter over the median of its field tells large, normal and small; a cell
whose whole size cannot be seen is undefined.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.evaluation import touches_border
from mrcnn.instances import Instances
from mrcnn.measure.hull import hull_areas
from rbc_cells.kinds import RED
from rbc_cells.ways import LARGE, LEARNED, MEASURED, NORMAL, SIZES, SMALL, SURE, UNDEFINED

# Equivalent diameter over the field's median: smaller is small, larger is large.
SMALL_BELOW = 0.88
LARGE_ABOVE = 1.12

# Area over that of its convex hull; below it a cell is dented, or several cells are one mask. A
# digital disc of six pixels' radius or more has 0.93 to 0.99.
SOLID_FROM = 0.9

# Equivalent diameter over the median from which a mask is taken for two cells: side by side they
# have 1.41, the square root of 2, and less where they overlap.
CLUMP_ABOVE = 1.35


def classify(
    instances: Instances,
    class_names: Sequence[str],
    size_class: str = MEASURED,
    told_names: Sequence[str] | None = None,
) -> Instances:
    """Detected cells of a whole field with their size classes; other classes stay.

    Args:
        instances: cells with masks and scores.
        class_names: of classes 1, 2, ...: sizes, or kinds of cells.
        size_class: how size classes are told, "measured" from the masks or "learned" by the
            network.
        told_names: names of the classes of the result, see `rbc_cells.kinds.told_classes`; by
            default `class_names`. Where these are kinds and those are sizes, red cells get theirs.

    Returns:
        the cells, with the class ids by each way in the columns "class_id_measured" and
        "class_id_learned"; the first alone where the network knows kinds.
    """
    if instances.scores is None:
        return instances
    if RED in class_names and told_names is not None and are_sizes(told_names):
        return _with_sizes(instances, class_names, told_names)
    if not are_sizes(class_names):
        return instances
    measured = measured_class_ids(
        instances.boxes,
        instances.crops,
        instances.image_shape,
        class_names,
        instances.scores >= SURE,
    )
    ways = {MEASURED: measured, LEARNED: instances.class_ids}
    instances = instances.with_columns(**{f"class_id_{way}": ids for way, ids in ways.items()})
    return instances.replaced(class_ids=ways[size_class])


def _with_sizes(
    instances: Instances, class_names: Sequence[str], told_names: Sequence[str]
) -> Instances:
    """Kinds with the sizes of red cells in their place; the others keep their names."""
    ids = np.array([0, *(1 + list(told_names).index(name) if name != RED else 0
                         for name in class_names)])[instances.class_ids]  # fmt: skip
    red = np.flatnonzero(ids == 0)
    cells = instances.take(red)
    ids[red] = measured_class_ids(
        cells.boxes,
        cells.crops,
        cells.image_shape,
        [name for name in told_names if name in SIZES],
        cells.scores >= SURE,
    )
    return instances.with_columns(class_id_measured=ids).replaced(class_ids=ids)


def measured_class_ids(
    boxes: ArrayLike,
    crops: Sequence[np.ndarray],
    image_shape: Sequence[int],
    class_names: Sequence[str],
    sure: ArrayLike | None = None,
) -> np.ndarray:
    """Tell the class of each cell of one field from its size.

    "undefined" are cells that touch the border, are dented (solidity below 0.9) or clumped (the
    same, or a diameter above 1.35 medians). The others are "large" above 1.12 medians, "small"
    below 0.88, else "normal". The median is taken over the cells that are not undefined by border
    or dent; over all where there are none.

    Where `class_names` lacks "undefined", every cell is classed by its size. Where it lacks a size
    class, its cells are "normal"; without "normal" they are "undefined", else of class 1. So a
    single class, whatever its name, gets every cell.

    Args:
        boxes: integer [N, 4], pixel (y1, x1, y2, x2).
        crops: N bool arrays, each of its box's size and with at least one pixel.
        image_shape: (height, width, ...).
        class_names: of classes 1, 2, ...
        sure: bool [N], the cells that the median is taken over, as far as they are whole; all by
            default.

    Returns:
        int32 [N], from 1.
    """
    if not len(crops):
        return np.zeros(0, dtype=np.int32)
    # Packed masks are made anew at each access.
    crops = list(crops)
    areas = np.array([np.count_nonzero(crop) for crop in crops])
    whole = ~touches_border(boxes, crops, image_shape) & (areas / hull_areas(crops) >= SOLID_FROM)
    diameters = np.sqrt(areas)
    usual = whole if sure is None else whole & np.asarray(sure, bool)
    usual = next(mask for mask in (usual, whole, np.ones(len(crops), bool)) if mask.any())
    relative = diameters / np.median(diameters[usual])
    names = np.full(len(crops), NORMAL, dtype=object)
    names[relative > LARGE_ABOVE] = LARGE
    names[relative < SMALL_BELOW] = SMALL
    if UNDEFINED in class_names:
        names[~whole | (relative > CLUMP_ABOVE)] = UNDEFINED
    ids = {name: class_id for class_id, name in enumerate(class_names, start=1)}
    other = ids.get(NORMAL, ids.get(UNDEFINED, 1))
    return np.array([ids.get(name, other) for name in names], dtype=np.int32)


def are_sizes(class_names: Sequence[str]) -> bool:
    """Whether classes are sizes, which can be measured."""
    return NORMAL in class_names and bool({LARGE, SMALL} & set(class_names))
