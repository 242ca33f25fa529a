"""A picture made smaller, and where objects are in it."""

import numpy as np

from mrcnn.instances import Instances

# Of squares of so many pixels a side 16 bits hold the sum of 8-bit values.
_SHORT_SUMS = 16


def shrunken(image: np.ndarray, factor: int) -> np.ndarray:
    """Means of squares of factor x factor pixels; those at the right and the bottom may be cut.

    Args:
        image: uint8 [H, W, C].
        factor: 1 or more.

    Returns:
        uint8 [ceil(H / factor), ceil(W / factor), C].
    """
    if factor == 1:
        return image
    sums = _sums(_sums(image, factor, 0), factor, 1)
    counts = [np.minimum(factor, side - np.arange(0, side, factor)) for side in image.shape[:2]]
    return np.round(sums / np.multiply.outer(*counts)[:, :, None]).astype(np.uint8)


def _sums(values: np.ndarray, factor: int, axis: int) -> np.ndarray:
    """Sums of so many rows or columns each; the last ones may be fewer."""
    values = np.moveaxis(values, axis, 0)
    kind = np.dtype(np.uint16 if factor <= _SHORT_SUMS else np.uint32)
    sums = values[::factor].astype(kind)
    for offset in range(1, factor):
        others = values[offset::factor]
        sums[: len(others)] += others
    return np.moveaxis(sums, 0, axis)


def covered(instances: Instances, shape: tuple[int, int]) -> np.ndarray:
    """Where objects with a mask lie, in a picture that is made smaller.

    Args:
        instances: in the picture as it is.
        shape: (h, w) of the smaller one.

    Returns:
        bool [h, w]: whether the middle of each pixel is in an object.
    """
    where = np.zeros(shape, bool)
    y, x = (
        ((np.arange(count) + 0.5) * side / count).astype(np.int64)
        for count, side in zip(shape, instances.image_shape, strict=True)
    )
    for (y1, x1, y2, x2), crop in zip(instances.boxes, instances.crops, strict=True):
        if crop is None:
            continue
        rows, columns = np.searchsorted(y, (y1, y2)), np.searchsorted(x, (x1, x2))
        part = crop[np.ix_(y[slice(*rows)] - y1, x[slice(*columns)] - x1)]
        where[slice(*rows), slice(*columns)] |= part
    return where
