"""What is told of blood cells beside their outline: the light that they take away, their kind."""

from collections.abc import Sequence

import numpy as np

from mrcnn.instances import Instances
from mrcnn.measure.stain import stain_columns
from rbc_cells.kinds import KIND, kinds_of


def measure(
    image: np.ndarray,
    cells: Instances,
    class_names: Sequence[str],
    white_level: Sequence[float] | None = None,
) -> Instances:
    """The cells with the columns of `mrcnn.measure.stain`, and "kind".

    Args:
        image: uint8 [H, W, 3], RGB.
        cells: with masks.
        class_names: of classes 1, 2, ...
        white_level: of red, green and blue, where the microscope's is known.
    """
    kinds = kinds_of(cells.class_ids, class_names)
    return cells.with_columns(**stain_columns(image, cells, white_level), **{KIND: kinds})
