"""Evaluation of instances on plain arrays; knows no model, no data set and no file."""

from mrcnn.evaluation.counting import (
    DetectionQuality,
    Tally,
    mean_over_images,
    pooled,
    tally_image,
)
from mrcnn.evaluation.matching import (
    drop_duplicates,
    mask_iou,
    match_one_to_one,
    touches_border,
)

__all__ = [
    "DetectionQuality",
    "Tally",
    "drop_duplicates",
    "mask_iou",
    "match_one_to_one",
    "mean_over_images",
    "pooled",
    "tally_image",
    "touches_border",
]
