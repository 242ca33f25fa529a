"""Rows that each image of a batch takes of its own part of a table."""

import keras
from keras import ops

from mrcnn.ops.tensor import Tensor


def are_shared() -> bool:
    """Whether JAX shares the images of a batch among several devices."""
    return keras.backend.backend() == "jax" and keras.distribution.distribution() is not None


def take_own(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table, for each image of its own rows.

    Args:
        table: [B * N, ...], the N rows of the first image, then those of the second, ...
        index: int32 [B, ...], numbers of rows of the table; those of an image are its own.

    Returns:
        [B, ..., ...]: the shape of `index`, then that of a row.
    """
    if not are_shared():
        return ops.take(table, index, axis=0)
    # The same, image by image: so the compiler sees that devices which share the images need
    # nothing of each other. On one device it would be slower.
    own = ops.reshape(table, (index.shape[0], -1, *table.shape[1:]))
    return ops.vectorized_map(
        lambda pair: ops.take(pair[0], pair[1], axis=0), (own, index % own.shape[1])
    )
