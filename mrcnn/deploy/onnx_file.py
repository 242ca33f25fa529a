"""A network as an ONNX file, which ONNX Runtime and many other programs run."""

import importlib.util
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn import __version__
from mrcnn.deploy.formats import INT8
from mrcnn.deploy.network import Network
from mrcnn.deploy.onnx_graph import OPERATOR_SET
from mrcnn.deploy.onnx_layers import UnknownLayerError
from mrcnn.deploy.ports import Port
from mrcnn.deploy.quantizing import quantize
from mrcnn.errors import ConfigError, listed
from mrcnn.files import atomic_write
from mrcnn.inference.model_folder import weights_text
from mrcnn.inference.network_settings import values_of

# Operations whose second input is a kernel.
_WITH_KERNEL = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_ELSEWHERE = "`--format savedmodel` writes this network."


def write_onnx(
    network: Network,
    path: Path,
    weights_as: str = "float32",
    pictures: Iterable[np.ndarray] = (),
) -> None:
    """Write a network with its weights to a file.

    Args:
        network: the network.
        path: the file.
        weights_as: "float16" stores kernels as 16-bit numbers, see `shorten_kernels`; "int8" makes
            convolutions ones of 8-bit numbers, see `mrcnn.deploy.quantizing`.
        pictures: uint8 [H, W, 3], for "int8".

    Raises:
        ConfigError: the network has a layer or an operation that ONNX has not, or a kernel has
            values beyond those of float16.
    """
    import onnx

    try:
        content = network.file().filled(network.weights, values_of(network.config))
        model = (
            quantize(content, network, pictures)
            if weights_as == INT8
            else onnx.load_from_string(content)
        )
    except UnknownLayerError as error:
        # Such as one of a backbone that a program brings along.
        if weights_as == INT8:
            raise ConfigError(f"The network has {error}: it cannot be of 8-bit numbers.") from error
        if network.end_to_end:
            raise ConfigError(
                f"The network has {error}, which is not written for ONNX with --end-to-end. "
                f"{_ELSEWHERE}"
            ) from error
        model = _converted(network, error)
    told = {"weights": weights_text(network.weights), "written_by": f"mrcnn-keras3 {__version__}"}
    onnx.helper.set_model_props(model, told)
    if weights_as == "float16":
        shorten_kernels(model)
    atomic_write(path, model.SerializeToString())


def _converted(network: Network, unknown: UnknownLayerError) -> Any:
    """The model of `onnx` as tf2onnx makes it, of the operations of TensorFlow.

    Raises:
        ConfigError: it is not installed, or cannot.
    """
    if keras.backend.backend() != "tensorflow" or importlib.util.find_spec("tf2onnx") is None:
        raise ConfigError(
            f"The network has {unknown}: to convert it to ONNX takes TensorFlow and tf2onnx, "
            "pip install 'mrcnn-keras3[onnx]'."
        )
    model = _convert(network)
    if operations := unknown_operations(model):
        raise ConfigError(f"ONNX has no operation {listed(operations)} of TensorFlow. {_ELSEWHERE}")
    graph = model.graph
    outputs = {output.name: output for output in graph.output}
    ordered = [outputs[port.name] for port in network.outputs]
    for value, port in zip(
        [*graph.input, *ordered], [*network.inputs, *network.outputs], strict=True
    ):
        _name_axes(value, port)
    # The converter sorts them by name.
    copies = [type(output).FromString(output.SerializeToString()) for output in ordered]
    del graph.output[:]
    graph.output.extend(copies)
    return model


def _convert(network: Network) -> Any:
    """The model of `onnx`, in which operations that cannot be converted stay as they are."""
    import tf2onnx.convert

    traced = network.traced()
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    # What it complains of is told by our own errors.
    logger.setLevel(logging.CRITICAL)
    try:
        model, _ = tf2onnx.convert.from_function(
            traced.function, input_signature=traced.signature, opset=OPERATOR_SET
        )
    except Exception as error:  # whatever it runs into in an operation that it does not know
        raise ConfigError(
            f"The network cannot be converted to ONNX ({type(error).__name__}: {error}). "
            f"{_ELSEWHERE}"
        ) from error
    finally:
        logger.setLevel(level)
    return model


def unknown_operations(model: Any) -> list[str]:
    """Names of operations of a model of `onnx` that ONNX does not define, sorted."""
    from onnx import defs

    versions = {each.domain: each.version for each in model.opset_import}
    nodes = list(_nodes(model.graph))
    return sorted(
        {
            node.op_type
            for node in nodes
            if not (
                node.domain in versions
                and defs.has(node.op_type, versions[node.domain], node.domain)
            )
        }
    )


def shorten_kernels(model: Any) -> None:
    """Store the kernels of a model of `onnx` as float16, which about halves its file.

    The network computes in float32 all the same: each kernel is widened by a `Cast`, which
    runtimes do once, when they read the file. Biases and norms stay as they are.

    Args:
        model: it is changed.

    Raises:
        ConfigError: a kernel has values beyond those of float16.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    kernels = {node.input[1] for node in graph.node if node.op_type in _WITH_KERNEL}
    casts = []
    for stored in graph.initializer:
        if stored.name not in kernels or stored.data_type != TensorProto.FLOAT:
            continue
        name, short = stored.name, f"{stored.name}_float16"
        with np.errstate(over="ignore"):
            values = numpy_helper.to_array(stored).astype(np.float16)
        if not np.isfinite(values).all():
            raise ConfigError(
                f"{name}: has values beyond those of float16. Export with --weights-as float32."
            )
        stored.CopyFrom(numpy_helper.from_array(values, short))
        casts.append(helper.make_node("Cast", [short], [name], name=name, to=TensorProto.FLOAT))
    others = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *others])


def _nodes(graph: Any) -> Iterator[Any]:
    """The nodes of a graph, and those of the graphs in them, such as loops."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)
            for inner in attribute.graphs:
                yield from _nodes(inner)


def _name_axes(value: Any, port: Port) -> None:
    """Give the axes of an input or output the sizes, or the names, that its port has."""
    shape = value.type.tensor_type.shape
    del shape.dim[:]
    for size in port.shape:
        axis = shape.dim.add()
        if isinstance(size, int):
            axis.dim_value = size
        else:
            axis.dim_param = size
