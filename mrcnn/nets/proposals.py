"""From RPN outputs to region proposals (Ren et al. 2015, section 3.3)."""

import keras
from keras import ops

from mrcnn.nets.layers import register
from mrcnn.ops.boxes import apply_box_deltas, clip_boxes, finite_boxes
from mrcnn.ops.nms import non_max_suppression, order_by_score, take_rows


def propose_regions(
    scores,
    deltas,
    anchors,
    count: int,
    nms_threshold: float,
    pre_nms_limit: int,
    box_std_dev,
    stop_gradients: bool = True,
):
    """The best refined anchors, without near duplicates.

    Args:
        scores: float32 [B, A, 2], probabilities of background and object.
        deltas: float32 [B, A, 4], divided by `box_std_dev`.
        anchors: float32 [B, A, 4], normalised.
        count: proposals kept at most.
        nms_threshold: IoU above which the lower scored of two proposals is dropped.
        pre_nms_limit: anchors that enter, by score.
        box_std_dev: 4 numbers that the deltas are multiplied by.
        stop_gradients: False lets gradients reach the deltas, as in the original.

    Returns:
        float32 [B, count, 4], normalised, clipped to 0..1, by falling score, padded with zeros.
    """
    scores, deltas, anchors = (ops.cast(value, "float32") for value in (scores, deltas, anchors))
    if stop_gradients:
        scores, deltas, anchors = map(ops.stop_gradient, (scores, deltas, anchors))
    scores = scores[..., 1]
    if anchors.shape[1] is None:
        # Images of changing size: fill up so that the number that enters is fixed.
        rows = [[0, 0], [0, pre_nms_limit]]
        scores = ops.pad(scores, rows, constant_values=-1.0)
        deltas, anchors = (ops.pad(value, [*rows, [0, 0]]) for value in (deltas, anchors))
        limit = pre_nms_limit
    else:
        limit = min(pre_nms_limit, anchors.shape[1])
    best = order_by_score(scores, limit)
    deltas = take_rows(deltas, best) * ops.convert_to_tensor(box_std_dev, dtype="float32")
    boxes = apply_box_deltas(take_rows(anchors, best), deltas)
    boxes = clip_boxes(boxes, ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32"))
    boxes, finite = finite_boxes(boxes)
    valid = ops.logical_and(finite, take_rows(scores, best) >= 0.0)
    kept, counts = non_max_suppression(boxes, valid, count, nms_threshold)
    filled = ops.arange(count, dtype="int32") < ops.expand_dims(counts, 1)
    return take_rows(boxes, kept) * ops.cast(ops.expand_dims(filled, -1), "float32")


@register
class ProposalLayer(keras.layers.Layer):
    """Region proposals of each image.

    Inputs: [rpn_class [B, A, 2], rpn_bbox [B, A, 4], anchors [B, A, 4] normalised].
    Output: float32 [B, proposal_count, 4] normalised proposals, padded with zeros.

    Args:
        proposal_count: proposals kept at most.
        nms_threshold: IoU above which the lower scored of two proposals is dropped.
        config: gives PRE_NMS_LIMIT and RPN_BBOX_STD_DEV, or pass the next two.
        pre_nms_limit: anchors that enter non-maximum suppression at most.
        box_std_dev: 4 numbers that the deltas are multiplied by.
        stop_gradients: see `propose_regions`.
    """

    def __init__(
        self,
        proposal_count,
        nms_threshold,
        config=None,
        pre_nms_limit=6000,
        box_std_dev=(0.1, 0.1, 0.2, 0.2),
        stop_gradients=True,
        **kwargs,
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.proposal_count = proposal_count
        self.nms_threshold = nms_threshold
        self.pre_nms_limit = config.PRE_NMS_LIMIT if config else pre_nms_limit
        self.box_std_dev = [float(v) for v in (config.RPN_BBOX_STD_DEV if config else box_std_dev)]
        self.stop_gradients = stop_gradients

    def call(self, inputs):
        scores, deltas, anchors = inputs
        return propose_regions(
            scores,
            deltas,
            anchors,
            count=self.proposal_count,
            nms_threshold=self.nms_threshold,
            pre_nms_limit=self.pre_nms_limit,
            box_std_dev=self.box_std_dev,
            stop_gradients=self.stop_gradients,
        )

    def compute_output_shape(self, inputs_shape):
        return (inputs_shape[0][0], self.proposal_count, 4)

    def get_config(self):
        return {
            **super().get_config(),
            "proposal_count": self.proposal_count,
            "nms_threshold": self.nms_threshold,
            "pre_nms_limit": self.pre_nms_limit,
            "box_std_dev": self.box_std_dev,
            "stop_gradients": self.stop_gradients,
        }
