"""SGD that takes on the L2 term and the clipping of the gradient, and keeps broken ones away.

Both are what Keras would do with the loss and the gradients, in another order: the gradient of the
L2 term is added where a weight is updated, instead of being computed before everything else and
kept for the whole step, and the clipping factor goes into the learning rate instead of into a copy
of all gradients.

Unlike what Keras would do, an update is left out where the norm of its gradient is infinite or not
a number: clipping by such a norm makes every weight NaN, also where the loss of that step was fine.

Where several devices share a batch, the gradient of the batch comes first: L2, norm and clipping
are of that one, so that all devices make the same step, or leave it out.
"""

import contextlib
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.errors import ConfigError, TrainingError
from mrcnn.nets.layers import register
from mrcnn.ops.tensor import Tensor
from mrcnn.training.replicas import mean_of_gradients


def l2_factor(variable: Any, weight_decay: float) -> float:
    """What the sum of squares of a weight is multiplied by: `weight_decay / size`, or 0.

    Scales and shifts of normalization layers are not regularized.
    """
    return 0.0 if variable.name in ("gamma", "beta") else weight_decay / math.prod(variable.shape)


def weighted_squares(tensors: Sequence[tuple[Any, float]]) -> Tensor:
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

    An update whose gradient has no finite norm is left out: weights and velocities stay as they
    are, the step counts in `iterations` and in `left_out`. `ReportLeftOut` tells of such steps.

    Args:
        learning_rate: a number or a Keras schedule.
        momentum: 0 to 1.
        clip_norm: global norm to which the whole gradient is clipped.
        l2: weight decay, see `l2_factor`; 0 leaves the term's gradient to the loss.
        **kwargs: of Keras' SGD, such as `use_ema`, but for `gradient_accumulation_steps`.

    Raises:
        ConfigError: gradients are to be accumulated.

    Attributes:
        left_out: int32 scalar variable, the updates that were left out.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        momentum: float = 0.9,
        clip_norm: float = 5.0,
        l2: float = 0.0,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("gradient_accumulation_steps"):
            raise ConfigError(
                "gradient_accumulation_steps cannot be used with this optimizer, which clips the "
                "gradient of each step: leave it out, and give IMAGES_PER_GPU what memory allows."
            )
        super().__init__(learning_rate=learning_rate, momentum=float(momentum), **kwargs)
        self.clip_norm = clip_norm
        self.l2 = l2
        # Made by `build`.
        self.left_out: keras.Variable = None

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the variables, if they are not made yet."""
        if self.built:
            return
        super().build(variables)
        self.left_out = self.add_variable(
            shape=(), dtype="int32", aggregation="only_first_replica", name="left_out"
        )

    def _with_l2(self, gradient: Tensor, variable: keras.Variable) -> Tensor:
        gradient = ops.convert_to_tensor(gradient, dtype="float32")
        factor = 2.0 * l2_factor(variable, self.l2)
        if not factor:
            return gradient
        # It needs nothing but the weight: all of it would be computed first, and kept to the end.
        with _computed_after(gradient):
            return gradient + factor * ops.convert_to_tensor(variable)

    def _backend_update_step(
        self,
        grads: Sequence[Tensor],
        trainable_variables: Sequence[keras.Variable],
        learning_rate: Tensor,
    ) -> None:
        grads = [
            self._with_l2(gradient, variable)
            for gradient, variable in zip(
                mean_of_gradients(grads), trainable_variables, strict=True
            )
        ]
        norm = ops.sqrt(weighted_squares([(gradient, 1.0) for gradient in grads]))
        usable = ops.isfinite(norm)
        scale = self.clip_norm / ops.maximum(norm, self.clip_norm)
        rate = ops.cast(learning_rate, "float32") * scale
        self.left_out.assign_add(1 - ops.cast(usable, "int32"))
        pairs = list(zip(grads, trainable_variables, strict=True))
        if keras.backend.backend() == "tensorflow":
            self._update_by_kernels(pairs, rate, usable)
        elif keras.backend.backend() == "torch":
            if bool(usable):
                for gradient, variable in pairs:
                    self.update_step(gradient, variable, rate)
        else:
            self._update_where(pairs, rate, usable)

    def _update_where(
        self, pairs: Sequence[tuple[Tensor, keras.Variable]], rate: Tensor, usable: Tensor
    ) -> None:
        """All of a step is one program on JAX, in which each value is chosen."""
        momentum = ops.convert_to_tensor(self.momentum, dtype="float32")
        for gradient, variable in pairs:
            step, weight = -rate * gradient, ops.convert_to_tensor(variable)
            if self.momentum:
                velocity = self.momentums[self._get_variable_index(variable)]
                before = ops.convert_to_tensor(velocity)
                step = momentum * before + step
                velocity.assign(ops.where(usable, step, before))
            variable.assign(ops.where(usable, weight + step, weight))

    def _update_by_kernels(
        self, pairs: Sequence[tuple[Tensor, keras.Variable]], rate: Tensor, usable: Tensor
    ) -> None:
        """On TensorFlow one kernel updates a weight: velocity = momentum * velocity - rate *
        gradient; weight = weight + velocity. It needs no memory.

        Under a strategy of `tf.distribute` the handles are those of the replica, which updates its
        own copies: replicas must not meet in a branch.
        """
        import tensorflow as tf

        def update() -> Tensor:
            for gradient, variable in pairs:
                if not self.momentum:
                    tf.raw_ops.ResourceApplyGradientDescent(
                        var=variable.value.handle, alpha=rate, delta=gradient
                    )
                    continue
                velocity = self.momentums[self._get_variable_index(variable)]
                tf.raw_ops.ResourceApplyKerasMomentum(
                    var=variable.value.handle,
                    accum=velocity.value.handle,
                    lr=rate,
                    grad=gradient,
                    momentum=tf.constant(self.momentum, tf.float32),
                )
            return tf.constant(0)

        tf.cond(usable, update, lambda: tf.constant(0))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "clip_norm": self.clip_norm, "l2": self.l2}


class ReportLeftOut(keras.callbacks.Callback):
    """Warns at the end of an epoch in which updates of a `RegularizedSGD` were left out.

    Where none of an epoch was made it raises TrainingError: that training learns nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._before = (0, 0)

    def _counts(self) -> tuple[int, int]:
        """Updates left out, and steps, so far."""
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        left_out = getattr(optimizer, "left_out", None)
        if left_out is None:
            return 0, 0
        return _as_int(left_out), _as_int(optimizer.iterations)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._before = self._counts()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        left_out, steps = (
            now - then for now, then in zip(self._counts(), self._before, strict=True)
        )
        if not left_out:
            return
        message = (
            f"In {left_out} of the {steps} steps of epoch {epoch + 1} the gradient was not finite, "
            "and the weights were left as they were"
        )
        remedy = "a lower learning rate or a longer warm-up, and look at the images and their masks"
        if left_out == steps:
            raise TrainingError(f"{message}: the training cannot go on. Try {remedy}.")
        warnings.warn(f"{message}. If it goes on, try {remedy}.", stacklevel=2)


def _as_int(variable: keras.Variable) -> int:
    return int(ops.convert_to_numpy(variable))
