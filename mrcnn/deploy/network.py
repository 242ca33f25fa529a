"""The network of a model: as Keras has it, and as a graph of ONNX without its weights."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import keras

from mrcnn.config import Config
from mrcnn.deploy.onnx_graph import OnnxGraph
from mrcnn.deploy.onnx_layers import Converter
from mrcnn.deploy.onnx_network import PLAIN, NetworkGraph, Value
from mrcnn.deploy.onnx_regions import detect
from mrcnn.deploy.ports import Port, input_ports, output_ports
from mrcnn.inference.network_file import DETECTION_INPUTS, NetworkFile
from mrcnn.inference.network_settings import structure_of
from mrcnn.nets.detection import DetectionLayer
from mrcnn.nets.detector import build_inference_model
from mrcnn.weights.loading import load_weights


@dataclass(frozen=True)
class Network:
    """A network to export.

    Attributes:
        model: the inference graph of Keras with the weights, see `mrcnn.nets.detector`.
        config: that it was built with; it computes in float32.
        weights: the file of the weights.
    """

    model: keras.Model
    config: Config
    weights: Path

    @classmethod
    def of_weights(cls, config: Config, weights: str | Path) -> Self:
        """The network of a configuration, in float32 whatever its MIXED_PRECISION.

        Raises:
            WeightsError: see `mrcnn.weights.loading.load_weights`; all weights must be there.
        """
        config = in_float32(config)
        model = build_inference_model(config)
        load_weights(model, weights, strict=True)
        return cls(model, config, Path(weights))

    @property
    def inputs(self) -> list[Port]:
        """What goes in."""
        return input_ports(self.model)

    @property
    def outputs(self) -> list[Port]:
        """What comes out."""
        return output_ports(self.model)

    def file(self) -> NetworkFile:
        """Its graph; see `detector_file`."""
        return network_file(self.model, self.inputs, self.outputs, structure_of(self.config))


def in_float32(config: Config) -> Config:
    """The same settings, but for MIXED_PRECISION."""
    config = copy.copy(config)
    config.MIXED_PRECISION = "float32"
    return config


def detector_file(config: Config) -> NetworkFile:
    """The network of a configuration; see `mrcnn.inference.network_file`.

    Raises:
        UnknownLayerError: it has a layer that has no place there.
    """
    config = in_float32(config)
    model = build_inference_model(config)
    inputs, outputs = input_ports(model), output_ports(model)
    return replace(
        network_file(model, inputs, outputs, structure_of(config)),
        detection=_detection_graph(model.get_layer("mrcnn_detection"), [*inputs, *outputs]),
    )


def _detection_graph(layer: DetectionLayer, ports: list[Port]) -> bytes:
    """The layer that selects detections as a model of its own; `ports` has all that it takes."""
    by_name = {port.name: port for port in ports}
    inputs = [by_name[name] for name in DETECTION_INPUTS]
    graph = OnnxGraph()
    found = detect(graph, layer, [port.name for port in inputs], int(inputs[1].shape[-1]))
    graph("Identity", found, name="all_detections")
    # How many there are is a setting.
    free = [
        port._replace(shape=(port.shape[0], "proposals", *port.shape[2:])) for port in inputs[:-1]
    ]
    result = Port("all_detections", ("batch", "proposals", 6), "")
    return graph.content([*map(_info, [*free, inputs[-1]])], [_info(result)])


def network_file(
    model: keras.Model,
    inputs: list[Port],
    outputs: list[Port],
    structure: dict[str, Any],
    converters: Mapping[type, Converter] | None = None,
) -> NetworkFile:
    """A functional model as a graph of ONNX.

    Args:
        model: the network.
        inputs, outputs: what they are called.
        structure: see `mrcnn.inference.network_file.NetworkFile`.
        converters: of layers on feature maps that a program brings along, by their classes.

    Raises:
        UnknownLayerError: it has a layer that has no place there.
    """
    graph = OnnxGraph()
    values = [
        Value(port.name, PLAIN, tuple(tensor.shape))
        for port, tensor in zip(inputs, model.inputs, strict=True)
    ]
    network = NetworkGraph(graph, inputs[0].name, converters or {})
    for port, value in zip(outputs, network.outputs(model, values), strict=True):
        graph("Identity", network.plain(value), name=port.name)
    content = graph.content([_info(port) for port in inputs], [_info(port) for port in outputs])
    return NetworkFile(
        content, tuple(graph.layers), tuple(graph.weights), tuple(graph.settings), structure
    )


def _info(port: Port) -> Any:
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(port.name, TensorProto.FLOAT, list(port.shape))
