"""What a file of PyTorch holds, and files that hold something else."""

import struct
import zipfile

import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights.torch_file import read_tensors
from tests.weights.torch_files import called, torch_archive, torch_file

RNG = np.random.default_rng(0)
ARRAYS = {
    # Out of the order of their names, and one stored in another order of axes.
    "stem.weight": RNG.normal(size=(3, 2, 5)).astype(np.float32).transpose(2, 0, 1),
    "bias": RNG.normal(size=7).astype(np.float32),
    "batches": np.array(12, np.int64),
}


@pytest.fixture
def file(tmp_path):
    def write(content: bytes):
        path = tmp_path / "weights.pth"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("written", [torch_file, torch_archive])
def test_arrays_come_by_name_in_the_order_of_the_file(file, written):
    found = read_tensors(file(written(ARRAYS)))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("written", [torch_file, torch_archive])
def test_nothing_else_is_called(file, tmp_path, written):
    made = tmp_path / "made"
    call = b"X\x01\x00\x00\x00x" + called(
        "os", "mkdir", b"X" + len(str(made)).to_bytes(4, "little") + str(made).encode()
    )
    with pytest.raises(WeightsError, match=r"weights.pth: .*asks for os.mkdir"):
        read_tensors(file(written(ARRAYS, call + b"s")))
    assert not made.exists()


@pytest.mark.parametrize("written", [torch_file, torch_archive])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_cut_file_is_reported(file, written, share):
    content = written(ARRAYS)
    with pytest.raises(WeightsError, match=r"weights.pth: no arrays of a state_dict that PyTorch"):
        read_tensors(file(content[: int(share * len(content))]))


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04", b"\x89HDF\r\n", b"\x80\x02K\x01.\x80\x02K\x01."]
)
def test_other_files_are_reported(file, content):
    with pytest.raises(WeightsError, match="no arrays of a state_dict"):
        read_tensors(file(content))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WeightsError, match=r"none.pth cannot be read: No such file"):
        read_tensors(tmp_path / "none.pth")


def test_a_tensor_that_repeats_its_values_takes_no_more_memory_than_they_do(file):
    # Of no step along an axis that is as long as one likes.
    wide = np.broadcast_to(np.float32(1), (1 << 40,))
    with pytest.raises(WeightsError, match="reaches beyond its values"):
        read_tensors(file(torch_archive({"wide": wide})))


def test_a_compressed_archive_is_refused(file):
    with pytest.raises(WeightsError, match="compressed archive"):
        read_tensors(file(torch_archive(ARRAYS, compression=zipfile.ZIP_DEFLATED)))


def test_more_values_than_the_file_has_are_not_asked_for(file):
    content = torch_file({"bias": ARRAYS["bias"]})
    size = struct.pack("<q", ARRAYS["bias"].size)
    broken = content[: -len(ARRAYS["bias"].tobytes()) - 8] + struct.pack("<q", 1 << 60)
    assert content.count(size) == 1
    with pytest.raises(WeightsError, match="ends before its values do"):
        read_tensors(file(broken))
