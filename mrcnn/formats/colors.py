"""Colors of classes in files."""

from collections.abc import Sequence

import numpy as np

from mrcnn.errors import ConfigError

Color = tuple[float, float, float]


def rgb_bytes(
    class_colors: Sequence[Color] | None, class_names: Sequence[str]
) -> list[tuple[int, int, int]] | None:
    """Colors of the classes, each channel 0..255, from (red, green, blue), each 0..1.

    Raises:
        ConfigError: not one color for each class, or a channel is not in 0..1.
    """
    if class_colors is None:
        return None
    colors = np.asarray(class_colors, np.float64)
    if colors.shape != (len(class_names), 3) or not ((colors >= 0) & (colors <= 1)).all():
        raise ConfigError(
            f"class_colors must be a (red, green, blue), each 0..1, for each of the "
            f"{len(class_names)} classes."
        )
    return [tuple(color) for color in np.rint(colors * 255).astype(int).tolist()]
