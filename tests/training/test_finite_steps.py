"""Whole training steps on images, ground truth and weights out of the ordinary."""

import warnings

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.config import LOSS_NAMES
from mrcnn.data.dataset import Dataset
from mrcnn.data.loader import BatchLoader
from mrcnn.errors import ConfigError, LimitWarning
from mrcnn.ops.outputs import TrainingOutputs
from mrcnn.training.freezing import set_trainable
from mrcnn.training.model import build_training_model
from mrcnn.training.optimizer import RegularizedSGD, l2_factor

SIZE = 128
DECAY = 0.25
OUTPUT_LAYERS = ("rpn_class_raw", "rpn_bbox_pred", "mrcnn_class_logits", "mrcnn_bbox_fc",
                 "mrcnn_mask")  # fmt: skip


def squares(centers, side):
    """Polygons [4, 2] of (y, x) around the pixels of squares."""
    corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]]) * (side - 1)
    return [np.asarray(center) + corners for center in centers]


def picture(level):
    return np.full((SIZE, SIZE, 3), level, np.uint8)


RNG = np.random.default_rng(5)
NOISE = RNG.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
TWO = squares([(20, 20), (70, 60)], 30)
# Picture, polygons, class id of all of them.
IMAGES = {
    "no cell": (NOISE, [], 1),
    "cells of a pixel": (NOISE, squares(RNG.integers(0, SIZE, (5, 2)), 1), 1),
    "a cell that is the whole image": (NOISE, squares([(0, 0)], SIZE), 2),
    "the whole image twice": (NOISE, squares([(0, 0), (0, 0)], SIZE), 1),
    "1000 cells": (NOISE, squares(RNG.uniform(0, SIZE - 4, (1000, 2)), 4), 2),
    "black": (picture(0), TWO, 1),
    "white": (picture(255), TWO, 1),
    "black and no cell": (picture(0), [], 1),
    "crowds only": (NOISE, TWO, -1),
    "outside but for a corner": (NOISE, squares([(-25, -25), (SIZE - 2, SIZE - 2)], 30), 1),
}


class Fields(Dataset):
    def load_image(self, image_id):
        return self.image_info[image_id]["picture"]

    def load_polygons(self, image_id):
        info = self.image_info[image_id]
        return info["polygons"], np.full(len(info["polygons"]), info["class_id"], np.int32)


@pytest.fixture(scope="module")
def batches(tiny_config):
    """A training batch of each image."""
    dataset = Fields()
    dataset.add_class("fields", 1, "one")
    dataset.add_class("fields", 2, "other")
    for name, (image, polygons, class_id) in IMAGES.items():
        dataset.add_image("fields", name, None, picture=image, polygons=polygons, class_id=class_id)
    dataset.prepare()
    config = tiny_config(MAX_GT_INSTANCES=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LimitWarning)
        loader = BatchLoader(dataset, config, steps=len(IMAGES), shuffle=False, threads=0)
        return {name: loader[number][0] for number, name in enumerate(IMAGES)}


@pytest.fixture(scope="module")
def model(tiny_config, eager_module):
    """A network that trains as `MaskRCNN` has it; its weights are the same in each test."""
    model = build_training_model(tiny_config(MAX_GT_INSTANCES=1000, WEIGHT_DECAY=DECAY))
    model.compile(
        optimizer=RegularizedSGD(0.01, 0.9, 5.0, DECAY),
        jit_compile=keras.backend.backend() == "jax",
    )
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture
def trains(model):
    """`(batch)`: a step that must have finite losses and gradients; its losses."""
    variables = [*model.variables, *model.optimizer.variables]
    before = [ops.convert_to_numpy(variable).copy() for variable in variables]

    def step(batch):
        skipped = int(model.optimizer.left_out)
        logs = model.train_on_batch(batch, return_dict=True)
        assert set(logs) == {"loss", *LOSS_NAMES}
        assert all(np.isfinite(float(value)) for value in logs.values()), logs
        # An update without a finite gradient would have been left out.
        assert int(model.optimizer.left_out) == skipped
        for weight in model.weights:
            assert np.isfinite(ops.convert_to_numpy(weight)).all(), weight.path
        return {name: float(value) for name, value in logs.items()}

    yield step
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)


def test_every_image(trains, batches):
    losses = {name: trains(batch) for name, batch in batches.items()}
    for name in ("no cell", "black and no cell", "crowds only"):
        assert losses[name]["mrcnn_bbox_loss"] == losses[name]["mrcnn_mask_loss"] == 0
        assert losses[name]["rpn_bbox_loss"] == 0
    assert (batches["1000 cells"][4] > 0).sum() > 900
    for name in ("cells of a pixel", "a cell that is the whole image", "black", "1000 cells"):
        assert losses[name]["rpn_bbox_loss"] > 0


@pytest.mark.parametrize("bias", [0.0, 1e4, -1e4], ids=["constant", "high", "low"])
def test_outputs_that_the_image_does_not_change(model, trains, batches, bias):
    for name in OUTPUT_LAYERS:
        layer = model.get_layer("rpn_model").get_layer(name) if name.startswith("rpn") else (
            model.get_layer(name).layer
        )  # fmt: skip
        layer.kernel.assign(np.zeros(layer.kernel.shape, np.float32))
        # Of a pair of logits one is high: the same number for all would be no saturation.
        signs = np.where(np.arange(layer.bias.shape[0]) % 2, 1.0, -1.0)
        layer.bias.assign(bias * signs if "class" in name else np.full_like(signs, bias))
    for name in ("black", "no cell", "1000 cells"):
        trains(batches[name])


def test_a_broken_weight_breaks_no_other(model, trains, batches):
    bias = model.get_layer("mrcnn_class_logits").layer.bias
    bias.assign(np.full(bias.shape, np.nan))
    before = [ops.convert_to_numpy(weight).copy() for weight in model.weights]
    logs = model.train_on_batch(batches["black"], return_dict=True)
    assert np.isnan(float(logs["loss"])) and np.isnan(float(logs["mrcnn_class_loss"]))
    assert int(model.optimizer.left_out) == 1
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), value)


def test_the_gradient_of_the_l2_term_is_never_lost(model, value_and_gradients):
    """By `RegularizedSGD` or by the loss, whatever the optimizer."""
    set_trainable(model, "mrcnn_class_logits")
    kernel = model.get_layer("mrcnn_class_logits").layer.kernel
    start = ops.convert_to_numpy(kernel)
    nothing = [np.zeros((), np.float32)] * len(TrainingOutputs._fields)

    def in_the_loss():
        def loss(value):
            with keras.StatelessScope(state_mapping=[(kernel, value)]):
                return model.compute_loss(y_pred=[ops.convert_to_tensor(n) for n in nothing])

        _, (gradient,) = value_and_gradients(loss, start)
        return 0.0 if gradient is None else gradient

    def in_the_optimizer(optimizer):
        if not isinstance(optimizer, RegularizedSGD):
            return 0.0
        weight = keras.Variable(start, name=kernel.name)
        optimizer.build([weight])
        added = optimizer._with_l2(ops.zeros(start.shape), weight)
        return ops.convert_to_numpy(ops.stop_gradient(added))

    expected = 2 * l2_factor(kernel, DECAY) * start
    assert np.abs(expected).max() > 0
    try:
        for optimizer in (
            RegularizedSGD(l2=DECAY),
            RegularizedSGD(),
            keras.optimizers.SGD(),
        ):
            model.optimizer = optimizer
            both = in_the_loss() + in_the_optimizer(optimizer)
            np.testing.assert_allclose(both, expected, atol=1e-6)

        model.optimizer = RegularizedSGD(l2=0.5)
        with pytest.raises(ConfigError, match=r"l2 is 0\.5, the model's weight_decay 0\.25: give"):
            in_the_loss()
    finally:
        set_trainable(model, ".*")
