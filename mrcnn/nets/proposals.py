"""From RPN outputs to region proposals (Ren et al. 2015, section 3.3)."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.config import Config
from mrcnn.nets.layers import register
from mrcnn.ops.boxes import apply_box_deltas, clip_boxes, finite_boxes
from mrcnn.ops.levelled import propose_by_level, refine_by_level
from mrcnn.ops.nms import non_max_suppression, order_by_score, take_rows
from mrcnn.ops.tensor import Shape, Tensor


def refine_anchors(
    scores: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    pre_nms_limit: int,
    box_std_dev: Sequence[float],
) -> dict[str, Tensor]:
    """The anchors of the highest scores, moved by their deltas.

    Args:
        scores: float32 [B, A, 2], probabilities of background and object.
        deltas: float32 [B, A, 4], divided by `box_std_dev`.
        anchors: float32 [B, A, 4], normalized.
        pre_nms_limit: anchors that are taken, by score.
        box_std_dev: 4 numbers that the deltas are multiplied by.

    Returns:
        by falling score, K = min(pre_nms_limit, A): pre_nms_anchors, refined_anchors and
        refined_anchors_clipped, each float32 [B, K, 4], and valid bool [B, K], false for padding
        and for boxes that are not finite (their clipped box is zeros).
    """
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
    anchors = take_rows(anchors, best)
    deltas = take_rows(deltas, best) * ops.convert_to_tensor(box_std_dev, dtype="float32")
    refined = apply_box_deltas(anchors, deltas)
    whole_image = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")
    clipped, finite = finite_boxes(clip_boxes(refined, whole_image))
    return {
        "pre_nms_anchors": anchors,
        "refined_anchors": refined,
        "refined_anchors_clipped": clipped,
        "valid": ops.logical_and(finite, take_rows(scores, best) >= 0.0),
    }


def propose_regions(
    scores: Tensor,
    deltas: Tensor,
    anchors: Tensor,
    count: int,
    nms_threshold: float,
    pre_nms_limit: int,
    box_std_dev: Sequence[float],
    stop_gradients: bool = True,
) -> Tensor:
    """The best refined anchors, without near duplicates.

    Args:
        scores, deltas, anchors, pre_nms_limit, box_std_dev: see `refine_anchors`.
        count: proposals kept at most.
        nms_threshold: IoU above which the lower scored of two proposals is dropped.
        stop_gradients: False lets gradients reach the deltas, as in the original.

    Returns:
        float32 [B, count, 4], normalized, clipped to 0..1, by falling score, padded with zeros.
    """
    scores, deltas, anchors = (ops.cast(value, "float32") for value in (scores, deltas, anchors))
    if stop_gradients:
        scores, deltas, anchors = map(ops.stop_gradient, (scores, deltas, anchors))
    stages = refine_anchors(scores, deltas, anchors, pre_nms_limit, box_std_dev)
    boxes = stages["refined_anchors_clipped"]
    kept, counts = non_max_suppression(boxes, stages["valid"], count, nms_threshold)
    filled = ops.arange(count, dtype="int32") < ops.expand_dims(counts, 1)
    return take_rows(boxes, kept) * ops.cast(ops.expand_dims(filled, -1), "float32")


@register
class ProposalLayer(keras.layers.Layer):
    """Region proposals of each image.

    Inputs: [rpn_class [B, A, 2], rpn_bbox [B, A, 4], anchors [B, A, 4] normalized], and with
    `by_level` also image_meta [B, M] and the feature maps that the RPN looked at.
    Output: float32 [B, proposal_count, 4] normalized proposals, padded with zeros.

    Args:
        proposal_count: proposals kept at most.
        nms_threshold: IoU above which the lower scored of two proposals is dropped.
        config: gives PRE_NMS_LIMIT, RPN_BBOX_STD_DEV and what says how levels are treated, or pass
            the others.
        pre_nms_limit: anchors that enter non-maximum suppression at most.
        box_std_dev: 4 numbers that the deltas are multiplied by.
        stop_gradients: see `propose_regions`.
        by_level: True chooses level by level, as torchvision does; see `mrcnn.ops.levelled`.
        anchor_stride, anchors_per_location: of the RPN; `by_level` needs them.
    """

    def __init__(
        self,
        proposal_count: int,
        nms_threshold: float,
        config: Config | None = None,
        *,
        pre_nms_limit: int = 6000,
        box_std_dev: Sequence[float] = (0.1, 0.1, 0.2, 0.2),
        stop_gradients: bool = True,
        by_level: bool = False,
        anchor_stride: int = 1,
        anchors_per_location: int = 3,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.proposal_count = proposal_count
        self.nms_threshold = nms_threshold
        self.pre_nms_limit = config.PRE_NMS_LIMIT if config else pre_nms_limit
        self.box_std_dev = [float(v) for v in (config.RPN_BBOX_STD_DEV if config else box_std_dev)]
        self.stop_gradients = stop_gradients
        self.by_level = config.GEOMETRY == "torchvision" if config else by_level
        self.anchor_stride = config.RPN_ANCHOR_STRIDE if config else anchor_stride
        self.anchors_per_location = (
            len(config.RPN_ANCHOR_RATIOS) if config else anchors_per_location
        )
        if self.by_level:
            # Of the feature maps only the sizes are looked at.
            self.autocast = False

    def inputs_of(
        self, scores: Tensor, deltas: Tensor, anchors: Tensor, *others: Tensor
    ) -> list[Tensor]:
        """What the layer is called on, of all that there is for it (see above)."""
        return [scores, deltas, anchors, *(others if self.by_level else ())]

    def stages(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        """Anchors and boxes before suppression, see `refine_anchors`."""
        scores, deltas, anchors, *others = inputs
        if not self.by_level:
            return refine_anchors(scores, deltas, anchors, self.pre_nms_limit, self.box_std_dev)
        return refine_by_level(
            scores,
            deltas,
            anchors,
            *self._levels(others),
            pre_nms_limit=self.pre_nms_limit,
            box_std_dev=self.box_std_dev,
        )

    def _levels(self, others: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Image meta, and how many anchors each feature map has."""
        image_meta, *feature_maps = others
        counts = []
        for feature_map in feature_maps:
            height, width = (-(-side // self.anchor_stride) for side in ops.shape(feature_map)[1:3])
            counts.append(height * width * self.anchors_per_location)
        return image_meta, counts

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        scores, deltas, anchors, *others = inputs
        if self.by_level:
            values = (ops.cast(value, "float32") for value in (scores, deltas, anchors))
            # Proposals are where the heads look, not what they learn.
            scores, deltas, anchors = map(ops.stop_gradient, values)
            return propose_by_level(
                self.stages([scores, deltas, anchors, *others]),
                others[0],
                count=self.proposal_count,
                nms_threshold=self.nms_threshold,
            )
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

    def compute_output_shape(self, inputs_shape: Sequence[Shape]) -> Shape:
        return (inputs_shape[0][0], self.proposal_count, 4)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "proposal_count": self.proposal_count,
            "nms_threshold": self.nms_threshold,
            "pre_nms_limit": self.pre_nms_limit,
            "box_std_dev": self.box_std_dev,
            "stop_gradients": self.stop_gradients,
            "by_level": self.by_level,
            "anchor_stride": self.anchor_stride,
            "anchors_per_location": self.anchors_per_location,
        }


class ProposalStages(keras.layers.Layer):
    """What a `ProposalLayer` computes on the way, for looking at.

    Inputs: as `ProposalLayer`.
    Output: a dictionary of pre_nms_anchors, refined_anchors and refined_anchors_clipped, float32
    [B, K, 4] normalized, and rpn_non_max_suppression int32 [N], the rows of the first image that
    suppression keeps. N depends on the values, so this layer is for values, not for compiled
    graphs.

    Args:
        layer: the layer to look into.
    """

    NAMES = (
        "pre_nms_anchors",
        "refined_anchors",
        "refined_anchors_clipped",
        "rpn_non_max_suppression",
    )

    def __init__(self, layer: ProposalLayer) -> None:
        super().__init__(dtype="float32")
        self.layer = layer

    def call(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        layer = self.layer
        stages = layer.stages(inputs)
        kept, counts = non_max_suppression(
            stages.get("pixels", stages["refined_anchors_clipped"]),
            stages["valid"],
            layer.proposal_count,
            layer.nms_threshold,
            stages.get("level"),
        )
        named = {name: stages[name] for name in self.NAMES[:-1]}
        return {**named, "rpn_non_max_suppression": kept[0, : int(counts[0])]}

    def compute_output_spec(
        self, inputs: Sequence[keras.KerasTensor]
    ) -> dict[str, keras.KerasTensor]:
        batch = inputs[0].shape[0]
        boxes = {name: keras.KerasTensor((batch, None, 4), "float32") for name in self.NAMES[:-1]}
        return {**boxes, self.NAMES[-1]: keras.KerasTensor((None,), "int32")}
