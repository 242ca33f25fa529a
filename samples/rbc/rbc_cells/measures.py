"""What is measured of blood cells beside their shape: how much light they take away."""

from collections.abc import Sequence

import numpy as np

from mrcnn.instances import Instances
from mrcnn.measure.stain import stain_columns


def measure(
    image: np.ndarray, cells: Instances, white_level: Sequence[float] | None = None
) -> Instances:
    """The cells with the columns of `mrcnn.measure.stain`.

    Args:
        image: uint8 [H, W, 3], RGB.
        cells: with masks.
        white_level: of red, green and blue, where the microscope's is known.
    """
    return cells.with_columns(**stain_columns(image, cells, white_level))
