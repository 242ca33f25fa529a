"""ONNX Runtime and OpenVINO as runners: what they give is what Keras gives."""

import threading

import numpy as np
import pytest

from mrcnn.app.runtimes import load_runner
from mrcnn.inference import Runner
from mrcnn.inference.model_folder import read_model_folder
from tests.deploy.exported import NAMES, assert_same

LIBRARIES = {"onnx": "onnxruntime", "openvino": "openvino"}


@pytest.fixture(scope="module", params=LIBRARIES)
def runner(request, tiny, tmp_path_factory):
    pytest.importorskip("onnx", exc_type=ImportError)
    pytest.importorskip(LIBRARIES[request.param], exc_type=ImportError)
    config, weights = read_model_folder(tiny.folder, IMAGES_PER_GPU=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        runner = load_runner(request.param, config, weights)
    assert runner.name == request.param
    return runner


def test_runners_give_what_keras_gives(runner, tiny):
    assert isinstance(runner, Runner)
    outputs = runner.run(list(tiny.inputs.values()))
    assert_same(dict(zip(NAMES, outputs, strict=True)), tiny)
    # What comes later is not written over what was given.
    kept = [output.copy() for output in outputs]
    runner.run([values[:1] for values in tiny.inputs.values()])
    for output, copy in zip(outputs, kept, strict=True):
        np.testing.assert_array_equal(output, copy)


def test_threads_share_a_runner(runner, tiny):
    inputs = list(tiny.inputs.values())
    expected, found = runner.run(inputs), []
    threads = [threading.Thread(target=lambda: found.append(runner.run(inputs))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for outputs in found:
        np.testing.assert_array_equal(outputs[0], expected[0])


def test_onnx_runtime_gives_the_same_with_any_number_of_threads(runner, tiny, monkeypatch):
    if runner.name != "onnx":
        pytest.skip("another runtime")
    inputs = list(tiny.inputs.values())
    expected = runner.run(inputs)
    config, weights = read_model_folder(tiny.folder, IMAGES_PER_GPU=1)
    for threads, at_once in (("1", 1), ("3", 1), ("4", 2)):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        other = load_runner("onnx", config, weights, at_once)
        assert other.at_once == at_once
        for output, same in zip(other.run(inputs), expected, strict=True):
            np.testing.assert_array_equal(output, same)


def test_openvino_keeps_the_order_of_equal_values():
    pytest.importorskip("openvino", exc_type=ImportError)
    onnx = pytest.importorskip("onnx", exc_type=ImportError)
    from mrcnn.inference.openvino_runner import openvino_model

    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        [helper.make_node("TopK", ["x", "count"], ["values", "indices"], axis=1)],
        "graph",
        [helper.make_tensor_value_info("x", kinds.FLOAT, ["batch", "rows"])],
        [
            helper.make_tensor_value_info("values", kinds.FLOAT, None),
            helper.make_tensor_value_info("indices", kinds.INT64, None),
        ],
        [onnx.numpy_helper.from_array(np.array([40], np.int64), "count")],
    )
    opset = [helper.make_opsetid("", 18)]
    content = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    rows = np.random.default_rng(1).integers(0, 30, (2, 300)).astype(np.float32)
    # Of the 40th of them there is one: which of several is taken is not certain.
    rows[:, 40:] = np.minimum(rows[:, 40:], 5)
    rows[:, :40] += 10
    found = openvino_model(content)([rows])
    expected = np.argsort(-rows, axis=1, kind="stable")[:, :40]
    np.testing.assert_array_equal(found["indices"], expected)
    np.testing.assert_array_equal(found["values"], np.take_along_axis(rows, expected, 1))
