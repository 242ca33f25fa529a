"""A network of Keras, layer by layer, as a graph of ONNX."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
from keras import layers

from mrcnn.deploy import onnx_regions as regions
from mrcnn.deploy.onnx_graph import OnnxGraph
from mrcnn.deploy.onnx_layers import (
    EVERYWHERE,
    ON_MAPS,
    Converter,
    UnknownLayerError,
    covers,
    product,
)
from mrcnn.nets.detection import DetectionLayer
from mrcnn.nets.layers import FilledBoxes, PerRegion, WidenBoxes
from mrcnn.nets.proposals import ProposalLayer
from mrcnn.nets.roi_align import PyramidROIAlign

# How the axes of a value lie: as in Keras; feature maps [B, C, H, W] that are [B, H, W, C] there;
# or those of all regions, [B * R, C, H, W] or [B * R, C].
PLAIN, MAPS, REGIONS = "plain", "maps", "regions"
# [B * R, H, W, C], as ROIAlign gives them.
CELLS = "cells"
# [B * R * 4, C, H, W]: the four quarters of each cell of regions that are twice as large.
QUARTERS = "quarters"
# What layers on maps make of what they cannot take as it is.
_CHANNELS_FIRST = {PLAIN: MAPS, CELLS: REGIONS}


class Value(NamedTuple):
    """What a tensor of Keras is in the graph: its name, how its axes lie, and its shape there."""

    name: str
    layout: str
    shape: tuple[Any, ...]


class NetworkGraph:
    """Puts an inference graph of Keras into a graph of ONNX.

    Args:
        graph: it grows.
        image: name of the pictures [B, H, W, C], which say how many there are.
        converters: of further layers on feature maps.
    """

    def __init__(
        self, graph: OnnxGraph, image: str, converters: Mapping[type, Converter] | None = None
    ) -> None:
        self.graph = graph
        self._on_maps = {**ON_MAPS, **(converters or {})}
        self._batch = graph.sizes(image, 0, 1)
        self._pyramids: dict[tuple[str, ...], regions.Pyramid] = {}

    def outputs(self, model: keras.Model, inputs: list[Value]) -> list[Value]:
        """What a functional model gives of its inputs.

        Raises:
            UnknownLayerError: it has a layer that is not known here.
        """
        found = {id(tensor): value for tensor, value in zip(model.inputs, inputs, strict=True)}
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if isinstance(node.operation, layers.InputLayer):
                    continue
                given = [found[id(tensor)] for tensor in node.input_tensors]
                if isinstance(node.operation, keras.Model):
                    outer = self.graph.models
                    self.graph.models = (*outer, node.operation.name)
                    values = self.outputs(node.operation, given)
                    self.graph.models = outer
                else:
                    (tensor,) = node.outputs
                    values = [Value(*self._applied(node.operation, given), tuple(tensor.shape))]
                found.update(
                    (id(tensor), value) for tensor, value in zip(node.outputs, values, strict=True)
                )
        return [found[id(tensor)] for tensor in model.outputs]

    def plain(self, value: Value) -> str:
        """The name of a value whose axes lie as in Keras."""
        graph, (name, layout, shape) = self.graph, value
        if layout == PLAIN:
            return name
        if layout == QUARTERS:
            height, width, channels = shape[-3:]
            quarters = graph.integers(-1, 2, 2, channels, height // 2, width // 2)
            name = graph("Reshape", name, quarters)
            name = graph("Transpose", name, perm=[0, 4, 1, 5, 2, 3])
        elif len(shape) > 3 and layout != CELLS:
            name = graph("Transpose", name, perm=[0, 2, 3, 1])
        if layout == MAPS:
            return name
        return graph("Reshape", name, graph.joined(self._batch, graph.integers(-1, *shape[2:])))

    def _maps(self, value: Value) -> str:
        if value.layout not in (PLAIN, CELLS) or len(value.shape) < 4:
            return value.name
        return self.graph("Transpose", value.name, perm=[0, 3, 1, 2])

    def _applied(self, layer: Any, inputs: list[Value]) -> tuple[str, str]:
        """Name and layout of what a layer gives."""
        graph, kind, first = self.graph, type(layer), inputs[0]
        if kind is PerRegion:
            return self._of_regions(layer, first)
        if kind in EVERYWHERE:
            if len({each.layout for each in inputs}) > 1:
                raise UnknownLayerError(f"the different inputs of {layer.name}")
            names = [each.name for each in inputs]
            return EVERYWHERE[kind](graph, layer, names, first.shape), first.layout
        if kind in self._on_maps:
            layout = _CHANNELS_FIRST.get(first.layout, first.layout)
            names = [self._maps(each) for each in inputs]
            return self._on_maps[kind](graph, layer, names, first.shape), layout
        if kind is PyramidROIAlign:
            if layer.bins:
                raise UnknownLayerError(f"torchvision's geometry ({layer.name})")
            boxes, image_meta, *levels = inputs
            names = tuple(self._maps(each) for each in levels)
            channels = levels[0].shape[-1]
            pyramid = self._pyramids.get(names) or regions.Pyramid(graph, names, channels)
            self._pyramids[names] = pyramid
            found = regions.aligned(graph, layer, boxes.name, image_meta.name, pyramid, channels)
            return found, CELLS
        return self._of_numbers(layer, inputs), PLAIN

    def _of_regions(self, layer: PerRegion, regions_of: Value) -> tuple[str, str]:
        graph, kind = self.graph, type(layer.layer)
        layout = _CHANNELS_FIRST.get(regions_of.layout, regions_of.layout)
        if kind not in ON_MAPS:
            raise UnknownLayerError(f"the layer {kind.__name__} ({layer.name})")
        if layout == QUARTERS and getattr(layer.layer, "kernel_size", None) != (1, 1):
            raise UnknownLayerError(f"{layer.name} after regions were enlarged")
        if kind is layers.Conv2DTranspose:
            layout = QUARTERS
        if regions_of.layout == CELLS and covers(layer.layer, regions_of.shape):
            found = product(graph, layer.layer, regions_of.name, None)
        else:
            found = ON_MAPS[kind](graph, layer.layer, [self._maps(regions_of)], regions_of.shape)
        if layer.rows is None:
            return found, layout
        plain = self.plain(Value(found, layout, tuple(layer.output.shape)))
        rows = graph.setting("DETECTION_MAX_INSTANCES")
        missing = graph("Sub", rows, graph.sizes(plain, 1, 2))
        before = graph.integers(*[0] * (len(layer.output.shape) + 1))
        after = graph.integers(*[0] * (len(layer.output.shape) - 2))
        return graph("Pad", plain, graph.joined(before, missing, after)), PLAIN

    def _of_numbers(self, layer: Any, inputs: list[Value]) -> str:
        """What a layer gives whose axes lie as in Keras."""
        graph, kind = self.graph, type(layer)
        if getattr(layer, "by_level", False) or getattr(layer, "edge_to_edge", False):
            raise UnknownLayerError(f"torchvision's geometry ({layer.name})")
        if getattr(layer, "score", None) == "each":
            raise UnknownLayerError(f"every class as a detection of its own ({layer.name})")
        names = [self.plain(each) for each in inputs]
        if kind is layers.Concatenate:
            return graph("Concat", *names, axis=layer.axis)
        if kind is layers.Reshape:
            # How many regions there are is a setting.
            sizes = list(layer.target_shape)
            if sizes[0] == inputs[0].shape[1]:
                sizes[0] = 0
            return graph("Reshape", names[0], graph.integers(0, *sizes))
        if kind is ProposalLayer:
            return regions.propose(graph, names)
        if kind is DetectionLayer:
            return regions.detect(graph, layer, names, inputs[1].shape[-1])
        if kind is FilledBoxes:
            return regions.filled_boxes(graph, names[0])
        if kind is WidenBoxes:
            return regions.widened(graph, *names)
        raise UnknownLayerError(f"the layer {kind.__name__} ({layer.name})")
