"""Convolutions of an ONNX file in 8-bit whole numbers, for processors that multiply them quickly.

How large the values between layers become is seen on pictures. What goes in first and what says
where and what an object is stays in float32, as do norms, sums, suppression and ROIAlign.
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
    "mrcnn_class_logits/",
    "mrcnn_bbox_fc/",
    "mrcnn_mask/",
)
# What is computed in 8-bit numbers. The results of products stay in float32: they are few.
_CONVOLUTION, _PRODUCT = "Conv", "Gemm"


def quantize(content: bytes, network: Network, pictures: Iterable[np.ndarray]) -> Any:
    """The model of `onnx` with its convolutions and the layers of the box head in 8-bit numbers.

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
    kinds = [_CONVOLUTION, _PRODUCT]
    eight_bit = {
        node.name
        for node in onnx.load_from_string(content).graph.node
        if node.op_type in kinds and not node.input[1].startswith(_EXACT)
    }
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        given.write_bytes(content)
        quantize_static(
            given,
            made,
            _Reader(first, inputs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=kinds,
            nodes_to_quantize=sorted(eight_bit),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"OpTypesToExcludeOutputQuantization": [_PRODUCT]},
        )
        model = onnx.load(made)
    _leave_to_float32(model.graph, eight_bit)
    return model


def _leave_to_float32(graph: Any, eight_bit: set[str]) -> None:
    """Give what computes in float32 the values as they were before they were rounded.

    ONNX Runtime's tool hands rounded values to everything, so that they are converted to and fro
    and pooled as 8-bit numbers, which is slow. What convolutions give is there rounded only.

    Args:
        graph: of `onnx`; it is changed.
        eight_bit: names of the operations that compute in 8-bit numbers.
    """
    makers = {output: node for node in graph.node for output in node.output}
    # By the names of values that were rounded and widened again.
    exact: dict[str, str] = {}
    rounded: dict[str, str] = {}
    for node in graph.node:
        maker = makers.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
        if maker is None:
            continue
        rounded[node.output[0]] = maker.output[0]
        before = makers.get(maker.input[0])
        if before is None or before.name not in eight_bit:
            exact[node.output[0]] = maker.input[0]
    for node in graph.node:
        if node.name in eight_bit:
            continue
        # Nothing is widened only to ask for its shape.
        others = rounded if node.op_type == "Shape" else exact
        for number, name in enumerate(node.input):
            node.input[number] = others.get(name, name)


class _Reader:
    """Gives ONNX Runtime one picture after the other."""

    def __init__(self, first: dict[str, np.ndarray], others: Iterator[dict[str, np.ndarray]]):
        self._waiting: dict[str, np.ndarray] | None = first
        self._others = others

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The inputs of the next picture, or None."""
        found, self._waiting = self._waiting, next(self._others, None)
        return found
