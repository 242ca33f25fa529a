"""What becomes of a gradient that is not finite."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.errors import TrainingError
from mrcnn.training.optimizer import RegularizedSGD, ReportLeftOut


def numbers(variables):
    return [ops.convert_to_numpy(variable).copy() for variable in variables]


def apply(optimizer, gradients, weights):
    gradients = [ops.convert_to_tensor(np.asarray(value, np.float32)) for value in gradients]
    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad():
            optimizer.apply(gradients, weights)
    else:
        optimizer.apply(gradients, weights)


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize(
    "broken",
    [[np.inf, 0, 0], [0, -np.inf, 1], [0, 1, np.nan], [1e30, 1, 1]],
    ids=["infinite", "minus infinite", "nan", "norm beyond float32"],
)
def test_an_update_by_a_gradient_without_a_norm_is_left_out(broken, l2, momentum):
    def run(gradients):
        weights = [
            keras.Variable(np.ones(3, np.float32)),
            keras.Variable(np.ones((2, 2), "float32")),
        ]
        optimizer = RegularizedSGD(0.1, momentum, 5.0, l2)
        optimizer.build(weights)
        states = []
        for gradient in gradients:
            apply(optimizer, [gradient, np.full((2, 2), 0.5)], weights)
            states.append(numbers([*weights, *(getattr(optimizer, "momentums", None) or [])]))
        return states, int(optimizer.left_out), int(optimizer.iterations)

    good = [[1, 2, 3], [-1, 0, 1]]
    expected, left_out, _ = run(good)
    assert left_out == 0
    (first, second, third), left_out, iterations = run([good[0], broken, good[1]])
    assert (left_out, iterations) == (1, 3)
    for known, one, two in zip(expected[0], first, second, strict=True):
        np.testing.assert_array_equal(one, known)
        np.testing.assert_array_equal(two, known)
    for known, one in zip(expected[1], third, strict=True):
        np.testing.assert_array_equal(one, known)
        assert np.isfinite(one).all()


@pytest.fixture
def line():
    """`(images, epochs)`: a line fitted in steps of one image; its weights after each epoch."""

    def fit(images, epochs=1, **options):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(RegularizedSGD(0.01), "mse", jit_compile=False, **options)
        images = np.asarray(images, np.float32)
        targets = np.zeros((len(images), 1), np.float32)
        callbacks = [ReportLeftOut()]
        model.fit(images, targets, 1, epochs, 0, callbacks, shuffle=False)
        return numbers(model.weights)

    return fit


def test_steps_that_were_left_out_are_told_at_the_end_of_their_epoch(line):
    expected = line([[1, 2], [3, 4]])
    with pytest.warns(UserWarning, match=r"In 1 of the 3 steps of epoch 1 the gradient was not"):
        weights = line([[1, 2], [np.inf, 1], [3, 4]])
    for one, known in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, known, rtol=1e-6)


def test_an_epoch_without_an_update_ends_the_training(line):
    with pytest.raises(TrainingError, match=r"In 2 of the 2 steps of epoch 1 .*cannot go on"):
        line([[np.inf, 1], [np.nan, 1]], epochs=3)


def test_other_optimizers_are_not_asked():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    data = np.ones((2, 2), np.float32), np.ones((2, 1), np.float32)
    model.fit(*data, verbose=0, callbacks=[ReportLeftOut()])
