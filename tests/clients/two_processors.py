"""Runs a program on a machine whose processor stands for two cards.

python two_processors.py PROGRAM ARGUMENTS
"""

import atexit
import runpy
import sys

import tensorflow as tf

(processor,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, 2 * [tf.config.LogicalDeviceConfiguration()])


@atexit.register
def tell_models() -> None:
    """How many devices share the batches of each model that the program left."""
    import gc

    from mrcnn.nets.model import DetectorModel

    models = [found for found in gc.get_objects() if isinstance(found, DetectorModel)]
    print("Devices:", *(model.sharing.replicas for model in models))


del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
