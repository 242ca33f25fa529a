"""`export --weights-as int8`: convolutions of 8-bit numbers, and results that are close."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.app.main import main
from tests.deploy.exported import NAMES, TinyModel


def test_most_convolutions_are_of_8_bit_numbers(tiny_config, tmp_path):
    onnx = pytest.importorskip("onnx", exc_type=ImportError)
    onnxruntime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    (tmp_path / "model").mkdir()
    # Small, since looking at the values between layers takes its time.
    config = tiny_config(BACKBONE="resnet18", NORMALIZATION="group")
    tiny = TinyModel(config, tmp_path / "model")
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    noise = np.random.default_rng(4).normal(120, 20, (128, 128, 3)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noise).save(pictures / "noise.png")
    command = ["export", str(tiny.folder), "--format", "onnx", "--weights-as", "int8"]
    assert main([*command, "--calibration", str(pictures), "--out", str(out)]) == 0
    assert "are of 8-bit whole numbers" in (out / "README.md").read_text()
    path = out / "network.onnx"
    graph = onnx.load(path).graph
    stored = {each.name: each.data_type for each in graph.initializer}
    kinds = onnx.TensorProto
    eight_bit = {name for name, kind in stored.items() if kind == kinds.INT8 and "kernel" in name}
    exact = {name for name in stored if name.endswith("/kernel")}
    assert {stored[name] for name in exact} == {kinds.FLOAT}
    assert len(eight_bit) > 25
    assert {name.partition("/")[0] for name in exact} == {
        "conv1",
        "rpn_class_raw",
        "rpn_bbox_pred",
        "mrcnn_class_logits",
        "mrcnn_bbox_fc",
        "mrcnn_mask",
    }
    # Nothing but what computes in 8 bits takes rounded values, except of what gives no others.
    makers = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        for name in node.input:
            if node.op_type in ("Conv", "Gemm", "DequantizeLinear") or name not in makers:
                continue
            if makers[name].op_type == "DequantizeLinear":
                rounding = makers[makers[name].input[0]]
                assert makers[rounding.input[0]].op_type == "Conv", node.name
                assert node.op_type != "Shape"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = dict(zip(NAMES, session.run(None, tiny.inputs), strict=True))
    expected = tiny.outputs["rpn_class"]
    assert found["rpn_class"].shape == expected.shape
    assert np.abs(found["rpn_class"] - expected).mean() < 0.1
