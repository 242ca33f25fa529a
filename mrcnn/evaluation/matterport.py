"""Average precision as Matterport's programs compute it: on one image, on whole masks.

The mean of these values over images is not COCO's AP, which ranks the detections of all images
together; the two must not be compared.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.errors import DataError
from mrcnn.instances.geometry import compute_overlaps, compute_overlaps_masks, trim_zeros


def compute_matches(
    gt_boxes: np.ndarray,
    gt_class_ids: np.ndarray,
    gt_masks: np.ndarray,
    pred_boxes: np.ndarray,
    pred_class_ids: np.ndarray,
    pred_scores: np.ndarray,
    pred_masks: np.ndarray,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Match predictions with ground truth by class and mask IoU, the best score first.

    Each prediction takes, of the objects that are still free and overlap it enough, the one that
    it overlaps most if the classes agree, else the next.

    Args:
        gt_boxes: [G, 4]; rows of zeros at the end are padding.
        gt_class_ids: int [G].
        gt_masks: [H, W, G].
        pred_boxes: [P, 4]; rows of zeros at the end are padding.
        pred_class_ids: int [P].
        pred_scores: float [P].
        pred_masks: [H, W, P].
        iou_threshold: smallest IoU of a match, 0 to 1.
        score_threshold: objects that overlap a prediction by less than this IoU are not looked
            at. (The name is the original's; it was never a limit of scores.)

    Returns:
        gt_match float64 [G], index of the prediction that found each object, or -1; pred_match
        float64 [P], index of the object of each prediction, or -1; overlaps float32 [P, G]. The
        predictions are numbered by falling score.

    Raises:
        DataError: masks of ground truth and predictions differ in size, or in number from boxes.
    """
    gt_boxes, gt_masks = _trim(gt_boxes, gt_masks, "gt")
    pred_boxes, pred_masks = _trim(pred_boxes, pred_masks, "pred")
    if len(gt_boxes) and len(pred_boxes) and gt_masks.shape[:2] != pred_masks.shape[:2]:
        raise DataError(
            f"gt_masks are {gt_masks.shape[:2]} pixels and pred_masks {pred_masks.shape[:2]}: "
            "both must be of the same image."
        )
    # Equal scores in the order in which the original's sort leaves them.
    order = np.argsort(np.asarray(pred_scores)[: len(pred_boxes)])[::-1]
    class_ids = np.asarray(pred_class_ids)[order]
    overlaps = compute_overlaps_masks(pred_masks[..., order], gt_masks)

    gt_match = np.full(len(gt_boxes), -1.0)
    pred_match = np.full(len(order), -1.0)
    for prediction, row in enumerate(overlaps):
        for candidate in np.argsort(row)[::-1]:
            if row[candidate] < max(iou_threshold, score_threshold):
                break
            if gt_match[candidate] < 0 and class_ids[prediction] == gt_class_ids[candidate]:
                gt_match[candidate] = prediction
                pred_match[prediction] = candidate
                break
    return gt_match, pred_match, overlaps


def compute_ap(
    gt_boxes: np.ndarray,
    gt_class_ids: np.ndarray,
    gt_masks: np.ndarray,
    pred_boxes: np.ndarray,
    pred_class_ids: np.ndarray,
    pred_scores: np.ndarray,
    pred_masks: np.ndarray,
    iou_threshold: float = 0.5,
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Average precision of one image: the area under its interpolated precision-recall curve.

    The rule of PASCAL VOC since 2010 (Everingham et al. 2015, section 2.2), all classes in one
    ranking. Without ground truth it is 0.

    Args:
        gt_boxes, gt_class_ids, gt_masks: ground truth, see `compute_matches`.
        pred_boxes, pred_class_ids, pred_scores, pred_masks: predictions, see there.
        iou_threshold: see there.

    Returns:
        average precision 0 to 1; precisions [P + 2] and recalls [P + 2] of the first 0, 1, ... P
        predictions with an end point on each side; overlaps float32 [P, G].
    """
    gt_match, pred_match, overlaps = compute_matches(
        gt_boxes,
        gt_class_ids,
        gt_masks,
        pred_boxes,
        pred_class_ids,
        pred_scores,
        pred_masks,
        iou_threshold,
    )
    hits = np.cumsum(pred_match >= 0)
    precisions = hits / np.arange(1, len(hits) + 1)
    recalls = hits.astype(np.float32) / max(len(gt_match), 1)
    precisions = np.concatenate([[0], precisions, [0]])
    recalls = np.concatenate([[0], recalls, [1]])
    # The best precision at this recall or a higher one.
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    steps = np.flatnonzero(np.diff(recalls)) + 1
    area = np.sum((recalls[steps] - recalls[steps - 1]) * precisions[steps])
    return area, precisions, recalls, overlaps


def compute_ap_range(
    gt_box: np.ndarray,
    gt_class_id: np.ndarray,
    gt_mask: np.ndarray,
    pred_box: np.ndarray,
    pred_class_id: np.ndarray,
    pred_score: np.ndarray,
    pred_mask: np.ndarray,
    iou_thresholds: Sequence[float] | None = None,
    verbose: int = 1,
) -> float:
    """Mean of `compute_ap` over IoU thresholds.

    Args:
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask: see
            `compute_matches`.
        iou_thresholds: 0.5, 0.55, ..., 0.95 by default.
        verbose: 1 prints the value of each threshold and the mean.

    Returns:
        0 to 1.
    """
    if iou_thresholds is None or len(iou_thresholds) == 0:
        iou_thresholds = np.arange(0.5, 1.0, 0.05)
    precisions = []
    for threshold in iou_thresholds:
        precision, _, _, _ = compute_ap(
            gt_box,
            gt_class_id,
            gt_mask,
            pred_box,
            pred_class_id,
            pred_score,
            pred_mask,
            iou_threshold=threshold,
        )
        precisions.append(precision)
        if verbose:
            print(f"AP @{threshold:.2f}:\t {precision:.3f}")
    mean = float(np.mean(precisions))
    if verbose:
        print(f"AP @{iou_thresholds[0]:.2f}-{iou_thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(
    pred_boxes: np.ndarray, gt_boxes: np.ndarray, iou: float
) -> tuple[float, np.ndarray]:
    """Share of the ground-truth boxes that are the best match of some predicted box.

    Args:
        pred_boxes: [P, 4].
        gt_boxes: [G, 4] in the same unit; rows of zeros are padding.
        iou: smallest box IoU of a match.

    Returns:
        recall 0 to 1 (0 without ground truth), and int64 indices of the predictions that match.
    """
    gt_boxes = trim_zeros(np.asarray(gt_boxes).reshape(-1, 4))
    if len(pred_boxes) == 0 or len(gt_boxes) == 0:
        return 0.0, np.zeros(0, np.int64)
    overlaps = compute_overlaps(pred_boxes, gt_boxes)
    matching = np.flatnonzero(overlaps.max(axis=1) >= iou)
    found = np.unique(overlaps[matching].argmax(axis=1))
    return len(found) / len(gt_boxes), matching


def _trim(boxes: np.ndarray, masks: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and masks without the padding at their end."""
    boxes = trim_zeros(np.asarray(boxes).reshape(-1, 4))
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.shape[-1] < len(boxes):
        raise DataError(
            f"{name}_masks have the shape {masks.shape}: expected [height, width, {len(boxes)}], "
            f"one mask for each of the {len(boxes)} boxes."
        )
    return boxes, masks[..., : len(boxes)]
