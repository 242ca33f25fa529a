"""From the network's normalised outputs to boxes and masks in the pixels of the image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.data.moulding import spread_mask
from mrcnn.errors import ConfigError
from mrcnn.instances import run_length
from mrcnn.instances.geometry import denorm_boxes, norm_boxes


@dataclass
class Detections:
    """What was found in one image of H x W pixels.

    Attributes:
        boxes: int32 [N, 4] pixel (y1, x1, y2, x2), by falling score.
        class_ids: int32 [N], from 1.
        scores: float32 [N], 0 to 1.
        crops: N bool arrays, each the mask inside its box.
        image_shape: (H, W).
    """

    boxes: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    crops: list[np.ndarray]
    image_shape: tuple[int, int]

    def full_masks(self) -> np.ndarray:
        """Masks of the whole image, bool [H, W, N]."""
        masks = np.zeros((*self.image_shape, len(self.crops)), bool)
        for number, ((y1, x1, y2, x2), crop) in enumerate(zip(self.boxes, self.crops, strict=True)):
            masks[y1:y2, x1:x2, number] = crop
        return masks

    def run_lengths(self) -> list[dict[str, Any]]:
        """Masks as COCO has them in JSON: `size` [H, W] and `counts`, compressed run lengths."""
        height, width = self.image_shape
        return [
            {
                "size": [height, width],
                "counts": run_length.compress(run_length.encode(box, crop, self.image_shape)),
            }
            for box, crop in zip(self.boxes, self.crops, strict=True)
        ]

    def as_dictionary(self, masks: str = "full") -> dict[str, Any]:
        """What `MaskRCNN.detect` gives for one image; `masks` is a key of `MASK_FORMS`."""
        return {
            "rois": self.boxes,
            "class_ids": self.class_ids,
            "scores": self.scores,
            "masks": MASK_FORMS[masks](self),
        }


# How masks can be had: of the whole image, of the boxes, or as run lengths.
MASK_FORMS = {
    "full": Detections.full_masks,
    "crops": lambda found: found.crops,
    "rle": Detections.run_lengths,
}


def check_mask_form(masks: str) -> None:
    """ConfigError for something that is none of `MASK_FORMS`."""
    if masks not in MASK_FORMS:
        raise ConfigError(f"masks is {masks!r}: must be one of {', '.join(map(repr, MASK_FORMS))}.")


def count_filled(detections: np.ndarray) -> int:
    """Rows of detections [D, 6] before the padding, whose class is 0."""
    padding = np.flatnonzero(detections[:, 4] == 0)
    return int(padding[0]) if len(padding) else len(detections)


def unmold(
    detections: np.ndarray,
    masks: np.ndarray,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: ArrayLike,
) -> Detections:
    """Undo the moulding of one image's detections.

    A detection without area, which the original returned as a box of one pixel, is left out.

    Args:
        detections: float [D, 6] of (y1, x1, y2, x2, class id, score), normalised to the moulded
            image; rows of class 0 end the list.
        masks: float [D, h, w, classes] from 0 to 1.
        original_image_shape: (H, W, ...) of the image as it was given.
        image_shape: (H, W, ...) of the moulded image.
        window: (y1, x1, y2, x2) of the picture in the moulded image, in pixels.
    """
    count = count_filled(detections)
    rows = np.flatnonzero(
        (detections[:count, 2] > detections[:count, 0])
        & (detections[:count, 3] > detections[:count, 1])
    )
    class_ids = detections[rows, 4].astype(np.int32)

    y1, x1, y2, x2 = norm_boxes(np.asarray(window), image_shape[:2])
    boxes = (detections[rows, :4] - np.array([y1, x1, y1, x1])) / np.array(
        [y2 - y1, x2 - x1, y2 - y1, x2 - x1]
    )
    boxes = denorm_boxes(boxes, original_image_shape[:2]).reshape(-1, 4)
    # Scaling down can leave less than a pixel.
    visible = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    boxes, rows, class_ids = boxes[visible], rows[visible], class_ids[visible]
    crops = [
        spread_mask(masks[row, :, :, class_id], (bottom - top, right - left))
        for row, class_id, (top, left, bottom, right) in zip(rows, class_ids, boxes, strict=True)
    ]
    height, width = (int(side) for side in original_image_shape[:2])
    return Detections(boxes, class_ids, detections[rows, 5], crops, (height, width))
