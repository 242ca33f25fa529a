"""Matterport's names of the losses and of target sampling, for programs that call them."""

import numpy as np
from keras import ops

from mrcnn.config import Config
from mrcnn.ops.tensor import Tensor
from mrcnn.training import losses
from mrcnn.training.targets import TargetSettings, detection_targets, pad_masks


def smooth_l1_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Elementwise smooth L1 distance of two tensors of one shape."""
    return losses.smooth_l1(*_tensors(y_true, y_pred))


def rpn_class_loss_graph(rpn_match: Tensor, rpn_class_logits: Tensor) -> Tensor:
    """See `mrcnn.training.losses.rpn_class_loss`.

    Args:
        rpn_match: int [B, A, 1]; 1 object, -1 background, 0 not sampled.
        rpn_class_logits: float [B, A, 2].
    """
    return losses.rpn_class_loss(*_tensors(rpn_match, rpn_class_logits))


def rpn_bbox_loss_graph(
    config: Config, target_bbox: Tensor, rpn_match: Tensor, rpn_bbox: Tensor
) -> Tensor:
    """See `mrcnn.training.losses.rpn_bbox_loss`.

    Args:
        config: not used; part of the established signature.
        target_bbox: float [B, K, 4], one row for each positive anchor, in their order.
        rpn_match: int [B, A, 1].
        rpn_bbox: float [B, A, 4].
    """
    return losses.rpn_bbox_loss(*_tensors(target_bbox, rpn_match, rpn_bbox))


def mrcnn_class_loss_graph(
    target_class_ids: Tensor, pred_class_logits: Tensor, active_class_ids: Tensor
) -> Tensor:
    """See `mrcnn.training.losses.mrcnn_class_loss`.

    Args:
        target_class_ids: int [B, T].
        pred_class_logits: float [B, T, classes].
        active_class_ids: [B, classes], 1 for the classes of the image's source.
    """
    return losses.mrcnn_class_loss(*_tensors(target_class_ids, pred_class_logits, active_class_ids))


def mrcnn_bbox_loss_graph(
    target_bbox: Tensor, target_class_ids: Tensor, pred_bbox: Tensor
) -> Tensor:
    """See `mrcnn.training.losses.mrcnn_bbox_loss`.

    Args:
        target_bbox: float [B, T, 4].
        target_class_ids: int [B, T].
        pred_bbox: float [B, T, classes, 4].
    """
    return losses.mrcnn_bbox_loss(*_tensors(target_bbox, target_class_ids, pred_bbox))


def mrcnn_mask_loss_graph(
    target_masks: Tensor, target_class_ids: Tensor, pred_masks: Tensor
) -> Tensor:
    """See `mrcnn.training.losses.mrcnn_mask_loss`.

    Args:
        target_masks: float [B, T, h, w] of 0 and 1.
        target_class_ids: int [B, T].
        pred_masks: float [B, T, h, w, classes] from 0 to 1.
    """
    return losses.mrcnn_mask_loss(*_tensors(target_masks, target_class_ids, pred_masks))


def detection_targets_graph(
    proposals: Tensor, gt_class_ids: Tensor, gt_boxes: Tensor, gt_masks: Tensor, config: Config
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sample regions of one image with their targets; the first candidates, not a random draw.

    Args:
        proposals: float32 [N, 4], normalized, padded with zeros.
        gt_class_ids: int [G], padded with zeros.
        gt_boxes: float32 [G, 4], normalized, padded with zeros.
        gt_masks: bool [h, w, G].
        config: see `mrcnn.training.targets.TargetSettings`.

    Returns:
        rois [T, 4], class ids int32 [T], deltas [T, 4], masks [T, mask height, mask width];
        T = TRAIN_ROIS_PER_IMAGE.
    """
    settings = TargetSettings.from_config(config)
    proposals, gt_class_ids, gt_boxes, gt_masks = (
        ops.expand_dims(value, 0) for value in _tensors(proposals, gt_class_ids, gt_boxes, gt_masks)
    )
    rois, class_ids, deltas, masks = detection_targets(
        proposals, gt_class_ids, gt_boxes, gt_masks, settings
    )
    return rois[0], class_ids[0], deltas[0], pad_masks(masks, settings)[0]


def _tensors(*values: Tensor) -> list[Tensor]:
    """Tensors of the backend; numpy's float64 in the float32 of everything else."""
    return [
        ops.convert_to_tensor(
            value.astype(np.float32) if getattr(value, "dtype", None) == np.float64 else value
        )
        for value in values
    ]
