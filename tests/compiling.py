"""Many small operations as one program, on the backend that compiles each of them by itself."""

import functools
from collections.abc import Callable, Hashable

import keras


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


def outputs_of(model: keras.Model, inputs: list, training: bool) -> list:
    """The outputs of a model with its present weights, by one program on JAX."""
    if keras.backend.backend() != "jax":
        return model(inputs, training=training)
    import jax

    variables = [
        [variable.value for variable in kind]
        for kind in (model.trainable_variables, model.non_trainable_variables)
    ]
    run = jax.jit(lambda *values: model.stateless_call(*values, training=training)[0])
    return run(*variables, inputs)
