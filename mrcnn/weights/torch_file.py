"""Arrays of a file that PyTorch wrote before version 1.6, read without PyTorch.

Such a file is a few pickles and the bytes of the arrays behind them. Of what a pickle may call,
only what makes tensors is known here.
"""

import collections
import pickle
import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from mrcnn.errors import WeightsError

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


class _Storage(NamedTuple):
    key: str
    dtype: str


class _Tensor(NamedTuple):
    """Where a tensor lies in its storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read(self, bytes_of: dict[str, bytes]) -> np.ndarray:
        """A copy of the values; `bytes_of` has those of each storage."""
        values = np.frombuffer(bytes_of[self.storage.key], self.storage.dtype)[self.offset :]
        steps = list(zip(self.shape, self.strides, strict=True))
        if any(count < 1 or step < 0 for count, step in steps):
            raise ValueError("a tensor has axes of no length")
        if sum((count - 1) * step for count, step in steps) >= len(values):
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
        path: the file. What it holds should be known, by a checksum: one that was made to do harm
            could ask for more memory than there is.

    Returns:
        arrays, float32 or int64, in the file's order.

    Raises:
        WeightsError: it cannot be read, or holds something else.
    """
    try:
        with path.open("rb") as stream:
            return _read(stream)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (
        ValueError,
        TypeError,
        LookupError,
        EOFError,
        struct.error,
        pickle.PickleError,
    ) as error:
        raise WeightsError(
            f"{path}: no arrays that PyTorch wrote in its form before version 1.6 ({error})."
        ) from error


def _read(stream: BinaryIO) -> dict[str, np.ndarray]:
    def load() -> Any:
        return _Reader(stream).load()

    if (load(), load()) != (_MAGIC, _PROTOCOL):
        raise ValueError("it begins with another number")
    if not load()["little_endian"]:
        raise ValueError("its numbers are big-endian")
    state: dict[str, _Tensor] = load()
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in state.values()}
    bytes_of = {}
    for key in load():
        (count,) = struct.unpack("<q", stream.read(8))
        bytes_of[key] = stream.read(count * np.dtype(dtypes[key]).itemsize)
    return {name: tensor.read(bytes_of) for name, tensor in state.items()}
