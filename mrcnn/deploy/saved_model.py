"""A network as a SavedModel, which runs wherever TensorFlow does."""

from pathlib import Path

import tensorflow as tf

from mrcnn.deploy.network import Network


def write_saved_model(network: Network, path: Path) -> None:
    """Write a network to a folder, with one signature, `serving_default`.

    Args:
        network: the network.
        path: the folder; it is made.
    """
    traced = network.traced()
    module = tf.Module()
    # What hangs on the module is written.
    module.detect = traced.function
    module.weights = traced.variables
    tf.saved_model.save(module, str(path), signatures=traced.function)
