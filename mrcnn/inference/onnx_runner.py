"""ONNX Runtime runs the network, on a processor and without Keras."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from mrcnn.inference.network_file import NetworkFile, detection_inputs
from mrcnn.inference.network_settings import values_of
from mrcnn.inference.processors import threads
from mrcnn.ops.outputs import InferenceOutputs

# Errors; warnings are for those who write graphs.
_SEVERITY = 3


def onnx_session(content: bytes, at_once: int = 1) -> Any:
    """A session of ONNX Runtime, with as many threads as `threads` says.

    Args:
        content: a whole model, see `NetworkFile.filled`.
        at_once: how many threads of the caller run it at the same time; each has its share.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SEVERITY
    # Named, so that threads are not tied to a processor, where another program may be at work.
    options.intra_op_num_threads = max(1, threads() // at_once)
    # Sizes differ from picture to picture: a plan of each keeps its memory.
    options.enable_mem_pattern = False
    # Threads that wait would take time from those that write results.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class OnnxRunner:
    """A `mrcnn.inference.runner.Runner` on ONNX Runtime, in float32.

    Args:
        content: the model, see `NetworkFile.filled`.
        config: the one that it was filled for.
        unlimited: see `NetworkFile.unlimited`.
        at_once: see `Runner`. What it gives does not depend on it.
    """

    name = "onnx"

    def __init__(
        self, content: bytes, config: Any, unlimited: bytes | None = None, at_once: int = 1
    ) -> None:
        self.config = config
        self.at_once = at_once
        self._unlimited = unlimited
        self._session = onnx_session(content, at_once)
        self._names = [port.name for port in self._session.get_inputs()]

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """See `Runner.run`."""
        given: Mapping[str, np.ndarray] = dict(zip(self._names, inputs, strict=True))
        return self._session.run(list(InferenceOutputs._fields), given)

    def all_detections(
        self, outputs: InferenceOutputs, image_meta: np.ndarray
    ) -> np.ndarray | None:
        """Detections [B, R, 6] as they are without DETECTION_MAX_INSTANCES; see `Runner`."""
        if self._unlimited is None:
            return None
        session = onnx_session(self._unlimited)
        return session.run(None, detection_inputs(outputs, image_meta))[0]

    @classmethod
    def of_weights(
        cls, config: Any, weights: str | os.PathLike, network: NetworkFile, at_once: int = 1
    ) -> Self:
        """The network of a configuration, with weights from a file.

        Args:
            config: with the structure of the network.
            weights: file of all its weights.
            network: its operations.
            at_once: see the class.

        Raises:
            WeightsError: see `NetworkFile.filled`.
        """
        values = values_of(config)
        content = network.filled(Path(weights), values)
        return cls(content, config, network.unlimited(values), at_once)
