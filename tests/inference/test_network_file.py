"""A graph of a network without weights: what it keeps, and how weights are put into it."""

import zipfile

import h5py
import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.inference.network_file import NetworkFile, Weight
from mrcnn.weights.matching import WantedLayer, WantedWeight

KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
FILE = NetworkFile(
    b"graph",
    (WantedLayer((), "dense", (WantedWeight("kernel", (2, 3)), WantedWeight("bias", (3,)))),),
    (
        Weight("dense/kernel", 0, 0, axes=(1, 0), shape=(-1, 1)),
        Weight("dense/bias", 0, 1, times=2),
    ),
    ("LIMIT",),
    {"NUM_CLASSES": 3, "BACKBONE": "resnet18"},
)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("dense")
        group.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        group["dense/kernel:0"] = KERNEL
        group["dense/bias:0"] = np.float32([7, 8, 9])
        file.attrs["layer_names"] = [b"dense"]
    return path


def test_what_is_written_is_read(tmp_path):
    FILE.write(tmp_path / "network.zip")
    assert NetworkFile.read(tmp_path / "network.zip") == FILE
    FILE.write(tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "network.zip").read_bytes()


def test_weights_and_settings_are_put_in(weights):
    onnx = pytest.importorskip("onnx", exc_type=ImportError)
    settings = {"LIMIT": np.array([6000], np.int64), "OTHER": np.zeros(1, np.float32)}
    content = FILE.filled(weights, settings)
    assert content.startswith(b"graph")
    model = onnx.ModelProto.FromString(content.removeprefix(b"graph"))
    found = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    assert list(found) == ["dense/kernel", "dense/bias", "LIMIT"]
    np.testing.assert_array_equal(found["dense/kernel"], KERNEL.T.reshape(-1, 1))
    np.testing.assert_array_equal(found["dense/bias"], [7, 8, 9, 7, 8, 9])
    assert found["LIMIT"].dtype == np.int64 and found["LIMIT"].tolist() == [6000]


def test_weights_of_another_network_are_refused(weights):
    with h5py.File(weights, "a") as file:
        del file["dense/dense/bias:0"]
        file["dense/dense/bias:0"] = np.zeros(4, np.float32)
    with pytest.raises(WeightsError, match=r"dense \(file .*bias 4, model kernel 2x3 bias 3"):
        FILE.filled(weights, {})


@pytest.mark.parametrize("damage", ["no archive", "cut off", "another version", "something else"])
def test_a_damaged_file_is_told(tmp_path, damage):
    path = tmp_path / "network.zip"
    FILE.write(path)
    if damage == "no archive":
        path.write_bytes(b"nothing")
    elif damage == "cut off":
        path.write_bytes(path.read_bytes()[:-30])
    else:
        text = '{"format": 99}' if damage == "another version" else '{"format": 1}'
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("graph.json", text)
            archive.writestr("graph.onnx", b"")
    with pytest.raises(WeightsError, match=r"network.zip: is not the graph of a network that this"):
        NetworkFile.read(path)
    with pytest.raises(WeightsError, match="there is no such file"):
        NetworkFile.read(tmp_path / "none.zip")
