"""Images with rare classes, drawn more often than others.

Repeat factor sampling (Gupta et al. 2019), by shares of objects instead of images: where most
images have most classes, as in microscopy, the number of rare objects is what differs.
"""

from collections.abc import Callable

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError


def repeat_factors(dataset: Dataset, threshold: float) -> np.ndarray:
    """How many times as often as the commonest images each image is drawn.

    A class that is `f` of all objects has the factor `max(1, sqrt(threshold / f))`. An image has
    that of its rarest class, if it has as many objects of it as images with that class have on
    average; with fewer, a part of what is above 1. Of several sources, objects are counted where
    the source annotates the class.

    Args:
        dataset: prepared.
        threshold: share of the objects, 0 to 1, below which a class is rare.

    Returns:
        float64 [images], at least 1.

    Raises:
        DataError: no image has an object.
    """
    counts = np.array([_class_counts(dataset, image_id) for image_id in dataset.image_ids])
    if not counts.any():
        raise DataError("No image has an object, so that no class is rare: look at CLASS_SAMPLING.")
    active = np.array([dataset.active_class_ids(image_id) > 0 for image_id in dataset.image_ids])
    active[:, 0] = False
    of_class = counts.sum(axis=0)
    # Of the images whose source annotates the class.
    objects = counts.sum(axis=1) @ active
    share = np.divide(of_class, objects, out=np.ones(len(of_class)), where=of_class > 0)
    factors = np.maximum(1, np.sqrt(threshold / share))
    usual = np.divide(of_class, np.maximum((counts > 0).sum(axis=0), 1))
    richness = np.minimum(1, counts / np.maximum(usual, 1e-9))
    return (1 + (factors - 1) * richness).max(axis=1)


def _class_counts(dataset: Dataset, image_id: int) -> np.ndarray:
    """Number of objects of each class, int64 [num_classes]; regions to ignore are none."""
    ids = dataset.class_ids_of(image_id)
    return np.bincount(ids[ids > 0], minlength=dataset.num_classes)


class RepeatedOrder:
    """An endless sequence of images, in passes in which each is repeated by its factor.

    Of a factor of 2.25, three passes of four have the image twice and one thrice. What comes at a
    place depends on the generators alone, not on what was asked for before.

    Args:
        images: their numbers.
        factors: float [images], at least 1.
        generator: gives the generator of a number of at least 0, always the same one.
    """

    def __init__(
        self,
        images: np.ndarray,
        factors: np.ndarray,
        generator: Callable[[int], np.random.Generator],
    ) -> None:
        self._images, self._factors = np.asarray(images), np.asarray(factors, float)
        self._generator = generator
        # So that not all images are repeated in the same passes.
        self._begun = generator(0).random(len(self._images))
        self._latest: tuple[int, int, np.ndarray] = (-1, 0, self._images)

    def image_at(self, number: int) -> int:
        """The image at a place of the sequence, counted from 0."""
        one_pass, first, order = self._latest
        if one_pass < 0 or not first <= number < first + len(order):
            one_pass = int(number / self._factors.sum())
            while self._before(one_pass).sum() > number:
                one_pass -= 1
            while self._before(one_pass + 1).sum() <= number:
                one_pass += 1
            before = self._before(one_pass)
            repeated = np.repeat(self._images, self._before(one_pass + 1) - before)
            first, order = int(before.sum()), self._generator(1 + one_pass).permutation(repeated)
            self._latest = (one_pass, first, order)
        return int(order[number - first])

    def _before(self, one_pass: int) -> np.ndarray:
        """How often each image comes in the passes before one, int64 [images]."""
        return np.floor(self._begun + one_pass * self._factors).astype(np.int64)
