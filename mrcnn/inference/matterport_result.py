"""What `MaskRCNN.detect` gives for an image: a dictionary with Matterport's keys."""

from typing import Any

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.instances import Instances

# How masks can be had: of the whole image, of the boxes, or as run lengths.
MASK_FORMS = {
    "full": Instances.full_masks,
    "crops": lambda found: list(found.crops),
    "rle": Instances.run_lengths,
}


def check_mask_form(masks: str) -> None:
    """ConfigError for something that is none of `MASK_FORMS`."""
    if masks not in MASK_FORMS:
        raise ConfigError(f"masks is {masks!r}: must be one of {', '.join(map(repr, MASK_FORMS))}.")


def as_dictionary(found: Instances, masks: str = "full") -> dict[str, Any]:
    """Detections of one image as arrays of their own; `masks` is a key of `MASK_FORMS`."""
    return {
        "rois": found.boxes.copy(),
        "class_ids": found.class_ids.copy(),
        "scores": np.array(found.scores, np.float32),
        "masks": MASK_FORMS[masks](found),
    }
