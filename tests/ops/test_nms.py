"""Tiled non-maximum suppression is the greedy one, exactly."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from keras import ops

from mrcnn.ops.nms import non_max_suppression, order_by_score, take_rows
from tests.compiling import compiled


def greedy(boxes, valid, limit, threshold, classes):
    """Box by box, in float32 as the tensors are."""
    kept = []
    for number, box in enumerate(boxes):
        if not valid[number] or len(kept) == limit:
            continue
        for other in kept:
            if classes[number] != classes[other]:
                continue
            height = max(min(box[2], boxes[other, 2]) - max(box[0], boxes[other, 0]), 0)
            width = max(min(box[3], boxes[other, 3]) - max(box[1], boxes[other, 1]), 0)
            intersection = np.float32(height) * np.float32(width)
            areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (boxes[other], box)]
            union = areas[0] + areas[1] - intersection
            if union > 0 and intersection / union > threshold:
                break
        else:
            kept.append(number)
    return kept


def suppression(limit, threshold, tile, boxes, valid, classes=None):
    return non_max_suppression(boxes, valid, limit, threshold, classes, tile=tile)


def tensor_nms(boxes, valid, limit, threshold, classes=None, tile=256):
    suppress = compiled(suppression, limit, threshold, tile)
    given = [boxes, valid] if classes is None else [boxes, valid, classes]
    indices, counts = suppress(*map(ops.convert_to_tensor, given))
    return ops.convert_to_numpy(indices), ops.convert_to_numpy(counts)


def random_boxes(rng, batch, count):
    # Eighths of a pixel, so that no overlap lies within a rounding of the threshold.
    corner = rng.integers(0, 400, (batch, count, 2)) / 8
    size = rng.integers(0, 120, (batch, count, 2)) / 8
    return np.concatenate([corner, corner + size], -1).astype(np.float32)


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    threshold=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    limit=st.sampled_from([1, 7, 90]),
    tile=st.sampled_from([20, 64]),
    classes=st.booleans(),
)
def test_equals_the_greedy_rule(seed, threshold, limit, tile, classes):
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, 2, 75)
    valid = rng.random((2, 75)) < 0.9
    class_ids = rng.integers(0, 3, (2, 75)).astype(np.int32)
    indices, counts = tensor_nms(
        boxes, valid, limit, threshold, class_ids if classes else None, tile
    )
    for image in range(2):
        expected = greedy(
            boxes[image],
            valid[image],
            limit,
            np.float32(threshold),
            class_ids[image] if classes else np.zeros(75),
        )
        assert indices[image, : counts[image]].tolist() == expected
        assert not indices[image, counts[image] :].any()


@pytest.mark.parametrize("threshold", ["03", "05", "07"])
def test_keeps_what_the_original_keeps(golden, threshold):
    utils = golden("utils")
    order = np.argsort(-utils["nms_scores"], kind="stable")
    boxes = utils["nms_boxes"][order][None].astype(np.float32)
    indices, counts = tensor_nms(boxes, np.ones((1, 60), bool), 60, int(threshold) / 10)
    np.testing.assert_array_equal(order[indices[0, : counts[0]]], utils[f"nms_{threshold}"])


def test_a_chain_of_suppressions_longer_than_a_tile_is_settled():
    # Each box overlaps its neighbors only: the greedy rule keeps every second one.
    top = np.arange(100, dtype=np.float32)[:, None] * 4
    boxes = np.hstack([top, top * 0, top + 10, top * 0 + 10]).astype(np.float32)[None]
    indices, counts = tensor_nms(boxes, np.ones((1, 100), bool), 100, 0.3, tile=32)
    assert indices[0, : counts[0]].tolist() == list(range(0, 100, 2))


def test_nothing_valid_gives_nothing():
    boxes = random_boxes(np.random.default_rng(0), 1, 10)
    indices, counts = tensor_nms(boxes, np.zeros((1, 10), bool), 5, 0.5)
    assert counts.tolist() == [0]
    assert indices.tolist() == [[0] * 5]


def test_equal_scores_keep_their_order():
    scores = ops.convert_to_tensor(np.array([[0.5, 0.9, 0.5, 0.9]], np.float32))
    assert ops.convert_to_numpy(order_by_score(scores, 3)).tolist() == [[1, 3, 0]]


def test_take_rows_takes_from_each_image_its_own():
    values = np.arange(12).reshape(2, 3, 2)
    rows = ops.convert_to_tensor(np.array([[2, 0], [1, 1]], np.int32))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(take_rows(ops.convert_to_tensor(values), rows)),
        [[[4, 5], [0, 1]], [[8, 9], [8, 9]]],
    )
