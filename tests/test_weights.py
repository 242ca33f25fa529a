"""Weight files: Matterport's layout in all its dialects, and files that cannot be used."""

import h5py
import keras
import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights import layers_with_weights, load_weights, read_weights, save_weights


def build(filters=4, name="rpn_model"):
    """A small model with a nested one, as the detector has."""
    image = keras.Input((8, 8, 3), name="input_image")
    x = keras.layers.Conv2D(filters, 3, name="conv1")(image)
    x = keras.layers.BatchNormalization(name="bn_conv1")(x)
    inner_input = keras.Input((None, None, filters))
    inner = keras.Model(
        inner_input, keras.layers.Conv2D(2, 1, name="rpn_class_raw")(inner_input), name=name
    )
    x = keras.layers.Activation("relu", name="activation")(x)
    return keras.Model(image, inner(x))


def arrays(model):
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def assert_equal(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def saved(tmp_path):
    model = build()
    path = tmp_path / "weights.h5"
    save_weights(model, path)
    return model, path


def test_saved_weights_come_back_bit_by_bit(saved):
    model, path = saved
    twin = build()
    report = load_weights(twin, path, strict=True)
    assert_equal(arrays(twin), arrays(model))
    assert report.loaded == ["conv1", "bn_conv1", "rpn_class_raw"]
    assert not report.misfits and not report.missing and not report.unused


def test_the_file_has_matterport_s_layout(saved):
    _, path = saved
    with h5py.File(path) as file:
        assert set(file) == {"input_image", "conv1", "bn_conv1", "activation", "rpn_model"}
        assert file.attrs["layer_names"].tolist()[:2] == [b"input_image", b"conv1"]
        assert file.attrs["backend"] == "tensorflow"
        assert file["conv1"].attrs["weight_names"].tolist() == [b"conv1/kernel:0", b"conv1/bias:0"]
        assert file["conv1/conv1/kernel:0"].shape == (3, 3, 3, 4)
        assert file["bn_conv1"].attrs["weight_names"].tolist() == [
            f"bn_conv1/{name}:0".encode()
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        assert file["rpn_model/rpn_class_raw/kernel:0"].dtype == np.float32
        assert file["activation"].attrs["weight_names"].shape == (0,)


def rewrite(path, tmp_path, change):
    """A copy of a weights file whose groups and names `change` has laid out otherwise."""
    other = tmp_path / "other.h5"
    with h5py.File(path) as source, h5py.File(other, "w") as target:
        change(source, target)
    return other


def in_model_weights(source, target):
    group = target.create_group("model_weights")
    for name in source:
        source.copy(name, group)
    target.create_group("optimizer_weights").create_dataset("x", data=[1.0])


def with_nested_prefix_and_text_names(source, target):
    for name in source:
        group = target.create_group(name)
        paths = [path.decode() for path in source[name].attrs["weight_names"]]
        prefix = "rpn_model/" if name == "rpn_model" else ""
        for path in paths:
            group[prefix + path] = source[name][path][()]
        group.attrs["weight_names"] = np.array([prefix + path for path in paths], dtype=object) \
            if paths else np.zeros(0)  # fmt: skip


def without_attributes(source, target):
    for name in source:
        group = target.create_group(name)
        for path in source[name].attrs["weight_names"]:
            group[path.decode()] = source[name][path.decode()][()]


def with_keras_1_names(source, target):
    short = {
        "kernel": "W_1", "bias": "b_1", "gamma": "gamma_1", "beta": "beta_1",
        "moving_mean": "running_mean_1", "moving_variance": "running_std_1",
    }  # fmt: skip
    for name in source:
        group = target.create_group(name)
        names = []
        for path in source[name].attrs["weight_names"]:
            layer, weight = path.decode()[:-2].split("/")
            names.append(f"{layer}_{short[weight]}:0")
            group[names[-1]] = source[name][path.decode()][()]
        group.attrs["weight_names"] = np.array(names, dtype="S") if names else np.zeros(0, "S1")


@pytest.mark.parametrize(
    "change", [in_model_weights, with_nested_prefix_and_text_names, without_attributes]
)
def test_dialects_of_the_layout_are_read(saved, tmp_path, change):
    model, path = saved
    twin = build()
    load_weights(twin, rewrite(path, tmp_path, change), strict=True)
    assert_equal(arrays(twin), arrays(model))


def test_keras_1_names_are_read(saved, tmp_path):
    model, path = saved
    twin = build()
    # Keras 1 knew no nested models in the files that are still around: the RPN is left out.
    report = load_weights(twin, rewrite(path, tmp_path, with_keras_1_names))
    assert "conv1" in report.loaded and "bn_conv1" in report.loaded
    for name in ("conv1", "bn_conv1"):
        assert_equal(arrays(twin.get_layer(name)), arrays(model.get_layer(name)))


def test_what_does_not_fit_is_skipped_and_told(saved):
    _, path = saved
    other = build(filters=6)
    before = arrays(other)
    with pytest.raises(WeightsError, match="none of its layers fits"):
        load_weights(other, path)
    assert_equal(arrays(other), before)

    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="conv1")(image)
    x = keras.layers.BatchNormalization(name="bn_conv1")(x)
    partly = keras.Model(
        image,
        keras.layers.Conv2D(5, 1, name="extra")(keras.layers.Conv2D(3, 1, name="rpn_class_raw")(x)),
    )
    report = load_weights(partly, path)
    assert report.loaded == ["conv1", "bn_conv1"]
    assert report.missing == ["extra"]
    assert "rpn_class_raw (file kernel 1x1x4x2 bias 2, model kernel 1x1x4x3 bias 3)" in str(report)
    assert "2 layers loaded" in str(report)
    before = arrays(partly)
    with pytest.raises(WeightsError, match=r"(?s)nothing was loaded.*rpn_class_raw"):
        load_weights(partly, path, strict=True)
    assert_equal(arrays(partly), before)


def test_excluded_layers_stay_as_they_were(saved):
    model, path = saved
    twin = build()
    kept = arrays(twin.get_layer("conv1"))
    report = load_weights(twin, path, exclude=["conv1"])
    assert report.excluded == ["conv1"]
    assert_equal(arrays(twin.get_layer("conv1")), kept)
    assert_equal(arrays(twin.get_layer("bn_conv1")), arrays(model.get_layer("bn_conv1")))


def test_layers_of_nested_models_stand_for_them():
    assert [layer.name for layer in layers_with_weights(build())] == [
        "conv1", "bn_conv1", "rpn_class_raw",
    ]  # fmt: skip


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_truncated_file_leaves_the_model_as_it_was(saved, tmp_path, kept):
    _, path = saved
    content = path.read_bytes()
    broken = tmp_path / "broken.h5"
    broken.write_bytes(content[: int(len(content) * kept)])
    model = build()
    before = arrays(model)
    with pytest.raises(WeightsError, match=r"broken\.h5: cannot be read"):
        load_weights(model, broken)
    assert_equal(arrays(model), before)


def test_a_file_of_another_kind_and_a_missing_one_are_told_apart(tmp_path):
    text = tmp_path / "notes.h5"
    text.write_text("not HDF5")
    with pytest.raises(WeightsError, match=r"notes\.h5: cannot be read"):
        read_weights(text)
    with pytest.raises(WeightsError, match="there is no such weights file"):
        read_weights(tmp_path / "nowhere.h5")
    empty = tmp_path / "empty.h5"
    h5py.File(empty, "w").close()
    with pytest.raises(WeightsError, match="none of its layers fits"):
        load_weights(build(), empty)


def test_a_failed_save_keeps_the_earlier_file(saved, monkeypatch):
    model, path = saved
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", fail)
    with pytest.raises(OSError, match="No space left"):
        save_weights(model, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
