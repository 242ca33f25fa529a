"""One graph of TensorFlow for images of all shapes."""

from typing import TYPE_CHECKING

import keras

from mrcnn.nets import garbage

if TYPE_CHECKING:
    from mrcnn.nets.model import DetectorModel


def make_graph_of_any_shape(model: "DetectorModel", images: int) -> None:
    """Make the graph that a model predicts by, for images of any size.

    Left to itself TensorFlow makes one for the first shape that it sees, and at the second shape
    one for all, each of which takes seconds. So it does still when another number of images comes;
    a graph for any number would be larger by a tenth. On other backends nothing happens.

    Args:
        model: it has not predicted yet.
        images: in a batch.
    """
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    if tf.config.functions_run_eagerly() or model.run_eagerly:
        return
    model.make_predict_function()
    specs = [tf.TensorSpec((images, *each.shape[1:]), each.dtype) for each in model.inputs]
    with garbage.not_looked_for():
        model.predict_function.get_concrete_function([(specs,)])
