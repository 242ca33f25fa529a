"""Groups: their members and their attributes of text."""

import io
from collections.abc import Iterator

from mrcnn.weights.hdf5.arrays import Dataset
from mrcnn.weights.hdf5.headers import (
    ATTRIBUTE,
    ATTRIBUTE_INFO,
    LAYOUT,
    LINK,
    LINK_INFO,
    SYMBOLS,
    Header,
    read_superblock,
)
from mrcnn.weights.hdf5.heaps import Link, dense_messages, old_links
from mrcnn.weights.hdf5.source import Fields, Source, UnreadableError, text_of
from mrcnn.weights.hdf5.types import Space, Texts, Type, read_space, read_type

_HARD = 0
_LONGEST_NAME = 4096
# Where the records of the trees of links and of attributes have the place in the heap.
_LINK_ID_AT, _ATTRIBUTE_ID_AT = 4, 0


class _File:
    """What the groups of a file share."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.texts = Texts(source)
        self.objects: dict[int, Group | Dataset | None] = {}

    def open(self, address: int, name: str) -> "Group | Dataset | None":
        """The object at an address, once; None for what is neither group nor array."""
        if address not in self.objects:
            header = Header(self.source, address, name)
            found: Group | Dataset | None = None
            if header.has(SYMBOLS) or header.has(LINK_INFO):
                found = Group(self, header)
            elif header.has(LAYOUT):
                found = Dataset(header)
            self.objects[address] = found
        return self.objects[address]


class Group:
    """A group of a file.

    Attributes:
        name: its path in the file.
        address: where it is, which tells it from others.
        header: what describes it.
        symbols: addresses of its tree and heap, if it is of the old form.

    Raises:
        UnreadableError: its description is damaged.
    """

    def __init__(self, file: _File, header: Header) -> None:
        self._file = file
        self.header = header
        self.name = header.name
        self.address = header.address
        source = file.source
        self.symbols: tuple[int, int] | None = None
        if header.has(SYMBOLS):
            tree, heap = header.one(SYMBOLS).numbers(2, source.address_size)
            self.symbols = (tree, heap)
        links: dict[str, Link] = {}
        for link in self._read_links():
            if link.name in links or "/" in link.name or not 0 < len(link.name) <= _LONGEST_NAME:
                raise UnreadableError(f"{self.name} has damaged names of members.")
            links[link.name] = link
        self._links = dict(sorted(links.items()))
        self._attributes: dict[str, Fields] | None = None

    @property
    def source(self) -> Source:
        """The file."""
        return self._file.source

    def __iter__(self) -> Iterator[str]:
        """The names of the members, sorted."""
        return iter(self._links)

    def __contains__(self, name: str) -> bool:
        return name in self._links

    def child(self, name: str) -> "Group | Dataset | None":
        """The member of that name, or None. Only what is stored right there counts.

        Raises:
            UnreadableError: it is a link to elsewhere, or damaged.
        """
        if name not in self._links:
            return None
        link = self._links[name]
        path = f"{self.name.rstrip('/')}/{name}"
        if link.address is None:
            raise UnreadableError(f"{path} is a link to elsewhere, not followed.")
        return self._file.open(link.address, path)

    def is_repeated_rightly(self, name: str) -> bool:
        """Whether what this group repeats of a member's description is what the member says."""
        symbols = self._links[name].symbols
        found = self.child(name)
        return symbols is None or (isinstance(found, Group) and found.symbols == symbols)

    def address_of(self, name: str) -> int | None:
        """Where a member is; None for a link."""
        return self._links[name].address

    def texts(self, attribute: str) -> list[str] | None:
        """The text items of an attribute in one list, or None if there is no such attribute.

        Raises:
            UnreadableError: it is not text, or damaged.
        """
        if self._attributes is None:
            self._attributes = {}
            for content in self._read_attributes():
                name = _attribute_name(content)
                self._attributes.setdefault(name, content)
        content = self._attributes.get(attribute)
        if content is None:
            return None
        return self._decode(Fields(content.data, f"the attribute {attribute} of {self.name}"))

    # --- Members ------------------------------------------------------------------------------

    def _read_links(self) -> Iterator[Link]:
        source, header = self._file.source, self.header
        if self.symbols:
            yield from old_links(source, *self.symbols, self.name)
            return
        for fields in header.all(LINK):
            yield self._link(fields)
        for heap, tree in self._dense(LINK_INFO, 8):
            for message in dense_messages(source, heap, tree, _LINK_ID_AT, self.name):
                yield self._link(Fields(message, self.name))

    def _dense(self, kind: int, order_size: int) -> Iterator[tuple[int, int]]:
        """Addresses of the heap and of its tree of names, if there are some."""
        source = self._file.source
        for fields in self.header.all(kind):
            version, flags = fields.numbers(2, 1)
            if version != 0:
                raise UnreadableError(f"{self.name} is described in an unknown version.")
            fields.take(order_size if flags & 1 else 0)
            heap, tree = fields.numbers(2, source.address_size)
            if heap != source.undefined:
                yield heap, tree

    def _link(self, fields: Fields) -> Link:
        version, flags = fields.numbers(2, 1)
        if version != 1:
            raise UnreadableError(f"{self.name} has a link of an unknown version.")
        kind = fields.number(1) if flags & 0x08 else _HARD
        fields.take((8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0))
        name = text_of(fields.take(fields.number(1 << (flags & 3))))
        return Link(name, None if kind else fields.number(self._file.source.address_size), None)

    # --- Attributes ---------------------------------------------------------------------------

    def _read_attributes(self) -> Iterator[Fields]:
        source = self._file.source
        yield from self.header.all(ATTRIBUTE)
        for heap, tree in self._dense(ATTRIBUTE_INFO, 2):
            for message in dense_messages(source, heap, tree, _ATTRIBUTE_ID_AT, self.name):
                yield Fields(message, f"an attribute of {self.name}")

    def _decode(self, fields: Fields) -> list[str]:
        kind, space, values = attribute_parts(fields, self.source.length_size)
        if space.count == 0:
            return []
        return self._file.texts.decode(values, kind, space.count)


def attribute_parts(fields: Fields, length_size: int) -> tuple[Type, Space, Fields]:
    """Type and extent of an attribute, and its values.

    Raises:
        UnreadableError: it is damaged.
    """
    version, flags, sizes = _attribute_head(fields)
    padded = [size + (-size % 8 if version == 1 else 0) for size in sizes]
    _, kind, space = (fields.take(size) for size in padded)
    if flags & 3:
        raise UnreadableError(f"{fields.what} shares a description, which is not read.")
    extent = read_space(Fields(space, fields.what), length_size)
    return read_type(Fields(kind, fields.what)), extent, fields


def _attribute_head(fields: Fields) -> tuple[int, int, list[int]]:
    """Version, flags, and the sizes of name, type and extent, which follow."""
    version, flags = fields.numbers(2, 1)
    if version not in (1, 2, 3):
        raise UnreadableError(f"{fields.what} has an attribute of an unknown version.")
    sizes = fields.numbers(3, 2)
    if version == 3:
        fields.take(1)
    return version, 0 if version == 1 else flags, sizes


def _attribute_name(content: Fields) -> str:
    fields = Fields(content.data, content.what)
    _, _, (size, _, _) = _attribute_head(fields)
    return text_of(fields.take(size))


def open_file(file: io.BufferedIOBase) -> Group | None:
    """The root group of a file that is open for reading in binary; None if it is not HDF5.

    Raises:
        UnreadableError: it is truncated or damaged.
    """
    source = Source(file)
    if not source.find_signature():
        return None
    address, symbols = read_superblock(source)
    root = _File(source).open(address, "/")
    if not isinstance(root, Group):
        raise UnreadableError("it has no root group.")
    source.has_extras |= symbols not in (None, root.symbols)
    return root
