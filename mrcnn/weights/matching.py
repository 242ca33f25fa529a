"""Which weights of a file belong to which layers of a network, by their names and shapes."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.weights.layouts import StoredGroups, StoredWeight, open_weights, plain_name

# How many names a message lists.
_SHOWN = 8
_NUMBERED_SCOPE = re.compile(r"(.+)_\d+")


class Wanted(Protocol):
    """A weight of a network: its name, such as "kernel", and its shape."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> Sequence[int]: ...


W = TypeVar("W", bound=Wanted)


class WantedWeight(NamedTuple):
    """A weight of a network that is not there as such; see `Wanted`."""

    name: str
    shape: tuple[int, ...]


class WantedLayer(NamedTuple):
    """A layer of such a network.

    Attributes:
        models: names of the nested models that it is in, from the outside in.
        name: of the layer.
        weights: in the order of the layer.
    """

    models: tuple[str, ...]
    name: str
    weights: tuple[WantedWeight, ...]


@dataclass(repr=False)
class LoadReport:
    """What a weights file gave to a model. `str()` of it is a summary to read.

    Attributes:
        path: the file.
        loaded: names of the layers that took their weights from it.
        misfits: a line for each layer whose shapes differ.
        missing: names of the model's layers that the file does not have.
        unused: names of the file's layers that the model does not have.
        excluded: names of the layers that were left out on demand.
        unknown: names to leave out that neither the model nor the file has.
        adapted: names of the layers that were fitted to other channels of the image; they are among
            those that were loaded.
    """

    path: Path
    loaded: list[str] = field(default_factory=list)
    misfits: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    adapted: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        """One line with counts: a cell of a notebook that ends with `load_weights` shows it."""
        counts = [(name, len(value)) for name, value in vars(self).items() if name != "path"]
        text = ", ".join(f"{count} {name}" for name, count in counts if count or name == "loaded")
        return f"<LoadReport of {self.path}: {text}>"

    def __str__(self) -> str:
        lines = [f"Weights from {self.path}: {len(self.loaded)} layers loaded."]
        for title, names in (
            ("fitted to the channels of the images", self.adapted),
            ("skipped, other shape", self.misfits),
            ("not in the file, left as they were", self.missing),
            ("in the file but not in the model", self.unused),
            ("left out as asked", self.excluded),
            ("to leave out, which neither model nor file has (misspelled?)", self.unknown),
        ):
            if names:
                lines.append(f"  {len(names)} {title}: {_shortened(names)}")
        return "\n".join(lines)


def _shortened(names: list[str], limit: int = _SHOWN) -> str:
    shown = ", ".join(names[:limit])
    return f"{shown}, and {len(names) - limit} more" if len(names) > limit else shown


def read_weights(
    layers: Iterable[WantedLayer], path: str | os.PathLike
) -> dict[tuple[str, ...], list[np.ndarray]]:
    """All weights of a network from a file, without Keras.

    Args:
        layers: that have weights.
        path: see `mrcnn.weights.loading.load_weights`.

    Returns:
        float32 arrays of each layer, by the names of the models that it is in and its own.

    Raises:
        WeightsError: the file cannot be read, or lacks something that fits.
    """
    report = LoadReport(Path(path))
    arrays: dict[tuple[str, ...], list[np.ndarray]] = {}
    with open_weights(path) as groups:
        index = LayerIndex(groups)
        found: dict[tuple[str, ...], Sequence[tuple[WantedWeight, StoredWeight]]] = {}
        for layer in layers:
            stored = index.find(layer.name, layer.models)
            if not stored:
                report.missing.append(layer.name)
            elif (pairs := paired(layer.weights, stored)) is None:
                report.misfits.append(misfit(layer.name, layer.weights, stored))
            else:
                found[(*layer.models, layer.name)] = pairs
                report.loaded.append(layer.name)
        require(report, strict=True)
        for name, pairs in found.items():
            arrays[name] = [weight.read() for _, weight in pairs]
    return arrays


def require(report: LoadReport, strict: bool) -> None:
    """WeightsError for a file of which nothing fits, or, with `strict`, not everything does."""
    if not report.loaded:
        raise WeightsError(
            f"{report.path}: none of its layers fits this model, so nothing was loaded. "
            f"It belongs to another network: check BACKBONE and NORMALIZATION.\n{report}"
        )
    if strict and (report.misfits or report.missing):
        raise WeightsError(
            f"{report.path}: belongs to a model of another shape, so nothing was loaded. Check "
            "BACKBONE, NORMALIZATION, NUM_CLASSES and the channel settings, or load what fits with "
            f"by_name=True.\n{report}"
        )


class LayerIndex:
    """The weights of a file by group and by the layers in it, so that each is looked up once."""

    def __init__(self, groups: StoredGroups) -> None:
        self._groups = groups
        self._scopes = {group: _by_scope(weights) for group, weights in groups.items()}
        self._nested: dict[str, list[StoredWeight]] = {}
        for group, weights in groups.items():
            if _of_several_layers(weights):
                for scope, found in self._scopes[group].items():
                    self._nested.setdefault(scope, found)

    def find(self, layer: str, models: tuple[str, ...]) -> list[StoredWeight]:
        """The weights of a layer, which is inside of nested models of these names."""
        for model in reversed(models):
            if found := self._scopes.get(model, {}).get(layer):
                return found
        if layer in self._groups:
            return self._groups[layer]
        # The file may be of a model that had this whole model inside, as for several GPUs.
        return self._nested.get(layer, [])


def _of_several_layers(weights: list[StoredWeight]) -> bool:
    return len({weight.scopes[-1:] for weight in weights}) > 1


def _by_scope(weights: Iterable[StoredWeight]) -> dict[str, list[StoredWeight]]:
    exact: dict[str, list[StoredWeight]] = {}
    numbered: dict[str, list[StoredWeight]] = {}
    for weight in weights:
        for scope in dict.fromkeys(weight.scopes):
            exact.setdefault(scope, []).append(weight)
        # TensorFlow 1 numbered the scopes of a second model in the process: `rpn_class_raw_1`.
        names = (_NUMBERED_SCOPE.fullmatch(scope) for scope in weight.scopes)
        for name in dict.fromkeys(found[1] for found in names if found):
            numbered.setdefault(name, []).append(weight)
    return numbered | exact


def paired(
    variables: Sequence[W], stored: list[StoredWeight]
) -> list[tuple[W, StoredWeight]] | None:
    """Each variable with what the file has for it, or None if they do not fit.

    Raises:
        WeightsError: by way of `open_weights`, if one of the stored weights cannot be read.
    """
    for weight in stored:
        if weight.problem:
            weight.read()
    if len(stored) != len(variables):
        return None
    names = [plain_name(variable.name) for variable in variables]
    by_name = {weight.name: weight for weight in stored}
    if len(by_name) == len(stored) and set(by_name) == set(names):
        stored = [by_name[name] for name in names]
    for variable, name, weight in zip(variables, names, stored, strict=True):
        if tuple(variable.shape) != weight.shape or not _same_role(name, weight.name):
            return None
    return list(zip(variables, stored, strict=True))


def _same_role(name: str | None, stored: str | None) -> bool:
    """Whether names agree; Keras 3 says kernel where Keras 2 said depthwise_kernel."""
    return name is None or stored is None or stored == name or stored.endswith(f"_{name}")


def misfit(layer: str, wanted: Sequence[Wanted], stored: list[StoredWeight]) -> str:
    """A line that says how a layer differs from what a file has of its name."""
    in_file = _shapes(
        (weight.name or str(n), weight.shape) for n, weight in enumerate(stored[:_SHOWN])
    )
    if len(stored) > _SHOWN:
        in_file += f" and {len(stored) - _SHOWN} more"
    in_model = _shapes((variable.name, tuple(variable.shape)) for variable in wanted)
    return f"{layer} (file {in_file}, model {in_model})"


def _shapes(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> str:
    return " ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes)


def unused_layers(groups: StoredGroups, used: set[int]) -> list[str]:
    """Names of layers in the file that no layer of the model asked for.

    Args:
        groups: all weights of the file.
        used: identities of those that were asked for.
    """
    names = set()
    for group, weights in groups.items():
        nested = _of_several_layers(weights)
        names |= {
            weight.scopes[-1] if nested and weight.scopes else group
            for weight in weights
            if id(weight) not in used
        }
    return sorted(names)
