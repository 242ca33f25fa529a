"""Regions to ignore: what lies in them is neither found nor a false alarm."""

import numpy as np

from mrcnn.errors import DataError
from mrcnn.instances import Instances

# A prediction that finds an object counts wherever it lies.
_FOUND = 0.5
# One that lies in a region by this share of its box does not.
_INSIDE = 0.5


def without_ignored(truth: Instances, predictions: Instances) -> tuple[Instances, Instances]:
    """The annotated instances and the predictions of an image that count.

    Args:
        truth: with the regions to `ignore`, among them crowds (negative class ids).
        predictions: in the same image.

    Returns:
        the truth without these regions, and the predictions without those that lie in one by half
        of their box and find no object (IoU of 0.5).

    Raises:
        DataError: the two are of images of different sizes.
    """
    if truth.image_shape != predictions.image_shape:
        raise DataError(
            f"The truth is of {truth.image_shape[0]} x {truth.image_shape[1]} pixels, the "
            f"predictions of {predictions.image_shape[0]} x {predictions.image_shape[1]}."
        )
    ignored = truth.ignore | (truth.class_ids < 0)
    if not ignored.any():
        return truth, predictions
    objects = truth.take(~ignored)
    boxes = predictions.boxes.astype(np.int64)[:, None]
    regions = truth.boxes[ignored].astype(np.int64)[None]
    sides = np.minimum(boxes[..., 2:], regions[..., 2:]) - np.maximum(
        boxes[..., :2], regions[..., :2]
    )
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(axis=-1)
    inside = (sides.clip(min=0).prod(axis=-1) >= _INSIDE * np.maximum(areas, 1)).any(axis=1)
    found = (objects.overlap(predictions) >= _FOUND).any(axis=0)
    return objects, predictions.take(found | ~inside)
