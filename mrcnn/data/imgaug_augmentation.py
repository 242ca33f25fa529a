"""Augmenters of the library imgaug, applied to an image and to its instances alike.

imgaug itself knows which augmenters move pixels: those change segmentation maps too, the others
leave them alone. So instances travel as segmentation maps of labels, a few maps for all of them,
and not as one image each.
"""

from typing import Any

import numpy as np
import scipy.ndimage

from mrcnn.errors import ConfigError, DataError
from mrcnn.instances import Instances


def is_imgaug(augmentation: Any) -> bool:
    """Whether this is an augmenter of imgaug. It is not imported for the question."""
    return hasattr(augmentation, "to_deterministic") and hasattr(augmentation, "augment_image")


def apply_imgaug(
    augmenter: Any,
    image: np.ndarray,
    instances: Instances,
    seed: int | None = None,
) -> tuple[np.ndarray, Instances]:
    """Augment an image and its instances with one and the same draw.

    Args:
        augmenter: `imgaug.augmenters.Augmenter`.
        image: [H, W, C] in a dtype that the augmenter takes; most take uint8 alone.
        instances: the instances in the pixels of the image.
        seed: of this draw; None draws from imgaug's own state, which `imgaug.seed` sets.

    Returns:
        the image, and the instances of which something is left. A box without a mask becomes the
        box around what it is moved, turned or bent to.

    Raises:
        DataError: the augmenter changes the size of the image.
        ConfigError: the augmenter raised an error of its own.
    """
    from imgaug.augmentables.segmaps import SegmentationMapsOnImage

    augmenter = augmenter.to_deterministic()
    if seed is not None:
        augmenter.seed_(seed, deterministic_too=True)
    labels = _label_maps(instances)
    try:
        augmented = augmenter.augment_image(image)
        if len(instances):
            maps = SegmentationMapsOnImage(labels, shape=image.shape)
            labels = augmenter.augment_segmentation_maps(maps).get_arr()
    except Exception as error:
        raise ConfigError(
            f"The augmentation {type(augmenter).__name__} failed on an image of shape "
            f"{image.shape} and type {image.dtype}: {error}"
        ) from error
    if augmented.shape != image.shape or labels.shape[:2] != image.shape[:2]:
        raise DataError(
            f"The augmentation {type(augmenter).__name__} turned an image of shape {image.shape} "
            f"into {augmented.shape}: training needs all images in one shape. Leave out augmenters "
            "that resize, and use keep_size=True or fit_output=False."
        )
    # Flips are views; what follows wants memory of its own.
    return np.ascontiguousarray(augmented), _instances_of(labels, instances)


def _label_maps(instances: Instances) -> np.ndarray:
    """int32 [H, W, K]: each instance by its number from 1, on the first map where it has room."""
    maps: list[np.ndarray] = []
    for number, (box, crop) in enumerate(
        zip(instances.boxes, instances.filled_crops(), strict=True), 1
    ):
        y1, x1, y2, x2 = box
        for layer in maps:
            if not layer[y1:y2, x1:x2][crop].any():
                break
        else:
            layer = np.zeros(instances.image_shape, np.int32)
            maps.append(layer)
        layer[y1:y2, x1:x2][crop] = number
    return np.stack(maps, axis=-1) if maps else np.zeros((*instances.image_shape, 0), np.int32)


def _instances_of(labels: np.ndarray, instances: Instances) -> Instances:
    """The instances that augmented label maps show, in their order."""
    found = {}
    for layer in range(labels.shape[-1]):
        areas = scipy.ndimage.find_objects(labels[..., layer])
        for number, area in enumerate(areas, start=1):
            if area is not None:
                rows, columns = area
                box = (rows.start, columns.start, rows.stop, columns.stop)
                found[number] = (box, labels[..., layer][area] == number)
    numbers = sorted(found)
    rows = np.array(numbers, np.int64) - 1
    has_mask = instances.has_mask()
    return Instances.trusted(
        instances.image_shape,
        [found[number][0] for number in numbers],
        [found[number][1] if has_mask[number - 1] else None for number in numbers],
        instances.class_ids[rows],
        ignore=instances.ignore[rows],
    )
