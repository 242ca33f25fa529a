"""What a file of weights holds, whoever wrote it; nothing is read before it is asked for.

Two layouts are understood. Keras 1 and 2, and so Matterport's program, write a group a layer, in
the root or in the group `model_weights`, whose attribute `weight_names` lists its weights; a nested
model is one group with the weights of all its layers. Keras 3 writes `.weights.h5`, also inside of
`.keras`: groups named after classes, with the layer's name as an attribute and numbered weights.

Files come from anywhere. Links and storage that lead out of the file are not followed, and what a
file declares is compared with what the model needs before memory is taken for it.
"""

import contextlib
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from mrcnn.errors import WeightsError

# Keras 1 wrote `conv1_W_1:0` for what later versions call `conv1/kernel:0`. Its running_std is a
# variance, whatever the name says.
_KERAS1_NAMES = {
    "W": "kernel",
    "b": "bias",
    "gamma": "gamma",
    "beta": "beta",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
}
_KERAS1_PATTERN = re.compile(
    r"(?P<layer>.+)_(?P<weight>W|b|gamma|beta|running_mean|running_std)(_\d+)?"
)
# TensorFlow numbers a name that is taken already: `kernel_1`.
_NUMBERED_PATTERN = re.compile(r"(?P<name>.*[a-z])_\d+")
# Names that say nothing but the order: `param_0`, `variable_3`, `2`.
_NAMELESS_PATTERN = re.compile(r"(param|variable|var|weight)?_?\d*", re.IGNORECASE)

# No layer of any network comes near these; a file that was made to do harm may.
_MAX_OBJECTS = 100_000
_MAX_NAMES_BYTES = 16 << 20
_MAX_CHUNK_BYTES = 64 << 20
_MAX_INFLATION = 20

_KERAS3_GROUPS = ("layers", "_layer_checkpoint_dependencies")
_WEIGHTS_IN_KERAS_ARCHIVE = "model.weights.h5"
_REPAIR = "It may be truncated or damaged: fetch or copy it again."


class _UnreadableError(Exception):
    """Something in the file that is not read, and why."""


@dataclass(frozen=True)
class StoredWeight:
    """One array of a file.

    Attributes:
        scopes: names of what it belongs to, outermost first: `("rpn_model", "rpn_class_raw")`.
        name: kernel, bias, gamma, beta, moving_mean, moving_variance or another; None where the
            file has but a number.
        path: where it is in the file.
        dataset: the array, or None if there is a problem.
        problem: why it cannot be read, or nothing.
    """

    scopes: tuple[str, ...]
    name: str | None
    path: str
    dataset: h5py.Dataset | None = None
    problem: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """The declared shape; () if there is a problem."""
        return () if self.dataset is None else tuple(self.dataset.shape)

    def read(self) -> np.ndarray:
        """The values, float32.

        Raises:
            _UnreadableError: they cannot be read, or some are not finite.
        """
        if self.dataset is None:
            raise _UnreadableError(f"{self.path} {self.problem}")
        try:
            with np.errstate(over="ignore"):
                array = self.dataset[()].astype(np.float32)
        except Exception as error:  # h5py raises whatever its library runs into
            raise _UnreadableError(f"{self.path} cannot be read ({error}). {_REPAIR}") from error
        if not np.isfinite(array).all():
            raise _UnreadableError(
                f"{self.path} holds values that are not numbers or infinite: its training went "
                "astray. Take an earlier checkpoint, or exclude the layer."
            )
        return array


# Name of a group, which is a layer or a nested model -> its weights, in the file's order.
StoredGroups = dict[str, list[StoredWeight]]


@contextlib.contextmanager
def open_weights(path: str | os.PathLike) -> Iterator[StoredGroups]:
    """The weights of a file, to be looked at and read while the block runs.

    Args:
        path: an HDF5 file of Keras 1, 2 or 3, of Matterport's program or of this one, or a whole
            model `.keras`.

    Raises:
        WeightsError: there is no such file, it cannot be read, or, from inside the block,
            something that was asked for cannot be read.
    """
    path = Path(path)
    with contextlib.ExitStack() as opened:
        try:
            groups = _scan(_open(path, opened))
        except WeightsError:
            raise
        except _UnreadableError as error:
            raise WeightsError(f"{path}: cannot be read as a weights file: {error}") from error
        except Exception as error:  # h5py raises whatever its library runs into
            raise WeightsError(
                f"{path}: cannot be read as an HDF5 weights file ({error}). {_REPAIR}"
            ) from error
        try:
            yield groups
        except _UnreadableError as error:
            raise WeightsError(f"{path}: {error}") from error


# --- Opening -----------------------------------------------------------------------------------


def _open(path: Path, opened: contextlib.ExitStack) -> h5py.File:
    if path.is_dir():
        raise WeightsError(f"{path}: is a folder, not a weights file. Give the file in it.")
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file.")
    if h5py.is_hdf5(path):
        return opened.enter_context(h5py.File(path, "r"))
    if zipfile.is_zipfile(path):
        archive = opened.enter_context(zipfile.ZipFile(path))
        if _WEIGHTS_IN_KERAS_ARCHIVE not in archive.namelist():
            raise WeightsError(
                f"{path}: cannot be read as a weights file: it is a ZIP archive but no Keras "
                "model. Unpack it and give the .h5 file in it."
            )
        if (
            archive.getinfo(_WEIGHTS_IN_KERAS_ARCHIVE).file_size
            > _MAX_INFLATION * path.stat().st_size
        ):
            raise WeightsError(f"{path}: holds an absurdly compressed file, which is not unpacked.")
        # In an archive, moving about is slow.
        folder = opened.enter_context(tempfile.TemporaryDirectory())
        member = archive.extract(_WEIGHTS_IN_KERAS_ARCHIVE, folder)
        return opened.enter_context(h5py.File(member, "r"))
    raise WeightsError(f"{path}: cannot be read as a weights file: {_kind_of(path)}")


def _kind_of(path: Path) -> str:
    """What a file that is not HDF5 seems to be, and what to do."""
    with open(path, "rb") as file:
        start = file.read(64)
    if not start:
        return "it is empty. Fetch or copy it again."
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file itself. Run `git lfs pull`."
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "it is a web page, perhaps of a failed download. Fetch it again."
    return f"it is not HDF5, and begins with {start[:16]!r}. {_REPAIR}"


# --- Looking around, without leaving the file ----------------------------------------------------


def _child(group: h5py.Group, name: str):
    """The object of that name in a group, or None. Only what is stored right there counts."""
    link = group.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink):
        raise _UnreadableError(f"{group.name}/{name} is a link to elsewhere, not followed.")
    return group[name]


def _subgroup(group: h5py.Group, name: str) -> h5py.Group | None:
    found = _child(group, name)
    return found if isinstance(found, h5py.Group) else None


def _names(group: h5py.Group, attribute: str) -> list[str] | None:
    """Text items of an attribute that Keras may have cut in pieces, or None if there is none."""
    pieces = [attribute]
    if attribute not in group.attrs:
        pieces = []
        while f"{attribute}{len(pieces)}" in group.attrs:
            pieces.append(f"{attribute}{len(pieces)}")
        if not pieces:
            return None
    names = []
    for piece in pieces:
        stored = group.attrs.get_id(piece)
        if np.prod(stored.shape, dtype=float) * stored.dtype.itemsize > _MAX_NAMES_BYTES:
            raise _UnreadableError(f"the attribute {piece} of {group.name} is absurdly large.")
        value = group.attrs[piece]
        if isinstance(value, h5py.Empty):
            continue
        for item in np.ravel(np.asarray(value, dtype=object)):
            if not isinstance(item, str | bytes):
                raise _UnreadableError(f"the attribute {piece} of {group.name} holds no names.")
            names.append(item.decode(errors="replace") if isinstance(item, bytes) else str(item))
    return names


def _in_order(names) -> list[str]:
    """Names as a person orders them: param_2 before param_10."""

    def key(name: str) -> list[str | int]:
        # Text and digits take turns, text first, so that like is compared with like.
        parts = re.split(r"(\d+)", name)
        return [int(part) if number % 2 else part for number, part in enumerate(parts)]

    return sorted(names, key=key)


def _problem_of(found) -> str:
    """Why an object of a file is not an array of weights to be read; empty if it is."""
    if found is None:
        return "is listed but not in the file. " + _REPAIR
    if not isinstance(found, h5py.Dataset) or found.shape is None:
        return "is not an array of numbers."
    if found.dtype.kind != "f":
        return f"is of type {found.dtype}; floating-point numbers were expected."
    if found.is_virtual or found.external:
        return "is stored in another file, which is not followed."
    if found.chunks and np.prod(found.chunks, dtype=float) * found.dtype.itemsize > max(
        _MAX_CHUNK_BYTES, found.nbytes
    ):
        return "is stored in absurdly large chunks."
    return ""


def _stored(scopes: tuple[str, ...], name: str | None, path: str, found) -> StoredWeight:
    problem = _problem_of(found)
    return StoredWeight(scopes, name, path, None if problem else found, problem)


# --- The two layouts -----------------------------------------------------------------------------


def _scan(file: h5py.File) -> StoredGroups:
    root = _subgroup(file, "model_weights") or file
    if _names(root, "layer_names") is None:
        for name in _KERAS3_GROUPS:
            if name in root and _subgroup(root, name) is not None:
                return _keras3_groups(root[name])
    groups: StoredGroups = {}
    for name in root:
        try:
            group = _subgroup(root, name)
            if group is not None:
                groups[name] = _listed_weights(group)
        except _UnreadableError as error:
            # Only a model that needs this layer has to mind.
            groups[name] = [StoredWeight((), None, name, problem=f"cannot be read: {error}")]
    return {name: weights for name, weights in groups.items() if weights}


def _listed_weights(group: h5py.Group) -> list[StoredWeight]:
    """Weights of a layer's group of Keras 1 or 2."""
    paths = _names(group, "weight_names")
    if paths is None:
        return [
            _stored(*_scopes_and_name(path), dataset.name, dataset)
            for path, dataset in _datasets(group, (), set())
        ]
    weights = []
    for path in paths:
        parts = [part for part in path.split("/") if part]
        found = group
        for part in parts:
            found = _child(found, part) if isinstance(found, h5py.Group) else None
        weights.append(_stored(*_scopes_and_name(parts), f"{group.name}/{path}", found))
    return weights


def _datasets(group: h5py.Group, scopes: tuple[str, ...], seen: set[int]):
    """All arrays below a group, each object once, with the names that lead to them."""
    for name in _in_order(group):
        found = _child(group, name)
        address = h5py.h5o.get_info(found.id).addr
        if address in seen:
            continue
        seen.add(address)
        if len(seen) > _MAX_OBJECTS:
            raise _UnreadableError(f"{group.name} holds absurdly many objects.")
        if isinstance(found, h5py.Group):
            yield from _datasets(found, (*scopes, name), seen)
        else:
            yield (*scopes, name), found


def _scopes_and_name(parts) -> tuple[tuple[str, ...], str | None]:
    """Of the parts of a path such as ("rpn_model", "rpn_conv_shared", "kernel_1:0")."""
    if not parts:
        return (), None
    *scopes, name = parts
    name = name.split(":")[0]
    keras1 = None if scopes else _KERAS1_PATTERN.fullmatch(name)
    if keras1:
        return (keras1["layer"],), _KERAS1_NAMES[keras1["weight"]]
    return tuple(scopes), plain_name(name)


def plain_name(name: str) -> str | None:
    """A weight's name without a number at its end; None if the number is all it says."""
    if _NAMELESS_PATTERN.fullmatch(name):
        return None
    numbered = _NUMBERED_PATTERN.fullmatch(name)
    return numbered["name"] if numbered else name


def _keras3_groups(root: h5py.Group) -> StoredGroups:
    """Weights of a file of Keras 3, by the names of their layers."""
    groups: StoredGroups = {}
    nameless = 0
    seen: set[int] = set()

    def walk(group: h5py.Group, wrapper: str | None) -> None:
        nonlocal nameless
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            return
        seen.add(address)
        if len(seen) > _MAX_OBJECTS:
            raise _UnreadableError(f"{root.name} holds absurdly many objects.")
        name, numbered = wrapper, _subgroup(group, "vars") if "vars" in group else None
        if numbered is not None:
            # The layer in a wrapper may have any name; weights go by that of the wrapper.
            name = wrapper or next(iter(_names(numbered, "name") or ()), None)
            found = [
                _stored((name or "",), None, f"{numbered.name}/{key}", _child(numbered, key))
                for key in _in_order(numbered)
            ]
            if found and name is None:
                nameless += 1
            elif found:
                groups.setdefault(name, found)
        for key in group:
            below = _subgroup(group, key) if key != "vars" else None
            if below is not None:
                walk(below, name if key == "layer" else None)

    walk(root, None)
    if nameless and not groups:
        raise _UnreadableError(
            "Keras 2.12 to 2.15 wrote it, in the layout of names that end in .weights.h5, without "
            "names of layers. Load it there and save it under a name such as mask_rcnn.h5."
        )
    return groups
