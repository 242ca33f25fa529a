"""Which layers take their weights from a file, and what is told about the others."""

import h5py
import keras
import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights.hdf5 import Dataset
from mrcnn.weights.loading import layers_with_weights, load_weights
from mrcnn.weights.saving import save_weights


def test_layers_of_nested_models_stand_for_them(model, small):
    assert [layer.name for layer in layers_with_weights(model)] == small.layers


def test_all_fit(model, saved, twin, small):
    report = load_weights(twin, saved, strict=True)
    small.assert_equal(small.arrays(twin), small.arrays(model))
    assert report.loaded == small.layers
    assert str(report) == f"Weights from {saved}: 5 layers loaded."


def test_what_does_not_fit_is_skipped_and_told(model, saved, small):
    other = small.build(classes=6)
    head = small.arrays(other.get_layer("mrcnn_class_logits"))
    report = load_weights(other, saved)
    assert report.loaded == small.layers[:-1]
    assert report.misfits == [
        "mrcnn_class_logits (file kernel 4x3 bias 3, model kernel 4x6 bias 6)"
    ]
    assert "1 skipped, other shape: mrcnn_class_logits (file" in str(report)
    small.assert_equal(small.arrays(other.get_layer("mrcnn_class_logits")), head)
    small.assert_equal(
        small.arrays(other.get_layer("conv1")), small.arrays(model.get_layer("conv1"))
    )


def test_strict_wants_all_of_it(saved, small):
    other = small.build(classes=6)
    before = small.arrays(other)
    with pytest.raises(WeightsError, match=r"(?s)NUM_CLASSES.*by_name=True.*other shape"):
        load_weights(other, saved, strict=True)
    small.assert_equal(small.arrays(other), before)


def test_nothing_that_fits_is_an_error(saved, small):
    other = small.build(filters=6, classes=2)
    before = small.arrays(other)
    with pytest.raises(WeightsError, match="none of its layers fits"):
        load_weights(other, saved)
    small.assert_equal(small.arrays(other), before)


def test_layers_that_only_one_side_has(saved, twin, small):
    with h5py.File(saved, "a") as file:
        file.move("conv1", "conv_other")
        del file["rpn_model"]
    report = load_weights(twin, saved)
    assert report.missing == ["conv1", "rpn_class_raw", "rpn_bbox_pred"]
    assert report.unused == ["conv_other"]
    assert "3 not in the file, left as they were: conv1, rpn_class_raw" in str(report)
    assert "1 in the file but not in the model: conv_other" in str(report)
    with pytest.raises(WeightsError, match="so nothing was loaded"):
        load_weights(twin, saved, strict=True)


def test_a_layer_of_a_nested_model_that_only_the_file_has(saved, twin):
    with h5py.File(saved, "a") as file:
        file.move("rpn_model/rpn_bbox_pred", "rpn_model/rpn_other")
        file["rpn_model"].attrs["weight_names"] = [
            name.replace(b"bbox_pred", b"other") for name in file["rpn_model"].attrs["weight_names"]
        ]
    report = load_weights(twin, saved)
    assert report.missing == ["rpn_bbox_pred"]
    assert report.unused == ["rpn_other"]


@pytest.mark.parametrize(
    ("exclude", "excluded"),
    [
        (["conv1", "no_such_layer"], ["conv1"]),
        ("conv1", ["conv1"]),
        (("rpn_model",), ["rpn_class_raw", "rpn_bbox_pred"]),
        ({"rpn_bbox_pred"}, ["rpn_bbox_pred"]),
    ],
)
def test_excluded_layers_stay_as_they_were(model, saved, twin, small, exclude, excluded):
    report = load_weights(twin, saved, exclude=exclude, strict=True)
    assert report.excluded == excluded
    assert not report.unused and not report.missing
    for layer, original in zip(layers_with_weights(twin), layers_with_weights(model), strict=True):
        if layer.name in excluded:
            assert all((array == 7).all() for array in small.arrays(layer))
        else:
            small.assert_equal(small.arrays(layer), small.arrays(original))


def test_a_report_is_one_line_in_a_notebook(saved, twin):
    report = load_weights(twin, saved)
    assert repr(report) == f"<LoadReport of {saved}: 5 loaded>"
    report = load_weights(twin, saved, exclude=["conv1", "cnov1"])
    assert repr(report) == f"<LoadReport of {saved}: 4 loaded, 1 excluded, 1 unknown>"


def test_names_to_leave_out_that_nothing_has_are_told(saved, twin):
    report = load_weights(twin, saved, exclude=["conv1", "mrcnn_bbox_cf", "input_image"])
    assert report.unknown == ["mrcnn_bbox_cf"]
    assert "1 to leave out, which neither model nor file has (misspelled?): mrcnn_bbox_cf" in str(
        report
    )
    assert not load_weights(twin, saved, exclude=["rpn_model", "rpn_class_raw"]).unknown


def test_equal_shapes_with_other_meanings_do_not_fit(tmp_path):
    # Scale and shift of one layer must not become the mean and variance of another.
    vector = keras.Input((4,))
    source = keras.Model(vector, keras.layers.LayerNormalization(name="norm")(vector))
    target = keras.Model(
        vector,
        keras.layers.BatchNormalization(name="norm", center=False, scale=False)(vector),
    )
    save_weights(source, tmp_path / "a.h5")
    with pytest.raises(WeightsError, match=r"norm \(file gamma 4 beta 4, model moving_mean 4"):
        load_weights(target, tmp_path / "a.h5")


def test_a_name_of_keras_2_that_keras_3_has_shortened(tmp_path):
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.DepthwiseConv2D(3, name="depthwise")(image))
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for name, shape in [("depthwise_kernel:0", (3, 3, 3, 1)), ("bias:0", (3,))]:
            file[f"depthwise/depthwise/{name}"] = np.full(shape, 2, np.float32)
        file["depthwise"].attrs["weight_names"] = [
            b"depthwise/depthwise_kernel:0", b"depthwise/bias:0",
        ]  # fmt: skip
    load_weights(model, path, strict=True)
    assert all((keras.ops.convert_to_numpy(weight) == 2).all() for weight in model.weights)


def test_arrays_that_are_not_needed_are_not_read(saved, twin, small, monkeypatch):
    read = []
    original = Dataset.read
    monkeypatch.setattr(Dataset, "read", lambda self: read.append(self.name) or original(self))
    load_weights(twin, saved, exclude=["conv1", "rpn_model", "bn_conv1"])
    assert read == [
        f"/mrcnn_class_logits/mrcnn_class_logits/{name}:0" for name in ("kernel", "bias")
    ]
