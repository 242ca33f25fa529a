"""The five losses of Mask R-CNN (He et al. 2017, section 3; Ren et al. 2015, equation 1).

Shapes are static: rows that do not count have weight 0 instead of being left out, and a loss
without any row that counts is 0. Where several devices share a batch, a loss is that of the whole
batch on each of them.
"""

from keras import ops

from mrcnn.ops.tensor import Tensor
from mrcnn.training.replicas import weighted_mean


def smooth_l1(targets: Tensor, predictions: Tensor) -> Tensor:
    """Elementwise smooth L1 distance (Girshick 2015, equation 3)."""
    difference = ops.abs(targets - predictions)
    return ops.where(difference < 1.0, 0.5 * difference * difference, difference - 0.5)


def _cross_entropy(class_ids: Tensor, logits: Tensor) -> Tensor:
    """Softmax cross-entropy [...] of class ids [...] and logits [..., classes]."""
    log_probabilities = ops.log_softmax(logits, axis=-1)
    index = ops.expand_dims(ops.cast(class_ids, "int32"), -1)
    return -ops.squeeze(ops.take_along_axis(log_probabilities, index, axis=-1), -1)


def rpn_class_loss(match: Tensor, logits: Tensor) -> Tensor:
    """Object or background, for the anchors that were sampled.

    Args:
        match: int [B, A, 1]; 1 object, -1 background, 0 not sampled.
        logits: float [B, A, 2] for background and object.

    Returns:
        scalar float32.
    """
    match = ops.squeeze(match, -1)
    losses = _cross_entropy(match == 1, ops.cast(logits, "float32"))
    return weighted_mean(losses, ops.cast(ops.not_equal(match, 0), "float32"))


def rpn_bbox_loss(target_deltas: Tensor, match: Tensor, deltas: Tensor) -> Tensor:
    """Box deltas of the anchors that stand for an object.

    Args:
        target_deltas: float [B, K, 4], packed: row i belongs to the i-th positive anchor.
        match: int [B, A, 1], as in `rpn_class_loss`.
        deltas: float [B, A, 4].

    Returns:
        scalar float32.
    """
    positive = ops.squeeze(match, -1) == 1
    deltas = ops.cast(deltas, "float32")
    row = ops.cumsum(ops.cast(positive, "int32"), axis=1) - 1
    row = ops.clip(row, 0, target_deltas.shape[1] - 1)
    row = ops.broadcast_to(ops.expand_dims(row, -1), ops.shape(deltas))
    targets = ops.take_along_axis(ops.cast(target_deltas, "float32"), row, axis=1)
    losses = ops.mean(smooth_l1(targets, deltas), axis=-1)
    return weighted_mean(losses, ops.cast(positive, "float32"))


def mrcnn_class_loss(target_class_ids: Tensor, logits: Tensor, active_class_ids: Tensor) -> Tensor:
    """Class of each region, where the predicted class is one of the image's data set.

    Args:
        target_class_ids: int [B, T].
        logits: float [B, T, classes].
        active_class_ids: [B, classes], 1 for the classes of the data set that the image is from.

    Returns:
        scalar float32.
    """
    logits = ops.cast(logits, "float32")
    losses = _cross_entropy(target_class_ids, logits)
    predicted = ops.argmax(logits, axis=-1)
    active = ops.take_along_axis(ops.cast(active_class_ids, "float32"), predicted, axis=1)
    return weighted_mean(losses, active)


def mrcnn_bbox_loss(target_deltas: Tensor, target_class_ids: Tensor, deltas: Tensor) -> Tensor:
    """Box deltas of positive regions, those of their class.

    Args:
        target_deltas: float [B, T, 4].
        target_class_ids: int [B, T]; 0 for negatives and padding.
        deltas: float [B, T, classes, 4].

    Returns:
        scalar float32.
    """
    deltas = ops.cast(deltas, "float32")
    index = ops.reshape(ops.cast(target_class_ids, "int32"), (-1, deltas.shape[1], 1, 1))
    index = ops.broadcast_to(index, (ops.shape(deltas)[0], deltas.shape[1], 1, 4))
    deltas = ops.squeeze(ops.take_along_axis(deltas, index, axis=2), axis=2)
    losses = ops.mean(smooth_l1(ops.cast(target_deltas, "float32"), deltas), axis=-1)
    return weighted_mean(losses, ops.cast(target_class_ids > 0, "float32"))


def mrcnn_mask_loss(target_masks: Tensor, target_class_ids: Tensor, masks: Tensor) -> Tensor:
    """Binary cross-entropy of the masks of positive regions, those of their class.

    Args:
        target_masks: float [B, P, h, w] of 0 and 1; -1 where the mask is not known, and then the
            region does not count.
        target_class_ids: int [B, P]; 0 for regions that are not positive.
        masks: float [B, P, h, w, classes] from 0 to 1.

    Returns:
        scalar float32.
    """
    masks = ops.cast(masks, "float32")
    _, regions, height, width, _ = masks.shape
    index = ops.reshape(ops.cast(target_class_ids, "int32"), (-1, regions, 1, 1, 1))
    index = ops.broadcast_to(index, (ops.shape(masks)[0], regions, height, width, 1))
    masks = ops.squeeze(ops.take_along_axis(masks, index, axis=-1), -1)
    # Clipped and shifted by the epsilon of Keras 2, so that extreme values cost what they did.
    epsilon = 1e-7
    masks = ops.clip(masks, epsilon, 1.0 - epsilon)
    losses = -(
        target_masks * ops.log(masks + epsilon)
        + (1.0 - target_masks) * ops.log(1.0 - masks + epsilon)
    )
    losses = ops.mean(losses, axis=(2, 3))
    counts = ops.logical_and(target_class_ids > 0, target_masks[:, :, 0, 0] >= 0)
    return weighted_mean(losses, ops.cast(counts, "float32"))
