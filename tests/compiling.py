"""Many small operations as one program, on the backend that compiles each of them by itself."""

import contextlib
import functools
import math
from collections.abc import Callable, Hashable, Iterator

import keras
import numpy as np
import pytest


@functools.cache
def compiled(function: Callable, *settings: Hashable, **options: Hashable) -> Callable:
    """A function of tensors alone, with all else given here.

    JAX compiles it once for all arrays of the same shapes: outside a program it would compile each
    operation, and loops anew for each call. Other backends call it as it is.
    """
    function = functools.partial(function, *settings, **options)
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(function)


def outputs_of(layer: keras.layers.Layer, inputs: list, **options: bool) -> list:
    """What a layer or a model gives and leaves behind with its present weights.

    By one program on JAX, a new one each time, since a layer may have been told to do otherwise.
    """
    if keras.backend.backend() != "jax":
        return layer(inputs, **options)
    import jax

    if not layer.built:
        layer.build([value.shape for value in inputs])
    variables = [
        [variable.value for variable in kind]
        for kind in (layer.trainable_variables, layer.non_trainable_variables)
    ]
    run = jax.jit(lambda *values: layer.stateless_call(*values, **options))
    outputs, state = run(*variables, inputs)
    for variable, value in zip(layer.non_trainable_variables, state, strict=True):
        variable.assign(value)
    return outputs


@contextlib.contextmanager
def weights_by_numpy() -> Iterator[None]:
    """While this lasts NumPy makes the initial weights, for JAX, which compiles each new shape.

    As different from one another as those of Keras, and of the same size.
    """

    def uniform(self, shape, dtype=None):
        limit = math.sqrt(6 / (math.prod(shape[:-2]) * (shape[-2] + shape[-1])))
        drawn = np.random.default_rng(self.seed).uniform(-limit, limit, shape)
        return keras.ops.convert_to_tensor(drawn.astype(dtype or "float32"))

    def normal(self, shape, dtype=None):
        drawn = np.random.default_rng(self.seed).normal(
            0, math.sqrt(2 / math.prod(shape[:-1])), shape
        )
        return keras.ops.convert_to_tensor(drawn.astype(dtype or "float32"))

    def constant(self, value, shape, dtype=None):
        return keras.ops.convert_to_tensor(np.full(shape, value, dtype or "float32"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.initializers.GlorotUniform, "__call__", uniform)
        patch.setattr(keras.initializers.HeNormal, "__call__", normal)
        for value, kind in enumerate((keras.initializers.Zeros, keras.initializers.Ones)):
            patch.setattr(kind, "__call__", functools.partialmethod(constant, value))
        yield
