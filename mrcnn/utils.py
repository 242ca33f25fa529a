"""Matterport's `mrcnn.utils`: the names that programs import; the work is done elsewhere."""

# Programs that say `import xml.etree` use its ElementTree, which the old libraries imported.
import xml.etree.ElementTree  # noqa: F401

from mrcnn.data.dataset import Dataset
from mrcnn.data.molding import expand_mask, minimize_mask, mold_mask, unmold_mask
from mrcnn.data.resizing import resize, resize_image, resize_mask
from mrcnn.evaluation.matterport import (
    compute_ap,
    compute_ap_range,
    compute_matches,
    compute_recall,
)
from mrcnn.instances.geometry import (
    apply_box_deltas,
    box_refinement,
    compute_iou,
    compute_overlaps,
    compute_overlaps_masks,
    denorm_boxes,
    extract_bboxes,
    non_max_suppression,
    norm_boxes,
    trim_zeros,
)
from mrcnn.matterport.tensors import batch_slice, box_refinement_graph
from mrcnn.ops.anchors import generate_anchors, generate_pyramid_anchors
from mrcnn.weights.published import download_trained_weights

__all__ = [
    "Dataset",
    "apply_box_deltas",
    "batch_slice",
    "box_refinement",
    "box_refinement_graph",
    "compute_ap",
    "compute_ap_range",
    "compute_iou",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "download_trained_weights",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "minimize_mask",
    "mold_mask",
    "non_max_suppression",
    "norm_boxes",
    "resize",
    "resize_image",
    "resize_mask",
    "trim_zeros",
    "unmold_mask",
]
