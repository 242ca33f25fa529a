"""Losses and targets of degenerate input: finite values and gradients."""

import numpy as np
import pytest
from keras import ops

from mrcnn.training import losses
from mrcnn.training.targets import TargetSettings, detection_targets
from tests.compiling import compiled

ROWS, CLASSES = 6, 3
RNG = np.random.default_rng(0)
# Logits and deltas as a network makes them: ordinary, none, saturated either way, very large.
OUTPUTS = {
    "ordinary": RNG.normal(size=(2, ROWS, CLASSES)),
    "constant": np.zeros((2, ROWS, CLASSES)),
    "all high": np.full((2, ROWS, CLASSES), 1e4),
    "all low": np.full((2, ROWS, CLASSES), -1e4),
    "right and wrong": np.where(RNG.random((2, ROWS, CLASSES)) < 0.5, -1e4, 1e4),
    "very large": np.where(RNG.random((2, ROWS, CLASSES)) < 0.5, -1e19, 1e19),
}
IDS = {
    "mixed": RNG.integers(0, CLASSES, (2, ROWS), np.int32),
    "no object": np.zeros((2, ROWS), np.int32),
    "objects only": np.full((2, ROWS), CLASSES - 1, np.int32),
}


def of(ids):
    return ops.convert_to_tensor(np.asarray(ids, np.int32))


def fourfold(values):
    return ops.repeat(ops.expand_dims(values, -1), 4, axis=-1)


def rpn_class(found, ids, match, active):
    return losses.rpn_class_loss(match, found[..., :2])


def rpn_bbox(found, ids, match, active):
    return losses.rpn_bbox_loss(ops.zeros((2, ROWS, 4)), match, fourfold(found[..., 0]))


def mrcnn_class(found, ids, match, active):
    return losses.mrcnn_class_loss(ids, found, active)


def mrcnn_bbox(found, ids, match, active):
    return losses.mrcnn_bbox_loss(ops.zeros((2, ROWS, 4)), ids, fourfold(found))


def mrcnn_mask(found, ids, targets):
    return losses.mrcnn_mask_loss(targets, ids, found)


@pytest.fixture
def check(value_and_gradients):
    """`(loss, output, *given)`: the loss; it and its gradient must be finite."""

    def run(loss, output, *given):
        value, (gradient,) = value_and_gradients(loss, np.asarray(output, np.float32), given=given)
        assert np.isfinite(value) and value >= 0
        assert gradient is None or np.isfinite(gradient).all()
        return value

    return run


@pytest.mark.parametrize("active", [1, 0])
@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("loss", [rpn_class, rpn_bbox, mrcnn_class, mrcnn_bbox])
def test_losses_of_classes_and_boxes(check, loss, ids, active):
    # 1 object, -1 background, 0 not sampled.
    match = np.array([0, 1, -1], np.int32)[IDS[ids]][..., None]
    nothing_counts = not active if loss is mrcnn_class else ids == "no object"
    for output in OUTPUTS.values():
        flags = np.full((2, CLASSES), active, np.float32)
        value = check(loss, output, IDS[ids], match, flags)
        assert value == 0 or not nothing_counts


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_loss_of_masks(check, ids, target):
    targets = np.full((2, ROWS, 2, 2), target, np.float32)
    for level in (0.0, 1e-38, 1e-7, 0.5, 1 - 1e-7, 1.0):
        masks = np.full((2, ROWS, 2, 2, CLASSES), level)
        value = check(mrcnn_mask, masks, IDS[ids], targets)
        assert value == 0 or ids != "no object"


def distances_loss(found):
    return ops.sum(losses.smooth_l1(ops.zeros_like(found), found) * 1e-3)


def test_smooth_l1_around_its_corners(value_and_gradients):
    distances = np.array([0, 1e-38, -1e-7, 1, -1, 1 + 1e-6, 1e4, -1e19, 3e38], np.float32)
    _, (gradient,) = value_and_gradients(distances_loss, distances)
    expected = np.clip(distances, -1, 1) * 1e-3
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-30)


SETTINGS = TargetSettings(8, 0.5, (0.1, 0.1, 0.2, 0.2), (6, 6), True)
PROPOSALS = np.array(
    [
        [0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], [0.5, 0.2, 0.5, 0.9], [0.9, 0.9, 0.1, 0.1],
        [0.3, 0.3, 0.3 + 1e-7, 0.3 + 1e-7], [0, 0, 1e-7, 1e-7], [0, 0, 1e-20, 1], [0, 0, 1, 1],
        [0.2, 0.2, 0.6, 0.7], [2, 2, 3, 3], [-1e30, -1e30, 1e30, 1e30], [1, 1, 1, 1],
    ],
    np.float32,
)  # fmt: skip


def sample(settings, class_ids, boxes):
    """Targets of one image for the proposals above."""
    inputs = PROPOSALS, np.asarray(boxes, np.float32), np.ones((6, 6, 12), bool)
    proposals, boxes, masks = (ops.convert_to_tensor(value[None]) for value in inputs)
    find = compiled(detection_targets, settings=settings)
    targets = find(proposals, of(class_ids[None]), boxes, masks)
    return [ops.convert_to_numpy(value)[0] for value in targets]


@pytest.mark.parametrize("mini", [True, False])
@pytest.mark.parametrize(
    ("boxes", "class_ids"),
    [
        (PROPOSALS, np.ones(12)),
        (PROPOSALS, -np.ones(12)),
        (PROPOSALS, np.tile([1, -1, 2], 4)),
        (np.zeros((12, 4)), np.zeros(12)),
        (np.tile([0, 0, 1, 1], (12, 1)), np.full(12, 2)),
        (np.tile([0.4, 0.4, 0.4 + 1 / 127, 0.4 + 1 / 127], (12, 1)), np.ones(12)),
    ],
    ids=["degenerate", "crowds", "some crowds", "none", "all of the image", "a pixel"],
)
def test_targets(boxes, class_ids, mini):
    settings = TargetSettings(8, 0.5, (0.1, 0.1, 0.2, 0.2), (6, 6), mini)
    rois, found, deltas, target_masks = sample(settings, class_ids, boxes)
    for values in (rois, deltas, target_masks):
        assert np.isfinite(values).all()
    assert found.min() >= 0
    assert set(np.unique(target_masks)) <= {0.0, 1.0}
    # What is given for an object overlaps one, and so has an area.
    positive = rois[found > 0]
    assert (positive[:, 2:] > positive[:, :2]).all()
    assert (class_ids > 0).any() or not found.any()


def test_the_leak_of_the_original_is_finite_as_well(value_and_gradients):
    """Its box loss reaches the proposals through the targets, where they are degenerate too."""
    masks, ids = ops.ones((1, 6, 6, 12), dtype="bool"), of(np.ones((1, 12)))

    def deltas(proposals):
        targets = detection_targets(
            proposals, ids, PROPOSALS[None], masks, SETTINGS, stop_gradients=False
        )
        return ops.sum(targets[2])

    value, (gradient,) = value_and_gradients(deltas, PROPOSALS[None])
    assert np.isfinite(value)
    assert np.isfinite(gradient).all() and gradient.any()


@pytest.mark.parametrize("settings", [(8, 0.0), (1, 0.5)])
def test_no_room_for_positives(settings):
    settings = TargetSettings(*settings, (0.1, 0.1, 0.2, 0.2), (6, 6), True)
    assert settings.positives == 0
    rois, class_ids, deltas, masks = sample(settings, np.ones(12), PROPOSALS)
    assert rois.shape == (settings.rois, 4) and masks.shape == (1, 6, 6)
    assert not class_ids.any() and not deltas.any() and not masks.any()
