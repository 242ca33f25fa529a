"""TensorFlow's graphs of version 1, which programs open around what needs none today."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import keras

from mrcnn.errors import ConfigError


@contextlib.contextmanager
def outside_of_graphs() -> Iterator[None]:
    """What is done inside is done at once, also in a block of `graph.as_default()`.

    On other backends nothing happens.

    Raises:
        ConfigError: the program has turned that off altogether.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    if tf.executing_eagerly():
        yield
        return
    if not _is_usual(tf.executing_eagerly):
        raise ConfigError(
            "TensorFlow's eager execution is off, and Keras 3 needs it: remove "
            "tf.compat.v1.disable_eager_execution() or disable_v2_behavior() from the program, "
            "with its tf.Session and K.set_session."
        )
    with tf.__internal__.eager_context.eager_mode():
        yield


def _is_usual(condition: Callable[[], bool]) -> bool:
    """Whether a condition holds in a thread that entered no graph."""
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(condition()))
    thread.start()
    thread.join()
    return found == [True]
