"""What NumPy makes of proposals is what the network makes of them."""

import numpy as np
import pytest
from keras import ops

from mrcnn.inference.proposals import count_proposals, refine_boxes
from mrcnn.nets.proposals import propose_regions
from mrcnn.ops.boxes import apply_box_deltas, clip_boxes


class Settings:
    PRE_NMS_LIMIT = 300
    RPN_NMS_THRESHOLD = 0.7
    RPN_BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])


def random_anchors(rng, count):
    corners = rng.uniform(-0.1, 1, (count, 2))
    sides = rng.choice([0.05, 0.1, 0.3], (count, 2))
    return np.hstack([corners, corners + sides]).astype(np.float32)


def random_outputs(seed, count=500):
    """What an RPN could say, some of it not finite, of equal scores or of no area."""
    rng = np.random.default_rng(seed)
    anchors = random_anchors(rng, count)
    objects = rng.random(count).astype(np.float32)
    objects[rng.random(count) < 0.2] = 0.5
    deltas = rng.normal(0, 1.5, (count, 4)).astype(np.float32)
    deltas[3], deltas[4], deltas[5, 2:] = np.nan, 1e30, -1e3
    objects[3:6] = 0.99
    # One that lies outside of the image.
    anchors[6], deltas[6], objects[6] = (-0.3, -0.3, -0.2, -0.2), 0, 0.98
    return np.stack([1 - objects, objects], axis=1), deltas, anchors


@pytest.mark.parametrize("seed", range(12))
def test_as_many_proposals_as_the_network_would_make(seed):
    rpn_class, rpn_bbox, anchors = random_outputs(seed)
    settings = type("Chosen", (Settings,), {"RPN_NMS_THRESHOLD": [0.3, 0.5, 0.7][seed % 3]})
    expected = propose_regions(
        *(ops.convert_to_tensor(values[None]) for values in (rpn_class, rpn_bbox, anchors)),
        count=settings.PRE_NMS_LIMIT,
        nms_threshold=settings.RPN_NMS_THRESHOLD,
        pre_nms_limit=settings.PRE_NMS_LIMIT,
        box_std_dev=settings.RPN_BBOX_STD_DEV,
    )
    count = int(np.count_nonzero(ops.convert_to_numpy(expected)[0].any(axis=1)))
    assert 30 < count < settings.PRE_NMS_LIMIT
    assert count_proposals(rpn_class, rpn_bbox, anchors, settings) == count


def test_fewer_anchors_than_the_limit():
    rpn_class, rpn_bbox, anchors = random_outputs(0, 20)
    assert 0 < count_proposals(rpn_class, rpn_bbox, anchors, Settings) < 20
    nothing = (rpn_class[:0], rpn_bbox[:0], anchors[:0])
    assert count_proposals(*nothing, Settings) == 0


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
