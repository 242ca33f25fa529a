"""Convolutions of an ONNX file in 8-bit whole numbers, for processors that multiply them quickly.

How large the values between layers become is seen on pictures. What goes in first and what says
where and what an object is stays in float32, as do norms, suppression and ROIAlign.
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.deploy.network import Network
from mrcnn.errors import ConfigError

# Layers that stay in float32: the first one, and those whose values are boxes, classes and masks.
_EXACT = (
    "conv1/",
    "rpn_class_raw/",
    "rpn_bbox_pred/",
    "mrcnn_class",
    "mrcnn_bbox_fc/",
    "mrcnn_mask/",
)


def quantize(content: bytes, network: Network, pictures: Iterable[np.ndarray]) -> Any:
    """The model of `onnx` with its convolutions in 8-bit numbers.

    Args:
        content: the whole model in float32.
        network: that it is of.
        pictures: uint8 [H, W, 3], such as it will see.

    Raises:
        ConfigError: there is no picture.
        DataError: a picture cannot be used.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    inputs = map(network.arrays, pictures)
    if (first := next(inputs, None)) is None:
        raise ConfigError("There is no picture to see the values of the network on.")
    nodes = onnx.load_from_string(content).graph.node
    exact = [
        node.name for node in nodes if node.op_type == "Conv" and node.input[1].startswith(_EXACT)
    ]
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        given.write_bytes(content)
        quantize_static(
            given,
            made,
            _Reader(first, inputs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=exact,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(made)


class _Reader:
    """Gives ONNX Runtime one picture after the other."""

    def __init__(self, first: dict[str, np.ndarray], others: Iterator[dict[str, np.ndarray]]):
        self._waiting: dict[str, np.ndarray] | None = first
        self._others = others

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The inputs of the next picture, or None."""
        found, self._waiting = self._waiting, next(self._others, None)
        return found
