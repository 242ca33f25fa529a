"""SGD that takes on the L2 term and the clipping of the gradient.

Both are what Keras would do with the loss and the gradients, in another order: the gradient of the
L2 term is added where a weight is updated, instead of being computed before everything else and
kept for the whole step, and the clipping factor goes into the learning rate instead of into a copy
of all gradients.
"""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.nets.layers import register


def l2_factor(variable: Any, weight_decay: float) -> float:
    """What the sum of squares of a weight is multiplied by: `weight_decay / size`, or 0.

    Scales and shifts of normalisation layers are not regularised.
    """
    return 0.0 if variable.name in ("gamma", "beta") else weight_decay / math.prod(variable.shape)


def weighted_squares(tensors: Sequence[tuple[Any, float]]):
    """The sum of the squares of all values, each tensor's by its weight: a scalar float32."""
    if not tensors:
        return ops.zeros(())
    if keras.backend.backend() == "tensorflow":
        # Without a tensor of the squares.
        import tensorflow as tf

        sums, doubled = [tf.nn.l2_loss(tensor) for tensor, _ in tensors], 2.0
    else:
        sums, doubled = [ops.sum(ops.square(tensor)) for tensor, _ in tensors], 1.0
    weights = [doubled * weight for _, weight in tensors]
    weights = ops.convert_to_tensor(weights, dtype="float32")
    return ops.sum(ops.stack(sums) * weights)


def _computed_after(tensor: Any) -> contextlib.AbstractContextManager:
    """Operations made while this lasts wait for a tensor, where a graph is free in its order."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.control_dependencies([tensor])
    return contextlib.nullcontext()


@register
class RegularizedSGD(keras.optimizers.SGD):
    """SGD with momentum on a loss and its L2 term, of which the loss brings no gradient.

    Args:
        learning_rate: a number or a Keras schedule.
        momentum: 0 to 1.
        clip_norm: global norm to which the whole gradient is clipped.
        l2: weight decay, see `l2_factor`.
    """

    def __init__(self, learning_rate=0.001, momentum=0.9, clip_norm=5.0, l2=0.0, **kwargs):
        super().__init__(learning_rate=learning_rate, momentum=float(momentum), **kwargs)
        self.clip_norm = clip_norm
        self.l2 = l2
        # Tensors of the update that is under way, the same for all weights.
        self._rate = self._decay = None

    def apply(self, grads, trainable_variables=None):
        grads = [
            gradient if gradient is None else self._with_l2(gradient, variable)
            for gradient, variable in zip(
                grads, trainable_variables or self._trainable_variables, strict=True
            )
        ]
        norm = ops.sqrt(weighted_squares([(value, 1.0) for value in grads if value is not None]))
        scale = self.clip_norm / ops.maximum(norm, self.clip_norm)
        self._rate = ops.cast(self.learning_rate, "float32") * scale
        self._decay = ops.convert_to_tensor(self.momentum, dtype="float32")
        try:
            super().apply(grads, trainable_variables)
        finally:
            self._rate = self._decay = None

    def _with_l2(self, gradient, variable):
        gradient = ops.convert_to_tensor(gradient, dtype="float32")
        factor = 2.0 * l2_factor(variable, self.l2)
        if not factor:
            return gradient
        # It needs nothing but the weight: all of it would be computed first, and kept to the end.
        with _computed_after(gradient):
            return gradient + factor * ops.convert_to_tensor(variable)

    def update_step(self, gradient, variable, learning_rate):
        if keras.backend.backend() != "tensorflow" or not self.momentum:
            super().update_step(gradient, variable, self._rate)
            return
        # The same in one kernel, which needs no memory: velocity = momentum * velocity -
        # learning_rate * gradient; weight = weight + velocity.
        import tensorflow as tf

        velocity = self.momentums[self._get_variable_index(variable)]
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=velocity.value.handle,
            lr=self._rate,
            grad=gradient,
            momentum=self._decay,
        )

    def get_config(self):
        return {**super().get_config(), "clip_norm": self.clip_norm, "l2": self.l2}
