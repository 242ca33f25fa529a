"""Shapes and types of values, and text of any length."""

import math
from dataclasses import dataclass

import numpy as np

from mrcnn.weights.hdf5.source import Fields, Source, UnreadableError, text_of

_MAX_RANK = 32
_INTEGER, _FLOAT, _TIME, _TEXT, _BITS, _OPAQUE, _RECORD, _REFERENCE, _ENUM, _LIST, _ARRAY = range(
    11
)
_NAMES = {
    _TIME: "time",
    _BITS: "bits",
    _OPAQUE: "bytes of unknown meaning",
    _RECORD: "records",
    _REFERENCE: "references",
    _ENUM: "enumeration",
    _LIST: "lists of any length",
    _ARRAY: "arrays",
}
# Bit offset, bits in all; place and bits of the exponent and of the mantissa; the exponent's bias.
_IEEE = {
    2: (0, 16, 10, 5, 0, 10, 15),
    4: (0, 32, 23, 8, 0, 23, 127),
    8: (0, 64, 52, 11, 0, 52, 1023),
}


@dataclass(frozen=True)
class Space:
    """The extent of an array: `shape`, and whether there are values at all."""

    shape: tuple[int, ...]
    is_null: bool = False

    @property
    def count(self) -> int:
        """The number of values."""
        return 0 if self.is_null else math.prod(self.shape)


@dataclass(frozen=True)
class Type:
    """What a value is.

    Attributes:
        size: of a value in bytes.
        name: as a message says it.
        dtype: of numbers, else None.
        text: "fixed" or "any" length, else empty.
    """

    size: int
    name: str
    dtype: np.dtype | None = None
    text: str = ""


def read_space(fields: Fields, length_size: int) -> Space:
    """Decode the message of an extent."""
    version, rank, flags = fields.numbers(3, 1)
    is_null = False
    if version == 1:
        fields.take(5)
    elif version == 2:
        is_null = fields.number(1) == 2
    else:
        raise UnreadableError(f"{fields.what} has an extent of the unknown version {version}.")
    if rank > _MAX_RANK:
        raise UnreadableError(f"{fields.what} has {rank} axes.")
    shape = tuple(fields.numbers(rank, length_size))
    if flags & 1:
        largest = fields.numbers(rank, length_size)
        if any(size > most for size, most in zip(shape, largest, strict=True)):
            raise UnreadableError(f"{fields.what} has an extent beyond its own limit.")
    return Space(shape, is_null)


def read_type(fields: Fields) -> Type:
    """Decode the message of a type."""
    head, *flags = fields.numbers(4, 1)
    kind, version, size = head & 15, head >> 4, fields.number(4)
    if not 1 <= version <= 5 or size == 0:
        raise UnreadableError(f"{fields.what} has a damaged type.")
    if kind == _FLOAT:
        return _float(fields, flags, size)
    if kind == _TEXT:
        return Type(size, "text", text="fixed")
    if kind == _LIST and flags[0] & 15 == 1:
        return Type(size, "text", text="any")
    if kind == _INTEGER:
        return _integer(fields, flags, size)
    return Type(size, _NAMES.get(kind, "unknown"))


def _integer(fields: Fields, flags: list[int], size: int) -> Type:
    name = f"{'int' if flags[0] & 8 else 'uint'}{8 * size}"
    if fields.numbers(2, 2) != [0, 8 * size] or size not in (1, 2, 4, 8):
        return Type(size, f"whole numbers of an unusual form ({size} bytes)")
    kind = "i" if flags[0] & 8 else "u"
    return Type(size, name, np.dtype(f"{'>' if flags[0] & 1 else '<'}{kind}{size}"))


def _float(fields: Fields, flags: list[int], size: int) -> Type:
    layout = (*fields.numbers(2, 2), *fields.numbers(4, 1), fields.number(4))
    plain = (
        size in _IEEE
        and layout == _IEEE[size]
        # Byte order, padding and the leading 1 that is not stored; then the place of the sign.
        and flags[0] & ~0x01 == 0x20
        and flags[1] == 8 * size - 1
    )
    if not plain:
        return Type(size, f"floating-point numbers of an unusual form ({size} bytes)")
    dtype = np.dtype(f"{'>' if flags[0] & 1 else '<'}f{size}")
    return Type(size, f"float{8 * size}", dtype)


class Texts:
    """Text of any length, which is kept in heaps that several attributes share."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._heaps: dict[int, dict[int, bytes]] = {}

    def decode(self, fields: Fields, kind: Type, count: int) -> list[str]:
        """So many texts.

        Raises:
            UnreadableError: the values are no text, or not in the file.
        """
        if not kind.text:
            raise UnreadableError(f"{fields.what} is of type {kind.name}, not text.")
        if count * kind.size > fields.left:
            raise UnreadableError(f"{fields.what} is cut short.")
        self._source.charge(64 * count)
        if kind.text == "fixed":
            return [text_of(fields.take(kind.size)) for _ in range(count)]
        texts = []
        for _ in range(count):
            length = fields.number(4)
            address, index = fields.number(self._source.address_size), fields.number(4)
            if length == 0 or address == 0:
                texts.append("")
                continue
            stored = self._heap(address, fields.what).get(index)
            if stored is None or length > len(stored):
                raise UnreadableError(f"{fields.what} is damaged.")
            self._source.charge(length)
            texts.append(text_of(stored[:length]))
        return texts

    def _heap(self, address: int, what: str) -> dict[int, bytes]:
        if address in self._heaps:
            return self._heaps[address]
        source = self._source
        head = source.piece(address, 8 + source.length_size, what)
        head.expect(b"GCOL\x01")
        head.take(3)
        fields = source.piece(address, head.number(source.length_size), what)
        fields.take(8 + source.length_size)
        objects: dict[int, bytes] = {}
        while fields.left >= 8 + source.length_size:
            index = fields.number(2)
            fields.take(6)
            size = fields.number(source.length_size)
            if index == 0:
                # What is free is the end.
                break
            objects[index] = fields.take(size)
            fields.take(min(-size % 8, fields.left))
            source.charge(32)
        self._heaps[address] = objects
        return objects
