"""What is found twice, or as one that is several, as `mrcnn.instances.overlap` leaves it out."""

import numpy as np

from mrcnn.deploy.end_to_end.arrays import Array, joined, loop
from mrcnn.deploy.end_to_end.placing import Placed
from mrcnn.instances.overlap import APART, FILLED, INSIDE, NEARLY_AS_SURE, SMALLER


def each_once(placed: Placed, most: float) -> tuple[Array, Array]:
    """Rows that are objects of their own, by falling score, int64 [K]; and all scores, float32 [N].

    Args:
        placed: the objects.
        most: mask IoU above which the less sure of two is left out.
    """
    shared = _shared(placed)
    areas = placed.areas
    union = areas.unsqueeze(1) + areas.unsqueeze(0) - shared
    iou = (union > 0.0).where(shared / union.most(1.0), 0.0)
    kept, scores = _without_unions(placed, shared, iou)
    order = (scores * kept).falling()
    own = _without_duplicates(order, kept, iou, most)
    return order.take((own.take(order) > 0.0).nonzero()), scores.astype(np.float32)


def _shared(placed: Placed) -> Array:
    """Pixels that every mask shares with every mask, float64 [N, N]."""
    boxes, masks = placed.boxes, placed.masks
    count = boxes.sizes(0, 1)
    y1, x1, y2, x2 = (boxes.take(axis, axis=1) for axis in range(4))

    def look(number: Array, _: list[Array]) -> tuple[list[Array], list[Array]]:
        box = boxes.take(number)
        is_near = (y1 < box.take(2)) & (y2 > box.take(0)) & (x1 < box.take(3)) & (x2 > box.take(1))
        # Its own row is there in any case, since masks may be empty.
        rows = (is_near | _only(number, count)).nonzero()
        axes = box.constant([0, 1], np.int64), box.constant([2, 3], np.int64)
        part = masks.part(box.take(axes[0]), box.take(axes[1]), 1, 2).take(rows)
        part = part.reshape(joined(rows.sizes(0, 1), box.constant([-1], np.int64)))
        own = masks.take(number).part(box.take(axes[0]), box.take(axes[1]), 0, 1)
        own = own.reshape([-1, 1]).astype(np.float32)
        found = (part.astype(np.float32) @ own).squeeze(1).astype(np.float64)
        # Each of the rows at its place among all of them.
        places = rows.unsqueeze(1).equals(count.squeeze(0).arange().unsqueeze(0))
        return [], [(places.astype(np.float64) * found.unsqueeze(1)).sum(0)]

    (shared,) = loop(count.squeeze(0), [], [np.float64], look)
    return shared


def _without_unions(placed: Placed, shared: Array, iou: Array) -> tuple[Array, Array]:
    """See `mrcnn.instances.overlap.split_unions`; which stay, 1.0 or 0.0, and scores, [N] both."""
    areas, scores, class_ids = placed.areas, placed.scores, placed.class_ids
    count = areas.sizes(0, 1)
    order = (areas * placed.is_found.astype(np.float64)).falling()
    scores = scores.astype(np.float64)

    def look(number: Array, states: list[Array]) -> tuple[list[Array], list[Array]]:
        kept, raised = states
        whole = order.take(number)
        row, area = shared.take(whole), areas.take(whole)
        is_part = (
            (kept > 0.0)
            & class_ids.equals(class_ids.take(whole))
            & (areas < area * SMALLER)
            & (row >= areas * INSIDE)
            & (scores >= scores.take(whole) * NEARLY_AS_SURE)
            & (areas > 0.0)
        )
        parts = _chosen(is_part.nonzero(), iou, count)
        together = (row * parts).sum()
        pairs = (parts.unsqueeze(0) @ shared @ parts.unsqueeze(1)).squeeze(0, 1)
        twice = (pairs - (areas * parts).sum()) / 2.0
        is_made_up = (parts.sum() >= 2.0) & (together - twice >= area * FILLED)
        dropped = is_made_up & _only(whole, count)
        handed = parts * is_made_up.astype(np.float64) * raised.take(whole)
        return [kept * (~dropped).astype(np.float64), raised.most(handed)], []

    kept, raised = loop(count.squeeze(0), [placed.is_found.astype(np.float64), scores], [], look)
    return kept, raised


def _chosen(parts: Array, iou: Array, count: Array) -> Array:
    """Of some rows, the surest first, those that lie apart from one another: 1.0 or 0.0, [N]."""
    number = parts.sizes(0, 1).squeeze(0)
    # One alone makes up nothing.
    number = (number > 1).where(number, 0)

    def look(number: Array, states: list[Array]) -> tuple[list[Array], list[Array]]:
        part, (chosen,) = parts.take(number), states
        is_apart = (iou.take(part) * chosen).max() < APART
        return [chosen.most((_only(part, count) & is_apart).astype(np.float64))], []

    none = iou.take(0) * 0.0
    return loop(number, [none], [], look)[0]


def _without_duplicates(order: Array, kept: Array, iou: Array, most: float) -> Array:
    """See `mrcnn.instances.overlap.drop_duplicates`; 1.0 or 0.0, [N].

    Args:
        order: of the rows, by falling score, int64 [N].
        kept: which may be chosen, 1.0 or 0.0, [N].
        iou, most: see there.
    """
    count = kept.sizes(0, 1)

    def look(number: Array, states: list[Array]) -> tuple[list[Array], list[Array]]:
        row, (chosen,) = order.take(number), states
        is_own = (iou.take(row) * chosen).max() <= most
        own = (_only(row, count) & is_own).astype(np.float64)
        return [chosen.most(own * kept)], []

    return loop(count.squeeze(0), [kept * 0.0], [], look)[0]


def _only(number: Array, count: Array) -> Array:
    """Which row has this number, bool [N]."""
    return count.squeeze(0).arange().equals(number)
