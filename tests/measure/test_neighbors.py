"""What neighbors share, against a count over the whole picture."""

import numpy as np

from mrcnn.measure.neighbors import Neighbors


def test_shares_are_those_of_a_count_over_the_picture():
    rng = np.random.default_rng(3)
    boxes = []
    for _ in range(60):
        (y, x), (height, width) = rng.integers(0, 160, 2), rng.integers(2, 40, 2)
        boxes.append((y, x, y + height, x + width))
    crops = [rng.random((y2 - y1, x2 - x1)) < 0.7 for y1, x1, y2, x2 in boxes]
    counts = np.zeros((200, 200), int)
    for (y1, x1, y2, x2), crop in zip(boxes, crops, strict=True):
        counts[y1:y2, x1:x2] += crop
    neighbors = Neighbors(np.array(boxes))
    expected = [
        (counts[y1:y2, x1:x2][crop] > 1).mean()
        for (y1, x1, y2, x2), crop in zip(boxes, crops, strict=True)
    ]
    found = [neighbors.shared(row, crops) for row in range(len(boxes))]
    np.testing.assert_allclose(found, expected)
    assert 0 < np.mean(expected) < 1


def test_boxes_that_only_touch_share_nothing():
    neighbors = Neighbors(np.array([[0, 0, 5, 5], [0, 5, 5, 9], [5, 0, 9, 5], [20, 20, 22, 22]]))
    assert [neighbors.of(row).tolist() for row in range(4)] == [[], [], [], []]
