"""Which runtime runs a network, and where its graph comes from."""

import importlib.util
import sys
from types import SimpleNamespace

import pytest

from mrcnn.app import runtimes
from mrcnn.app.options import AUTO, KERAS, ONNX, OPENVINO
from mrcnn.errors import ConfigError
from mrcnn.inference.network_file import NetworkFile
from mrcnn.inference.network_settings import structure_of


@pytest.fixture
def config(tiny_config):
    return tiny_config()


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Sets which libraries there are; no GPU, no backend that was named, an empty cache."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setattr(runtimes, "has_gpu", lambda: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def these(*names):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: name if name in names else None
        )

    return these


@pytest.fixture
def weights(tmp_path):
    return tmp_path / "tiny.h5"


def write_graph(weights, config, **structure):
    file = NetworkFile(b"", (), (), (), {**structure_of(config), **structure})
    file.write(runtimes.graph_path(weights))


def test_auto_takes_onnx_where_the_model_has_a_graph(installed, config, weights, monkeypatch):
    installed("keras", "onnxruntime")
    assert runtimes.choose_runtime(AUTO, config, weights) == KERAS
    write_graph(weights, config)
    assert runtimes.graph_path(weights).name == "tiny.graph.zip"
    assert runtimes.choose_runtime(AUTO, config, weights) == ONNX
    assert runtimes.choose_runtime(KERAS, config, weights) == KERAS
    with monkeypatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        assert runtimes.choose_runtime(AUTO, config, weights) == KERAS
    with monkeypatch.context() as patch:
        patch.setattr(runtimes, "has_gpu", lambda: True)
        assert runtimes.choose_runtime(AUTO, config, weights) == KERAS
    installed("keras")
    assert runtimes.choose_runtime(AUTO, config, weights) == KERAS


def test_a_precision_of_ones_own_is_left_to_keras(installed, tiny_config, weights):
    config = tiny_config(MIXED_PRECISION="mixed_bfloat16")
    write_graph(weights, config)
    installed("keras", "onnxruntime")
    assert runtimes.choose_runtime(AUTO, config, weights) == KERAS
    installed("onnxruntime")
    assert runtimes.choose_runtime(AUTO, config, weights) == ONNX


@pytest.mark.parametrize("damaged", [False, True])
def test_a_graph_of_another_network_does_not_count(installed, config, weights, damaged):
    installed("keras", "onnxruntime")
    write_graph(weights, config, NUM_CLASSES=7)
    if damaged:
        runtimes.graph_path(weights).write_bytes(b"nothing")
    assert runtimes.choose_runtime(AUTO, config, weights) == KERAS


def test_without_keras_what_is_installed_is_taken(installed, config, weights):
    installed("openvino")
    assert runtimes.choose_runtime(AUTO, config, weights) == OPENVINO
    installed()
    with pytest.raises(ConfigError, match="Nothing that runs the network is installed: pip"):
        runtimes.choose_runtime(AUTO, config, weights)


@pytest.mark.parametrize("name", [KERAS, ONNX, OPENVINO])
def test_a_library_that_is_missing_is_named(installed, config, weights, name):
    installed()
    with pytest.raises(ConfigError, match=rf"--runtime {name}: .* not installed: pip install"):
        runtimes.choose_runtime(name, config, weights)


def test_a_graph_that_cannot_be_made_here_is_told(installed, config, weights):
    installed("onnxruntime")
    with pytest.raises(ConfigError, match=r"keras is not installed here.*or take NAME.graph.zip"):
        runtimes.load_runner(ONNX, config, weights)
    config.BACKBONE = lambda image, stage5, train_bn: None
    with pytest.raises(ConfigError, match=r"BACKBONE is a function .*--runtime keras"):
        runtimes.load_runner(ONNX, config, weights)


def test_a_graph_is_made_once(installed, config, weights, monkeypatch, tmp_path):
    made = []

    def detector_file(wanted):
        made.append(structure_of(wanted))
        return NetworkFile(b"made", (), (), (), structure_of(wanted))

    monkeypatch.setitem(
        sys.modules,
        "mrcnn.deploy.network",
        SimpleNamespace(detector_file=detector_file),
    )
    monkeypatch.setattr(runtimes, "load_backend", lambda: None)
    installed("keras", "onnx", "onnxruntime")
    for _ in range(2):
        assert runtimes._graph_in_cache(config).graph == b"made"
    (file,) = (tmp_path / "cache" / "mrcnn" / "graphs").iterdir()
    assert made == [structure_of(config)]
    # Another structure, a damaged file, and another version of what makes graphs.
    config.DETECTION_SCORE = "object"
    runtimes._graph_in_cache(config)
    file.write_bytes(b"nothing")
    config.DETECTION_SCORE = "class"
    runtimes._graph_in_cache(config)
    assert len(made) == 3
    monkeypatch.setattr(runtimes, "_sources", lambda: "other")
    runtimes._graph_in_cache(config)
    assert len(made) == 4
