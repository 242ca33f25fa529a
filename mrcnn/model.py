"""Matterport's `mrcnn.model`: the names that programs import; the work is done elsewhere."""

from mrcnn.data.anchors import backbone_shapes as compute_backbone_shapes
from mrcnn.data.molding import mold_image, unmold_image
from mrcnn.data.rpn_targets import build_rpn_targets
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.matterport.checkpoint_names import accept_hdf5_names
from mrcnn.matterport.generator import (
    DataGenerator,
    build_detection_targets,
    data_generator,
    generate_random_rois,
    load_image_gt,
)
from mrcnn.matterport.image_meta import parse_image_meta, parse_image_meta_graph
from mrcnn.matterport.log import log
from mrcnn.matterport.losses import (
    detection_targets_graph,
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
    mrcnn_mask_loss_graph,
    rpn_bbox_loss_graph,
    rpn_class_loss_graph,
    smooth_l1_loss,
)
from mrcnn.matterport.networks import (
    build_fpn_mask_graph,
    build_rpn_model,
    conv_block,
    fpn_classifier_graph,
    identity_block,
    refine_detections_graph,
    resnet_graph,
    rpn_graph,
)
from mrcnn.matterport.tensors import (
    apply_box_deltas_graph,
    batch_pack_graph,
    clip_boxes_graph,
    denorm_boxes_graph,
    log2_graph,
    norm_boxes_graph,
    overlaps_graph,
    trim_zeros_graph,
)
from mrcnn.nets.detection import DetectionLayer
from mrcnn.nets.normalization import BatchNorm
from mrcnn.nets.proposals import ProposalLayer
from mrcnn.nets.roi_align import PyramidROIAlign
from mrcnn.ops.image_meta import compose_image_meta
from mrcnn.training.targets import DetectionTargetLayer

accept_hdf5_names()

__all__ = [
    "BatchNorm",
    "DataGenerator",
    "DetectionLayer",
    "DetectionTargetLayer",
    "MaskRCNN",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_detection_targets",
    "build_fpn_mask_graph",
    "build_rpn_model",
    "build_rpn_targets",
    "clip_boxes_graph",
    "compose_image_meta",
    "compute_backbone_shapes",
    "conv_block",
    "data_generator",
    "denorm_boxes_graph",
    "detection_targets_graph",
    "fpn_classifier_graph",
    "generate_random_rois",
    "identity_block",
    "load_image_gt",
    "log",
    "log2_graph",
    "mold_image",
    "mrcnn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_mask_loss_graph",
    "norm_boxes_graph",
    "overlaps_graph",
    "parse_image_meta",
    "parse_image_meta_graph",
    "refine_detections_graph",
    "resnet_graph",
    "rpn_bbox_loss_graph",
    "rpn_class_loss_graph",
    "rpn_graph",
    "smooth_l1_loss",
    "trim_zeros_graph",
    "unmold_image",
]
