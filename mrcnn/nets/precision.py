"""The precision that a network computes in."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def compute_precision(policy: str) -> Iterator[None]:
    """Layers made while this lasts compute by a dtype policy, unless they name one themselves.

    Weights are float32 in any case. Layers that handle boxes, scores and losses name float32.

    Args:
        policy: "float32", "mixed_bfloat16" or "mixed_float16".
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
