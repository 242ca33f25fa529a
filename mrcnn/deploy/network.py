"""The network of a model: as Keras has it, and as a graph of ONNX without its weights."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.deploy.onnx_graph import OnnxGraph
from mrcnn.deploy.onnx_layers import Converter
from mrcnn.deploy.onnx_network import PLAIN, NetworkGraph, Value
from mrcnn.deploy.onnx_regions import detect
from mrcnn.deploy.ports import Port, input_ports, output_ports
from mrcnn.deploy.tracing import TracedNetwork, trace
from mrcnn.inference.molding import anchors_by_shape, batch_inputs, mold
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
    # Whether a picture goes in as it was read, see `mrcnn.deploy.end_to_end`.
    end_to_end: ClassVar[bool] = False

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

    def arrays(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """What goes in for a picture, uint8 [H, W, 3], by the names of the inputs."""
        molded = [mold(picture, self.config)]
        arrays = batch_inputs(molded, self.config, anchors_by_shape(self.config))
        names = [port.name for port in self.inputs]
        return {
            name: np.ascontiguousarray(each[:1]) for name, each in zip(names, arrays, strict=True)
        }

    def traced(self) -> TracedNetwork:
        """It as a function of TensorFlow.

        Raises:
            ConfigError: TensorFlow is not the backend.
        """
        return trace(self.model)

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
    return graph.content([*map(info, [*free, inputs[-1]])], [info(result)])


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
    content = graph.content([*map(info, inputs)], [*map(info, outputs)])
    return NetworkFile(
        content, tuple(graph.layers), tuple(graph.weights), tuple(graph.settings), structure
    )


def info(port: Port) -> Any:
    """What `onnx` calls an input or an output."""
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(np.dtype(port.dtype))
    return helper.make_tensor_value_info(port.name, kind, list(port.shape))
