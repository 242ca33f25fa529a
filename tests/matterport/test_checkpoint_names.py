"""`ModelCheckpoint` with the names of Keras 2."""

import keras
import numpy as np
import pytest

from mrcnn.model import MaskRCNN
from mrcnn.nets.model import DetectorModel


@pytest.fixture
def network():
    inputs = keras.Input((2,))
    return DetectorModel(inputs, keras.layers.Dense(3, name="dense")(inputs))


@pytest.mark.parametrize("name", ["x.h5", "x_{epoch:02d}-{val_loss:.2f}.hdf5"])
def test_weights_go_to_names_of_keras_2(tmp_path, network, name):
    assert MaskRCNN.__module__ == "mrcnn.mask_rcnn"
    callback = keras.callbacks.ModelCheckpoint(tmp_path / name, save_weights_only=True)
    callback.set_model(network)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, {"val_loss": 0.25})
    (file,) = tmp_path.iterdir()
    assert file.name == name.format(epoch=1, val_loss=0.25)
    expected = network.get_weights()
    network.set_weights([np.zeros_like(value) for value in expected])
    network.load_weights(file)
    for value, other in zip(network.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(value, other)


def test_all_other_calls_are_those_of_keras(tmp_path):
    with pytest.raises(ValueError, match=r"must end in `.keras`"):
        keras.callbacks.ModelCheckpoint("x.txt")
    with pytest.raises(ValueError, match="save_freq"):
        keras.callbacks.ModelCheckpoint("x.h5", save_weights_only=True, save_freq="often")
    whole = keras.callbacks.ModelCheckpoint(filepath="x.h5", monitor="loss")
    assert (whole.filepath, whole.monitor, whole.save_weights_only) == ("x.h5", "loss", False)
    of_keras = keras.callbacks.ModelCheckpoint("x.weights.h5", "loss", save_weights_only=True)
    assert of_keras.filepath == "x.weights.h5"


def test_keras_refuses_the_name_for_a_model_of_its_own(tmp_path):
    callback = keras.callbacks.ModelCheckpoint(tmp_path / "x.h5", save_weights_only=True)
    callback.set_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    callback.on_epoch_begin(0)
    with pytest.raises(ValueError, match=r"weights\.h5"):
        callback.on_epoch_end(0, {"val_loss": 0.25})
