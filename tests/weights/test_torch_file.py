"""What a file of PyTorch holds, and files that hold something else."""

import numpy as np
import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights.torch_file import read_tensors
from tests.weights.torch_files import called, torch_file

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


def test_arrays_come_by_name_in_the_order_of_the_file(file):
    found = read_tensors(file(torch_file(ARRAYS)))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_nothing_else_is_called(file, tmp_path):
    made = tmp_path / "made"
    call = b"X\x01\x00\x00\x00x" + called(
        "os", "mkdir", b"X" + len(str(made)).to_bytes(4, "little") + str(made).encode()
    )
    with pytest.raises(WeightsError, match=r"weights.pth: .*asks for os.mkdir"):
        read_tensors(file(torch_file(ARRAYS, call + b"s")))
    assert not made.exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_cut_file_is_reported(file, share):
    content = torch_file(ARRAYS)
    with pytest.raises(WeightsError, match=r"weights.pth: no arrays that PyTorch wrote"):
        read_tensors(file(content[: int(share * len(content))]))


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04", b"\x89HDF\r\n", b"\x80\x02K\x01.\x80\x02K\x01."]
)
def test_other_files_are_reported(file, content):
    with pytest.raises(WeightsError, match="in its form before"):
        read_tensors(file(content))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WeightsError, match=r"none.pth cannot be read: No such file"):
        read_tensors(tmp_path / "none.pth")
