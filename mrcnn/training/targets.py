"""Targets of the heads, sampled from the proposals inside the training graph.

Fast R-CNN's sampling (Girshick 2015, section 2.3): a proposal is positive when its IoU with some
ground truth is at least 0.5; a third of the sample is positive, the rest negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from mrcnn.config import Config
from mrcnn.data.molding import IGNORED_CLASS_ID, IGNORED_SHARE
from mrcnn.nets.layers import register
from mrcnn.ops.boxes import (
    box_refinement,
    normalize_boxes,
    pairwise_iou,
    pairwise_share,
    pixel_boxes,
)
from mrcnn.ops.nms import order_by_score, take_rows
from mrcnn.ops.roi_align import crop_masks
from mrcnn.ops.tensor import Tensor

POSITIVE_IOU = 0.5
# A proposal that overlaps a crowd region more than this is no negative: something is there.
CROWD_IOU = 0.001


@dataclass(frozen=True)
class TargetSettings:
    """What target sampling needs to know.

    Attributes:
        rois: regions sampled from each image.
        positive_ratio: share of them that is positive at most.
        box_std_dev: 4 numbers that box deltas are divided by.
        mask_shape: (height, width) of the mask targets.
        mini_masks: True if ground-truth masks are crops of their boxes.
        image_shape: (height, width) of the images in pixels where boxes are compared in pixels,
            from edge to edge, and masks are made of bins, as in torchvision; else None.
    """

    rois: int
    positive_ratio: float
    box_std_dev: tuple[float, ...]
    mask_shape: tuple[int, int]
    mini_masks: bool
    image_shape: tuple[int, int] | None = None

    @classmethod
    def from_config(cls, config: Config) -> "TargetSettings":
        height, width = (int(side) for side in config.MASK_SHAPE)
        return cls(
            rois=config.TRAIN_ROIS_PER_IMAGE,
            positive_ratio=float(config.ROI_POSITIVE_RATIO),
            box_std_dev=tuple(float(value) for value in config.BBOX_STD_DEV),
            mask_shape=(height, width),
            mini_masks=bool(config.USE_MINI_MASK),
            image_shape=(int(config.IMAGE_SHAPE[0]), int(config.IMAGE_SHAPE[1]))
            if config.GEOMETRY == "torchvision"
            else None,
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TargetSettings":
        """The settings from their values by name, in which tuples may be lists."""
        values = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**values)

    @property
    def positives(self) -> int:
        """Positive regions of an image at most; they come first in every target."""
        return int(self.rois * self.positive_ratio)

    @property
    def mask_rows(self) -> int:
        """Regions that have a mask target: the positives, and one where there can be none.

        Tensors without rows are what not every operation of every backend can handle.
        """
        return max(1, self.positives)


def detection_targets(
    proposals: Tensor,
    gt_class_ids: Tensor,
    gt_boxes: Tensor,
    gt_masks: Tensor,
    settings: TargetSettings,
    priorities: Any = None,
    stop_gradients: bool = True,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sample regions and give each its class, box deltas and mask.

    Args:
        proposals: float32 [B, N, 4], normalized, padded with zeros.
        gt_class_ids: int32 [B, G]; 0 is padding, negative ids are crowds, `IGNORED_CLASS_ID` is a
            region to ignore: what lies in it by half is no negative.
        gt_boxes: float32 [B, G, 4], normalized, padded with zeros.
        gt_masks: [B, h, w, G], bool or 0..1; mini-masks of the boxes or masks of the image. An
            object whose mask is all 0 has none, and teaches the mask head nothing.
        settings: see `TargetSettings`.
        priorities: float [B, N]; of the candidates, those with the lowest values are taken. None
            takes the first ones.
        stop_gradients: False lets the gradient of the box loss reach the proposals through the
            box targets, as in the original. Targets are meant to be constants.

    Returns:
        rois float32 [B, T, 4], class_ids int32 [B, T], deltas float32 [B, T, 4], masks float32
        [B, P, mask height, mask width], -1 all over for an object without a mask. Positives stand
        first, then negatives, then zeros; P = `settings.mask_rows`.
    """
    proposals, gt_boxes, gt_masks = (
        ops.cast(value, "float32") for value in (proposals, gt_boxes, gt_masks)
    )
    gt_class_ids = ops.cast(gt_class_ids, "int32")
    if stop_gradients:
        proposals = ops.stop_gradient(proposals)
    positive_limit, mask_rows = settings.positives, settings.mask_rows
    if priorities is None:
        priorities = ops.cast(
            ops.broadcast_to(ops.arange(proposals.shape[1]), ops.shape(proposals)[:2]), "float32"
        )

    is_proposal = ops.any(ops.not_equal(proposals, 0.0), axis=-1)
    is_box = ops.any(ops.not_equal(gt_boxes, 0.0), axis=-1)
    is_object = ops.logical_and(is_box, gt_class_ids > 0)
    is_ignored = ops.logical_and(is_box, ops.equal(gt_class_ids, IGNORED_CLASS_ID))
    is_crowd = ops.logical_and(
        is_box, ops.logical_and(gt_class_ids < 0, ops.logical_not(is_ignored))
    )

    if settings.image_shape is not None:
        proposals = pixel_boxes(proposals, settings.image_shape)
        gt_boxes = pixel_boxes(gt_boxes, settings.image_shape)
    iou = pairwise_iou(proposals, gt_boxes)
    object_iou = ops.where(ops.expand_dims(is_object, 1), iou, -1.0)
    crowd_iou = ops.max(ops.where(ops.expand_dims(is_crowd, 1), iou, 0.0), axis=2)
    best_iou = ops.max(object_iou, axis=2)
    best_object = ops.cast(ops.argmax(object_iou, axis=2), "int32")
    positive = ops.logical_and(is_proposal, best_iou >= POSITIVE_IOU)
    ignored_share = ops.max(
        ops.where(ops.expand_dims(is_ignored, 1), pairwise_share(proposals, gt_boxes), 0.0), axis=2
    )
    background = ops.logical_and(crowd_iou < CROWD_IOU, ignored_share < IGNORED_SHARE)
    negative = ops.logical_and(is_proposal, ops.logical_and(best_iou < POSITIVE_IOU, background))

    def take_lowest(candidates: Tensor, limit: int) -> Tensor:
        rank = ops.where(candidates, priorities, ops.max(priorities) + 1.0)
        return order_by_score(-rank, min(limit, proposals.shape[1]))

    positive_rows = take_lowest(positive, mask_rows)
    positive_count = ops.minimum(_count(positive), positive_limit)
    negative_rows = take_lowest(negative, settings.rois)
    # The reciprocal first, as the original has it: 1 / 0.33 * 33 is 100, 33 / 0.33 may be 99.99.
    wanted = ops.cast(
        (1.0 / settings.positive_ratio if settings.positive_ratio else 0.0)
        * ops.cast(positive_count, "float32"),
        "int32",
    )
    negative_count = ops.minimum(_count(negative), wanted - positive_count)
    # An image without objects teaches what background is; the original would skip it.
    empty = ops.logical_not(ops.any(is_object, axis=1))
    negative_count = ops.where(
        empty, ops.minimum(_count(negative), settings.rois - positive_limit), negative_count
    )
    negative_count = ops.minimum(negative_count, settings.rois - positive_count)

    slot = ops.expand_dims(ops.arange(settings.rois, dtype="int32"), 0)
    positive_count = ops.expand_dims(positive_count, 1)
    used = slot < positive_count + ops.expand_dims(negative_count, 1)
    is_positive = slot < positive_count
    from_positives = _take_slots(positive_rows, ops.broadcast_to(slot, ops.shape(used)))
    from_negatives = _take_slots(negative_rows, slot - positive_count)
    rows = ops.where(is_positive, from_positives, from_negatives)

    rois = take_rows(proposals, rows) * ops.cast(ops.expand_dims(used, -1), "float32")
    instance = ops.where(is_positive, take_rows(best_object, rows), 0)
    class_ids = ops.where(is_positive, take_rows(gt_class_ids, instance), 0)
    target_boxes = take_rows(gt_boxes, instance)
    # Rows that are not positive get a harmless box, so that no logarithm of 0 is taken.
    unit = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0], dtype="float32")
    positive_column = ops.expand_dims(is_positive, -1)
    safe_rois = ops.where(positive_column, rois, unit)
    safe_targets = ops.where(positive_column, target_boxes, unit)
    deltas = box_refinement(safe_rois, safe_targets) / ops.convert_to_tensor(
        settings.box_std_dev, dtype="float32"
    )
    mask_boxes = _mask_boxes(safe_rois, safe_targets, settings.mini_masks)[:, :mask_rows]
    if settings.image_shape is not None:
        if not settings.mini_masks:
            mask_boxes = mask_boxes / ops.convert_to_tensor(settings.image_shape * 2, "float32")
        mask_boxes = _centers_of_bins(mask_boxes, gt_masks.shape[1:3], settings.mask_shape)
        rois = normalize_boxes(rois, settings.image_shape)
        rois = rois * ops.cast(ops.expand_dims(used, -1), "float32")
    masks = crop_masks(gt_masks, instance[:, :mask_rows], mask_boxes, settings.mask_shape)
    has_mask = take_rows(ops.any(gt_masks > 0, axis=(1, 2)), instance[:, :mask_rows])
    masks = ops.where(ops.reshape(has_mask, (-1, mask_rows, 1, 1)), ops.round(masks), -1.0)
    masks = masks * ops.cast(
        ops.reshape(is_positive[:, :mask_rows], (-1, mask_rows, 1, 1)), "float32"
    )
    return rois, class_ids, deltas, masks


def pad_masks(masks: Tensor, settings: TargetSettings) -> Tensor:
    """Masks [B, P, h, w] of the positives, and zeros for the other regions: [B, T, h, w]."""
    missing = settings.rois - settings.mask_rows
    return ops.pad(masks, [[0, 0], [0, missing], [0, 0], [0, 0]])


def _count(flags: Tensor) -> Tensor:
    return ops.sum(ops.cast(flags, "int32"), axis=1)


def _take_slots(rows: Tensor, slots: Tensor) -> Tensor:
    return ops.take_along_axis(rows, ops.clip(slots, 0, rows.shape[1] - 1), axis=1)


def _mask_boxes(rois: Tensor, boxes: Tensor, mini_masks: bool) -> Tensor:
    """Where each region lies on its ground-truth mask, normalized to that mask."""
    if not mini_masks:
        return rois
    low, high = ops.split(boxes, 2, axis=-1)
    sides = high - low
    return (rois - ops.concatenate([low, low], axis=-1)) / ops.concatenate([sides, sides], axis=-1)


def _centers_of_bins(boxes: Tensor, mask_shape: Sequence[int], crop_shape: Sequence[int]) -> Tensor:
    """From the centers of the first bins to those of the last, normalized to the mask.

    Args:
        boxes: float32 [B, P, 4], shares of the mask's height and width, from edge to edge.
        mask_shape: (height, width) of the mask.
        crop_shape: bins of a box along both axes.

    Returns:
        float32 [B, P, 4], 0 and 1 being the centers of the first and the last cell of the mask.
    """
    low, high = ops.split(boxes, 2, axis=-1)
    cells = ops.convert_to_tensor([float(side) for side in mask_shape], dtype="float32")
    bins = ops.convert_to_tensor([float(side) for side in crop_shape], dtype="float32")
    half = 0.5 / bins * (high - low)
    edges = [(each * cells - 0.5) / (cells - 1.0) for each in (low + half, high - half)]
    return ops.concatenate(edges, axis=-1)


@register
class DetectionTargetLayer(keras.layers.Layer):
    """Regions for the heads to train on, with their targets; see `detection_targets`.

    Inputs: [proposals [B, N, 4] normalized, gt_class_ids [B, G], gt_boxes [B, G, 4] normalized,
    gt_masks [B, h, w, G]].
    Outputs: rois [B, T, 4], class_ids int32 [B, T], deltas [B, T, 4], masks [B, T, h, w].

    Args:
        config: gives the settings; or None, and `settings` is a dictionary of `TargetSettings`
            fields.
        masks_of_positives: True leaves out the masks of the regions that can only be negative:
            masks [B, P, h, w].
        shuffle: False takes the first candidates in proposal order instead of a random draw.
        seed: of the random draw.
        stop_gradients: see `detection_targets`.
    """

    def __init__(
        self,
        config: Config | None,
        *,
        settings: dict[str, Any] | None = None,
        masks_of_positives: bool = False,
        shuffle: bool = True,
        seed: int | None = None,
        stop_gradients: bool = True,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.settings = (
            TargetSettings.from_config(config)
            if config is not None
            else TargetSettings.from_dict(settings or {})
        )
        self.masks_of_positives = masks_of_positives
        self.shuffle = shuffle
        self.stop_gradients = stop_gradients
        self.seed = config.SEED if config is not None and seed is None else seed
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        proposals, gt_class_ids, gt_boxes, gt_masks = inputs
        priorities = None
        if self.shuffle:
            priorities = keras.random.uniform(
                ops.shape(proposals)[:2], dtype="float32", seed=self.seed_generator
            )
        rois, class_ids, deltas, masks = detection_targets(
            proposals,
            gt_class_ids,
            gt_boxes,
            gt_masks,
            self.settings,
            priorities,
            self.stop_gradients,
        )
        if not self.masks_of_positives:
            masks = pad_masks(masks, self.settings)
        return rois, class_ids, deltas, masks

    def compute_output_spec(
        self, inputs: Sequence[keras.KerasTensor]
    ) -> tuple[keras.KerasTensor, ...]:
        batch, settings = inputs[0].shape[0], self.settings
        masks = settings.mask_rows if self.masks_of_positives else settings.rois
        return (
            keras.KerasTensor((batch, settings.rois, 4), "float32"),
            keras.KerasTensor((batch, settings.rois), "int32"),
            keras.KerasTensor((batch, settings.rois, 4), "float32"),
            keras.KerasTensor((batch, masks, *settings.mask_shape), "float32"),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "config": None,
            "settings": {
                "rois": self.settings.rois,
                "positive_ratio": self.settings.positive_ratio,
                "box_std_dev": list(self.settings.box_std_dev),
                "mask_shape": list(self.settings.mask_shape),
                "mini_masks": self.settings.mini_masks,
                "image_shape": self.settings.image_shape and list(self.settings.image_shape),
            },
            "masks_of_positives": self.masks_of_positives,
            "shuffle": self.shuffle,
            "seed": self.seed,
            "stop_gradients": self.stop_gradients,
        }
