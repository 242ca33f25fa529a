"""What is put around a network, run by ONNX Runtime and by TensorFlow, without a network."""

import numpy as np
import pytest

from mrcnn.deploy.end_to_end.arrays import TYPES
from mrcnn.deploy.end_to_end.network import IMAGE, SCALE, found_in

RESULTS = ("pixels", "meta", "anchors", "boxes", "classes", "scores", "masks")


class GivenDetections:
    """A `Runner` of one batch that finds what it was told to; it keeps its inputs."""

    def __init__(self, config, detections, masks):
        self.config, self.detections, self.masks = config, detections, masks
        self.inputs = []

    def run(self, inputs):
        self.inputs = inputs
        count, classes = self.config.POST_NMS_ROIS_INFERENCE, self.config.NUM_CLASSES
        anchors = inputs[2].shape[1]
        shapes = [(count, classes), (count, classes, 4), (count, 4), (anchors, 2), (anchors, 4)]
        first, second, *others = (np.zeros((1, *shape), np.float32) for shape in shapes)
        return [self.detections, first, second, self.masks, *others]


def by_onnx(config, image, scale, detections, masks):
    """The inputs of the network and what is found, by name."""
    helper = pytest.importorskip("onnx", exc_type=ImportError).helper
    onnxruntime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    from mrcnn.deploy.onnx_graph import OnnxGraph

    given = {IMAGE: image, SCALE: np.array([scale], np.float32), "d": detections, "m": masks}
    graph, values = OnnxGraph(), []

    def detect(*inputs):
        values.extend(inputs)
        return "d", "m"

    values += found_in(graph, IMAGE, SCALE, detect, config)
    for name, value in zip(RESULTS, values, strict=True):
        graph("Identity", value, name=name)
    kinds = [TYPES[np.float32]] * 3 + [TYPES[np.int32]] * 2 + [TYPES[np.float32], TYPES[np.uint8]]
    infos = [
        helper.make_tensor_value_info(name, TYPES[array.dtype.type], array.shape)
        for name, array in given.items()
    ]
    outputs = [
        helper.make_tensor_value_info(name, kind, None)
        for name, kind in zip(RESULTS, kinds, strict=True)
    ]
    session = onnxruntime.InferenceSession(
        graph.content(infos, outputs), providers=["CPUExecutionProvider"]
    )
    return dict(zip(RESULTS, session.run(list(RESULTS), given), strict=True))


def by_tensorflow(config, image, scale, detections, masks):
    """See `by_onnx`; without a function, which takes seconds to trace."""
    tf = pytest.importorskip("tensorflow", exc_type=ImportError)
    from mrcnn.deploy.end_to_end.tensorflow_graph import TensorflowGraph

    values = []

    def detect(*inputs):
        values.extend(inputs)
        return tf.constant(detections), tf.constant(masks)

    image, scale = tf.constant(image), tf.constant([scale], tf.float32)
    values += found_in(TensorflowGraph(), image, scale, detect, config)
    return dict(zip(RESULTS, map(np.asarray, values), strict=True))
