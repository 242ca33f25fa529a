"""Sampled regions and their targets, against the original's numbers and rules."""

import numpy as np
import pytest
from keras import ops

from mrcnn.data.molding import IGNORED_CLASS_ID
from mrcnn.training.targets import DetectionTargetLayer, TargetSettings, detection_targets
from tests.compiling import compiled, outputs_of

SETTINGS = TargetSettings(32, 0.33, (0.1, 0.1, 0.2, 0.2), (28, 28), True)


def sample(proposals, class_ids, boxes, masks, settings=SETTINGS, priorities=None):
    given = [
        np.asarray(proposals, np.float32),
        np.asarray(class_ids, np.int32),
        np.asarray(boxes, np.float32),
        np.asarray(masks),
    ]
    find = compiled(detection_targets, settings=settings)
    inputs = [ops.convert_to_tensor(value[None]) for value in given]
    outputs = find(*inputs) if priorities is None else find(*inputs, priorities=priorities)
    return [ops.convert_to_numpy(output)[0] for output in outputs]


@pytest.mark.parametrize("mini", [True, False])
def test_targets_are_the_original_s(golden, mini):
    layers = golden("layers")
    if mini:
        masks, name = layers["dt_mini_masks"], "dt_mini"
    else:
        shape = tuple(layers["dt_full_masks_shape"])
        masks = np.unpackbits(layers["dt_full_masks_packed"])[: np.prod(shape)].reshape(shape)
        name = "dt_full"
    settings = TargetSettings(32, 0.33, (0.1, 0.1, 0.2, 0.2), (28, 28), mini)
    rois, class_ids, deltas, target_masks = sample(
        layers["dt_proposals"],
        layers["dt_gt_class_ids"],
        layers["dt_gt_boxes"],
        masks.astype(bool),
        settings,
    )
    np.testing.assert_array_equal(rois, layers[f"{name}_rois"])
    np.testing.assert_array_equal(class_ids, layers[f"{name}_class_ids"])
    np.testing.assert_allclose(deltas, layers[f"{name}_deltas"], atol=1e-5)
    assert len(target_masks) == settings.positives == 10
    if not mini:
        np.testing.assert_array_equal(target_masks, layers["dt_full_masks"][:10])
        assert not layers["dt_full_masks"][10:].any()


def test_an_image_without_objects_gives_negatives():
    rng = np.random.default_rng(0)
    corner = rng.random((40, 2)) * 0.5
    proposals = np.hstack([corner, corner + 0.2])
    rois, class_ids, deltas, masks = sample(
        proposals, np.zeros(5), np.zeros((5, 4)), np.zeros((28, 28, 5), bool)
    )
    assert rois.any(axis=1).sum() == 32 - SETTINGS.positives
    assert not class_ids.any() and not deltas.any() and not masks.any()


def test_crowds_are_neither_object_nor_background():
    proposals = [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0.6, 0.6, 0.9, 0.9]]
    rois, class_ids, *_ = sample(
        proposals,
        [-1, 2],
        [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]],
        np.ones((28, 28, 2), bool),
    )
    assert class_ids[0] == 2
    np.testing.assert_allclose(rois[0], proposals[1])
    # The third has an IoU of 0.36 with the object: background. The first is on the crowd: unused.
    np.testing.assert_allclose(rois[1], proposals[2], atol=1e-6)
    assert not rois[2:].any()


def test_regions_to_ignore_are_neither_object_nor_background():
    # An object in the region, more than half in the region, less, and outside.
    proposals = [[0, 0, 0.2, 0.2], [0, 0.38, 0.2, 0.58], [0, 0.42, 0.2, 0.62], [0.6, 0.6, 0.8, 0.8]]
    rois, class_ids, *_ = sample(
        proposals,
        [IGNORED_CLASS_ID, 2],
        [[0, 0, 0.5, 0.5], [0, 0, 0.2, 0.2]],
        np.ones((28, 28, 2), bool),
    )
    assert class_ids.tolist() == [2] + 31 * [0]
    np.testing.assert_allclose(rois[:3], np.array(proposals)[[0, 2, 3]], atol=1e-6)
    assert not rois[3:].any()


def test_an_object_without_a_mask_has_a_class_and_a_box_and_no_mask():
    boxes = [[0, 0, 0.4, 0.4], [0.5, 0.5, 1, 1]]
    masks = np.zeros((28, 28, 2), bool)
    masks[..., 1] = True
    _, class_ids, deltas, target_masks = sample(boxes, [1, 2], boxes, masks)
    assert class_ids[:2].tolist() == [1, 2]
    np.testing.assert_allclose(deltas[:2], 0, atol=1e-6)
    assert (target_masks[0] == -1).all()
    assert (target_masks[1] == 1).all()
    assert not target_masks[2:].any()


def test_priorities_choose_among_the_positives():
    proposals = np.tile([0.1, 0.1, 0.6, 0.6], (20, 1)) + np.arange(20)[:, None] * 1e-3
    priorities = ops.convert_to_tensor(np.arange(20, 0, -1, dtype=np.float32)[None])
    settings = TargetSettings(6, 0.5, (0.1, 0.1, 0.2, 0.2), (28, 28), True)
    rois, *_ = sample(
        proposals, [1], [[0.1, 0.1, 0.6, 0.6]], np.ones((28, 28, 1), bool), settings, priorities
    )
    np.testing.assert_allclose(rois[:3], proposals[[19, 18, 17]], atol=1e-6)


def test_an_empty_box_is_no_object_and_gives_finite_targets():
    outputs = sample(
        [[0.2, 0.2, 0.4, 0.4], [0, 0, 0, 0]],
        [1, 1],
        [[0.3, 0.3, 0.3, 0.3], [0, 0, 0, 0]],
        np.ones((28, 28, 2), bool),
    )
    assert all(np.isfinite(output).all() for output in outputs)
    assert not outputs[1].any()


def test_the_layer_draws_anew_each_time_and_survives_its_configuration(make_config):
    config = make_config(TRAIN_ROIS_PER_IMAGE=6, ROI_POSITIVE_RATIO=0.5, SEED=3)
    layer = DetectionTargetLayer(config)
    twin = DetectionTargetLayer.from_config(layer.get_config())
    assert twin.settings == layer.settings
    proposals = np.tile([0.1, 0.1, 0.6, 0.6], (40, 1)) + np.arange(40)[:, None] * 1e-3
    inputs = [
        ops.convert_to_tensor(proposals[None].astype(np.float32)),
        ops.convert_to_tensor(np.array([[1]], np.int32)),
        ops.convert_to_tensor(np.array([[[0.1, 0.1, 0.6, 0.6]]], np.float32)),
        ops.convert_to_tensor(np.ones((1, 56, 56, 1), bool)),
    ]
    first, second, of_twin = (
        ops.convert_to_numpy(outputs_of(target, inputs)[0]) for target in (layer, layer, twin)
    )
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, of_twin)
