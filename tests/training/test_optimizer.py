"""SGD that takes on the L2 term and the clipping: what Keras' SGD does with both in the loss."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.errors import ConfigError
from mrcnn.training.optimizer import RegularizedSGD, l2_factor, weighted_squares

SHAPES = {"kernel": (3, 4), "bias": (4,), "gamma": (4,), "beta": (4,)}


def variables(seed=0):
    rng = np.random.default_rng(seed)
    return [
        keras.Variable(rng.normal(size=shape).astype(np.float32), name=name)
        for name, shape in SHAPES.items()
    ]


def values(weights):
    return [ops.convert_to_numpy(weight).copy() for weight in weights]


def apply(optimizer, gradients, weights):
    """One update, in the manner of each backend's training step."""
    gradients = [ops.convert_to_tensor(gradient) for gradient in gradients]
    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():
            optimizer.apply(gradients, weights)
    else:
        optimizer.apply(gradients, weights)


@pytest.mark.parametrize("clip_norm", [0.5, 1e6])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_the_same_weights_as_keras_sgd(clip_norm, momentum, l2):
    ours, keras_own = variables(), variables()
    optimizer = RegularizedSGD(0.1, momentum, clip_norm, l2)
    reference = keras.optimizers.SGD(0.1, momentum=momentum, global_clipnorm=clip_norm)
    optimizer.build(ours)
    reference.build(keras_own)
    rng = np.random.default_rng(1)
    for _ in range(4):
        gradients = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]
        apply(optimizer, gradients, ours)
        with_l2 = [
            gradient + 2 * l2_factor(weight, l2) * value
            for gradient, weight, value in zip(gradients, keras_own, values(keras_own), strict=True)
        ]
        apply(reference, with_l2, keras_own)
        for one, other in zip(values(ours), values(keras_own), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert np.abs(values(ours)[0] - values(variables())[0]).max() > 0.01


def test_the_learning_rate_is_read_at_each_step():
    weights = variables()
    optimizer = RegularizedSGD(1.0, 0.0, 1e6)
    optimizer.build(weights)
    ones = [np.ones(shape, np.float32) for shape in SHAPES.values()]
    before = values(weights)
    optimizer.learning_rate = 0.25
    apply(optimizer, ones, weights)
    for one, other in zip(values(weights), before, strict=True):
        np.testing.assert_allclose(one, other - 0.25, rtol=1e-5)


def test_a_schedule():
    weights = variables()
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [1.0, 0.5])
    optimizer = RegularizedSGD(schedule, 0.0, 1e6)
    optimizer.build(weights)
    ones = [np.ones(shape, np.float32) for shape in SHAPES.values()]
    before = values(weights)
    apply(optimizer, ones, weights)
    apply(optimizer, ones, weights)
    np.testing.assert_allclose(values(weights)[0], before[0] - 1.5, rtol=1e-5)


def test_settings_survive_serialization():
    optimizer = RegularizedSGD(0.1, 0.8, 3.0, 0.01)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, RegularizedSGD)
    assert (again.momentum, again.clip_norm, again.l2) == (0.8, 3.0, 0.01)
    assert float(again.learning_rate) == pytest.approx(0.1)


def test_weighted_squares():
    tensors = [(ops.convert_to_tensor([1.0, 2.0]), 0.5), (ops.convert_to_tensor([[3.0]]), 2.0)]
    assert float(weighted_squares(tensors)) == pytest.approx(20.5)
    assert float(weighted_squares([])) == 0


def test_l2_leaves_normalization_alone():
    factors = {weight.name: l2_factor(weight, 0.12) for weight in variables()}
    assert factors == {"kernel": 0.12 / 12, "bias": 0.12 / 4, "gamma": 0.0, "beta": 0.0}


def test_the_moving_average_of_keras_goes_with_it():
    weights = variables()
    optimizer = RegularizedSGD(0.1, 0.9, use_ema=True, ema_momentum=0.8)
    optimizer.build(weights)
    rng, expected = np.random.default_rng(2), None
    for _ in range(3):
        gradients = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]
        apply(optimizer, gradients, weights)
        now = values(weights)
        # The first step has nothing to average with.
        expected = (
            now
            if expected is None
            else [0.8 * average + 0.2 * value for average, value in zip(expected, now, strict=True)]
        )
    optimizer.finalize_variable_values(weights)
    for value, average in zip(values(weights), expected, strict=True):
        np.testing.assert_allclose(value, average, rtol=1e-5, atol=1e-6)


def test_accumulated_gradients_are_refused():
    with pytest.raises(ConfigError, match="gradient_accumulation_steps cannot be used"):
        RegularizedSGD(gradient_accumulation_steps=2)
