"""Single layers in ONNX: they give what those of Keras give."""

import keras
import numpy as np
import pytest
from keras import layers

from mrcnn.weights.saving import save_weights

pytest.importorskip("onnx", exc_type=ImportError)
SIDE, CHANNELS = 6, 8


def graph_of(model: keras.Model, weights):
    """The model of `onnx` of a functional model, with its weights."""
    onnx = pytest.importorskip("onnx", exc_type=ImportError)
    from mrcnn.deploy.network import network_file
    from mrcnn.deploy.ports import Port

    inputs = [Port("maps", ("batch", *model.inputs[0].shape[1:]), "")]
    outputs = [Port("found", ("batch", *model.outputs[0].shape[1:]), "")]
    save_weights(model, weights)
    file = network_file(model, inputs, outputs, {})
    return onnx.load_from_string(file.filled(weights, {}))


def assert_gives_the_same(model: keras.Model, weights):
    onnxruntime = pytest.importorskip("onnxruntime", exc_type=ImportError)
    draw = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(draw.normal(0.4, 1, weight.shape))
    maps = draw.normal(1, 2, (2, *model.inputs[0].shape[1:])).astype(np.float32)
    content = graph_of(model, weights).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    expected = np.asarray(model(maps))
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(session.run(None, {"maps": maps})[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("center", [True, False])
def test_group_norms(scale, center, tmp_path):
    maps = layers.Input((SIDE, SIDE, CHANNELS))
    norm = layers.GroupNormalization(2, scale=scale, center=center, epsilon=1e-2, name="norm")
    found = norm(layers.Conv2D(CHANNELS, 1, name="before")(maps))
    assert_gives_the_same(keras.Model(maps, found), tmp_path / "weights.h5")


def test_a_kernel_as_large_as_the_map(tmp_path):
    maps = layers.Input((SIDE, SIDE, CHANNELS))
    found = layers.Conv2D(5, 3, padding="same", name="before")(maps)
    found = layers.Conv2D(4, SIDE, activation="relu", name="whole")(found)
    assert_gives_the_same(keras.Model(maps, found), tmp_path / "weights.h5")
