"""The files that are written are Matterport's, in names, order, shapes and types."""

import gzip
import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.nets.detector import build_inference_model
from mrcnn.nets.model import DetectorModel
from mrcnn.nets.normalization import BatchNorm
from mrcnn.training.model import build_training_model
from mrcnn.weights.loading import load_weights
from mrcnn.weights.saving import save_model, save_weights

GOLDEN_LAYOUT = Path(__file__).parents[1] / "golden" / "h5_layout.json.gz"


def test_saved_weights_come_back_bit_by_bit(model, saved, twin, small):
    load_weights(twin, saved, strict=True)
    small.assert_equal(small.arrays(twin), small.arrays(model))


def test_names_and_attributes(saved):
    with h5py.File(saved) as file:
        assert file.attrs["layer_names"].tolist() == [
            b"input_image", b"conv1", b"bn_conv1", b"activation", b"input_regions", b"rpn_model",
            b"mrcnn_class_logits",
        ]  # fmt: skip
        assert set(file) == {
            *(name.decode() for name in file.attrs["layer_names"]), "top_level_model_weights"
        }  # fmt: skip
        assert file.attrs["backend"] == "tensorflow"
        assert file.attrs["keras_version"] == "2.15.0"
        assert file["conv1"].attrs["weight_names"].tolist() == [b"conv1/kernel:0", b"conv1/bias:0"]
        assert file["rpn_model"].attrs["weight_names"].tolist() == [
            b"rpn_class_raw/kernel:0", b"rpn_class_raw/bias:0",
            b"rpn_bbox_pred/kernel:0", b"rpn_bbox_pred/bias:0",
        ]  # fmt: skip
        for empty in ("activation", "top_level_model_weights"):
            assert file[empty].attrs["weight_names"].shape == (0,)
            assert len(file[empty]) == 0


@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
def test_the_layout_is_the_original_s(make_config, tmp_path, backbone, mode):
    """The order of layers with weights counts when they are not loaded by name."""
    config = make_config(NUM_CLASSES=3, BACKBONE=backbone, IMAGE_MIN_DIM=128, IMAGE_MAX_DIM=128)
    build = build_training_model if mode == "training" else build_inference_model
    save_weights(build(config), tmp_path / "a.h5")
    expected = json.loads(gzip.decompress(GOLDEN_LAYOUT.read_bytes()))[f"{backbone}_{mode}"]
    layout = []
    with h5py.File(tmp_path / "a.h5") as file:
        for layer in file.attrs["layer_names"]:
            group = file[layer]
            names = [name.decode() for name in group.attrs["weight_names"]]
            arrays = {f"{scope}/{key}" for scope in group for key in group[scope]}
            assert arrays == set(names)
            if names:
                weights = [[n, list(group[n].shape), str(group[n].dtype)] for n in names]
                layout.append([layer.decode(), weights])
    assert layout == expected


def test_frozen_layers_are_written_in_the_same_order(small, saved, tmp_path):
    frozen = small.build()
    for layer in ("bn_conv1", "rpn_model"):
        frozen.get_layer(layer).trainable = False
    frozen.get_layer("rpn_model").get_layer("rpn_bbox_pred").trainable = True
    save_weights(frozen, tmp_path / "frozen.h5")
    with h5py.File(saved) as first, h5py.File(tmp_path / "frozen.h5") as second:
        for layer in ("bn_conv1", "rpn_model"):
            names = [file[layer].attrs["weight_names"].tolist() for file in (first, second)]
            assert names[0] == names[1]


def test_a_layer_whose_weights_share_a_name(tmp_path):
    def build():
        sequence = keras.Input((4, 6))
        layer = keras.layers.MultiHeadAttention(2, 3, name="attention")
        return keras.Model(sequence, layer(sequence, sequence))

    model, twin = build(), build()
    save_weights(model, tmp_path / "a.h5")
    load_weights(twin, tmp_path / "a.h5", strict=True)
    assert len(model.weights) == 8
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_names_that_are_too_many_for_one_attribute(tmp_path):
    def build():
        x = image = keras.Input((2,))
        for number in range(24):
            x = keras.layers.Identity(name=f"{number:02}_{'x' * 3000}")(x)
        return keras.Model(image, keras.layers.Dense(2, name="last")(x))

    model, twin = build(), build()
    save_weights(model, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        pieces = [file.attrs[f"layer_names{number}"] for number in range(3)]
        assert sum(map(len, pieces)) == len(model.layers)
        assert "layer_names" not in file.attrs and "layer_names3" not in file.attrs
    load_weights(twin, tmp_path / "a.h5", strict=True)
    for one, other in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_whole_model_holds_its_architecture(model, tmp_path):
    save_model(model, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert set(file) == {"model_weights"}
        assert file.attrs["keras_version"] == file["model_weights"].attrs["keras_version"]
        restored = keras.models.model_from_json(file.attrs["model_config"])
        assert "conv1" in file["model_weights"].attrs["layer_names"].astype(str)
    assert [layer.name for layer in restored.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize("save", [save_weights, save_model])
def test_a_failed_save_keeps_the_earlier_file(model, saved, monkeypatch, save):
    before = saved.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", fail)
    with pytest.raises(OSError, match="No space left"):
        save(model, saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_kernels_of_16_bits(model, twin, tmp_path):
    path = tmp_path / "half.h5"
    save_weights(model, path, dtype="float16")
    with h5py.File(path) as file:
        assert file["conv1/conv1/kernel:0"].dtype == np.float16
        assert file["conv1/conv1/bias:0"].dtype == np.float32
    load_weights(twin, path, strict=True)
    for one, two in zip(model.weights, twin.weights, strict=True):
        one, two = (keras.ops.convert_to_numpy(weight) for weight in (one, two))
        if one.ndim < 2:
            np.testing.assert_array_equal(one, two)
        else:
            np.testing.assert_allclose(two, one, rtol=2**-11, atol=6e-8)


def test_large_kernels_of_16_bits_are_deflated(tmp_path):
    inputs = keras.Input((600,))
    model = keras.Model(inputs, keras.layers.Dense(512, name="fc")(inputs))
    kernel = np.tile(np.float32([0.5, 0.25, -1, 2]), (600, 128))
    model.get_layer("fc").set_weights([kernel, np.zeros(512)])
    sizes = {}
    for dtype in ("float16", "float32"):
        path = tmp_path / f"{dtype}.h5"
        save_weights(model, path, dtype=dtype)
        sizes[dtype] = path.stat().st_size
        model.get_layer("fc").set_weights([kernel * 0, np.ones(512)])
        load_weights(model, path, strict=True)
        np.testing.assert_array_equal(model.get_layer("fc").get_weights()[0], kernel)
    assert sizes["float32"] > kernel.nbytes
    assert sizes["float16"] < kernel.nbytes / 8


def test_what_float16_cannot_hold(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="fc")(inputs))
    model.get_layer("fc").set_weights([np.full((3, 2), 7e4), np.full(2, 7e4)])
    with pytest.raises(WeightsError, match="fc/kernel:0 has values beyond 65504"):
        save_weights(model, tmp_path / "x.h5", dtype="float16")
    assert not list(tmp_path.iterdir())
    with pytest.raises(WeightsError, match="'float32' or 'float16'"):
        save_weights(model, tmp_path / "x.h5", dtype="int8")


def test_a_whole_model_comes_back_from_one_file(tmp_path, small):
    """Keras knows the class of a whole model in an .h5 file by its registered name alone."""
    image = keras.Input((8, 8, 3), name="input_image")
    x = keras.layers.Conv2D(4, 3, name="conv1")(image)
    x = BatchNorm(name="bn_conv1")(x, training=False)
    inner = keras.Input((None, None, 4))
    network = DetectorModel(
        image, keras.Model(inner, keras.layers.Conv2D(2, 1, name="raw")(inner), name="rpn_model")(x)
    )
    small.other_values(network)
    network.save(tmp_path / "whole.h5", include_optimizer=False)

    again = keras.saving.load_model(tmp_path / "whole.h5", compile=False)
    assert type(again) is DetectorModel
    small.assert_equal(small.arrays(again), small.arrays(network))
    pixels = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(again.predict_on_batch(pixels), network.predict_on_batch(pixels))
