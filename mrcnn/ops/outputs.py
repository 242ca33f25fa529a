"""What the two graphs give, by name and in Matterport's order: symbolic tensors, or arrays."""

from typing import NamedTuple

from mrcnn.ops.tensor import Tensor


class InferenceOutputs(NamedTuple):
    """Outputs of the inference graph; boxes are normalized to the molded image.

    B images of A anchors; D is DETECTION_MAX_INSTANCES, R POST_NMS_ROIS_INFERENCE, K NUM_CLASSES.

    Attributes:
        detections: [B, D, 6] of (y1, x1, y2, x2, class id, score) by falling score, padded with
            zeros.
        mrcnn_class: class probabilities [B, R, K] of the proposals.
        mrcnn_bbox: box deltas [B, R, K, 4] of the proposals, divided by BBOX_STD_DEV.
        mrcnn_mask: masks [B, D, h, w, K] of the detections, 0 to 1, of their boxes widened by
            MASK_MARGIN.
        rpn_rois: proposals [B, R, 4] by falling score of the RPN, padded with zeros.
        rpn_class: probabilities [B, A, 2] of the anchors, background and object.
        rpn_bbox: box deltas [B, A, 4] of the anchors, divided by RPN_BBOX_STD_DEV.
    """

    detections: Tensor
    mrcnn_class: Tensor
    mrcnn_bbox: Tensor
    mrcnn_mask: Tensor
    rpn_rois: Tensor
    rpn_class: Tensor
    rpn_bbox: Tensor


class TrainingOutputs(NamedTuple):
    """Outputs of the training graph; T is TRAIN_ROIS_PER_IMAGE, for the others see above.

    Attributes:
        rpn_class_logits: [B, A, 2].
        rpn_class, rpn_bbox: as in inference.
        mrcnn_class_logits: [B, T, K].
        mrcnn_class, mrcnn_bbox: as in inference, of the regions that train.
        mrcnn_mask: [B, P, h, w, K], of those regions that can be positive.
        rpn_rois: proposals [B, POST_NMS_ROIS_TRAINING, 4].
        output_rois: regions that train [B, T, 4].
        rpn_class_loss, rpn_bbox_loss, mrcnn_class_loss, mrcnn_bbox_loss, mrcnn_mask_loss: scalars.
    """

    rpn_class_logits: Tensor
    rpn_class: Tensor
    rpn_bbox: Tensor
    mrcnn_class_logits: Tensor
    mrcnn_class: Tensor
    mrcnn_bbox: Tensor
    mrcnn_mask: Tensor
    rpn_rois: Tensor
    output_rois: Tensor
    rpn_class_loss: Tensor
    rpn_bbox_loss: Tensor
    mrcnn_class_loss: Tensor
    mrcnn_bbox_loss: Tensor
    mrcnn_mask_loss: Tensor
