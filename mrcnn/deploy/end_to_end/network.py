"""A network that takes a picture as it was read, and gives what is in it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mrcnn.config import Config
from mrcnn.deploy.end_to_end import molding
from mrcnn.deploy.end_to_end.arrays import Array, Graph
from mrcnn.deploy.end_to_end.overlap import each_once
from mrcnn.deploy.end_to_end.placing import placed
from mrcnn.deploy.network import Network, info
from mrcnn.deploy.onnx_graph import OnnxGraph
from mrcnn.deploy.onnx_network import PLAIN, NetworkGraph, Value
from mrcnn.deploy.ports import Port
from mrcnn.deploy.tracing import TracedNetwork, check_backend, plain_model
from mrcnn.errors import ConfigError
from mrcnn.inference.molding import usual_scale
from mrcnn.inference.network_file import NetworkFile
from mrcnn.inference.network_settings import structure_of

# Pictures, image meta and anchors of the network to its detections and masks.
Detect = Callable[[Any, Any, Any], tuple[Any, Any]]
IMAGE, SCALE = "image", "scale"


class EndToEndNetwork(Network):
    """A network whose input is one picture of any size, see `Network`."""

    end_to_end = True

    @property
    def inputs(self) -> list[Port]:
        """What goes in."""
        channels = self.config.IMAGE_CHANNEL_COUNT
        shape = ("height", "width", channels)
        return [
            Port(IMAGE, shape, "one picture, RGB from 0 to 255", np.uint8),
            Port(
                SCALE,
                (1,),
                "pixels of the network for each pixel of the picture, or 0 as the settings say",
            ),
        ]

    @property
    def outputs(self) -> list[Port]:
        """What comes out."""
        return [
            Port(
                "boxes",
                ("objects", 4),
                "y1, x1, y2, x2 in pixels of the picture; y2 and x2 lie just outside",
                np.int32,
            ),
            Port("classes", ("objects",), "class ids, from 1 on", np.int32),
            Port("scores", ("objects",), "0 to 1, falling"),
            Port(
                "masks",
                ("objects", "height", "width"),
                "1 where the object is, in the whole picture",
                np.uint8,
            ),
        ]

    def arrays(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """See `Network`."""
        return {IMAGE: picture, SCALE: np.zeros(1, np.float32)}

    def file(self) -> NetworkFile:
        """See `Network`."""
        check(self.config)
        graph = OnnxGraph()

        def detect(*inputs: str) -> tuple[str, str]:
            values = [
                Value(name, PLAIN, tuple(tensor.shape))
                for name, tensor in zip(inputs, self.model.inputs, strict=True)
            ]
            network = NetworkGraph(graph, inputs[0], {})
            found = network.outputs(self.model, values)
            return network.plain(found[0]), network.plain(found[3])

        outputs = found_in(graph, IMAGE, SCALE, detect, self.config)
        for port, value in zip(self.outputs, outputs, strict=True):
            graph("Identity", value, name=port.name)
        content = graph.content([*map(info, self.inputs)], [*map(info, self.outputs)])
        return NetworkFile(
            content,
            tuple(graph.layers),
            tuple(graph.weights),
            tuple(graph.settings),
            structure_of(self.config),
        )

    def traced(self) -> TracedNetwork:
        """See `Network`."""
        check_backend()
        check(self.config)
        from mrcnn.deploy.end_to_end.tensorflow_graph import TensorflowGraph, function_of

        plain, names = plain_model(self.model), [port.name for port in self.outputs]

        def detect(*inputs: Any) -> tuple[Any, Any]:
            found = plain(list(inputs), training=False)
            return found[0], found[3]

        def find(image: Any, scale: Any) -> dict[str, Any]:
            outputs = found_in(TensorflowGraph(), image, scale, detect, self.config)
            return dict(zip(names, outputs, strict=True))

        function = function_of(find, self.inputs)
        variables = [variable.value for variable in plain.variables]
        return TracedNetwork(function, function.input_signature, variables)


def check(config: Config) -> None:
    """ConfigError where a configuration has what only this package can do."""
    if callable(config.BACKBONE) and config.COMPUTE_BACKBONE_SHAPE is not None:
        raise ConfigError(
            "COMPUTE_BACKBONE_SHAPE is a function of a program, and anchors are made in a network "
            "that is exported with --end-to-end: export it without."
        )
    # It tells of sizes that do not go together.
    usual_scale((64, 64), config)


def found_in(graph: Graph, image: Any, scale: Any, detect: Detect, config: Config) -> list[Any]:
    """Add the operations from a picture to what is in it.

    Args:
        graph: it grows.
        image: uint8 [H, W, C].
        scale: float32, see `EndToEndNetwork.inputs`.
        detect: adds the network.
        config: of the model.

    Returns:
        boxes int32 [N, 4], classes int32 [N], scores float32 [N], masks uint8 [N, H, W].
    """
    picture = Array(graph, image, np.uint8)
    frame = molding.plan(picture, Array(graph, scale, np.float32).squeeze(0), config)
    inputs = (
        molding.pixels(picture, frame, config),
        molding.image_meta(frame, config),
        molding.anchors(frame, config),
    )
    detections, masks = detect(*(each.value for each in inputs))
    found = placed(
        Array(graph, detections, np.float32), Array(graph, masks, np.float32), frame, config
    )
    rows, scores = found.is_found.nonzero(), found.scores
    if config.DETECTION_MAX_MASK_OVERLAP is not None:
        rows, scores = each_once(found, float(config.DETECTION_MAX_MASK_OVERLAP))
    columns = (
        found.boxes.astype(np.int32),
        found.class_ids.astype(np.int32),
        scores,
        found.masks,
    )
    return [each.take(rows).value for each in columns]
