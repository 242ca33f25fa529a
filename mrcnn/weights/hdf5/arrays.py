"""Arrays: where their values are, and reading them."""

import itertools
import math
import zlib

import numpy as np

from mrcnn.weights.hdf5.headers import EXTERNAL, FILTERS, LAYOUT, SPACE, TYPE, Header
from mrcnn.weights.hdf5.heaps import tree_leaves
from mrcnn.weights.hdf5.source import Fields, UnreadableError
from mrcnn.weights.hdf5.types import read_space, read_type

_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = range(4)
_DEFLATE, _SHUFFLE, _FLETCHER = 1, 2, 3
_FLETCHER_BYTES = 4
# A chunk may be larger than a small array, but not by much.
_MAX_CHUNK_BYTES = 1 << 20
_WORK_PER_CHUNK = 64
# The array whose values are read, in messages; the caller names it.
_IT = "it"
_ELSEWHERE = "is stored in another file, which is not followed."


class Dataset:
    """One array of a file; its values are read when they are asked for.

    Attributes:
        name: its path in the file.
        shape: as declared.
        type_name: of the values, for messages.
        header: what describes it.
        problem: why it is not read as weights; empty if it can be.
        is_plain: whether the values stand in the file in one piece, as they are.

    Raises:
        UnreadableError: its description is damaged.
    """

    def __init__(self, header: Header) -> None:
        self.name = header.name
        self.header = header
        self._source = header.source
        space = read_space(header.one(SPACE), self._source.length_size)
        kind = read_type(header.one(TYPE))
        self.shape, self.type_name, self._dtype = space.shape, kind.name, kind.dtype
        self._filters: list[int] = []
        self._address = self._size = 0
        self._chunk: tuple[int, ...] = ()
        self._compact = b""
        self._kind = _COMPACT
        stored = ""
        if header.has(EXTERNAL):
            stored = _ELSEWHERE
        elif self._dtype is not None:
            stored = self._read_layout(header) or self._read_filters(header)
        if space.is_null:
            self.problem = "is not an array of numbers."
        elif self._dtype is None or self._dtype.kind != "f":
            self.problem = f"is of type {kind.name}; floating-point numbers were expected."
        else:
            self.problem = stored
        self.is_plain = not (stored or space.is_null or self._dtype is None) and (
            (self._kind == _COMPACT and len(self._compact) == self.nbytes)
            or (self._kind == _CONTIGUOUS and self._is_inside())
        )

    @property
    def nbytes(self) -> int:
        """Declared size of the values in bytes, as the file has them."""
        return math.prod(self.shape) * self._item_bytes

    @property
    def _item_bytes(self) -> int:
        return self._dtype.itemsize if self._dtype else 0

    def read(self) -> np.ndarray:
        """The values, of the file's floating-point type.

        Raises:
            UnreadableError: they are not in the file, or damaged.
        """
        if self.problem:
            raise UnreadableError(f"it {self.problem}")
        if 0 in self.shape:
            return np.zeros(self.shape, self._dtype)
        if self._kind == _COMPACT:
            if len(self._compact) < self.nbytes:
                raise UnreadableError("it is cut short.")
            array = np.frombuffer(self._compact, self._dtype, math.prod(self.shape))
            return array.reshape(self.shape)
        if self._address == self._source.undefined:
            raise UnreadableError("it was never written: the file has no values for it.")
        if self._kind == _CHUNKED:
            return self._read_chunks()
        if self._size < self.nbytes:
            raise UnreadableError("it is cut short.")
        self._source.check(self._address, self.nbytes, _IT)
        array = np.empty(self.shape, self._dtype)
        self._source.read_into(self._address, array, _IT)
        return array

    def _is_inside(self) -> bool:
        if self._address == self._source.undefined:
            return self.nbytes == 0
        return self._size == self.nbytes and self._address + self._size <= self._source.size

    # --- How it is stored ---------------------------------------------------------------------

    def _read_layout(self, header: Header) -> str:
        fields = header.one(LAYOUT)
        version, self._kind = fields.numbers(2, 1)
        if version not in (3, 4):
            return f"is stored in a way of HDF5 (layout {version}) that is not read."
        if self._kind == _VIRTUAL:
            return _ELSEWHERE
        if self._kind == _COMPACT:
            self._compact = fields.take(fields.number(2))
        elif self._kind == _CONTIGUOUS:
            self._address = fields.number(self._source.address_size)
            self._size = fields.number(self._source.length_size)
        elif self._kind == _CHUNKED and version == 3:
            return self._read_chunk_shape(fields)
        else:
            return (
                "is stored in chunks of a newer form, which is not read. Copy the file with "
                "`h5repack -l CONTI`."
            )
        return ""

    def _read_chunk_shape(self, fields: Fields) -> str:
        rank = fields.number(1) - 1
        self._address = fields.number(self._source.address_size)
        *chunk, item = fields.numbers(rank + 1, 4) or [0]
        if rank != len(self.shape) or item != self._item_bytes or 0 in chunk:
            raise UnreadableError(f"{self.name} has damaged chunks.")
        self._chunk = tuple(chunk)
        if math.prod(chunk) * item > max(_MAX_CHUNK_BYTES, self.nbytes):
            return "is stored in absurdly large chunks."
        return ""

    def _read_filters(self, header: Header) -> str:
        if not header.has(FILTERS):
            return ""
        fields = header.one(FILTERS)
        version, count = fields.numbers(2, 1)
        if version == 1:
            fields.take(6)
        elif version != 2:
            raise UnreadableError(f"{self.name} has a damaged list of filters.")
        for _ in range(count):
            number = fields.number(2)
            named = fields.number(2) if version == 1 or number >= 256 else 0
            fields.take(2)
            values = fields.number(2)
            fields.take(named + (-named % 8 if version == 1 else 0))
            fields.take(4 * (values + (values % 2 if version == 1 else 0)))
            self._filters.append(number)
        other = set(self._filters) - {_DEFLATE, _SHUFFLE, _FLETCHER}
        if other:
            return (
                f"is packed with filter {min(other)} of HDF5, which is not read. Copy the file "
                "with `h5repack -f NONE`."
            )
        return ""

    # --- Chunks -------------------------------------------------------------------------------

    def _read_chunks(self) -> np.ndarray:
        pairs = list(zip(self.shape, self._chunk, strict=True))
        wanted = math.prod(-(-size // step) for size, step in pairs)
        self._source.charge(_WORK_PER_CHUNK * wanted)
        grid = [range(0, size, step) for size, step in pairs]
        found: dict[tuple[int, ...], tuple[int, int, int]] = {}
        key_size = 8 + 8 * (len(self.shape) + 1)
        for entry, address in tree_leaves(self._source, self._address, 1, key_size, _IT):
            key = Fields(entry, _IT)
            size, skipped = key.numbers(2, 4)
            place = tuple(key.numbers(len(self.shape), 8))
            found[place] = address, size, skipped
        if len(found) < wanted:
            raise UnreadableError("it was never written in full.")
        array = np.empty(self.shape, self._dtype)
        for place in itertools.product(*grid):
            if place not in found:
                raise UnreadableError("it was never written in full.")
            chunk = self._unpack(*found[place])
            target = tuple(
                slice(at, at + step) for at, step in zip(place, self._chunk, strict=True)
            )
            part = array[target]
            part[...] = chunk[tuple(slice(size) for size in part.shape)]
        return array

    def _unpack(self, address: int, size: int, skipped: int) -> np.ndarray:
        """One chunk, with its filters undone."""
        expected = math.prod(self._chunk) * self._item_bytes
        # Deflate may add a little to what it cannot pack.
        if size > expected + expected // 100 + 1024:
            raise UnreadableError("it has a chunk that is larger than it may be.")
        content = self._source.read(address, size, _IT)
        for position, number in reversed(list(enumerate(self._filters))):
            if skipped >> position & 1:
                continue
            if number == _FLETCHER:
                content = content[:-_FLETCHER_BYTES]
            elif number == _DEFLATE:
                content = self._inflate(content, expected + _FLETCHER_BYTES)
            else:
                content = _unshuffle(content, self._item_bytes)
        if len(content) != expected:
            raise UnreadableError("it has a damaged chunk.")
        return np.frombuffer(content, self._dtype).reshape(self._chunk)

    def _inflate(self, content: bytes, most: int) -> bytes:
        try:
            return zlib.decompressobj().decompress(content, most)
        except zlib.error as error:
            raise UnreadableError(f"it has a damaged chunk ({error}).") from error


def _unshuffle(content: bytes, itemsize: int) -> bytes:
    whole = len(content) // itemsize * itemsize
    planes = np.frombuffer(content, np.uint8, whole).reshape(itemsize, -1)
    return planes.T.tobytes() + content[whole:]
