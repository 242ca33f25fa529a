"""Whether a file is so plain and whole that the HDF5 library can be trusted with it.

Keras restores its own files, with the optimizer, by way of the library. What Keras writes is
simple: groups, arrays in one piece, attributes of text. Only that passes here, with every message
decoded and every address inside the file.
"""

from mrcnn.weights.hdf5.arrays import Dataset
from mrcnn.weights.hdf5.groups import Group, attribute_parts
from mrcnn.weights.hdf5.headers import (
    ATTRIBUTE,
    ATTRIBUTE_INFO,
    FILL,
    GROUP_INFO,
    LAYOUT,
    LINK,
    LINK_INFO,
    NOTHING,
    REFERENCES,
    SPACE,
    SYMBOLS,
    TIME,
    TYPE,
    Header,
)
from mrcnn.weights.hdf5.source import Fields, UnreadableError
from mrcnn.weights.hdf5.types import read_type

_OF_ALL = {NOTHING, TIME, REFERENCES, ATTRIBUTE, ATTRIBUTE_INFO}
_OF_GROUPS = _OF_ALL | {SYMBOLS, LINK_INFO, LINK, GROUP_INFO}
_OF_ARRAYS = _OF_ALL | {SPACE, TYPE, FILL, LAYOUT}
_SIZES = {TIME: {8}, REFERENCES: {5, 8}, GROUP_INFO: {2, 8}}
_MAX_DEPTH = 60


def check_structure(root: Group) -> None:
    """Look at everything in a file but the values.

    Args:
        root: the root group of the file.

    Raises:
        UnreadableError: something is damaged, or is not among what Keras writes.
    """
    if root.source.has_extras:
        raise UnreadableError("its superblock has parts that Keras does not write.")
    seen: set[int] = set()
    groups = [(root, 0)]
    while groups:
        group, depth = groups.pop()
        if group.address in seen or depth > _MAX_DEPTH:
            raise UnreadableError(f"{group.name} is reached in several ways.")
        seen.add(group.address)
        _check_header(group.header, _OF_GROUPS)
        for name in group:
            found = group.child(name)
            if not group.is_repeated_rightly(name):
                raise UnreadableError(f"{group.name} contradicts its member {name}.")
            if isinstance(found, Group):
                groups.append((found, depth + 1))
            elif isinstance(found, Dataset):
                _check_array(found)
            else:
                raise UnreadableError(f"{group.name} has a member {name} of an unknown kind.")


def _check_array(array: Dataset) -> None:
    _check_header(array.header, _OF_ARRAYS)
    if not array.is_plain:
        raise UnreadableError(f"{array.name} is not stored as Keras does, or is incomplete.")
    kind = read_type(array.header.one(TYPE))
    for fields in array.header.all(FILL):
        version = fields.number(1)
        size = 0
        if version == 2:
            fields.take(2)
            size = fields.number(4) if fields.number(1) else 0
        elif version == 3:
            size = fields.number(4) if fields.number(1) & 0x20 else 0
        else:
            raise UnreadableError(f"{array.name} has a fill value of an unknown version.")
        fields.take(size)
        if size not in (0, kind.size):
            raise UnreadableError(f"{array.name} has a fill value of another type.")


def _check_header(header: Header, allowed: set[int]) -> None:
    for message in header.messages:
        sizes = _SIZES.get(message.type)
        if message.shared or message.type not in allowed:
            raise UnreadableError(f"{header.name} has a description that Keras does not write.")
        if sizes and len(message.data) not in sizes:
            raise UnreadableError(f"{header.name} has a damaged description.")
    once = [message.type for message in header.messages if message.type not in _MANY]
    if len(once) != len(set(once)):
        raise UnreadableError(f"{header.name} has a description twice.")
    for kind in (LINK_INFO, ATTRIBUTE_INFO):
        for fields in header.all(kind):
            if fields.numbers(2, 1) != [0, 0]:
                raise UnreadableError(f"{header.name} has an order that Keras does not keep.")
    for fields in header.all(ATTRIBUTE):
        _check_attribute(header, fields)


_MANY = {NOTHING, ATTRIBUTE, LINK}


def _check_attribute(header: Header, fields: Fields) -> None:
    what = f"an attribute of {header.name}"
    kind, space, values = attribute_parts(Fields(fields.data, what), header.source.length_size)
    if not kind.text and kind.dtype is None:
        raise UnreadableError(f"{what} is of type {kind.name}.")
    if space.count * kind.size > values.left:
        raise UnreadableError(f"{what} is cut short.")
