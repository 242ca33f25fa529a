"""What a file of weights holds, whoever wrote it; nothing is read before it is asked for.

Two layouts are understood. Keras 1 and 2, and so Matterport's program, write a group a layer, in
the root or in the group `model_weights`, whose attribute `weight_names` lists its weights; a nested
model is one group with the weights of all its layers. Keras 3 writes `.weights.h5`, also inside of
`.keras`: groups named after classes, with the layer's name as an attribute and numbered weights.

Files come from anywhere. They are read by `mrcnn.weights.hdf5`, not by the HDF5 library, which a
damaged file can make hang or crash. Links and storage that lead out of the file are not followed,
and what a file declares is compared with what the model needs before memory is taken for it.
"""

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.weights.hdf5 import Dataset, Group, UnreadableError
from mrcnn.weights.sources import REPAIR, open_root, shortened, telling

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

# No network comes near these; a file that was made to do harm may.
_MAX_OBJECTS = 50_000
_MAX_DEPTH = 60
_WORK_PER_NAME = 32

_KERAS3_GROUPS = ("layers", "_layer_checkpoint_dependencies")


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
    dataset: Dataset | None = None
    problem: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """The declared shape; () if there is a problem."""
        return () if self.dataset is None else tuple(self.dataset.shape)

    def read(self) -> np.ndarray:
        """The values, float32.

        Raises:
            UnreadableError: they cannot be read, or some are not finite.
        """
        if self.dataset is None:
            raise UnreadableError(f"{self.path} {self.problem}")
        try:
            with np.errstate(over="ignore"):
                array = self.dataset.read().astype(np.float32, copy=False)
        except (UnreadableError, OSError) as error:
            reason = str(error).rstrip(".")
            raise UnreadableError(f"{self.path} cannot be read ({reason}). {REPAIR}") from error
        if not np.isfinite(array).all():
            raise UnreadableError(
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
        with telling(path):
            groups = _scan(open_root(path, opened))
        try:
            yield groups
        except UnreadableError as error:
            raise WeightsError(f"{path}: {shortened(error)}") from error


# --- Looking around ------------------------------------------------------------------------------


def _subgroup(group: Group, name: str) -> Group | None:
    found = group.child(name)
    return found if isinstance(found, Group) else None


def _names(group: Group, attribute: str) -> list[str] | None:
    """Text items of an attribute that Keras may have cut in pieces, or None if there is none."""
    names = group.texts(attribute)
    if names is not None:
        return names
    pieces: list[str] = []
    for number in range(_MAX_OBJECTS):
        piece = group.texts(f"{attribute}{number}")
        if piece is None:
            return pieces if number else None
        pieces += piece
    return pieces


def _in_order(names: Iterable[str]) -> list[str]:
    """Names as a person orders them: param_2 before param_10."""

    def key(name: str) -> list[str | int]:
        # Text and digits take turns, text first, so that like is compared with like.
        parts = re.split(r"(\d+)", name)
        return [int(part) if number % 2 else part for number, part in enumerate(parts)]

    return sorted(names, key=key)


def _stored(
    scopes: tuple[str, ...], name: str | None, path: str, found: Group | Dataset | None
) -> StoredWeight:
    """What is where an array of weights is expected."""
    dataset = found if isinstance(found, Dataset) else None
    if found is None:
        problem = "is listed but not in the file. " + REPAIR
    elif dataset is None:
        problem = "is not an array of numbers."
    else:
        problem = dataset.problem
    return StoredWeight(scopes, name, path, None if problem else dataset, problem)


# --- The two layouts -----------------------------------------------------------------------------


def _scan(file: Group) -> StoredGroups:
    root = _subgroup(file, "model_weights") or file
    if _names(root, "layer_names") is None:
        for name in _KERAS3_GROUPS:
            group = _subgroup(root, name) if name in root else None
            if group is not None:
                return _keras3_groups(group)
    groups: StoredGroups = {}
    # Each object is taken once, whatever names lead to it.
    seen = {root.address}
    layers = {}
    for name in root:
        try:
            group = _subgroup(root, name)
            if group is not None and group.address not in seen:
                seen.add(group.address)
                layers[name] = group
        except UnreadableError as error:
            # Only a model that needs this layer has to mind.
            groups[name] = [StoredWeight((), None, name, problem=f"cannot be read: {error}")]
    for name, group in layers.items():
        try:
            groups[name] = _listed_weights(group, seen)
        except UnreadableError as error:
            groups[name] = [StoredWeight((), None, name, problem=f"cannot be read: {error}")]
    return {name: weights for name, weights in sorted(groups.items()) if weights}


def _listed_weights(group: Group, seen: set[int]) -> list[StoredWeight]:
    """Weights of a layer's group of Keras 1 or 2."""
    paths = _names(group, "weight_names")
    if paths is None:
        return [
            _stored(*_scopes_and_name(path), dataset.name, dataset)
            for path, dataset in _datasets(group, (), seen)
        ]
    if len(paths) > _MAX_OBJECTS:
        raise UnreadableError(f"{group.name} lists absurdly many weights.")
    weights = []
    for path in paths:
        parts = [part for part in path.split("/") if part]
        group.source.charge(_WORK_PER_NAME * len(parts))
        found = group
        for part in parts:
            found = found.child(part) if isinstance(found, Group) else None
        weights.append(_stored(*_scopes_and_name(parts), f"{group.name}/{path}", found))
    return weights


def _datasets(
    group: Group, scopes: tuple[str, ...], seen: set[int]
) -> Iterator[tuple[tuple[str, ...], Dataset]]:
    """All arrays below a group that were not seen yet, with the names that lead to them."""
    _check_walk(group, seen, len(scopes))
    for name in _in_order(group):
        found, address = group.child(name), group.address_of(name)
        if address is None or address in seen:
            continue
        seen.add(address)
        if isinstance(found, Group):
            yield from _datasets(found, (*scopes, name), seen)
        elif found is not None:
            yield (*scopes, name), found


def _check_walk(group: Group, seen: set[int], depth: int) -> None:
    if len(seen) > _MAX_OBJECTS:
        raise UnreadableError(f"{group.name} holds absurdly many objects.")
    if depth > _MAX_DEPTH:
        raise UnreadableError(f"{group.name} is nested too deeply.")


def _scopes_and_name(parts: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
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


def _keras3_groups(root: Group) -> StoredGroups:
    """Weights of a file of Keras 3, by the names of their layers."""
    groups: StoredGroups = {}
    nameless = 0
    seen: set[int] = set()

    def walk(group: Group, wrapper: str | None, depth: int) -> None:
        nonlocal nameless
        if group.address in seen:
            return
        seen.add(group.address)
        _check_walk(group, seen, depth)
        name, numbered = wrapper, _subgroup(group, "vars") if "vars" in group else None
        if numbered is not None and numbered.address not in seen:
            seen.add(numbered.address)
            # The layer in a wrapper may have any name; weights go by that of the wrapper.
            name = wrapper or next(iter(_names(numbered, "name") or ()), None)
            found = [
                _stored((name or "",), None, f"{numbered.name}/{key}", numbered.child(key))
                for key in _in_order(numbered)
            ]
            if found and name is None:
                nameless += 1
            elif found and name is not None:
                groups.setdefault(name, found)
        for key in group:
            below = _subgroup(group, key) if key != "vars" else None
            if below is not None:
                walk(below, name if key == "layer" else None, depth + 1)

    walk(root, None, 0)
    if nameless and not groups:
        raise UnreadableError(
            "Keras 2.12 to 2.15 wrote it, in the layout of names that end in .weights.h5, without "
            "names of layers. Load it there and save it under a name such as mask_rcnn.h5."
        )
    return groups
