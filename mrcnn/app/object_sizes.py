"""How large annotated objects are, and the settings of a model that follow from it."""

import math
from typing import Any

import numpy as np

from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.data.resizing import plan_resize, resize_settings
from mrcnn.errors import ConfigError
from mrcnn.report.words import Words


def anchors_for_objects(dataset: AnnotatedDataset, config: Any, words: Words) -> tuple[int, ...]:
    """Anchor sides in pixels of the resized image, from the sizes of the annotated objects.

    The median of the boxes' sides stands on the second pyramid level, where a feature cell is 8
    pixels wide; the others are its half, double, ...
    """
    sides = []
    for info in dataset.image_info:
        plan = plan_resize((info["height"], info["width"]), **resize_settings(config))
        for polygon in info["polygons"]:
            height, width = np.ptp(polygon, axis=0)
            sides.append(math.sqrt(height * width) * plan.scale)
    if not sides:
        raise ConfigError(
            words("--anchors auto: the training {images} have no {objects} to derive sizes from.")
        )
    low, median, high = np.percentile(sides, (5, 50, 95))
    scales = tuple(max(1, round(median * factor)) for factor in (0.5, 1, 2, 4, 8))
    print(
        words("{Objects} are ")
        + f"{median:.0f} pixels wide in the resized {words.images} (nine of ten {low:.0f} to "
        f"{high:.0f}): anchors of {', '.join(map(str, scales))} pixels."
    )
    return scales


def median_diameter(dataset: AnnotatedDataset, config: Any) -> float | None:
    """Median diameter of the annotated objects, of the circles with their areas.

    Returns:
        in pixels of the resized images; None without an object. Objects that touch the border of
        their image, where a part may be missing, count only where all do.
    """
    whole: list[float] = []
    cut: list[float] = []
    for info in dataset.image_info:
        height, width = size = info["height"], info["width"]
        scale = plan_resize(size, **resize_settings(config)).scale
        for polygon in info["polygons"]:
            y, x = polygon.T
            area = abs(np.dot(y, np.roll(x, 1)) - np.dot(x, np.roll(y, 1))) / 2
            is_cut = (polygon.min(axis=0) < 1).any()
            is_cut = is_cut or (polygon.max(axis=0) >= (height - 2, width - 2)).any()
            (cut if is_cut else whole).append(math.sqrt(4 / math.pi * area) * scale)
    return round(float(np.median(whole or cut)), 1) if whole or cut else None
