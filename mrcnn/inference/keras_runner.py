"""Keras runs the network. No other file of this room knows Keras."""

import os
import threading
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np

from mrcnn.nets.detector import build_inference_model
from mrcnn.nets.eager import outside_of_graphs
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

    @classmethod
    def of_weights(cls, config: Any, path: str | os.PathLike) -> Self:
        """The network of a configuration, with weights from a file.

        Raises:
            WeightsError: see `mrcnn.weights.loading.load_weights`; all weights must be there.
        """
        model = build_inference_model(config)
        load_weights(model, path, strict=True)
        return cls(model, config)
