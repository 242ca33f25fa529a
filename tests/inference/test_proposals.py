"""What NumPy makes of proposals is what the network makes of them."""

import numpy as np
from keras import ops

from mrcnn.inference.proposals import refine_boxes
from mrcnn.ops.boxes import apply_box_deltas, clip_boxes


def random_anchors(rng, count):
    corners = rng.uniform(-0.1, 1, (count, 2))
    sides = rng.choice([0.05, 0.1, 0.3], (count, 2))
    return np.hstack([corners, corners + sides]).astype(np.float32)


def test_boxes_are_refined_as_on_tensors():
    rng = np.random.default_rng(1)
    boxes = random_anchors(rng, 200)
    deltas = rng.normal(0, 1, (200, 4)).astype(np.float32)
    deltas[0], boxes[1], deltas[2] = 1e30, 1e30, -1e30
    window = np.array([0.1, 0.0, 0.9, 1.0], np.float32)
    tensors = (ops.convert_to_tensor(values) for values in (boxes, deltas))
    expected = clip_boxes(apply_box_deltas(*tensors), ops.convert_to_tensor(window))
    found = refine_boxes(boxes, deltas, window)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, ops.convert_to_numpy(expected), atol=1e-6)
