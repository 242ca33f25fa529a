"""Keras runs the network. No other file of this room knows Keras."""

import os
import threading
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from mrcnn.nets import initial
from mrcnn.nets.detection import DetectionLayer
from mrcnn.nets.detector import build_inference_model
from mrcnn.nets.eager import outside_of_graphs
from mrcnn.ops.outputs import InferenceOutputs
from mrcnn.weights.loading import load_weights


class KerasRunner:
    """A `mrcnn.inference.runner.Runner` of a Keras model, on each of its backends.

    Args:
        model: an inference graph, see `mrcnn.nets.detector.build_inference_model`.
        config: the one that it was built with.
        lock: held while the model runs; by default one of its own.
    """

    name = "keras"

    def __init__(
        self, model: keras.Model, config: Any, lock: "threading.RLock | None" = None
    ) -> None:
        self.model = model
        self.config = config
        # Not every backend can run a model in two threads at once.
        self._lock = threading.RLock() if lock is None else lock

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """See `Runner.run`."""
        with self._lock, outside_of_graphs():
            outputs = self.model.predict_on_batch(list(inputs))
        return [np.asarray(output) for output in outputs]

    def all_detections(self, outputs: InferenceOutputs, image_meta: np.ndarray) -> np.ndarray:
        """Detections [B, N, 6] as they are without DETECTION_MAX_INSTANCES; see `Runner`."""
        given = (outputs.rpn_rois, outputs.mrcnn_class, outputs.mrcnn_bbox, image_meta)
        layer = DetectionLayer(self.config)
        layer.max_instances = outputs.rpn_rois.shape[1]
        if self.config.DETECTION_SCORE == "each":
            # Each proposal may be an object of every class.
            layer.max_instances *= self.config.NUM_CLASSES - 1
        with self._lock, outside_of_graphs():
            found = layer([keras.ops.convert_to_tensor(each, "float32") for each in given])
        return keras.ops.convert_to_numpy(found)

    @classmethod
    def of_weights(cls, config: Any, path: str | os.PathLike) -> Self:
        """The network of a configuration, with weights from a file.

        Raises:
            WeightsError: see `mrcnn.weights.loading.load_weights`; all weights must be there.
        """
        with initial.not_drawn():
            model = build_inference_model(config)
        load_weights(model, path, strict=True)
        return cls(model, config)
