"""Networks of keras.applications as backbones; `benchmarks.backbones` tries all of them."""

import functools
import inspect
import re

import keras
import numpy as np
import pytest

from mrcnn.config import APPLICATIONS
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.nets.application_weights import application_weights, convert_application
from mrcnn.nets.applications import FUNCTIONS, application_stages, copied
from mrcnn.nets.applications import built as build
from mrcnn.nets.backbones import FeatureInfo, backbone_stages, feature_info
from mrcnn.weights.loading import load_weights

MEAN = np.array([123.7, 116.8, 103.9])
# With red and blue swapped, and with a layer of its own for the input.
PREPROCESSED = {
    "vgg16": (keras.applications.vgg16.preprocess_input, "block1_conv1"),
    "mobilenet_v3_small": (lambda image: image, "conv"),
}

# Nothing is changed in a network that is copied.
built = functools.cache(build)


def test_all_networks_of_keras_have_a_name():
    offered = {
        name
        for name, each in vars(keras.applications).items()
        if inspect.isfunction(each) and not name.startswith("_")
    }
    # Those of the original are networks of our own.
    assert set(FUNCTIONS.values()) == offered - {"ResNet50", "ResNet101"}
    assert set(FUNCTIONS) == set(APPLICATIONS)


def randomized(network):
    """Statistics of batch norm that are none of a new network."""
    random = np.random.default_rng(1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            values = [random.uniform(0.5, 1.5, weight.shape) for weight in layer.weights]
            layer.set_weights(values)
    return network


@pytest.mark.parametrize("name", PREPROCESSED)
def test_the_image_is_what_the_weights_know(name, tmp_path):
    """The same numbers as Keras' own network with its preprocessing, from the same weights."""
    prepare, first = PREPROCESSED[name]
    network = randomized(built(name))
    convert_application(network, name, tmp_path / "weights.h5")
    image = keras.Input((None, None, 3))
    model = keras.Model(image, application_stages(image, name, MEAN))
    load_weights(model, tmp_path / "weights.h5", strict=True)

    small = keras.Input((64, 64, 3))
    tested = [layer.name for layer in model.layers if layer.name.endswith(f"_{first}")]
    ours = keras.Model(image, model.get_layer(tested[0]).output)
    picture = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype(np.float32)
    before = keras.Model(network.input, network.get_layer(first).input)
    x = small
    for layer in before.layers[1:]:
        x = layer(x)
    theirs = keras.Model(small, network.get_layer(first)(x))
    expected = keras.ops.convert_to_numpy(theirs(prepare(picture.copy())))
    found = keras.ops.convert_to_numpy(ours(picture - MEAN.astype(np.float32)))
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_a_whole_network_gives_what_it_gives_in_keras(tmp_path):
    network = randomized(built("mobilenet_v2"))
    convert_application(network, "mobilenet_v2", tmp_path / "weights.h5")
    image = keras.Input((None, None, 3))
    model = keras.Model(image, application_stages(image, "mobilenet_v2", 0.0))
    load_weights(model, tmp_path / "weights.h5", strict=True)
    picture = np.random.default_rng(0).integers(0, 256, (1, *network.input_shape[1:]))
    picture = picture.astype(np.float32)
    prepared = keras.applications.mobilenet_v2.preprocess_input(picture.copy())
    expected = keras.ops.convert_to_numpy(network(prepared))
    found = keras.ops.convert_to_numpy(model(picture)[-1])
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def layer_names(name, **settings):
    image = keras.Input((None, None, 3))
    model = keras.Model(image, copied(built(name), image, **settings).stages)
    return [layer.name for layer in model.layers if layer.weights]


def test_names_of_layers_do_not_depend_on_other_models():
    """Keras counts layers without a name over all models: of this network some have none."""
    names = layer_names("xception")
    keras.layers.Conv2D(1, 1)
    assert layer_names("xception") == names
    assert all(re.fullmatch(r"(res|bn)[1-5]_\w+", name) for name in names)
    grouped = layer_names("xception", normalization="group")
    assert grouped == [name.replace("bn", "gn", 1) for name in names]


def test_maps_are_those_that_the_network_behind_them_comes_from():
    """The branches of a block are none, and no padding is."""
    image = keras.Input((None, None, 3))
    names = {}
    for name in ("xception", "mobilenet_v2"):
        stages = copied(built(name), image).stages
        names[name] = [stage._keras_history.operation.name for stage in stages]
    assert names["xception"] == [
        "res2_add_1",
        "res3_add_2",
        "res4_add_11",
        "res5_block14_sepconv2_act",
    ]
    assert names["mobilenet_v2"][:2] == ["res2_block_3_expand_relu", "res3_block_6_expand_relu"]


def test_images_of_four_channels_are_scaled_as_well():
    image = keras.Input((None, None, 4))
    stages = application_stages(image, "mobilenet_v3_small", [*MEAN, 40.0])
    layer = keras.Model(image, stages).get_layer("input_scale")
    np.testing.assert_allclose(layer.offset, (np.array([*MEAN, 40.0]) - 127.5) / 127.5)
    assert feature_info(image, stages) == FeatureInfo((72, 96, 288, 576), (4, 8, 16, 32))


def test_keras_downloads_the_weights_once(monkeypatch, tmp_path):
    asked = []

    def network(name, channels=3, weights=None):
        asked.append((name, weights))
        return built(name)

    monkeypatch.setattr("mrcnn.nets.application_weights.built", network)
    path = application_weights("mobilenet_v3_small", tmp_path / "new")
    assert path == tmp_path / "new" / "mobilenet_v3_small_imagenet.h5"
    assert application_weights("mobilenet_v3_small", tmp_path / "new") == path
    assert asked == [("mobilenet_v3_small", "imagenet")]


def test_a_download_that_fails_says_what_to_do(monkeypatch, tmp_path):
    def unreachable(*given, **named):
        raise Exception("URL fetch failure on https://storage/x.h5: None -- no route")

    monkeypatch.setattr(keras.applications, "MobileNetV2", unreachable)
    with pytest.raises(WeightsError, match=r"mobilenet_v2 \(URL fetch failure.*--weights none"):
        application_weights("mobilenet_v2", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("strides", "message"),
    [
        ((2, 4, 8, 16), r"strides 2, 4, 8, 16 \(with 1, 2, 3, 4 channels\): strides 4, 8, 16, 32"),
        ((4, 8, 16), "gives 3 feature maps: C2, C3, C4 and C5 are expected"),
    ],
)
def test_a_function_gives_maps_of_the_strides_that_the_pyramid_is_built_on(
    tiny_config, strides, message
):
    def stages(image, stage5, train_bn):
        return [
            keras.layers.Conv2D(number, 1, strides=stride)(image)
            for number, stride in enumerate(strides, start=1)
        ]

    with pytest.raises(ConfigError, match=message):
        backbone_stages(keras.Input((None, None, 3)), tiny_config(BACKBONE=staticmethod(stages)))


@pytest.mark.usefixtures("eager")
def test_two_steps_are_trained(tiny_config, disks, tmp_path):
    from mrcnn.model import MaskRCNN

    config = tiny_config(BACKBONE="mobilenet_v3_small", STEPS_PER_EPOCH=2, TRAIN_BN=True)
    model = MaskRCNN("training", config, tmp_path)
    name = "res4_expanded_conv_6_expand"
    before = model.keras_model.get_layer(name).get_weights()[0]
    history = model.train(disks([(60, 60, 20)] * 2), None, 0.001, 1, "4+")
    assert np.isfinite(history.history["loss"]).all()
    assert np.abs(model.keras_model.get_layer(name).get_weights()[0] - before).max() > 0
