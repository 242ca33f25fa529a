"""A network as a SavedModel, which runs wherever TensorFlow does."""

from pathlib import Path

import tensorflow as tf

from mrcnn.deploy.tracing import TracedNetwork


def write_saved_model(network: TracedNetwork, path: Path) -> None:
    """Write a network to a folder, with one signature, `serving_default`.

    Args:
        network: see `mrcnn.deploy.tracing.trace`.
        path: the folder; it is made.
    """
    module = tf.Module()
    # What hangs on the module is written.
    module.detect = network.function
    module.weights = network.variables
    tf.saved_model.save(module, str(path), signatures=network.function)
