"""Matterport's functions that build parts of the network, for programs that call them by name.

Each puts the layers of a part of the network on symbolic tensors, under the names that weight
files know. `refine_detections_graph` works on the values of one image.
"""

from collections.abc import Sequence

import keras
from keras import ops

from mrcnn.config import Config
from mrcnn.nets.detection import refine_detections
from mrcnn.nets.heads import ClassAndBoxHead, MaskHead
from mrcnn.nets.resnet import bottleneck_block, resnet_stages
from mrcnn.nets.rpn import build_rpn, rpn_heads
from mrcnn.ops.tensor import Tensor


def identity_block(
    input_tensor: Tensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> Tensor:
    """A bottleneck block whose shortcut is the identity.

    Args:
        input_tensor: feature map [B, H, W, C] with C = filters[2].
        kernel_size: side of the middle convolution.
        filters: channels of the three convolutions.
        stage, block: stage number and block letter, for the layer names.
        use_bias: whether the convolutions have a bias.
        train_bn: see `mrcnn.nets.normalization.BatchNorm`.

    Returns:
        feature map [B, H, W, C].
    """
    return bottleneck_block(
        input_tensor, kernel_size, filters, stage, block, 1, False, use_bias, train_bn=train_bn
    )


def conv_block(
    input_tensor: Tensor,
    kernel_size: int,
    filters: Sequence[int],
    stage: int,
    block: str,
    strides: int | tuple[int, int] = (2, 2),
    use_bias: bool = True,
    train_bn: bool | None = True,
) -> Tensor:
    """A bottleneck block with a convolution on the shortcut; see `identity_block`.

    Args:
        strides: of the first convolution and of the shortcut.

    Returns:
        feature map [B, H / strides[0], W / strides[1], filters[2]].
    """
    return bottleneck_block(
        input_tensor, kernel_size, filters, stage, block, strides, True, use_bias, train_bn=train_bn
    )


def resnet_graph(
    input_image: Tensor, architecture: str, stage5: bool = False, train_bn: bool | None = True
) -> list[Tensor]:
    """A ResNet backbone; see `mrcnn.nets.resnet.resnet_stages`.

    Returns:
        [C1, C2, C3, C4, C5]; C5 is None without `stage5`.
    """
    return resnet_stages(input_image, architecture, stage5=stage5, train_bn=train_bn)


def rpn_graph(feature_map: Tensor, anchors_per_location: int, anchor_stride: int) -> list[Tensor]:
    """The RPN on one feature map; see `mrcnn.nets.rpn.rpn_heads`.

    Returns:
        [logits [B, A, 2], probabilities [B, A, 2], deltas [B, A, 4]].
    """
    return rpn_heads(feature_map, anchors_per_location, anchor_stride)


def build_rpn_model(anchor_stride: int, anchors_per_location: int, depth: int) -> keras.Model:
    """The RPN as a Keras model for feature maps with `depth` channels."""
    return build_rpn(anchor_stride, anchors_per_location, depth)


def fpn_classifier_graph(
    rois: Tensor,
    feature_maps: Sequence[Tensor],
    image_meta: Tensor,
    pool_size: int,
    num_classes: int,
    train_bn: bool | None = True,
    fc_layers_size: int = 1024,
) -> tuple[Tensor, Tensor, Tensor]:
    """The class and box head; see `mrcnn.nets.heads.ClassAndBoxHead`.

    Args:
        rois: [B, R, 4], normalized; R is static.
        feature_maps: [P2, P3, P4, P5].
        image_meta: [B, M].
        pool_size: side of the ROIAlign grid.
        num_classes: classes with the background.
        train_bn: see `mrcnn.nets.normalization.BatchNorm`.
        fc_layers_size: width of the two hidden layers.

    Returns:
        logits [B, R, classes], probabilities [B, R, classes], deltas [B, R, classes, 4].
    """
    head = ClassAndBoxHead(pool_size, num_classes, fc_layers_size, train_bn=train_bn)
    return head(rois, feature_maps, image_meta)


def build_fpn_mask_graph(
    rois: Tensor,
    feature_maps: Sequence[Tensor],
    image_meta: Tensor,
    pool_size: int,
    num_classes: int,
    train_bn: bool | None = True,
) -> Tensor:
    """The mask head; see `mrcnn.nets.heads.MaskHead`, and `fpn_classifier_graph` for the inputs.

    Returns:
        masks [B, R, 2 * pool_size, 2 * pool_size, classes] from 0 to 1.
    """
    return MaskHead(pool_size, num_classes, train_bn=train_bn)(rois, feature_maps, image_meta)


def refine_detections_graph(
    rois: Tensor, probs: Tensor, deltas: Tensor, window: Tensor, config: Config
) -> Tensor:
    """Detections of one image; see `mrcnn.nets.detection.refine_detections`.

    Args:
        rois: float32 [R, 4], normalized.
        probs: float32 [R, classes].
        deltas: float32 [R, classes, 4].
        window: float32 [4], normalized part of the image that is not padding.
        config: gives the DETECTION_... settings and BBOX_STD_DEV.

    Returns:
        float32 [DETECTION_MAX_INSTANCES, 6] of (y1, x1, y2, x2, class id, score), normalized,
        padded with zeros.
    """
    rois, probs, deltas, window = (
        ops.expand_dims(ops.convert_to_tensor(value, dtype="float32"), 0)
        for value in (rois, probs, deltas, window)
    )
    return refine_detections(
        rois,
        probs,
        deltas,
        window,
        max_instances=config.DETECTION_MAX_INSTANCES,
        min_confidence=config.DETECTION_MIN_CONFIDENCE,
        nms_threshold=config.DETECTION_NMS_THRESHOLD,
        box_std_dev=config.BBOX_STD_DEV,
    )[0]
