"""`export --format openvino`: what OpenVINO gives of the files is what Keras gives."""

import keras
import pytest

from mrcnn.app.main import main
from mrcnn.deploy.network import Network
from mrcnn.errors import ConfigError
from tests.deploy.exported import NAMES, assert_same

pytest.importorskip("onnx", exc_type=ImportError)


def test_the_network_gives_what_keras_gives(tiny, tmp_path):
    openvino = pytest.importorskip("openvino", exc_type=ImportError)
    command = ["export", str(tiny.folder), "--format", "openvino", "--out", str(tmp_path)]
    assert main(command) == 0
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"network.xml", "network.bin", "config.json", "README.md"}
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    network = openvino.Core().compile_model(str(tmp_path / "network.xml"), "CPU", options)
    found = network(tiny.inputs)
    assert_same({name: found[name] for name in NAMES}, tiny)


def test_a_layer_that_is_not_known_is_told(tiny, tmp_path):
    pytest.importorskip("openvino", exc_type=ImportError)
    from mrcnn.deploy.openvino_file import write_openvino

    shapes = {"input_image": (None, None, 3), "input_image_meta": (15,), "input_anchors": (None, 4)}
    inputs = [keras.Input(shape, name=name) for name, shape in shapes.items()]
    model = keras.Model(inputs, [keras.layers.LeakyReLU()(inputs[2])] * len(NAMES))
    network = Network(model, tiny.config, tiny.weights)
    with pytest.raises(
        ConfigError, match=r"LeakyReLU .*, which is not written.*savedmodel` writes"
    ):
        write_openvino(network, tmp_path / "network.xml")
