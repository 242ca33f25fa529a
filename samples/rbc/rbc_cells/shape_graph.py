"""The network that names shapes as a graph of ONNX; see `mrcnn.inference.network_file`."""

from typing import Any

from mrcnn.deploy.network import network_file
from mrcnn.deploy.onnx_graph import OnnxGraph
from mrcnn.deploy.ports import Port
from mrcnn.inference.network_file import NetworkFile
from rbc_cells.shape_crops import BACKGROUND, NUMBERS, SIDE
from rbc_cells.shape_network import (
    AROUND,
    FADED,
    SOFTNESS,
    FadedSurroundings,
    Softened,
    build_network,
)
from rbc_cells.shapes import SHAPES


def shape_file() -> NetworkFile:
    """The graph of the network that comes with the project, without its weights."""
    network = build_network(len(SHAPES), NUMBERS)
    inputs = [
        Port("crop", ("batch", SIDE, SIDE, 4), "colors and masks of cells, 0 to 255"),
        Port("measured", ("batch", NUMBERS), "what their masks measure"),
    ]
    outputs = [Port("logits", ("batch", len(SHAPES)), "one for each shape")]
    return network_file(
        network,
        inputs,
        outputs,
        {"shapes": list(SHAPES)},
        {Softened: _softened, FadedSurroundings: _faded},
    )


def _softened(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Any) -> str:
    """See `Softened`; channels are the second axis."""
    mean = graph("AveragePool", *inputs, kernel_shape=[3, 3], pads=[1] * 4)
    share = graph.constant(SOFTNESS)
    return graph("Add", graph("Mul", graph("Sub", mean, *inputs), share), *inputs)


def _faded(graph: OnnxGraph, layer: Any, inputs: list[str], shape: Any) -> str:
    """See `FadedSurroundings`; channels are the second axis."""
    colors, mask = graph.several("Split", [*inputs, graph.integers(3, 1)], 2, axis=1)
    mask = graph("Div", mask, graph.constant(255.0))
    side, pads = [2 * AROUND + 1] * 2, [AROUND] * 4
    mask = graph("MaxPool", mask, kernel_shape=side, pads=pads)
    away = graph("Mul", graph("Sub", graph.constant(1.0), mask), graph.constant(FADED))
    paler = graph("Mul", graph("Sub", graph.constant(BACKGROUND), colors), away)
    return graph("Add", colors, paler)
