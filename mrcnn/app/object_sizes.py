"""How large annotated objects are in training, and the settings of a model that follow from it."""

import math
from typing import Any

import numpy as np

from mrcnn.app.settings import DIAMETER
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.data.object_sizes import Diameters, SetSizes, median_of, object_diameters, show_at
from mrcnn.data.resizing import plan_resize, resize_settings
from mrcnn.errors import ConfigError
from mrcnn.report.words import Words


def scale_in_training(dataset: AnnotatedDataset, image_id: int, config: Any) -> float:
    """Pixels of the network for each pixel of an image, before sizes are varied."""
    info = dataset.image_info[image_id]
    own_scale = dataset.image_scale(image_id)
    if own_scale is not None:
        return own_scale
    return plan_resize((info["height"], info["width"]), **resize_settings(config)).scale


def anchors_for_objects(dataset: AnnotatedDataset, config: Any, words: Words) -> tuple[int, ...]:
    """Anchor sides in pixels of the resized image, from the sizes of the annotated objects.

    The median of the boxes' sides stands on the second pyramid level, where a feature cell is 8
    pixels wide; the others are its half, double, ...
    """
    sides = []
    for number, info in enumerate(dataset.image_info):
        scale = scale_in_training(dataset, number, config)
        for polygon in info["polygons"]:
            height, width = np.ptp(polygon, axis=0)
            sides.append(math.sqrt(height * width) * scale)
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
    sizes = []
    for number, info in enumerate(dataset.image_info):
        scale = scale_in_training(dataset, number, config)
        found = object_diameters(info)
        sizes.append(Diameters(found.whole * scale, found.cut * scale))
    median = median_of(sizes)
    return None if median is None else round(median, 1)


def scale_by_objects(
    config: Any, words: Words, training: AnnotatedDataset, *others: AnnotatedDataset
) -> dict[str, Any]:
    """Bring all images to the scale at which the objects of each data set have one size.

    That is the size which the model knows already (OBJECT_DIAMETER), else 48 pixels.

    Returns:
        settings of the model: OBJECT_DIAMETER, and IMAGE_MAX_DIM, the longer side of a usual
        image at its scale.

    Raises:
        ConfigError: training is on whole images, or no object is annotated.
        DataError: objects are too small to be seen.
    """
    if config.IMAGE_RESIZE_MODE != "crop":
        raise ConfigError(
            words("--scale auto brings {images} to many sizes, of which training sees parts: ")
            + "give --crop N as well, such as --crop 320."
        )
    diameter = float(config.OBJECT_DIAMETER or DIAMETER)
    sets = show_at(diameter, training, *others)
    scaled = [info for info in training.image_info if info["scale"]]
    for folder, sizes in sets.items():
        taken = [diameter / info["scale"] for info in scaled if info["data_set"] == folder]
        print(f"{folder}: {_said(sizes, taken, diameter, words)}")
    sides = [max(info["height"], info["width"]) * info["scale"] for info in scaled]
    if not sides:
        raise ConfigError(
            words("--scale auto: the training {images} have no {objects} to derive sizes from.")
        )
    return {"OBJECT_DIAMETER": diameter, "IMAGE_MAX_DIM": round(float(np.median(sides)))}


def _said(sizes: SetSizes, taken: list[float], diameter: float, words: Words) -> str:
    """What is done with the images of a data set, of which `taken` has the diameters in each."""
    if sizes.diameter is None:
        return words("no {object} tells a scale; {images} are resized as without --scale auto.")
    if not sizes.is_mixed:
        factor = diameter / sizes.diameter
        return words(
            f"{{objects}} are {sizes.diameter:.0f} pixels wide and {diameter:g} in the resized "
            f"{{images}} (x {factor:.2f})."
        )
    return words(
        f"{{images}} of several magnifications, with {{objects}} of {min(taken):.0f} to "
        f"{max(taken):.0f} pixels: each of them is resized by its own, to {diameter:g} pixels."
    )
