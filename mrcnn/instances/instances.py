"""Instance masks kept as crops of their boxes, never as a stack of whole images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.instances.geometry import tight_box
from mrcnn.instances.polygons import rasterise_polygons


@dataclass
class InstanceMasks:
    """The instances of one image.

    Attributes:
        image_shape: (height, width) in pixels.
        boxes: int32 [N, 4] pixel boxes (y1, x1, y2, x2), tight around the masks.
        crops: N bool arrays, each of exactly its box's size.
        class_ids: int32 [N].
    """

    image_shape: tuple[int, int]
    boxes: np.ndarray
    crops: list[np.ndarray]
    class_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.crops)

    @classmethod
    def empty(cls, image_shape: Sequence[int]) -> "InstanceMasks":
        """No instances in an image of (height, width, ...)."""
        return cls.from_crops(image_shape, [], [], [])

    @classmethod
    def from_crops(
        cls,
        image_shape: Sequence[int],
        boxes: Iterable[Sequence[int]],
        crops: Iterable[np.ndarray],
        class_ids: Iterable[int],
    ) -> "InstanceMasks":
        """Boxes are made tight; instances without any pixel are dropped.

        Args:
            image_shape: (height, width, ...).
            boxes: [N, 4] pixel boxes inside the image.
            crops: [h, w] masks of the boxes' sizes.
            class_ids: [N].
        """
        tight_boxes, tight_crops, kept_ids = [], [], []
        for (top, left, *_), crop, class_id in zip(boxes, crops, class_ids, strict=True):
            box = tight_box(crop)
            if box is None:
                continue
            y1, x1, y2, x2 = box
            tight_boxes.append((top + y1, left + x1, top + y2, left + x2))
            tight_crops.append(np.asarray(crop[y1:y2, x1:x2], bool))
            kept_ids.append(class_id)
        return cls(
            (int(image_shape[0]), int(image_shape[1])),
            np.array(tight_boxes, np.int32).reshape(-1, 4),
            tight_crops,
            np.array(kept_ids, np.int32),
        )

    @classmethod
    def from_full(cls, masks: np.ndarray, class_ids: Iterable[int]) -> "InstanceMasks":
        """From a stack of whole masks.

        Args:
            masks: bool [H, W, N]; empty masks are dropped.
            class_ids: [N].
        """
        height, width, count = masks.shape
        return cls.from_crops(
            (height, width),
            [(0, 0, height, width)] * count,
            (masks[:, :, number] for number in range(count)),
            class_ids,
        )

    @classmethod
    def from_polygons(
        cls,
        polygons: Sequence[np.ndarray],
        class_ids: ArrayLike,
        image_shape: Sequence[int],
        window: Sequence[int] | None = None,
    ) -> "InstanceMasks":
        """From polygons, each filled only inside its own box.

        Args:
            polygons: N arrays float [K, 2] of (y, x) in pixels. Pixel (r, c) belongs when the
                point (r, c) is inside or on the edge. What lies outside the image is cut off;
                polygons that hold no pixel are dropped.
            class_ids: [N].
            image_shape: (height, width, ...).
            window: (y1, x1, y2, x2) pixels that may be filled; the whole image by default.
        """
        shape = (int(image_shape[0]), int(image_shape[1]))
        boxes, crops, indices = rasterise_polygons(polygons, window or (0, 0, *shape))
        ids = np.asarray(class_ids, np.int32).reshape(-1)
        return cls(shape, boxes, crops, ids[indices])

    def to_full(self) -> np.ndarray:
        """All masks in the size of the image, bool [H, W, N]. Large: for callers that need it."""
        masks = np.zeros((*self.image_shape, len(self)), bool)
        for number, ((y1, x1, y2, x2), crop) in enumerate(zip(self.boxes, self.crops, strict=True)):
            masks[y1:y2, x1:x2, number] = crop
        return masks

    def areas(self) -> np.ndarray:
        """Pixels of each instance, int64 [N]."""
        return np.array([np.count_nonzero(crop) for crop in self.crops], np.int64)

    def label_image(self, order: Sequence[int] | None = None) -> np.ndarray:
        """One image of all instances: 0 background, then 1..N.

        Args:
            order: indices of the instances, the most important first: `order[0]` becomes label 1
                and keeps its pixels where instances overlap. By default the order they have.

        Returns:
            uint16 [H, W], or int32 where there are more than 65535 instances.
        """
        order = np.arange(len(self)) if order is None else np.asarray(order)
        dtype = np.uint16 if len(order) < 2**16 else np.int32
        labels = np.zeros(self.image_shape, dtype)
        for label, number in reversed(list(enumerate(order, start=1))):
            y1, x1, y2, x2 = self.boxes[number]
            labels[y1:y2, x1:x2][self.crops[number]] = label
        return labels

    def select(self, indices: Sequence[int] | np.ndarray) -> "InstanceMasks":
        """The instances with the given indices, in that order."""
        indices = np.asarray(indices, np.int64)
        return InstanceMasks(
            self.image_shape,
            self.boxes[indices],
            [self.crops[index] for index in indices],
            self.class_ids[indices],
        )
