"""Proposals and detections of outputs as no trained network makes them."""

import numpy as np
import pytest
from keras import ops

from mrcnn.nets.detection import refine_detections
from mrcnn.nets.proposals import propose_regions
from tests.compiling import compiled

COUNT, CLASSES = 12, 3
RNG = np.random.default_rng(0)
STD_DEV = (0.1, 0.1, 0.2, 0.2)
EXTREME = np.array([0, 1e4, -1e4, 1e30, -1e30, np.inf, -np.inf, np.nan], np.float32)


def boxes(count=COUNT):
    corners = RNG.random((1, count, 2)) * 0.8
    return np.concatenate([corners, corners + 0.2], axis=-1).astype(np.float32)


def stage(name):
    """The function of that name on tensors of one image."""
    if name == "propose":
        options = {"count": 6, "nms_threshold": 0.7, "pre_nms_limit": 9, "box_std_dev": STD_DEV}
        return compiled(propose_regions, **options)
    options = {"max_instances": 8, "min_confidence": 0.0, "nms_threshold": 0.3}
    return compiled(refine_detections, **options, box_std_dev=STD_DEV, score=name)


def values(name, *arrays):
    found = stage(name)(*(ops.convert_to_tensor(np.asarray(a, np.float32)) for a in arrays))
    return ops.convert_to_numpy(found)[0]


def propose(scores, deltas, anchors):
    return values("propose", scores, deltas, anchors)


def detect(rois, probabilities, deltas, score="class"):
    return values(score, rois, probabilities, deltas, [[0, 0, 1, 1]])


@pytest.mark.parametrize("value", EXTREME.tolist())
def test_proposals_of_extreme_outputs(value):
    ordinary = np.tile([0.4, 0.6], (1, COUNT, 1))
    for scores, deltas in (
        (ordinary, np.full((1, COUNT, 4), value)),
        (np.full((1, COUNT, 2), value), np.zeros((1, COUNT, 4))),
        (ordinary, RNG.choice(EXTREME, (1, COUNT, 4))),
    ):
        found = propose(scores, deltas, boxes())
        assert found.shape == (6, 4)
        assert found.min() >= 0 and found.max() <= 1


def test_constant_scores_take_the_first_anchors():
    anchors = boxes()
    found = propose(np.full((1, COUNT, 2), 0.5), np.zeros((1, COUNT, 4)), anchors)
    np.testing.assert_allclose(found[0], np.clip(anchors[0, 0], 0, 1), atol=1e-6)


@pytest.mark.parametrize("score", ["class", "object"])
@pytest.mark.parametrize("value", EXTREME.tolist())
def test_detections_of_extreme_outputs(value, score):
    ordinary = np.tile([0.2, 0.5, 0.3], (1, COUNT, 1))
    no_deltas = np.zeros((1, COUNT, CLASSES, 4))
    mixed = ordinary.copy()
    mixed[:, ::2] = value
    for probabilities, deltas in (
        (ordinary, np.full((1, COUNT, CLASSES, 4), value)),
        (np.full((1, COUNT, CLASSES), value), no_deltas),
        (mixed, no_deltas),
        (ordinary, RNG.choice(EXTREME, (1, COUNT, CLASSES, 4))),
    ):
        found = detect(boxes(), probabilities, deltas, score=score)
        assert np.isfinite(found).all()
        assert found[:, :4].min() >= 0 and found[:, :4].max() <= 1
        padding = found[:, 4] == 0
        assert not found[padding].any()


def test_what_is_not_a_number_does_not_hide_what_is():
    rois = np.zeros((1, COUNT, 4))
    rois[0, :4] = [[0, 0, 0.2, 0.2], [0, 0.5, 0.2, 0.7], [0.5, 0, 0.7, 0.2], [0.5, 0.5, 1, 1]]
    probabilities = np.tile([0.2, 0.5, 0.3], (1, COUNT, 1))
    probabilities[0, :2] = np.nan
    found = detect(rois, probabilities, np.zeros((1, COUNT, CLASSES, 4)))
    np.testing.assert_allclose(found[:2, :4], rois[0, 2:4], atol=1e-6)
    assert not found[2:].any()


def test_padding_takes_no_object_s_place():
    rois = np.zeros((1, COUNT, 4))
    rois[0, :2] = [[0.1, 0.1, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9]]
    # Of padding the heads say the same everywhere; here that it is an object, and surely so.
    probabilities = np.tile([0.05, 0.9, 0.05], (1, COUNT, 1))
    probabilities[0, :2] = [0.3, 0.6, 0.1]
    found = detect(rois, probabilities, np.zeros((1, COUNT, CLASSES, 4)))
    np.testing.assert_allclose(np.sort(found[:2, :4], axis=0), rois[0, :2], atol=1e-6)
    assert not found[2:].any()


def test_zeros_alone_give_nothing():
    assert not propose(np.zeros((1, COUNT, 2)), *[np.zeros((1, COUNT, 4))] * 2).any()
    found = detect(*(np.zeros((1, COUNT, *rest)) for rest in ((4,), (CLASSES,), (CLASSES, 4))))
    assert not found.any()
