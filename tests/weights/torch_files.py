"""Files as PyTorch writes them, and wrote them before version 1.6, put together without it."""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

_KINDS = {"f4": b"FloatStorage", "i8": b"LongStorage"}


def _plain(value: object) -> bytes:
    """The pickle of a value, to go into another one."""
    return pickle.dumps(value, 2)[2:-1]


def called(module: str, name: str, *arguments: bytes) -> bytes:
    """The pickle of what a function gives for arguments that are pickled already."""
    return b"c%s\n%s\n(%stR" % (module.encode(), name.encode(), b"".join(arguments))


def _stored(array: np.ndarray) -> np.ndarray:
    """The values of a tensor in the order in which they lie in memory; of repeated ones the one."""
    return array[:1].copy() if array.strides == (0,) else array


def _tensor(array: np.ndarray, key: str) -> bytes:
    """A tensor whose values are stored by `_stored`."""
    kind = b"ctorch\n%s\n" % _KINDS[array.dtype.str[1:]]
    storage = [
        _plain("storage"),
        kind,
        _plain(key),
        _plain("cpu"),
        _plain(_stored(array).size),
        b"N",
    ]
    steps = tuple(step // array.itemsize for step in array.strides)
    return called(
        "torch._utils", "_rebuild_tensor_v2",
        b"(" + b"".join(storage) + b"tQ", _plain(0), _plain(array.shape), _plain(steps),
        _plain(False), called("collections", "OrderedDict"),
    )  # fmt: skip


def _state(arrays: Mapping[str, np.ndarray], more: bytes) -> bytes:
    items = [_plain(name) + _tensor(array, name) + b"s" for name, array in arrays.items()]
    return b"\x80\x02" + called("collections", "OrderedDict") + b"".join(items) + more + b"."


def torch_archive(
    arrays: Mapping[str, np.ndarray], more: bytes = b"", compression: int = zipfile.ZIP_STORED
) -> bytes:
    """As `torch_file`, of the form since version 1.6."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        archive.writestr("state/data.pkl", _state(arrays, more))
        archive.writestr("state/byteorder", "little")
        for name, array in arrays.items():
            archive.writestr(f"state/data/{name}", _stored(array).ravel(order="K").tobytes())
        archive.writestr("state/version", "3\n")
    return content.getvalue()


def torch_file(arrays: Mapping[str, np.ndarray], more: bytes = b"") -> bytes:
    """A `state_dict`; `more` are pickled names and values that come behind the arrays."""
    state = _state(arrays, more)
    header = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    # The values come by their keys in the order of text.
    values = [
        struct.pack("<q", arrays[name].size) + arrays[name].ravel(order="K").tobytes()
        for name in sorted(arrays)
    ]
    parts = [*(pickle.dumps(value, 2) for value in header), state, pickle.dumps(sorted(arrays), 2)]
    return b"".join(parts + values)
