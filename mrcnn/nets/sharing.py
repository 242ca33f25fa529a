"""A model whose batches several devices share, by the engine of its backend.

That is `tf.distribute` on TensorFlow and `keras.distribution` on JAX. A model belongs to what was
in force when it was made: its weights are on those devices.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np


class Sharing:
    """The devices that share the batches of the models which are made now.

    Attributes:
        replicas: parts that a batch is cut into.
    """

    def __init__(self) -> None:
        self._strategy: Any = None
        self._distribution: Any = None
        self.replicas = 1
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            if tf.distribute.has_strategy():
                self._strategy = tf.distribute.get_strategy()
                self.replicas = self._strategy.num_replicas_in_sync
        elif (distribution := keras.distribution.distribution()) is not None:
            self._distribution = distribution
            self.replicas = getattr(distribution, "num_model_replicas", 1)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """While this lasts, variables are made on these devices, and JAX cuts batches."""
        entered = self._strategy or self._distribution
        with entered.scope() if entered is not None else contextlib.nullcontext():
            yield

    def parts(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """A batch as the devices take it, one part each.

        Args:
            arrays: of equal lengths, multiples of `replicas`.
        """
        if self._strategy is not None:

            def part(array: np.ndarray) -> Any:
                import tensorflow as tf

                pieces = np.split(np.asarray(array), self.replicas)
                return self._strategy.experimental_distribute_values_from_function(
                    lambda context: tf.convert_to_tensor(pieces[context.replica_id_in_sync_group])
                )

            return [part(array) for array in arrays]
        if self._distribution is not None and self._distribution.num_processes == 1:
            import jax

            return [
                jax.device_put(
                    array, self._distribution.get_data_layout(array.shape).backend_layout
                )
                for array in map(np.asarray, arrays)
            ]
        # Every process has the whole batch, and so has every device of theirs.
        return list(arrays)


def filled_up(arrays: Sequence[np.ndarray], multiple: int, weightless: bool = False) -> list:
    """Batches whose length is a multiple, with copies of the last row where rows are missing.

    Args:
        arrays: of equal lengths, the first one of images.
        multiple: of the rows.
        weightless: zeros for all but the images: what a training graph takes for an image that
            has nothing to teach, as no loss counts a row of it.
    """
    rows = len(arrays[0])
    missing = -rows % multiple
    if not missing or not rows:
        return list(arrays)
    filled = []
    for number, array in enumerate(map(np.asarray, arrays)):
        more = np.repeat(array[-1:], missing, axis=0)
        filled.append(
            np.concatenate([array, np.zeros_like(more) if weightless and number else more])
        )
    return filled
