"""What is told of blood cells beside their outline: stain, kind, shape, and parasites."""

from collections.abc import Sequence

import numpy as np

from mrcnn.instances import Instances
from mrcnn.measure.stain import stain_columns
from rbc_cells.infection import find_infected
from rbc_cells.kinds import KIND, RED, kinds_of
from rbc_cells.shapes import are_named, name_shapes


def measure(
    image: np.ndarray,
    cells: Instances,
    class_names: Sequence[str],
    white_level: Sequence[float] | None = None,
    shapes: bool | None = None,
) -> Instances:
    """The cells with the columns of `mrcnn.measure.stain`, kind, shape, and if they are infected.

    Args:
        image: uint8 [H, W, 3], RGB.
        cells: with masks.
        class_names: of classes 1, 2, ...
        white_level: of red, green and blue, where the microscope's is known.
        shapes: whether to name shapes, see `rbc_cells.shapes.are_named`.
    """
    kinds = kinds_of(cells.class_ids, class_names)
    cells = cells.with_columns(**stain_columns(image, cells, white_level), **{KIND: kinds})
    is_red = np.asarray(kinds) == RED
    if are_named(shapes):
        cells = name_shapes(image, cells, is_red)
    return find_infected(image, cells, is_red)
