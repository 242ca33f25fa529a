"""Curves and grids of an evaluation."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mrcnn.drawing.figures import new_axes
from mrcnn.drawing.instances import ClassNames, class_name
from mrcnn.errors import DataError

_CELL_SIZE = 9


def plot_precision_recall(AP: float, precisions: ArrayLike, recalls: ArrayLike) -> Axes:
    """Draw the precision-recall curve of `mrcnn.utils.compute_ap` in a new figure.

    Args:
        AP: average precision at IoU 0.5, for the title.
        precisions: [K] in 0..1.
        recalls: [K] in 0..1.

    Returns:
        The axes drawn on. The figure is left for `plt.show()` or `plt.savefig`.

    Raises:
        DataError: there are not as many precisions as recalls.
    """
    precisions, recalls = np.asarray(precisions), np.asarray(recalls)
    if len(precisions) != len(recalls):
        raise DataError(
            f"{len(precisions)} precisions and {len(recalls)} recalls: must be as many."
        )
    _, ax = plt.subplots(1)
    ax.set_title(f"Precision over recall, AP at IoU 0.5: {AP:.3f}")
    ax.set_xlim(0, 1.1)
    ax.set_ylim(0, 1.1)
    ax.set_xlabel("Recall")
    ax.set_ylabel("Precision")
    ax.plot(recalls, precisions)
    return ax


def plot_overlaps(
    gt_class_ids: ArrayLike,
    pred_class_ids: ArrayLike,
    pred_scores: ArrayLike,
    overlaps: ArrayLike,
    class_names: ClassNames,
    threshold: float = 0.5,
) -> Axes:
    """Draw a grid of predictions by ground truth in a new figure, with the IoU in each cell.

    Pairs above the threshold are marked "match" if the classes agree, else "wrong".

    Args:
        gt_class_ids: int [G]; zeros are padding.
        pred_class_ids: int [P], in the order of the rows of `overlaps`; zeros are padding.
        pred_scores: [P] in 0..1.
        overlaps: [P, G] in 0..1, such as `mrcnn.utils.compute_ap` returns for predictions by
            falling score.
        class_names: name of each class, the background's first.
        threshold: IoU above which a pair is marked.

    Returns:
        The axes drawn on. The figure is left for `plt.show()` or `plt.savefig`.

    Raises:
        DataError: the arrays do not fit together.
    """
    gt_class_ids, pred_class_ids = np.asarray(gt_class_ids), np.asarray(pred_class_ids)
    pred_scores = np.asarray(pred_scores)
    if len(pred_scores) < len(pred_class_ids):
        raise DataError(f"{len(pred_scores)} pred_scores for {len(pred_class_ids)} pred_class_ids.")
    is_prediction = pred_class_ids != 0
    pred_scores = pred_scores[: len(is_prediction)][is_prediction]
    pred_class_ids = pred_class_ids[is_prediction]
    gt_class_ids = gt_class_ids[gt_class_ids != 0]
    overlaps = np.asarray(overlaps)
    shape = (len(pred_class_ids), len(gt_class_ids))
    if overlaps.size == 0 and 0 in shape:
        overlaps = overlaps.reshape(shape)
    if overlaps.shape != shape:
        raise DataError(
            f"overlaps have the shape {overlaps.shape}: {shape} is expected, a row for each "
            "prediction and a column for each object of the ground truth."
        )
    truths = [class_name(class_names, class_id) for class_id in gt_class_ids]
    predictions = [
        f"{class_name(class_names, class_id)} ({score:.2f})"
        for class_id, score in zip(pred_class_ids, pred_scores, strict=True)
    ]

    ax = new_axes(12, 10)
    if overlaps.size:
        ax.imshow(overlaps, interpolation="nearest", cmap="Blues")
    ax.set_yticks(np.arange(len(predictions)), predictions)
    ax.set_xticks(np.arange(len(truths)), truths, rotation=90)
    ax.set_xlabel("Ground truth")
    ax.set_ylabel("Predictions")
    dark = overlaps.max(initial=0.0) / 2
    for (row, column), overlap in np.ndenumerate(overlaps):
        mark = ""
        if overlap > threshold:
            is_match = gt_class_ids[column] == pred_class_ids[row]
            mark = "match" if is_match else "wrong"
        color = "white" if overlap > dark else "black" if overlap > 0 else "gray"
        ax.text(
            column,
            row,
            f"{overlap:.3f}\n{mark}",
            horizontalalignment="center",
            verticalalignment="center",
            fontsize=_CELL_SIZE,
            color=color,
        )
    figure: Any = ax.figure
    figure.tight_layout()
    return ax
