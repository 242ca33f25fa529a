"""Proposals and detections: the original's rows when fed the original's inputs."""

import numpy as np
import pytest
from keras import ops

from mrcnn.nets.detection import DetectionLayer, refine_detections
from mrcnn.nets.proposals import ProposalLayer, propose_regions
from mrcnn.ops.boxes import normalized_windows
from tests.compiling import compiled, outputs_of

DELTAS = (0.1, 0.1, 0.2, 0.2)


def tensor(array):
    return ops.convert_to_tensor(np.asarray(array, np.float32))


@pytest.mark.parametrize(("count", "threshold", "name"), [(60, 0.7, "60_07"), (10, 0.3, "10_03")])
def test_proposals_are_the_original_s(golden, count, threshold, name):
    layers = golden("layers")
    inputs = [tensor(layers[f"proposal_{part}"]) for part in ("scores", "deltas", "anchors")]
    limit = int(layers["proposal_pre_nms_limit"])
    proposals = outputs_of(ProposalLayer(count, threshold, pre_nms_limit=limit), inputs)
    np.testing.assert_allclose(
        ops.convert_to_numpy(proposals), layers[f"proposal_out_{name}"], atol=1e-6
    )


def test_proposals_of_a_whole_image_are_the_original_s(golden):
    data = golden("inference")
    propose = compiled(
        propose_regions, count=500, nms_threshold=0.7, pre_nms_limit=6000, box_std_dev=DELTAS
    )
    proposals = propose(*(tensor(data[name]) for name in ("rpn_class", "rpn_bbox", "anchors")))
    np.testing.assert_allclose(ops.convert_to_numpy(proposals), data["rpn_rois"], atol=1e-6)


@pytest.mark.parametrize(
    ("confidence", "limit", "name"),
    [(0.3, 50, "detections"), (0.97, 50, "detections_conf097"), (0, 100, "detections_conf0")],
)
def test_detections_are_the_original_s(golden, confidence, limit, name):
    data = golden("inference")
    rows = refined(
        *(tensor(data[part]) for part in ("rpn_rois", "mrcnn_class", "mrcnn_bbox")),
        normalized_windows(tensor(data["image_metas"])),
        limit=limit,
        confidence=confidence,
    )
    np.testing.assert_allclose(ops.convert_to_numpy(rows), data[name], atol=1e-6)


def refined(*tensors, limit=5, confidence=0.5, **options):
    refine = compiled(
        refine_detections,
        max_instances=limit,
        min_confidence=confidence,
        nms_threshold=0.3,
        box_std_dev=DELTAS,
        **options,
    )
    return refine(*tensors)


def two_boxes(classes, scores):
    rois = tensor([[[0.1, 0.1, 0.5, 0.5], [0.1, 0.1, 0.5, 0.52]]])
    probabilities = np.full((1, 2, 3), 0.01, np.float32)
    probabilities[0, [0, 1], classes] = scores
    return rois, tensor(probabilities), tensor(np.zeros((1, 2, 3, 4))), tensor([[0, 0, 1, 1]])


@pytest.mark.parametrize(("classes", "expected"), [((1, 1), 1), ((1, 2), 2), ((1, 0), 1)])
def test_only_boxes_of_one_class_suppress_each_other_and_background_is_none(classes, expected):
    rows = refined(*two_boxes(classes, (0.9, 0.8)))
    assert (ops.convert_to_numpy(rows)[0, :, 4] > 0).sum() == expected


def test_classes_can_suppress_each_other():
    boxes = two_boxes((1, 2), (0.9, 0.8))
    rows = refined(*boxes, across_classes=True)
    rows = ops.convert_to_numpy(rows)[0]
    np.testing.assert_allclose(rows[:2, 4:], [(1, 0.9), (0, 0)], atol=1e-6)


def test_the_score_of_any_object():
    """Background wins over each class, and loses against them all."""
    rois, _, deltas, windows = two_boxes((1, 2), (0.9, 0.8))
    probabilities = tensor([[[0.4, 0.25, 0.35], [0.7, 0.2, 0.1]]])
    given = (rois, probabilities, deltas, windows)
    by_class = ops.convert_to_numpy(refined(*given))
    assert not by_class.any()
    rows = ops.convert_to_numpy(refined(*given, score="object"))[0]
    np.testing.assert_allclose(rows[:2, 4:], [(2, 0.6), (0, 0)], atol=1e-6)


def test_scores_fall_and_the_lower_ones_are_cut():
    rows = ops.convert_to_numpy(refined(*two_boxes((1, 2), (0.6, 0.8))))
    np.testing.assert_allclose(rows[0, :3, 5], [0.8, 0.6, 0], atol=1e-6)
    rows = ops.convert_to_numpy(refined(*two_boxes((1, 2), (0.6, 0.8)), confidence=0.7))
    np.testing.assert_allclose(rows[0, :2, 5], [0.8, 0], atol=1e-6)


def test_values_that_are_not_finite_are_never_returned():
    rois, probabilities, deltas, windows = two_boxes((1, 2), (0.9, 0.8))
    deltas = np.zeros((1, 2, 3, 4), np.float32)
    deltas[0, 0] = np.nan
    deltas[0, 1, :, 2:] = 1e30
    rows = refined(rois, probabilities, tensor(deltas), windows)
    rows = ops.convert_to_numpy(rows)
    assert np.isfinite(rows).all()

    propose = compiled(
        propose_regions, count=3, nms_threshold=0.7, pre_nms_limit=4, box_std_dev=DELTAS
    )
    proposals = propose(
        tensor(np.full((1, 4, 2), np.nan)),
        tensor(np.full((1, 4, 4), np.nan)),
        tensor(np.zeros((1, 4, 4))),
    )
    proposals = ops.convert_to_numpy(proposals)
    np.testing.assert_array_equal(proposals, 0)


def test_layers_survive_their_configuration(make_config):
    config = make_config(
        NUM_CLASSES=3,
        DETECTION_MAX_INSTANCES=17,
        PRE_NMS_LIMIT=123,
        DETECTION_SCORE="object",
        DETECTION_NMS_ACROSS_CLASSES=True,
    )
    for layer in (ProposalLayer(10, 0.7, config=config), DetectionLayer(config)):
        twin = type(layer).from_config(layer.get_config())
        assert twin.get_config() == layer.get_config()
    assert DetectionLayer(config).max_instances == 17
    assert DetectionLayer(config).score == "object" and DetectionLayer(config).across_classes
    assert ProposalLayer(10, 0.7, config=config).pre_nms_limit == 123
