"""The image meta: what is known of an image beside its pixels, as one row of numbers.

No other file knows the layout, which is Matterport's. Arrays of NumPy are read as tensors are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn.ops.tensor import Tensor

_IMAGE_ID = 0
_ORIGINAL_IMAGE_SHAPE = slice(1, 4)
_IMAGE_SHAPE = slice(4, 7)
_WINDOW = slice(7, 11)
_SCALE = 11
_FIRST_CLASS = 12


def image_meta_size(num_classes: int) -> int:
    """Numbers in a row, for so many classes with the background."""
    return _FIRST_CLASS + num_classes


def compose_image_meta(
    image_id: int,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: Sequence[int],
    scale: float,
    active_class_ids: Iterable[int],
) -> np.ndarray:
    """Put what is known of an image into one vector.

    Args:
        image_id: number of the image in its dataset.
        original_image_shape: (H, W, C) as read.
        image_shape: (H, W, C) after resizing and padding.
        window: (y1, x1, y2, x2) of the picture in the resized image, in pixels.
        scale: factor from the original to the resized image.
        active_class_ids: for each class 1 if the image's source annotates it, else 0.

    Returns:
        float64 [1 + 3 + 3 + 4 + 1 + classes], in this order.
    """
    return np.array(
        [image_id, *original_image_shape, *image_shape, *window, scale, *active_class_ids],
        np.float64,
    )


@dataclass(frozen=True)
class ImageMeta:
    """The parts of image meta by their names.

    Args:
        rows: [..., M], an array or a tensor; parts keep its leading axes and its dtype.
    """

    rows: Tensor

    @property
    def image_id(self) -> Tensor:
        """Numbers of the images in their dataset [...]."""
        return self.rows[..., _IMAGE_ID]

    @property
    def original_image_shape(self) -> Tensor:
        """(H, W, C) as read, [..., 3]."""
        return self.rows[..., _ORIGINAL_IMAGE_SHAPE]

    @property
    def image_shape(self) -> Tensor:
        """(H, W, C) after resizing and padding, [..., 3]."""
        return self.rows[..., _IMAGE_SHAPE]

    @property
    def window(self) -> Tensor:
        """(y1, x1, y2, x2) of the picture in the resized image, in pixels, [..., 4]."""
        return self.rows[..., _WINDOW]

    @property
    def scale(self) -> Tensor:
        """Factors from the original to the resized image [...]."""
        return self.rows[..., _SCALE]

    @property
    def active_class_ids(self) -> Tensor:
        """1 for each class that the image's source annotates, [..., classes]."""
        return self.rows[..., _FIRST_CLASS:]
