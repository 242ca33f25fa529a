"""Which prediction is which ground-truth instance: one-to-one matching by IoU."""

import numpy as np
from numpy.typing import ArrayLike


def match_one_to_one(iou: ArrayLike, threshold: float) -> np.ndarray:
    """Pair rows with columns so that the sum of the pairs' IoU is as large as possible.

    A pair must reach `threshold`; every row and every column is used at most once. The optimum is
    found by linear sum assignment, so no order of the instances and no score changes the result.

    Args:
        iou: float [A, B] in 0..1, usually ground truth by prediction.
        threshold: smallest IoU of a pair, above 0 and at most 1.

    Returns:
        int64 [P, 2] of (row, column), ordered by row.

    Raises:
        ValueError: `iou` is not a finite matrix or `threshold` is out of range.
    """
    iou = np.asarray(iou, dtype=np.float64)
    if iou.ndim != 2 or not np.isfinite(iou).all():
        raise ValueError("iou must be a matrix of finite numbers")
    if not 0 < threshold <= 1:
        raise ValueError(f"the IoU threshold must be above 0 and at most 1, not {threshold}")
    rows, columns = np.nonzero(iou >= threshold)
    # Two that have only each other are a pair; the assignment is left with what is contested.
    alone = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1)
    pairs = [np.stack([rows[alone], columns[alone]], axis=1)]
    if not alone.all():
        some_rows, some_columns = np.unique(rows[~alone]), np.unique(columns[~alone])
        contested = iou[np.ix_(some_rows, some_columns)]
        # Here, since it is large and training needs none of it.
        from scipy.optimize import linear_sum_assignment

        # A pair below the threshold is worth nothing, so it never displaces one that counts.
        chosen = linear_sum_assignment(
            np.where(contested >= threshold, contested, 0.0), maximize=True
        )
        reached = contested[chosen] >= threshold
        pairs.append(
            np.stack([some_rows[chosen[0][reached]], some_columns[chosen[1][reached]]], axis=1)
        )
    found = np.concatenate(pairs).astype(np.int64)
    return found[np.argsort(found[:, 0], kind="stable")]


def match_by_score(iou: ArrayLike, scores: ArrayLike, threshold: float) -> np.ndarray:
    """Let each prediction, the best score first, take the free object that it overlaps most.

    COCO's rule (Lin et al. 2014): the outcome for a prediction does not depend on those with lower
    scores, which `match_one_to_one` does not promise.

    Args:
        iou: float [G, P], ground truth by prediction.
        scores: float [P]; equal scores are taken in order.
        threshold: smallest IoU of a pair, above 0 and at most 1.

    Returns:
        int64 [P], the index of the object that each prediction found, or -1.
    """
    iou = np.asarray(iou, dtype=np.float64)
    found = np.full(iou.shape[1], -1, np.int64)
    free = np.ones(iou.shape[0], bool)
    for prediction in np.argsort(-np.asarray(scores, np.float64), kind="stable"):
        candidates = np.where(free, iou[:, prediction], 0.0)
        if candidates.size and candidates.max() >= threshold:
            found[prediction] = candidates.argmax()
            free[found[prediction]] = False
    return found
