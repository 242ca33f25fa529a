"""What runs the network of `detect` and `evaluate`: Keras, ONNX Runtime or OpenVINO."""

import hashlib
import importlib.util
import json
import logging
import os
from pathlib import Path

from mrcnn import __version__
from mrcnn.app.backend import load_backend
from mrcnn.app.options import KERAS, ONNX, OPENVINO
from mrcnn.config import Config
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.files import make_writable_folder
from mrcnn.inference import Runner
from mrcnn.inference.network_file import NetworkFile
from mrcnn.inference.network_settings import structure_of
from mrcnn.weights.places import cache_folder

# The library of each that needs no Keras, and the extra that installs it.
_LIBRARIES = {ONNX: ("onnxruntime", "onnx"), OPENVINO: ("openvino", "openvino")}
# The graph of a model's network lies beside its weights under this name: "rbc.graph.zip".
GRAPH = ".graph.zip"
# A graph is made anew where one of these rooms has changed.
_WRITTEN_BY = ("deploy", "nets", "ops")

logger = logging.getLogger(__name__)


def choose_runtime(asked: str, config: Config, weights: Path) -> str:
    """Which runtime runs a network.

    Args:
        asked: one of `mrcnn.app.options.RUNTIMES`. `auto` takes ONNX Runtime where it is installed
            and the graph of the network lies beside the weights, unless a GPU, a backend that is
            named in `KERAS_BACKEND` or a precision other than float32 speak for Keras; and without
            Keras what else is installed.
        config: of the network.
        weights: file of its weights.

    Raises:
        ConfigError: its library is not installed, or nothing is.
    """
    if asked in _LIBRARIES:
        library, extra = _LIBRARIES[asked]
        if not _is_installed(library):
            raise ConfigError(
                f"--runtime {asked}: the library {library} is not installed: pip install "
                f"'mrcnn-keras3[{extra}]'."
            )
        return asked
    has_keras = _is_installed("keras")
    if asked == KERAS and not has_keras:
        raise ConfigError(
            "--runtime keras: Keras is not installed: pip install keras tensorflow, or leave "
            "--runtime out."
        )
    if asked == KERAS:
        return KERAS
    if not has_keras:
        for name, (library, _) in _LIBRARIES.items():
            if _is_installed(library):
                return name
        raise ConfigError(
            "Nothing that runs the network is installed: pip install onnxruntime, or keras and "
            "tensorflow."
        )
    prefers_keras = (
        config.MIXED_PRECISION != "float32" or "KERAS_BACKEND" in os.environ or has_gpu()
    )
    if prefers_keras or not _is_installed(_LIBRARIES[ONNX][0]):
        return KERAS
    return KERAS if _graph_beside(config, weights) is None else ONNX


def load_runner(name: str, config: Config, weights: Path, at_once: int = 1) -> Runner:
    """What runs a network, with its weights.

    The graph is the one beside the weights. Where there is none it is made, which takes Keras, and
    kept in the user's cache.

    Args:
        name: ONNX or OPENVINO.
        config, weights: see `choose_runtime`.
        at_once: how many threads are to run it at the same time, see `Runner`; of ONNX alone.

    Raises:
        ConfigError: the graph cannot be made.
        WeightsError: the weights cannot be read, or are of another network.
    """
    if config.MIXED_PRECISION != "float32":
        logger.info("%s computes in float32, not in %s.", name, config.MIXED_PRECISION)
    network = _graph_beside(config, weights) or _graph_in_cache(config)
    if name == ONNX:
        from mrcnn.inference.onnx_runner import OnnxRunner

        return OnnxRunner.of_weights(config, weights, network, at_once)
    from mrcnn.inference.openvino_runner import OpenvinoRunner

    return OpenvinoRunner.of_weights(config, weights, network)


def write_graph(config: Config, weights: Path) -> Path:
    """Make the graph of a model's network, and put it beside the weights; takes Keras and onnx.

    Raises:
        ConfigError: there is no such graph of this network.
    """
    path = graph_path(weights)
    _new_graph(config).write(path)
    return path


def _new_graph(config: Config) -> NetworkFile:
    load_backend()
    from mrcnn.deploy.network import detector_file
    from mrcnn.deploy.onnx_layers import UnknownLayerError

    try:
        return detector_file(config)
    except UnknownLayerError as error:
        raise ConfigError(
            f"The network has {error}, which no graph for other runtimes has: --runtime keras."
        ) from error


def graph_path(weights: Path) -> Path:
    """Where the graph of a model's network lies: beside its weights."""
    return weights.with_name(f"{weights.stem}{GRAPH}")


def _graph_beside(config: Config, weights: Path) -> NetworkFile | None:
    path = graph_path(weights)
    if not path.is_file():
        return None
    try:
        found = NetworkFile.read(path)
    except WeightsError as error:
        logger.warning("%s", error)
        return None
    return found if found.structure == structure_of(config) else None


def _graph_in_cache(config: Config) -> NetworkFile:
    """The graph of a configuration, made where it is not there yet.

    Raises:
        ConfigError: it cannot be.
    """
    if callable(config.BACKBONE):
        raise ConfigError(
            "A network whose BACKBONE is a function is run by Keras alone: --runtime keras."
        )
    known = json.dumps([structure_of(config), __version__, _sources()], sort_keys=True)
    key = hashlib.sha256(known.encode()).hexdigest()[:32]
    path = cache_folder() / "graphs" / f"{key}.zip"
    if path.is_file():
        try:
            return NetworkFile.read(path)
        except WeightsError:
            logger.info("%s: is damaged, and is made anew.", path)
    for library in ("keras", "onnx"):
        if not _is_installed(library):
            raise ConfigError(
                f"The graph of this network is made from its layers, once, and {library} is not "
                "installed here. Install mrcnn-keras3[onnx] with its dependencies, or take "
                f"NAME{GRAPH} there, which `pack` writes beside the weights."
            )
    found = _new_graph(config)
    make_writable_folder(path.parent)
    found.write(path)
    return found


def _sources() -> str:
    """A checksum of the files that make graphs."""
    root = Path(__file__).parents[1]
    files = sorted(path for room in _WRITTEN_BY for path in (root / room).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _is_installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def has_gpu() -> bool:
    """Whether there is a GPU of NVIDIA, without a backend, which takes seconds to ask."""
    return Path("/proc/driver/nvidia").is_dir()
