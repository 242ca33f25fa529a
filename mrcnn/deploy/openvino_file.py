"""A network as a model of OpenVINO: its operations as XML, and its weights beside them."""

from pathlib import Path

from mrcnn.deploy.network import Network
from mrcnn.deploy.onnx_layers import UnknownLayerError
from mrcnn.errors import ConfigError
from mrcnn.inference.network_settings import values_of
from mrcnn.inference.openvino_runner import read_network


def write_openvino(network: Network, path: Path, weights_as: str = "float32") -> None:
    """Write a network to `NAME.xml` and `NAME.bin`.

    Args:
        network: the network.
        path: of the former.
        weights_as: "float16" stores all weights as 16-bit numbers.

    Raises:
        ConfigError: the network has a layer that has no place there.
    """
    import openvino

    try:
        content = network.file().filled(network.weights, values_of(network.config))
    except UnknownLayerError as error:
        raise ConfigError(
            f"The network has {error}, which is not written for OpenVINO. `--format savedmodel` "
            "writes this network."
        ) from error
    openvino.save_model(read_network(content), str(path), compress_to_fp16=weights_as == "float16")
