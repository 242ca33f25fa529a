"""Weights for RGB in networks of other channels."""

import keras
import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights.loading import load_weights, with_channels
from mrcnn.weights.saving import save_weights


def network(channels, filters=5):
    image = keras.Input((8, 8, channels))
    x = keras.layers.Conv2D(filters, 3, name="conv1")(image)
    return keras.Model(image, keras.layers.Conv2D(2, 1, name="conv2")(x))


@pytest.fixture
def file(tmp_path):
    model = network(3)
    save_weights(model, tmp_path / "rgb.h5")
    return tmp_path / "rgb.h5", model.get_weights()


@pytest.mark.parametrize("channels", [4, 6])
def test_further_channels_get_the_mean(file, channels):
    path, (kernel, bias, *others) = file
    model = network(channels)
    report = load_weights(model, path)
    fitted, *rest = model.get_weights()
    np.testing.assert_array_equal(fitted[:, :, :3], kernel)
    for number in range(3, channels):
        np.testing.assert_allclose(fitted[:, :, number], kernel.mean(axis=2), atol=1e-7)
    for value, expected in zip(rest, [bias, *others], strict=True):
        np.testing.assert_array_equal(value, expected)
    assert (report.adapted, report.misfits) == (["conv1"], [])
    assert report.loaded == ["conv1", "conv2"]
    assert "1 fitted to the channels of the images: conv1" in str(report)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_gray_image_is_what_it_was_as_rgb(file, channels):
    path, (kernel, *_) = file
    model = network(channels)
    load_weights(model, path)
    np.testing.assert_allclose(model.get_weights()[0].sum(axis=2), kernel.sum(axis=2), atol=1e-6)
    assert with_channels(kernel, channels).shape == (3, 3, channels, 5)


def test_nothing_else_is_fitted(file, tmp_path):
    path, _ = file
    with pytest.raises(WeightsError, match="belongs to a model of another shape"):
        load_weights(network(4), path, strict=True)
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(5, 3, name="conv1")])
    save_weights(network(4), tmp_path / "four.h5")
    with pytest.raises(WeightsError, match="none of its layers fits"):
        load_weights(other, tmp_path / "four.h5")
