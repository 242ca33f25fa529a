"""Exact greedy non-maximum suppression on tensors, in tiles.

The greedy rule: walk through the boxes by falling score, keep a box unless a kept one overlaps it
by more than the threshold. Doing that box by box is slow in a tensor graph, and the full N x N
overlap matrix is large. Here a tile of boxes is tested at once against the boxes already kept, and
the tile's own order is settled by iterating "kept unless overlapped by a kept predecessor" to its
fixed point, which is the greedy answer and is reached after at most one pass per box of the
longest chain of suppressions.
"""

import keras
from keras import ops

from mrcnn.ops.boxes import pairwise_iou
from mrcnn.ops.own_rows import are_shared, take_own
from mrcnn.ops.tensor import Tensor


def order_by_score(scores: Tensor, count: int) -> Tensor:
    """Indices int32 [B, count] of the highest scores [B, N]; equal scores in their given order.

    N must be at least `count`; it may be unknown when the graph is made.
    """
    if keras.backend.backend() == "tensorflow":
        # The same as below, where TensorFlow promises the order of equal scores, without sorting
        # all of them: runtimes that an exported network comes to take seconds for that.
        return ops.cast(ops.top_k(scores, count)[1], "int32")
    return ops.reshape(ops.cast(ops.argsort(-scores, axis=-1)[:, :count], "int32"), (-1, count))


def take_rows(values: Tensor, indices: Tensor) -> Tensor:
    """Rows of each image: values [B, N, ...] at int indices [B, K] give [B, K, ...]."""
    batch, total = ops.shape(values)[:2]
    rest = tuple(values.shape[2:])
    first = ops.expand_dims(ops.arange(batch, dtype="int32") * total, 1)
    rows = ops.cast(indices, "int32") + first
    table = ops.reshape(values, (-1, *rest))
    if are_shared():
        return take_own(table, rows)
    taken = ops.take(table, ops.reshape(rows, (-1,)), axis=0)
    return ops.reshape(taken, (-1, indices.shape[1], *rest))


def _settle_tile(alive: Tensor, overlaps: Tensor) -> Tensor:
    """Greedy choice inside a tile: alive bool [B, T]; overlaps bool [B, T, T], i hits j."""

    def unsettled(keep: Tensor, previous: Tensor) -> Tensor:
        return ops.any(ops.not_equal(keep, previous))

    def step(keep: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        hit = ops.any(ops.logical_and(overlaps, ops.expand_dims(keep, -1)), axis=1)
        return ops.logical_and(alive, ops.logical_not(hit)), keep

    keep, _ = step(alive, alive)
    keep, _ = ops.while_loop(unsettled, step, (keep, alive))
    return keep


def non_max_suppression(
    boxes: Tensor,
    valid: Tensor,
    max_outputs: int,
    iou_threshold: float,
    class_ids: Tensor | None = None,
    tile: int = 256,
) -> tuple[Tensor, Tensor]:
    """Exact greedy non-maximum suppression of boxes that are sorted by falling score.

    Args:
        boxes: float32 [B, N, 4], sorted by falling score.
        valid: bool [B, N]; False rows are neither kept nor suppress others.
        max_outputs: number of boxes kept at most in each image.
        iou_threshold: 0 to 1; a box is dropped when a kept one overlaps it by more than this.
        class_ids: int32 [B, N], or None; where given, only boxes of one class suppress another.
        tile: boxes that are settled together.

    Returns:
        indices int32 [B, max_outputs] into the N rows, in score order, 0 beyond the count;
        counts int32 [B] of boxes kept.
    """
    batch = ops.shape(boxes)[0]
    total = boxes.shape[1]
    tile = min(tile, total)
    tiles = -(-total // tile)
    padding = tiles * tile - total

    def tiled(values: Tensor, fill: float) -> Tensor:
        widths = [[0, 0], [0, padding]] + [[0, 0]] * (len(values.shape) - 2)
        values = ops.pad(values, widths, constant_values=fill) if padding else values
        rest = tuple(values.shape[2:])
        values = ops.reshape(values, (-1, tiles, tile, *rest))
        return ops.moveaxis(values, 1, 0)

    boxes = tiled(ops.stop_gradient(boxes), 0)
    valid = tiled(valid, False)
    if class_ids is None:
        class_ids = ops.zeros((tiles, batch, tile), dtype="int32")
        any_class = True
    else:
        class_ids = tiled(class_ids, -1)
        any_class = False

    position = ops.arange(tile, dtype="int32")
    earlier = ops.expand_dims(position, 1) < ops.expand_dims(position, 0)
    # The last slot takes what must not be kept, so that every scatter has the same shape.
    slots = max_outputs + 1
    slot = ops.arange(slots, dtype="int32")
    row = ops.broadcast_to(ops.expand_dims(ops.arange(batch, dtype="int32"), 1), (batch, tile))

    def unfinished(number: Tensor, counts: Tensor, *_: Tensor) -> Tensor:
        return ops.logical_and(number < tiles, ops.any(counts < max_outputs))

    def settle_next_tile(
        number: Tensor,
        counts: Tensor,
        kept_boxes: Tensor,
        kept_classes: Tensor,
        kept_indices: Tensor,
    ) -> tuple[Tensor, ...]:
        tile_boxes = ops.take(boxes, number, axis=0)
        tile_classes = ops.take(class_ids, number, axis=0)

        def hits(these_boxes: Tensor, these_classes: Tensor) -> Tensor:
            hit = pairwise_iou(these_boxes, tile_boxes) > iou_threshold
            if any_class:
                return hit
            same = ops.expand_dims(these_classes, 2) == ops.expand_dims(tile_classes, 1)
            return ops.logical_and(hit, same)

        filled = ops.expand_dims(slot, 0) < ops.expand_dims(counts, 1)
        by_kept = ops.logical_and(hits(kept_boxes, kept_classes), ops.expand_dims(filled, 2))
        alive = ops.logical_and(
            ops.take(valid, number, axis=0), ops.logical_not(ops.any(by_kept, axis=1))
        )
        keep = _settle_tile(alive, ops.logical_and(hits(tile_boxes, tile_classes), earlier))

        rank = ops.expand_dims(counts, 1) + ops.cumsum(ops.cast(keep, "int32"), axis=1) - 1
        target = ops.where(ops.logical_and(keep, rank < max_outputs), rank, max_outputs)
        places = ops.reshape(ops.stack([row, target], axis=-1), (-1, 2))
        origin = ops.broadcast_to(ops.expand_dims(position + number * tile, 0), (batch, tile))
        counts = ops.minimum(counts + ops.sum(ops.cast(keep, "int32"), axis=1), max_outputs)
        return (
            number + 1,
            counts,
            ops.scatter_update(kept_boxes, places, ops.reshape(tile_boxes, (-1, 4))),
            ops.scatter_update(kept_classes, places, ops.reshape(tile_classes, (-1,))),
            ops.scatter_update(kept_indices, places, ops.reshape(origin, (-1,))),
        )

    _, counts, _, _, indices = ops.while_loop(
        unfinished,
        settle_next_tile,
        (
            ops.convert_to_tensor(0, dtype="int32"),
            ops.zeros((batch,), dtype="int32"),
            ops.zeros((batch, slots, 4), dtype="float32"),
            ops.zeros((batch, slots), dtype="int32"),
            ops.zeros((batch, slots), dtype="int32"),
        ),
    )
    kept = ops.expand_dims(slot[:max_outputs], 0) < ops.expand_dims(counts, 1)
    return ops.where(kept, indices[:, :max_outputs], 0), counts
