"""`export --format onnx`: what ONNX Runtime gives is what Keras gives."""

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.app.main import main
from mrcnn.deploy.network import Network
from mrcnn.errors import ConfigError
from tests.deploy.exported import NAMES, assert_same, needs_tensorflow


@pytest.fixture(scope="module")
def session(tiny, tmp_path_factory):
    pytest.importorskip("onnx", exc_type=ImportError)
    pytest.importorskip("onnxruntime", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("exported")
    assert main(["export", str(tiny.folder), "--format", "onnx", "--out", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {
        "network.onnx",
        "config.json",
        "README.md",
    }
    return run_by_onnxruntime(folder / "network.onnx")


def run_by_onnxruntime(model):
    onnxruntime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    content = model.read_bytes() if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def test_the_network_gives_what_keras_gives(session, tiny):
    assert_same(dict(zip(NAMES, session.run(None, tiny.inputs), strict=True)), tiny)


def test_one_picture_of_another_size_fits(session, tiny):
    inputs = {name: values[:1] for name, values in tiny.inputs.items()}
    detections, masks = session.run(["detections", "mrcnn_mask"], inputs)
    expected = tiny.outputs["detections"][:1]
    np.testing.assert_allclose(detections, expected, rtol=0, atol=1e-5)
    assert masks.shape == (1, 20, 28, 28, 3)


def test_axes_are_named(session):
    shapes = {port.name: port.shape for port in [*session.get_inputs(), *session.get_outputs()]}
    assert shapes["input_image"] == ["batch", "height", "width", 3]
    assert shapes["input_anchors"] == ["batch", "anchors", 4]
    assert shapes["detections"] == ["batch", 20, 6]
    assert shapes["rpn_bbox"] == ["batch", "anchors", 4]


def test_operations_that_onnx_has_not_are_found():
    onnx = pytest.importorskip("onnx")
    from mrcnn.deploy.onnx_file import unknown_operations

    def graph(*nodes):
        return onnx.helper.make_graph(list(nodes), "graph", [], [])

    node = onnx.helper.make_node
    inner = graph(node("Add", ["a", "a"], ["b"]), node("TensorArray", ["a"], ["b"]))
    model = onnx.helper.make_model(
        graph(
            node("Mul", ["a", "a"], ["b"]),
            node("Unheard", ["a"], ["b"]),
            node("Add", ["a", "a"], ["b"], domain="elsewhere"),
            node("If", ["c"], ["d"], then_branch=inner, else_branch=inner),
        ),
        opset_imports=[onnx.helper.make_opsetid("", 18)],
    )
    assert unknown_operations(model) == ["Add", "TensorArray", "Unheard"]


def with_kernels(values):
    """A model of `onnx` of one matrix product and one sum, both with the same values."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    floats = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Add", ["y", "b"], ["z"])],
        "graph",
        [helper.make_tensor_value_info("x", floats, [1, 2])],
        [helper.make_tensor_value_info("z", floats, [2, 2])],
        [onnx.numpy_helper.from_array(np.array(values, np.float32), name) for name in "wb"],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_kernels_and_nothing_else_are_stored_as_float16():
    model = with_kernels([[1 / 3, 2.0], [3.0, 4.0]])
    from mrcnn.deploy.onnx_file import shorten_kernels

    shorten_kernels(model)
    assert {each.name: each.data_type for each in model.graph.initializer} == {
        "w_float16": 10,
        "b": 1,
    }
    (found,) = run_by_onnxruntime(model).run(None, {"x": np.array([[1, 0]], np.float32)})
    third, short = np.float32(1 / 3), np.float32(np.float16(1 / 3))
    assert third != short
    np.testing.assert_array_equal(found, [[short + third, 4], [short + 3, 6]])


def test_kernels_beyond_float16_are_refused():
    model = with_kernels([[7e4, 0.0], [0.0, 0.0]])
    from mrcnn.deploy.onnx_file import shorten_kernels

    with pytest.raises(ConfigError, match=r"w: has values beyond those of float16. Export with"):
        shorten_kernels(model)


@pytest.fixture
def unknown_network(tiny):
    """A small network with a layer that the graph has no place for."""
    shapes = {"input_image": (None, None, 3), "input_image_meta": (15,), "input_anchors": (None, 4)}
    inputs = [keras.Input(shape, name=name) for name, shape in shapes.items()]
    anchors = keras.layers.LeakyReLU(0.5)(inputs[2])
    outputs = [keras.layers.Rescaling(number)(anchors) for number, _ in enumerate(NAMES)]
    return Network(keras.Model(inputs, outputs), tiny.config, tiny.weights)


@needs_tensorflow
def test_a_layer_that_is_not_known_is_converted_by_tensorflow(unknown_network, tmp_path, tiny):
    pytest.importorskip("tf2onnx", exc_type=ImportError)
    from mrcnn.deploy.onnx_file import write_onnx

    write_onnx(unknown_network, tmp_path / "network.onnx")
    session = run_by_onnxruntime(tmp_path / "network.onnx")
    shapes = {port.name: port.shape for port in [*session.get_inputs(), *session.get_outputs()]}
    assert shapes["input_image"] == ["batch", "height", "width", 3]
    assert shapes["rpn_rois"] == ["batch", "anchors", 4]
    # What the outputs do not need is no input of the converted graph.
    given = {port.name: tiny.inputs[port.name] for port in session.get_inputs()}
    anchors = tiny.inputs["input_anchors"]
    for number, found in enumerate(session.run(list(NAMES), given)):
        expected = number * np.where(anchors < 0, 0.5 * anchors, anchors)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_it_takes_to_convert_such_a_layer_is_told(unknown_network, monkeypatch, tmp_path):
    pytest.importorskip("onnx", exc_type=ImportError)
    from mrcnn.deploy.onnx_file import write_onnx

    monkeypatch.setattr(importlib.util, "find_spec", {}.get)
    with pytest.raises(ConfigError, match=r"the layer LeakyReLU \(leaky.* and tf2onnx, pip"):
        write_onnx(unknown_network, tmp_path / "network.onnx")


@needs_tensorflow
def test_what_cannot_be_converted_is_told(unknown_network, monkeypatch, tmp_path):
    pytest.importorskip("tf2onnx", exc_type=ImportError)
    import tf2onnx.convert

    from mrcnn.deploy import onnx_file

    def fail(*args, **kwargs):
        raise NotImplementedError("no loops")

    network = unknown_network
    monkeypatch.setattr(tf2onnx.convert, "from_function", fail)
    with pytest.raises(ConfigError, match=r"no loops\). `--format savedmodel` writes"):
        onnx_file.write_onnx(network, tmp_path / "network.onnx")
    monkeypatch.setattr(tf2onnx.convert, "from_function", lambda *args, **kwargs: (None, None))
    monkeypatch.setattr(onnx_file, "unknown_operations", lambda model: ["Bitcast"])
    with pytest.raises(ConfigError, match=r"no operation 'Bitcast' of TensorFlow. `--format"):
        onnx_file.write_onnx(network, tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


def test_a_library_that_is_missing_is_named(monkeypatch, capsys):
    found = {"onnx": None}
    monkeypatch.setattr(importlib.util, "find_spec", found.get)
    assert main(["export", "rbc", "--format", "onnx"]) == 2
    error = capsys.readouterr().err
    assert "To write an ONNX file the library onnx is needed" in error
    assert "pip install 'mrcnn-keras3[onnx]'" in error
