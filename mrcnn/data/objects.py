"""Whether there is anything to learn from in a dataset."""

import difflib

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError

# The methods of which one says what is on the images.
_SOURCES = ("load_polygons", "load_mask", "load_boxes")


def require_objects(dataset: Dataset) -> None:
    """Refuse a dataset that teaches nothing. It is searched up to the first image with an object.

    Args:
        dataset: prepared dataset, of at least one image.

    Raises:
        DataError: it says nothing of objects, or none of its images has one.
    """
    if not any(_overrides(dataset, name) for name in _SOURCES):
        name = type(dataset).__name__
        names = [each for each in dir(dataset) if not hasattr(Dataset, each)]
        alike = difflib.get_close_matches("load_mask", names, 3, 0.8)
        seen = f"It has {', '.join(alike)}, which nobody calls. " if alike else ""
        raise DataError(
            f"{name} does not say which objects are on its images: it has neither load_mask nor "
            f"load_polygons nor load_boxes of its own, so there is nothing to learn. {seen}Write "
            "load_mask(self, image_id), which returns masks [height, width, N] and class ids [N]."
        )
    if not any(_may_have_objects(dataset, image_id) for image_id in dataset.image_ids):
        raise DataError(
            f"None of the {len(dataset.image_ids)} images to train on has an object, so there is "
            "nothing to learn: look at the annotations, and at what is left out of them. "
            f"({type(dataset).__name__} gives no mask that is not empty.)"
        )


def _overrides(dataset: Dataset, name: str) -> bool:
    method = getattr(dataset, name)
    return getattr(method, "__func__", method) is not getattr(Dataset, name)


def _may_have_objects(dataset: Dataset, image_id: int) -> bool:
    """Whether an image has an object, or cannot be asked: training says what is wrong with it."""
    try:
        polygons, boxes = dataset.load_polygons(image_id), dataset.load_boxes(image_id)
        if boxes is not None and np.any(np.asarray(boxes[1]) > 0):
            return True
        if polygons is not None:
            return len(polygons[1]) > 0
        return bool(np.any(dataset.load_mask(image_id)[0]))
    except Exception:  # whatever a client's method runs into
        return True
