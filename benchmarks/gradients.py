"""Gradients of the training graph under each backend; the one place that asks which it is."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import ops

LOSSES = 5


def weight_names(model: keras.Model) -> list[str]:
    """`layer/weight` of each trainable weight, in the order of `model.trainable_variables`."""
    from mrcnn.weights.loading import layers_with_weights

    names = {
        id(weight): f"{layer.name}/{weight.name}"
        for layer in layers_with_weights(model)
        for weight in layer.trainable_weights
    }
    return [names[id(weight)] for weight in model.trainable_variables]


class Gradients:
    """Outputs of a training graph on one batch, and gradients of its losses.

    Args:
        model: a training model with five scalar losses at the end of its outputs, or a part of it
            whose outputs are some of them.
        inputs: arrays in the order of its inputs.
    """

    def __init__(self, model: keras.Model, inputs: Sequence[np.ndarray]):
        self.model = model
        self.inputs = [ops.convert_to_tensor(array) for array in inputs]
        self.names = weight_names(model)
        backend = keras.backend.backend()
        self._run, self._run_l2 = {
            "tensorflow": _tensorflow,
            "jax": _jax,
            "torch": _torch,
        }[backend](model, self.inputs)

    def of_losses(self, weights: Sequence[float] = (1.0,) * LOSSES):
        """Outputs of the graph, and the gradient of the weighted sum of its losses.

        Returns:
            list of arrays, and weight name -> array of the weight's shape.
        """
        outputs, gradients = self._run(ops.convert_to_tensor(np.asarray(weights, np.float32)))
        return [ops.convert_to_numpy(output) for output in outputs], self._named(gradients)

    def of_l2(self):
        """The L2 term and its gradient."""
        value, gradients = self._run_l2()
        return float(ops.convert_to_numpy(value)), self._named(gradients)

    def _named(self, gradients) -> dict[str, np.ndarray]:
        return {
            name: np.zeros(tuple(variable.shape), np.float32)
            if gradient is None
            else ops.convert_to_numpy(gradient)
            for name, variable, gradient in zip(
                self.names, self.model.trainable_variables, gradients, strict=True
            )
        }


def _weighted_sum(outputs, weights):
    return ops.sum(ops.stack(list(outputs[-LOSSES:])) * weights)


def _tensorflow(model, inputs) -> tuple[Callable, Callable]:
    import tensorflow as tf

    variables = [variable.value for variable in model.trainable_variables]

    @tf.function
    def losses(weights):
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            total = _weighted_sum(outputs, weights)
        return outputs, tape.gradient(total, variables)

    def l2():
        with tf.GradientTape() as tape:
            total = model.regularization_loss()
        return total, tape.gradient(total, variables)

    return losses, l2


def _torch(model, inputs) -> tuple[Callable, Callable]:
    import torch

    variables = [variable.value for variable in model.trainable_variables]

    def losses(weights):
        outputs = model(inputs, training=True)
        total = _weighted_sum(outputs, weights)
        gradients = torch.autograd.grad(total, variables, allow_unused=True)
        return [output.detach() for output in outputs], gradients

    def l2():
        total = model.regularization_loss()
        gradients = torch.autograd.grad(total, variables, allow_unused=True)
        return total.detach(), gradients

    return losses, l2


def _jax(model, inputs) -> tuple[Callable, Callable]:
    import jax

    trainable = [variable.value for variable in model.trainable_variables]
    fixed = [variable.value for variable in model.non_trainable_variables]

    def total(values, fixed, inputs, weights):
        outputs, _ = model.stateless_call(values, fixed, inputs, training=True)
        return _weighted_sum(outputs, weights), outputs

    def l2_total(values):
        mapping = list(zip(model.trainable_variables, values, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return model.regularization_loss()

    of_total = jax.jit(jax.value_and_grad(total, has_aux=True))
    of_l2 = jax.jit(jax.value_and_grad(l2_total))

    def losses(weights):
        (_, outputs), gradients = of_total(trainable, fixed, inputs, weights)
        return outputs, gradients

    return losses, lambda: of_l2(trainable)
