"""Arrays of a file that PyTorch wrote, read without PyTorch.

Before version 1.6 such a file was a few pickles and the bytes of the arrays behind them; since then
it is a ZIP archive of a pickle and a file for each array. Of what a pickle may call, only what
makes tensors is known here, and no array takes more memory than the file has bytes for it.
"""

import collections
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from mrcnn.errors import WeightsError

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
}
_ZIP_START = b"PK\x03\x04"


class _Storage(NamedTuple):
    key: str
    dtype: str


class _Tensor(NamedTuple):
    """Where a tensor lies in its storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, bytes_of: Mapping[str, bytes]) -> np.ndarray:
        """A copy of the values; `bytes_of` has those of each storage."""
        values = np.frombuffer(bytes_of[self.storage.key], self.storage.dtype)[self.offset :]
        steps = list(zip(self.shape, self.strides, strict=True))
        if any(count < 1 or step < 0 for count, step in steps):
            raise ValueError("a tensor has axes of no length")
        last = sum((count - 1) * step for count, step in steps)
        if last >= len(values) or math.prod(self.shape) > len(values):
            raise ValueError("a tensor reaches beyond its values")
        strides = [step * values.itemsize for step in self.strides]
        # The axes may be stored in another order than they are named in.
        array = np.lib.stride_tricks.as_strided(values, self.shape, strides, writeable=False)
        return array.copy()


def _rebuild(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


class _Reader(pickle.Unpickler):
    _KNOWN = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
        **{("torch", name): dtype for name, dtype in _DTYPES.items()},
    }

    def find_class(self, module_name: str, global_name: str) -> Any:
        try:
            return self._KNOWN[module_name, global_name]
        except KeyError:
            raise ValueError(f"it asks for {module_name}.{global_name}") from None

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, *_ = pid
        return _Storage(key, dtype)


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a `state_dict`, by name.

    Args:
        path: the file.

    Returns:
        arrays, of floats or int64, in the file's order.

    Raises:
        WeightsError: it cannot be read, or holds something else.
    """
    try:
        with path.open("rb") as stream:
            is_archive = stream.read(len(_ZIP_START)) == _ZIP_START
            stream.seek(0)
            return _read_archive(stream) if is_archive else _read(stream)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        EOFError,
        RecursionError,
        MemoryError,
        NotImplementedError,
        struct.error,
        pickle.PickleError,
        zipfile.BadZipFile,
    ) as error:
        raise WeightsError(
            f"{path}: no arrays of a state_dict that PyTorch wrote ({error}). Write them there "
            "with torch.save(model.state_dict(), PATH)."
        ) from error


def _read(stream: BinaryIO) -> dict[str, np.ndarray]:
    def load() -> Any:
        return _Reader(stream).load()

    if (load(), load()) != (_MAGIC, _PROTOCOL):
        raise ValueError("it begins with another number")
    if not load()["little_endian"]:
        raise ValueError("its numbers are big-endian")
    state = _checked(load())
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in state.values()}
    bytes_of = {}
    for key in load():
        (count,) = struct.unpack("<q", stream.read(8))
        size = count * np.dtype(dtypes[key]).itemsize
        if not 0 <= size <= os.fstat(stream.fileno()).st_size - stream.tell():
            raise EOFError("it ends before its values do")
        bytes_of[key] = stream.read(size)
    return {name: tensor.read(bytes_of) for name, tensor in state.items()}


def _read_archive(stream: BinaryIO) -> dict[str, np.ndarray]:
    """Of the form since version 1.6."""
    with zipfile.ZipFile(stream) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it is a compressed archive")
        names = archive.namelist()
        (root,) = (name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl"))
        order = f"{root}byteorder"
        if order in names and archive.read(order) != b"little":
            raise ValueError("its numbers are big-endian")
        with archive.open(f"{root}data.pkl") as described:
            state = _checked(_Reader(described).load())
        keys = {tensor.storage.key for tensor in state.values()}
        bytes_of = {key: archive.read(f"{root}data/{key}") for key in keys}
    return {name: tensor.read(bytes_of) for name, tensor in state.items()}


def _checked(state: Any) -> dict[str, _Tensor]:
    """What was pickled, if it is tensors by names."""
    if not isinstance(state, dict):
        raise ValueError("it holds no dictionary")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, _Tensor):
            raise ValueError(f"{name!r} is no tensor")
    return state
