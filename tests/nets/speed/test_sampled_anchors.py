"""The RPN's outputs of the sampled anchors: those of the whole maps, and their gradients."""

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks.gradients import Gradients
from mrcnn.data.loader import BatchLoader
from mrcnn.nets.rpn import build_rpn, rpn_on_pyramid
from mrcnn.nets.speed.sampled_anchors import SampledAnchors, sampled_rows
from mrcnn.ops.outputs import TrainingOutputs
from mrcnn.training.model import SAMPLED_ANCHORS, build_training_model
from tests.compiling import compiled, outputs_of

SIZES = [(12, 20), (6, 10), (3, 5), (2, 3), (1, 2)]


def test_rows_are_the_sampled_anchors_in_their_order():
    match = np.zeros((2, 9, 1), np.int32)
    match[0, [1, 4, 8], 0] = (1, -1, 1)
    rows, found = compiled(sampled_rows, count=4)(ops.convert_to_tensor(match))
    rows, found = ops.convert_to_numpy(rows), ops.convert_to_numpy(found)
    assert rows[0, :3].tolist() == [1, 4, 8]
    assert found[..., 0].tolist() == [[1, -1, 1, 0], [0, 0, 0, 0]]


def test_more_than_there_is_room_for():
    match = np.array([[[1], [0], [-1], [1]]], np.int32)
    rows, found = compiled(sampled_rows, count=2)(ops.convert_to_tensor(match))
    assert ops.convert_to_numpy(rows).tolist() == [[0, 2]]
    assert ops.convert_to_numpy(found)[0, :, 0].tolist() == [1, -1]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("ratios", [1, 3])
def test_outputs_are_those_of_the_whole_maps(stride, ratios):
    rng = np.random.default_rng(stride)
    rpn = build_rpn(stride, ratios, depth=6, channels=8)
    maps = [rng.normal(size=(2, *size, 6)).astype(np.float32) for size in SIZES]
    logits, _, deltas = (
        np.asarray(ops.convert_to_numpy(v)) for v in compiled(rpn_on_pyramid, rpn)(maps)
    )
    anchors = logits.shape[1]
    # All of them, so that every corner and edge of every level is among them.
    match = np.ones((2, anchors, 1), np.int32)
    layer = SampledAnchors(anchors)
    dense = [ops.convert_to_tensor(value) for value in (match, logits, deltas)]
    for read in (False, True):
        if read:
            layer.read_from(rpn)
        found = outputs_of(layer, [*dense, *map(ops.convert_to_tensor, maps)])
        assert layer.weights == []
        for one, other in zip(found, (match, logits, deltas), strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(one), other, atol=1e-5)


@pytest.mark.usefixtures("eager")
def test_gradients_are_those_of_the_whole_maps(tiny_config, disks):
    config = tiny_config(RPN_ANCHOR_STRIDE=1)
    model = build_training_model(config, shuffle_targets=False)
    (batch,) = BatchLoader(disks([(60, 60, 20), (30, 90, 12), (5, 120, 9)]), config, steps=1)[0]
    outputs = TrainingOutputs(*model.outputs)
    part = keras.Model(model.inputs, [outputs.rpn_class_loss, outputs.rpn_bbox_loss])
    losses, found = Gradients(part, batch).of_losses((1.0, 1.0))
    model.get_layer(SAMPLED_ANCHORS)._rpn_layers = None
    plain_losses, expected = Gradients(part, batch).of_losses((1.0, 1.0))
    assert min(losses) > 0
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-5)
    for name, gradient in expected.items():
        scale = max(np.abs(gradient).max(), 1e-6)
        np.testing.assert_allclose(found[name] / scale, gradient / scale, atol=2e-4, err_msg=name)
    assert np.abs(found["rpn_conv_shared/kernel"]).max() > 0
    assert np.abs(found["conv1/kernel"]).max() > 0


def losses_of(model, batch):
    outputs = outputs_of(model, list(batch), training=True)
    return [float(ops.convert_to_numpy(value)) for value in outputs[-5:]]


def test_a_saved_graph_reads_the_weights_again(tiny_config, disks, tmp_path):
    config = tiny_config()
    model = build_training_model(config, shuffle_targets=False)
    (batch,) = BatchLoader(disks([(60, 60, 20)]), config, steps=1)[0]
    expected = losses_of(model, batch)
    model.save(tmp_path / "training.keras")
    again = keras.saving.load_model(tmp_path / "training.keras")
    assert again.get_layer(SAMPLED_ANCHORS)._rpn_layers is not None
    np.testing.assert_allclose(losses_of(again, batch), expected, rtol=1e-6)
