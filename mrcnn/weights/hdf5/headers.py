"""The superblock, and the headers of objects with their messages."""

from typing import NamedTuple

from mrcnn.weights.hdf5.source import Fields, Source, UnreadableError

# Types of messages.
SPACE, LINK_INFO, TYPE, LINK, EXTERNAL, LAYOUT, FILTERS, ATTRIBUTE = 1, 2, 3, 6, 7, 8, 11, 12
CONTINUATION, SYMBOLS, ATTRIBUTE_INFO = 16, 17, 21
NOTHING, FILL, GROUP_INFO, TIME, REFERENCES = 0, 5, 10, 18, 22

_SHARED = 0x02
_MAX_MESSAGES = 100_000


class Message(NamedTuple):
    """One message of an object's header.

    Attributes:
        type: one of the numbers above, or another.
        data: what it says.
        shared: the message is elsewhere, and this says where.
    """

    type: int
    data: bytes
    shared: bool


class Header:
    """What an object's header says.

    Args:
        source: the file.
        address: of the header.
        name: of the object, for messages.
    """

    def __init__(self, source: Source, address: int, name: str) -> None:
        self.source = source
        self.address = address
        self.name = name
        self.messages = _read_messages(source, address, f"the header of {name}")

    def all(self, kind: int) -> list[Fields]:
        """The contents of all messages of a type."""
        found = []
        for message in self.messages:
            if message.type == kind:
                if message.shared:
                    raise UnreadableError(f"{self.name} shares a description, which is not read.")
                found.append(Fields(message.data, f"the description of {self.name}"))
        return found

    def one(self, kind: int) -> Fields:
        """The content of the only message of a type."""
        found = self.all(kind)
        if len(found) != 1:
            raise UnreadableError(f"the header of {self.name} is damaged.")
        return found[0]

    def has(self, kind: int) -> bool:
        """Whether there is a message of a type."""
        return any(message.type == kind for message in self.messages)


def read_superblock(source: Source) -> tuple[int, tuple[int, int] | None]:
    """Set the sizes of `source`.

    Returns:
        the address of the root group's header, and those of its tree and heap where the superblock
        repeats them.
    """
    start = source.piece(0, 9, "the superblock")
    start.take(8)
    version = start.number(1)
    fields = source.piece(9, min(119, source.size - 9), "the superblock")
    if version in (0, 1):
        fields.take(4)
        _set_sizes(source, fields)
        fields.take(1 + 2 + 2 + 4 + (4 if version == 1 else 0))
    elif version in (2, 3):
        _set_sizes(source, fields)
        fields.take(1)
    else:
        raise UnreadableError(f"the superblock has the unknown version {version}.")
    base, extra, end = fields.numbers(3, source.address_size)
    if base not in (0, source.start):
        raise UnreadableError("its addresses begin elsewhere, which is not read.")
    if base == 0 and source.start:
        # The library takes them from the superblock on, whatever stands here.
        end += source.start
    if end > source.start + source.size:
        raise UnreadableError(
            f"it has {source.start + source.size} bytes and should have {end}: it is truncated."
        )
    source.has_extras = extra != source.undefined or base != 0
    if version >= 2:
        return fields.number(source.address_size), None
    driver, _, root = fields.numbers(3, source.address_size)
    source.has_extras |= driver != source.undefined
    cached = fields.number(4)
    fields.take(4)
    tree, heap = fields.numbers(2, source.address_size)
    return root, (tree, heap) if cached == 1 else None


def _set_sizes(source: Source, fields: Fields) -> None:
    source.address_size, source.length_size = fields.numbers(2, 1)
    if {source.address_size, source.length_size} - {4, 8}:
        raise UnreadableError("the superblock has addresses of an unknown size.")


def _read_messages(source: Source, address: int, what: str) -> list[Message]:
    start = source.piece(address, min(40, max(source.size - address, 0)), what)
    if start.data[:4] == b"OHDR":
        return _version_2(source, address, start, what)
    if start.number(1) != 1:
        raise UnreadableError(f"{what} is damaged.")
    start.take(1 + 2 + 4)
    size = start.number(4)
    return _follow(source, [(address + 16, size)], what, b"", 8)


def _version_2(source: Source, address: int, start: Fields, what: str) -> list[Message]:
    start.take(4)
    version, flags = start.numbers(2, 1)
    if version != 2:
        raise UnreadableError(f"{what} has the unknown version {version}.")
    start.take((16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0))
    size = start.number(1 << (flags & 3))
    prefix = 6 if flags & 0x04 else 4
    return _follow(source, [(address + start.at, size)], what, b"OCHK", prefix)


def _follow(
    source: Source, blocks: list[tuple[int, int]], what: str, mark: bytes, prefix: int
) -> list[Message]:
    """The messages of a block and of those that continue it.

    Args:
        source: the file.
        blocks: address and size of the first block.
        what: names the header.
        mark: what continuations begin with; they end with a checksum then.
        prefix: bytes in front of each message.
    """
    messages: list[Message] = []
    seen = set()
    while blocks:
        address, size = blocks.pop(0)
        if address in seen:
            raise UnreadableError(f"{what} goes round in a circle.")
        seen.add(address)
        fields = source.piece(address, size, what)
        if mark and len(seen) > 1:
            fields.expect(mark)
            fields.data = fields.data[:-4]
        while fields.left >= prefix:
            source.charge(32)
            kind = fields.number(2 if not mark else 1)
            length, flags = fields.number(2), fields.number(1)
            fields.take(prefix - (5 if not mark else 4))
            message = Message(kind, fields.take(length), bool(flags & _SHARED))
            if kind == CONTINUATION:
                follow = Fields(message.data, what)
                blocks.append(
                    (follow.number(source.address_size), follow.number(source.length_size))
                )
            else:
                messages.append(message)
            if len(messages) > _MAX_MESSAGES:
                raise UnreadableError(f"{what} is absurdly long.")
    return messages
