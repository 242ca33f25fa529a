"""Every way in which Keras and Matterport's users have written weights is read, exactly."""

import re

import h5py
import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights.loading import load_weights
from mrcnn.weights.saving import save_model

KERAS1 = {
    "kernel": "W", "bias": "b", "gamma": "gamma", "beta": "beta",
    "moving_mean": "running_mean", "moving_variance": "running_std",
}  # fmt: skip


def as_bytes(names):
    return np.array([name.encode() for name in names]) if names else np.zeros(0)


def as_text(names):
    return np.array(names, dtype=object) if names else np.zeros(0)


def as_byte_list(names):
    return [name.encode() for name in names]


def write(path, groups, rename=lambda group, name: name, encode=as_bytes, root="/"):
    """A file with the same arrays under other names."""
    with h5py.File(path, "w") as file:
        top = file.require_group(root)
        top.attrs["layer_names"] = encode(list(groups))
        for group_name, weights in groups.items():
            group = top.create_group(group_name)
            names = [rename(group_name, name) for name, _ in weights]
            for name, (_, array) in zip(names, weights, strict=True):
                group[name] = array
            group.attrs["weight_names"] = encode(names)
    return path


def assert_reads(path, twin, model, small):
    report = load_weights(twin, path, strict=True)
    small.assert_equal(small.arrays(twin), small.arrays(model))
    assert report.loaded == small.layers
    assert not report.misfits and not report.missing and not report.unused


@pytest.mark.parametrize("encode", [as_bytes, as_text, as_byte_list])
@pytest.mark.parametrize("root", ["/", "model_weights"])
def test_names_of_any_type_in_the_root_or_in_model_weights(
    model, twin, small, groups_of, tmp_path, encode, root
):
    path = write(tmp_path / "a.h5", groups_of, encode=encode, root=root)
    if root != "/":
        with h5py.File(path, "a") as file:
            file.create_group("optimizer_weights").create_dataset("SGD/conv1/kernel:0", data=[1.0])
    assert_reads(path, twin, model, small)


def nested_prefix(group, name):
    return f"rpn_model/{name}" if group == "rpn_model" else name


def numbered_weights(group, name):
    return re.sub(r":0$", "_1:0", name)


def numbered_scopes(group, name):
    layer, weight = name.split("/")
    return f"{layer}_1/{weight}"


def wrapper_twice(group, name):
    return f"{group}/{name}" if group == "mrcnn_class_logits" else name


def name_of_wrapped_layer(group, name):
    return name.replace("mrcnn_class_logits", "dense_3")


def wrapper_then_wrapped_layer(group, name):
    return name.replace("/", "/dense_3/") if group == "mrcnn_class_logits" else name


def without_tensor_number(group, name):
    return name.removesuffix(":0")


def keras1(group, name):
    layer, weight = re.match(r"(.*)/(\w+):0", name).groups()
    return f"{layer}_{KERAS1[weight]}:0"


def keras1_numbered(group, name):
    return keras1(group, name).replace(":0", "_1:0")


@pytest.mark.parametrize(
    "rename",
    [
        nested_prefix,
        numbered_weights,
        numbered_scopes,
        wrapper_twice,
        name_of_wrapped_layer,
        wrapper_then_wrapped_layer,
        without_tensor_number,
        keras1,
        keras1_numbered,
    ],
    ids=lambda rename: rename.__name__,
)
def test_names_of_weights_of_all_versions(model, twin, small, groups_of, tmp_path, rename):
    assert_reads(write(tmp_path / "a.h5", groups_of, rename), twin, model, small)


def test_files_without_lists_of_names(model, twin, small, groups_of, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for group, weights in groups_of.items():
            for name, array in weights:
                file[f"{group}/{name}"] = array
    assert_reads(path, twin, model, small)


def test_numbered_weights_are_taken_in_their_order(model, twin, small, groups_of, tmp_path):
    # A long list, so that an order by text would put param_10 before param_2.
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for group, weights in groups_of.items():
            for number, (_, array) in enumerate(weights):
                if group == "rpn_model":
                    file[f"{group}/{weights[number][0]}"] = array
                else:
                    file[f"{group}/param_{number + 8}"] = array
    assert_reads(path, twin, model, small)


def test_the_rpn_s_layers_as_groups_of_their_own(model, twin, small, groups_of, tmp_path):
    flat = {}
    for group, weights in groups_of.items():
        for name, array in weights:
            key = name.split("/")[0] if group == "rpn_model" else group
            flat.setdefault(key, []).append((name, array))
    assert_reads(write(tmp_path / "a.h5", flat), twin, model, small)


def test_a_whole_model_inside_another_as_for_several_gpus(model, twin, small, groups_of, tmp_path):
    inside = {"mask_rcnn": [weight for weights in groups_of.values() for weight in weights]}
    assert_reads(write(tmp_path / "a.h5", inside), twin, model, small)


def test_lists_of_names_in_pieces(model, twin, small, groups_of, tmp_path):
    path = write(tmp_path / "a.h5", groups_of)
    with h5py.File(path, "a") as file:
        for holder, attribute in [(file, "layer_names"), (file["bn_conv1"], "weight_names")]:
            names = holder.attrs[attribute]
            del holder.attrs[attribute]
            for number, piece in enumerate(np.array_split(names, 3)):
                holder.attrs[f"{attribute}{number}"] = piece
    assert_reads(path, twin, model, small)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_precisions(twin, small, groups_of, tmp_path, dtype):
    groups = {
        group: [(name, array.astype(dtype)) for name, array in weights]
        for group, weights in groups_of.items()
    }
    load_weights(twin, write(tmp_path / "a.h5", groups), strict=True)
    stored = [array.astype(np.float32) for weights in groups.values() for _, array in weights]
    by_sum = sorted(float(array.sum()) for array in stored)
    assert sorted(float(array.sum()) for array in small.arrays(twin)) == by_sum


def test_compressed_and_chunked_arrays(model, twin, small, groups_of, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for group, weights in groups_of.items():
            for name, array in weights:
                file.create_dataset(f"{group}/{name}", data=array, compression="gzip")
    assert_reads(path, twin, model, small)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.keras"])
def test_the_layouts_of_keras_3(model, twin, small, tmp_path, name):
    path = tmp_path / name
    model.save_weights(path) if name.endswith(".h5") else model.save(path)
    assert_reads(path, twin, model, small)


def test_a_whole_model_in_hdf5(model, twin, small, tmp_path):
    save_model(model, tmp_path / "a.h5")
    assert_reads(tmp_path / "a.h5", twin, model, small)


def test_weights_without_names_of_layers_are_refused(model, twin, small, tmp_path):
    # As TensorFlow 2.12 to 2.15 wrote names that end in .weights.h5.
    path = tmp_path / "a.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        found = []
        file.visit(found.append)
        for name in found:
            file[name].attrs.pop("name", None)
    before = small.arrays(twin)
    with pytest.raises(WeightsError, match=r"without names of layers\. Load it there and save"):
        load_weights(twin, path)
    small.assert_equal(small.arrays(twin), before)
