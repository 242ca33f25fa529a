"""OpenVINO runs the network, on a processor and without Keras."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from mrcnn.inference.network_file import NetworkFile, detection_inputs
from mrcnn.inference.network_settings import values_of
from mrcnn.inference.processors import threads
from mrcnn.ops.outputs import InferenceOutputs


def read_network(content: bytes) -> Any:
    """A model of OpenVINO.

    Args:
        content: a whole model of ONNX, see `NetworkFile.filled`.
    """
    import openvino

    model = openvino.Core().read_model(content)
    _keep_the_order_of_equals(model)
    return model


def openvino_model(content: bytes) -> Any:
    """A model compiled for the processor, that computes in float32; see `read_network`.

    It computes with as many threads as `threads` says.
    """
    import openvino

    # Without this it computes in bfloat16 on processors that have it.
    options: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads(),
    }
    return openvino.Core().compile_model(read_network(content), "CPU", options)


def _keep_the_order_of_equals(model: Any) -> None:
    """Of equal values `TopK` gives the first one first, as ONNX has it.

    By itself OpenVINO gives them in any order; what it offers for this takes seconds. What it found
    is sorted by indices, and then by the places of the values and of the indices together.
    """
    from openvino import Type, opset14

    for operation in model.get_ops():
        # `ArgMax` becomes one as well, along another axis.
        if operation.get_type_name() != "TopK" or operation.get_attributes()["axis"] != 1:
            continue
        ops, axis = opset14, opset14.constant(1, Type.i32)
        readers = [list(output.get_target_inputs()) for output in operation.outputs()]
        values, indices = operation.outputs()
        count = ops.gather(ops.shape_of(values, "i32"), axis, ops.constant(0, Type.i32))
        zero, one = ops.constant(0, Type.i32), ops.constant(1, Type.i32)
        places = ops.unsqueeze(ops.range(zero, count, one, "i32"), zero)
        before = ops.maximum(ops.subtract(places, one), zero)
        earlier = ops.gather_elements(values, ops.broadcast(before, ops.shape_of(values, "i32")), 1)
        changes = ops.convert(ops.not_equal(values, earlier), "i32")
        groups = ops.cum_sum(changes, axis)
        by_index = ops.topk(ops.convert(indices, "i32"), count, 1, "min", "value")
        keys = ops.multiply(ops.gather_elements(groups, by_index.output(1), 1), count)
        order = ops.topk(ops.add(keys, places), count, 1, "min", "value").output(1)
        order = ops.gather_elements(by_index.output(1), order, 1)
        for output, reading in zip((values, indices), readers, strict=True):
            sorted_output = ops.gather_elements(output, order, 1).output(0)
            for reader in reading:
                reader.replace_source_output(sorted_output)
    model.validate_nodes_and_infer_types()


class OpenvinoRunner:
    """A `mrcnn.inference.runner.Runner` on OpenVINO, in float32.

    Args:
        content: the model, see `NetworkFile.filled`.
        config: the one that it was filled for.
        unlimited: see `NetworkFile.unlimited`.
    """

    name = "openvino"

    def __init__(self, content: bytes, config: Any, unlimited: bytes | None = None) -> None:
        self.config = config
        self._unlimited = unlimited
        self._model = openvino_model(content)
        self._request = self._model.create_infer_request()
        self._lock = threading.Lock()

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """See `Runner.run`."""
        given = dict(enumerate(map(np.ascontiguousarray, inputs)))
        with self._lock:
            found = self._request.infer(given)
            # Copies: the next picture is written over them.
            return [np.array(found[name]) for name in InferenceOutputs._fields]

    def all_detections(
        self, outputs: InferenceOutputs, image_meta: np.ndarray
    ) -> np.ndarray | None:
        """See `mrcnn.inference.onnx_runner.OnnxRunner.all_detections`."""
        if self._unlimited is None:
            return None
        request = openvino_model(self._unlimited).create_infer_request()
        given = detection_inputs(outputs, image_meta)
        return np.array(next(iter(request.infer(given).values())))

    @classmethod
    def of_weights(cls, config: Any, weights: str | os.PathLike, network: NetworkFile) -> Self:
        """See `mrcnn.inference.onnx_runner.OnnxRunner.of_weights`."""
        values = values_of(config)
        return cls(network.filled(Path(weights), values), config, network.unlimited(values))
