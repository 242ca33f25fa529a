"""Where groups with many members and objects with many attributes keep them.

Groups of the old form have a tree of names in a heap. Those of the new form, and attributes that
are too many for a header, have a fractal heap of messages and a tree (version 2) of places in it.
"""

import bisect
from collections.abc import Iterator
from typing import NamedTuple

from mrcnn.weights.hdf5.source import Fields, Source, UnreadableError, text_of

_MAX_DEPTH = 20
# What an entry of a group of the old form repeats of its member.
_NOTHING, _GROUP, _SOFT_LINK = 0, 1, 2


class Link(NamedTuple):
    """A member of a group.

    Attributes:
        name: of the member.
        address: of its header; None for a link to elsewhere.
        symbols: addresses of the tree and the heap of a member that is a group, where the entry
            repeats them; the HDF5 library goes by these.
    """

    name: str
    address: int | None
    symbols: tuple[int, int] | None


def old_links(source: Source, tree: int, heap: int, what: str) -> Iterator[Link]:
    """The members of a group of the old form."""
    names = _local_heap(source, heap, what)
    for key, child in tree_leaves(source, tree, 0, source.length_size, what):
        if int.from_bytes(key, "little") > len(names):
            raise UnreadableError(f"{what} has a name outside of its heap.")
        yield from _symbols(source, child, names, what)


def _local_heap(source: Source, address: int, what: str) -> bytes:
    """The text of a group's names."""
    head = source.piece(address, 8 + 2 * source.length_size + source.address_size, what)
    head.expect(b"HEAP\0")
    head.take(3)
    size, free = head.numbers(2, source.length_size)
    fields = source.piece(head.number(source.address_size), size, what)
    # What is free is a chain of places, which the HDF5 library walks along. 1 ends it.
    steps = 0
    while free != 1:
        steps += 1
        source.charge(32)
        if steps * 2 * source.length_size > size:
            raise UnreadableError(f"{what} goes round in a circle.")
        if free > size:
            raise UnreadableError(f"{what} has a damaged heap.")
        fields.at = free
        at, (free, length) = free, fields.numbers(2, source.length_size)
        if length < 2 * source.length_size or at + length > size:
            raise UnreadableError(f"{what} has a damaged heap.")
    return fields.data


def _symbols(source: Source, address: int, names: bytes, what: str) -> Iterator[Link]:
    entry_size = 2 * source.address_size + 24
    head = source.piece(address, 8, what)
    head.expect(b"SNOD\x01")
    head.take(1)
    count = head.number(2)
    fields = source.piece(address + 8, count * entry_size, what)
    for _ in range(count):
        name, header = fields.numbers(2, source.address_size)
        cached = fields.number(4)
        fields.take(4)
        scratch = Fields(fields.take(16), what)
        end = names.find(b"\0", name)
        if name >= len(names) or end < 0:
            raise UnreadableError(f"{what} has a name outside of its heap.")
        if cached not in (_NOTHING, _GROUP, _SOFT_LINK):
            raise UnreadableError(f"{what} has a damaged member.")
        source.charge(64 + end - name)
        symbols = None
        if cached == _GROUP:
            tree, heap = scratch.numbers(2, source.address_size)
            symbols = (tree, heap)
        yield Link(text_of(names[name:end]), None if cached == _SOFT_LINK else header, symbols)


def tree_leaves(
    source: Source, address: int, kind: int, key_size: int, what: str
) -> Iterator[tuple[bytes, int]]:
    """Key and address of the entries of a tree of version 1.

    Args:
        source: the file.
        address: of the root.
        kind: 0 for names, 1 for chunks.
        key_size: in bytes.
        what: names its owner.
    """
    seen: set[int] = set()
    beside: set[int] = set()
    nodes: list[tuple[int, int | None]] = [(address, None)]
    while nodes:
        address, level = nodes.pop()
        if address in seen:
            raise UnreadableError(f"{what} goes round in a circle.")
        seen.add(address)
        head = source.piece(address, 8 + 2 * source.address_size, what)
        head.expect(b"TREE")
        found_kind, found_level, count = head.number(1), head.number(1), head.number(2)
        if found_kind != kind or (level is not None and found_level != level):
            raise UnreadableError(f"{what} has a damaged tree.")
        neighbors = set(head.numbers(2, source.address_size)) - {source.undefined}
        if level is None and neighbors:
            raise UnreadableError(f"{what} has a damaged tree.")
        beside |= neighbors
        each = key_size + source.address_size
        # One more key ends the last entry.
        entries = source.piece(address + head.at, count * each + key_size, what)
        children = [
            (entries.take(key_size), entries.number(source.address_size)) for _ in range(count)
        ]
        source.charge(32 * count)
        if found_level == 0:
            yield from children
        else:
            nodes += [(child, found_level - 1) for _, child in reversed(children)]
    if beside - seen:
        raise UnreadableError(f"{what} has a damaged tree.")


# --- The new form ----------------------------------------------------------------------------


def dense_messages(source: Source, heap: int, tree: int, id_at: int, what: str) -> Iterator[bytes]:
    """Messages that a fractal heap holds.

    Args:
        source: the file.
        heap: its address.
        tree: address of the tree of the objects' names.
        id_at: where in a record of that tree the object's place in the heap is.
        what: names the owner.
    """
    objects = _FractalHeap(source, heap, what)
    for record in _records(source, tree, what):
        yield objects.get(record[id_at : id_at + objects.id_size])


def _bytes_for(limit: int) -> int:
    return max(limit.bit_length() + 7, 8) // 8


class _FractalHeap:
    """Objects in blocks, the blocks in rows that double in size."""

    def __init__(self, source: Source, address: int, what: str) -> None:
        self._source, self._what = source, what
        word, length = source.address_size, source.length_size
        fields = source.piece(address, 22 + 12 * length + 3 * word, what)
        fields.expect(b"FRHP\0")
        self.id_size, filters = fields.numbers(2, 2)
        if filters:
            raise UnreadableError(f"{what} is compressed, which is not read.")
        fields.take(1)
        largest_object = fields.number(4)
        fields.take(length + word + length + word + 8 * length)
        self._width = fields.number(2)
        self._first_size, largest_block = fields.numbers(2, length)
        bits, _ = fields.numbers(2, 2)
        self._root, self._rows = fields.number(word), fields.number(2)
        powers = all(size and size & (size - 1) == 0 for size in (self._first_size, largest_block))
        sizes = self.id_size and self._width and largest_block >= self._first_size
        if not powers or not sizes or bits > 64:
            raise UnreadableError(f"{what} has a damaged heap.")
        self._largest_block = largest_block
        self._offset_size = (bits + 7) // 8
        self._length_size = min((largest_block.bit_length() + 6) // 8, _bytes_for(largest_object))
        self._blocks: list[tuple[int, int, int]] | None = None
        self._contents: dict[int, bytes] = {}

    def get(self, identity: bytes) -> bytes:
        """The object of an identity, which is its place and length."""
        if len(identity) != self.id_size or identity[0] & 0xF0:
            raise UnreadableError(f"{self._what} has an absurdly large part, which is not read.")
        end = 1 + self._offset_size
        offset = int.from_bytes(identity[1:end], "little")
        length = int.from_bytes(identity[end : end + self._length_size], "little")
        blocks = self._all_blocks()
        place = bisect.bisect_right(blocks, offset, key=lambda block: block[0]) - 1
        start, size, address = blocks[place] if place >= 0 else (0, 0, 0)
        if offset + length > start + size:
            raise UnreadableError(f"{self._what} has a part outside of its heap.")
        if address not in self._contents:
            block = self._source.piece(address, size, self._what)
            block.expect(b"FHDB\0")
            self._contents[address] = block.data
        self._source.charge(length)
        return self._contents[address][offset - start : offset - start + length]

    def _all_blocks(self) -> list[tuple[int, int, int]]:
        """Offset, size and address of each block, in rising order."""
        if self._blocks is not None:
            return self._blocks
        source = self._source
        if self._rows == 0:
            self._blocks = [(0, self._first_size, self._root)]
            return self._blocks
        direct_rows = (self._largest_block // self._first_size).bit_length() + 1
        if self._rows > direct_rows:
            raise UnreadableError(f"{self._what} has absurdly many members.")
        head = 5 + source.address_size + self._offset_size
        count = self._rows * self._width
        fields = source.piece(self._root, head + count * source.address_size, self._what)
        fields.expect(b"FHIB\0")
        fields.take(head - 5)
        self._blocks, offset = [], 0
        for number, address in enumerate(fields.numbers(count, source.address_size)):
            size = self._first_size << max(number // self._width - 1, 0)
            if address != source.undefined:
                self._blocks.append((offset, size, address))
            offset += size
        return self._blocks


def _records(source: Source, address: int, what: str) -> Iterator[bytes]:
    """The records of a tree of version 2."""
    word = source.address_size
    fields = source.piece(address, 22 + word + source.length_size, what)
    fields.expect(b"BTHD\0")
    fields.take(1)
    node_size, record_size, depth = fields.number(4), fields.number(2), fields.number(2)
    fields.take(2)
    root, count = fields.number(word), fields.number(2)
    if record_size == 0 or depth > _MAX_DEPTH or node_size <= 10 + record_size:
        raise UnreadableError(f"{what} has a damaged tree.")
    if root == source.undefined:
        return
    # For each level from the leaves up: bytes of a pointer to a node of it.
    most = (node_size - 10) // record_size
    count_size = _bytes_for(most)
    pointers, total, total_size = [word + count_size], most, 0
    for _ in range(depth):
        pointer = pointers[-1]
        here = max((node_size - 10 - pointer) // (record_size + pointer), 0)
        total = (here + 1) * total + here
        total_size = _bytes_for(total)
        pointers.append(word + count_size + total_size)
    seen: set[int] = set()
    nodes = [(root, count, depth)]
    while nodes:
        address, count, level = nodes.pop()
        if address in seen or count > most:
            raise UnreadableError(f"{what} has a damaged tree.")
        seen.add(address)
        pointer = pointers[level - 1] if level else 0
        size = 6 + count * record_size + (count + 1) * pointer
        node = source.piece(address, size, what)
        node.expect(b"BTIN\0" if level else b"BTLF\0")
        node.take(1)
        source.charge(64 * count)
        for _ in range(count):
            yield node.take(record_size)
        for _ in range(count + 1 if level else 0):
            child, below = node.number(word), node.number(count_size)
            node.take(pointer - word - count_size)
            nodes.append((child, below, level - 1))
