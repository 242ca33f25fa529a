"""The graph without weights: what it gives, filled for other settings, is what Keras gives."""

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.deploy.onnx_layers import UnknownLayerError, activated
from mrcnn.inference.keras_runner import KerasRunner
from mrcnn.inference.network_file import NetworkFile
from mrcnn.inference.network_settings import structure_of, values_of
from mrcnn.inference.onnx_runner import OnnxRunner
from mrcnn.inference.openvino_runner import OpenvinoRunner
from mrcnn.nets.detector import build_inference_model
from mrcnn.ops.outputs import InferenceOutputs
from tests.deploy.exported import NAMES, TinyModel, assert_same

pytest.importorskip("onnx", exc_type=ImportError)

GROUPED = {
    "BACKBONE": "resnet18",
    "NORMALIZATION": "group",
    "DETECTION_SCORE": "object",
    "DETECTION_NMS_ACROSS_CLASSES": True,
}


@pytest.fixture(scope="module")
def grouped(tiny_config, tmp_path_factory):
    config = tiny_config(**GROUPED)
    return TinyModel(config, tmp_path_factory.mktemp("grouped"))


@pytest.fixture(scope="module")
def efficient(tiny_config, tmp_path_factory):
    config = tiny_config(BACKBONE="efficientnet-lite0", EVEN_ROI_ALIGN=True)
    return TinyModel(config, tmp_path_factory.mktemp("efficient"))


def found(file: NetworkFile, model: TinyModel, config: Config | None = None):
    onnxruntime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    content = file.filled(model.weights, values_of(config or model.config))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return dict(zip(NAMES, session.run(None, model.inputs), strict=True))


@pytest.mark.parametrize("name", ["grouped", "efficient"])
def test_the_network_gives_what_keras_gives(name, request):
    from mrcnn.deploy.network import detector_file

    model = request.getfixturevalue(name)
    assert_same(found(detector_file(model.config), model), model)


@pytest.mark.parametrize("name", ["grouped", "efficient"])
@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_detections_are_selected_without_a_limit_as_keras_selects_them(
    name, runtime, request, tmp_path
):
    from mrcnn.deploy.network import detector_file

    pytest.importorskip({"onnx": "onnxruntime"}.get(runtime, runtime), exc_type=ImportError)
    model = request.getfixturevalue(name)
    outputs = InferenceOutputs(**model.outputs)
    meta = model.inputs["input_image_meta"]
    found = KerasRunner(model.model, model.config).all_detections(outputs, meta)
    # More than the settings let through, and these first.
    limit = outputs.detections.shape[1]
    assert found.shape[1] == outputs.rpn_rois.shape[1] > limit
    assert (found[:, limit, 4] > 0).any()
    np.testing.assert_array_equal(found[:, :limit], outputs.detections)
    detector_file(model.config).write(tmp_path / "network.zip")
    file = NetworkFile.read(tmp_path / "network.zip")
    runner = {"onnx": OnnxRunner, "openvino": OpenvinoRunner}[runtime].of_weights(
        model.config, model.weights, file
    )
    np.testing.assert_allclose(runner.all_detections(outputs, meta), found, rtol=0, atol=1e-6)


def test_a_file_of_an_earlier_version_selects_none(grouped):
    file = NetworkFile(b"", (), (), (), {})
    assert file.unlimited(values_of(grouped.config)) is None


def test_settings_of_detection_are_put_in_later(grouped, tmp_path):
    from mrcnn.deploy.network import detector_file

    detector_file(grouped.config).write(tmp_path / "network.zip")
    file = NetworkFile.read(tmp_path / "network.zip")
    settings = {
        "EVEN_ROI_ALIGN": True,
        "PRE_NMS_LIMIT": 300,
        "POST_NMS_ROIS_INFERENCE": 60,
        "DETECTION_MAX_INSTANCES": 70,
        "DETECTION_MIN_CONFIDENCE": float(np.median(grouped.outputs["detections"][..., 5])),
        "DETECTION_NMS_THRESHOLD": 0.2,
        "RPN_NMS_THRESHOLD": 0.5,
    }
    config = Config.from_dict({**grouped.config.to_dict(), **settings})
    assert structure_of(config) == file.structure
    other = build_inference_model(config)
    other.set_weights(grouped.model.get_weights())
    expected = other(list(grouped.inputs.values()), training=False)
    outputs = found(file, grouped, config)
    for name, value in zip(NAMES, expected, strict=True):
        np.testing.assert_allclose(outputs[name], np.asarray(value), rtol=0, atol=1e-3)
    count = (outputs["detections"][..., 4] > 0).sum(axis=1)
    assert (count > 0).all() and (count < 60).all()


def test_what_is_not_known_is_named():
    with pytest.raises(UnknownLayerError, match="the activation gelu"):
        activated(None, "value", keras.activations.gelu)
