"""The assembled detector: what the training graph and the inference graph share, and the latter."""

from dataclasses import dataclass
from typing import Any

import keras

from mrcnn.nets.detection import DetectionLayer
from mrcnn.nets.fpn import feature_pyramid
from mrcnn.nets.heads import class_and_box_head, mask_head
from mrcnn.nets.layers import ToBoxes
from mrcnn.nets.proposals import ProposalLayer
from mrcnn.nets.resnet import resnet_stages
from mrcnn.nets.rpn import build_rpn, rpn_on_pyramid
from mrcnn.nets.saving import DetectorModel


@dataclass
class RegionNetwork:
    """Symbolic tensors of the part that comes before the heads."""

    # P2 to P5 float [B, H / stride, W / stride, C]
    head_features: list[Any]
    # logits and probabilities [B, A, 2], deltas [B, A, 4]
    rpn_class_logits: Any
    rpn_class: Any
    rpn_bbox: Any


def region_network(input_image, config) -> RegionNetwork:
    """Backbone, feature pyramid and RPN on a batch of moulded images [B, H, W, C]."""
    if callable(config.BACKBONE):
        stages = config.BACKBONE(input_image, stage5=True, train_bn=config.TRAIN_BN)[-4:]
    else:
        stages = resnet_stages(
            input_image,
            config.BACKBONE,
            normalization=config.NORMALIZATION,
            train_bn=config.TRAIN_BN,
        )[1:]
    pyramid = feature_pyramid(stages, config.TOP_DOWN_PYRAMID_SIZE)
    rpn = build_rpn(
        config.RPN_ANCHOR_STRIDE,
        len(config.RPN_ANCHOR_RATIOS),
        config.TOP_DOWN_PYRAMID_SIZE,
        config.RPN_CONV_CHANNELS,
    )
    return RegionNetwork(pyramid[:4], *rpn_on_pyramid(rpn, pyramid))


def class_and_box_outputs(rois, network: RegionNetwork, image_meta, config):
    """`class_and_box_head` with the values of a configuration."""
    return class_and_box_head(
        rois,
        network.head_features,
        image_meta,
        config.POOL_SIZE,
        config.NUM_CLASSES,
        fc_layers_size=config.FPN_CLASSIF_FC_LAYERS_SIZE,
        normalization=config.NORMALIZATION,
        train_bn=config.TRAIN_BN,
    )


def mask_outputs(rois, network: RegionNetwork, image_meta, config):
    """`mask_head` with the values of a configuration."""
    return mask_head(
        rois,
        network.head_features,
        image_meta,
        config.MASK_POOL_SIZE,
        config.NUM_CLASSES,
        channels=config.MASK_HEAD_CHANNELS,
        normalization=config.NORMALIZATION,
        train_bn=config.TRAIN_BN,
    )


def build_inference_model(config) -> DetectorModel:
    """The inference graph, with Matterport's inputs, outputs and layer names.

    Inputs: input_image [B, H, W, C], input_image_meta [B, M], input_anchors [B, A, 4] normalised.

    Outputs: detections [B, D, 6], mrcnn_class [B, R, classes], mrcnn_bbox [B, R, classes, 4],
    mrcnn_mask [B, D, h, w, classes], rpn_rois [B, R, 4], rpn_class [B, A, 2], rpn_bbox [B, A, 4].
    """
    image = keras.Input((None, None, config.IMAGE_CHANNEL_COUNT), name="input_image")
    image_meta = keras.Input((config.IMAGE_META_SIZE,), name="input_image_meta")
    anchors = keras.Input((None, 4), name="input_anchors")

    network = region_network(image, config)
    rois = ProposalLayer(
        config.POST_NMS_ROIS_INFERENCE, config.RPN_NMS_THRESHOLD, config=config, name="ROI"
    )([network.rpn_class, network.rpn_bbox, anchors])
    _, probabilities, deltas = class_and_box_outputs(rois, network, image_meta, config)
    detections = DetectionLayer(config, name="mrcnn_detection")(
        [rois, probabilities, deltas, image_meta]
    )
    masks = mask_outputs(
        ToBoxes(name="detection_boxes", dtype="float32")(detections), network, image_meta, config
    )
    return DetectorModel(
        [image, image_meta, anchors],
        [detections, probabilities, deltas, masks, rois, network.rpn_class, network.rpn_bbox],
        name="mask_rcnn",
    )
