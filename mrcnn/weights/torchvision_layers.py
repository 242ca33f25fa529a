"""The arrays of torchvision's networks, and its convolutions and batch norm as layers of here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import WeightsError

# Weights of layers by the names of the layers, and in them by their own.
Layers = dict[str, dict[str, np.ndarray]]

USUAL_EPSILON = 1e-5  # Of batch norm there.
_EPSILON = 1e-3  # Of batch norm here, see `mrcnn.nets.normalization`.
# How the first versions of torchvision called some layers.
_FIRST_NAMES = {
    "rpn.head.conv.": "rpn.head.conv.0.0.",
    **{
        f"backbone.fpn.{kind}_blocks.{level}.": f"backbone.fpn.{kind}_blocks.{level}.0."
        for kind in ("inner", "layer")
        for level in range(4)
    },
    **{f"roi_heads.mask_head.mask_fcn{n + 1}.": f"roi_heads.mask_head.{n}.0." for n in range(4)},
}


@dataclass
class Source:
    """The tensors of a file, by the names of today, and which of them were taken.

    Attributes:
        given: the tensors by their names in the file.
        path: of the file, for errors.
        tensors: those that are given, by the names of today.
        taken: names of those that were asked for.
    """

    given: Mapping[str, np.ndarray]
    path: Path
    tensors: dict[str, np.ndarray] = field(init=False)
    taken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tensors = {}
        for name, array in self.given.items():
            start = next((first for first in _FIRST_NAMES if _is_first(name, first)), None)
            new = name if start is None else _FIRST_NAMES[start] + name.removeprefix(start)
            self.tensors[new] = array

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def __call__(self, name: str, axes: int) -> np.ndarray:
        """A tensor of so many axes, float64."""
        array = self.tensors.get(name)
        if array is None:
            raise WeightsError(
                f"{self.path}: no {name} in it: it is of another network than torchvision's "
                "maskrcnn_resnet50_fpn and maskrcnn_resnet50_fpn_v2."
            )
        if array.ndim != axes:
            raise WeightsError(
                f"{self.path}: {name} has the shape {array.shape}, expected {axes} axes."
            )
        self.taken.add(name)
        return array.astype(np.float64)

    def left(self) -> list[str]:
        """Names of what was not taken, but for counters of batches, which say nothing here."""
        return [
            name
            for name in self.tensors
            if name not in self.taken and not name.endswith(".num_batches_tracked")
        ]


def _is_first(name: str, start: str) -> bool:
    return name in (f"{start}weight", f"{start}bias")


def as_float32(**weights: np.ndarray) -> dict[str, np.ndarray]:
    """Weights of a layer by their names, as they are stored."""
    return {name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()}


def conv_layer(
    source: Source, name: str, biased: bool = True, scale: Any = 1.0
) -> dict[str, np.ndarray]:
    """Kernel and bias, zeros where it is not biased; the kernel of each channel is scaled."""
    kernel = source(f"{name}.weight", 4).transpose(2, 3, 1, 0)
    bias = source(f"{name}.bias", 1) if biased else np.zeros(kernel.shape[-1])
    return as_float32(kernel=kernel * np.reshape(scale, (-1, 1)), bias=bias)


def norm_layer(source: Source, name: str, epsilon: float) -> dict[str, np.ndarray]:
    """Batch norm whose epsilon is that of here."""
    gamma, beta, mean, variance = (
        source(f"{name}.{part}", 1) for part in ("weight", "bias", "running_mean", "running_var")
    )
    whole = variance + epsilon
    # No variance below 0: where it would be, the scale makes up for it.
    small = whole < _EPSILON
    with np.errstate(divide="ignore"):
        gamma = np.where(small, gamma * np.sqrt(_EPSILON / whole), gamma)
    if not np.isfinite(gamma).all():
        raise WeightsError(
            f"{source.path}: {name}.running_var has zeros, which takes an epsilon: give "
            f"--norm-epsilon {USUAL_EPSILON:g}."
        )
    variance = np.where(small, 0.0, whole - _EPSILON)
    return as_float32(gamma=gamma, beta=beta, moving_mean=mean, moving_variance=variance)


def no_norm(channels: int) -> dict[str, np.ndarray]:
    """Batch norm that changes nothing."""
    ones, zeros = np.ones(channels), np.zeros(channels)
    return as_float32(gamma=ones, beta=zeros, moving_mean=zeros, moving_variance=ones - _EPSILON)


def normed(source: Source, convolution: str, norm: str, ours: str, our_norm: str) -> Layers:
    """A convolution, and the batch norm behind it or one that changes nothing."""
    known = f"{norm}.running_var" in source
    layer = conv_layer(source, convolution, biased=not known)
    channels = layer["bias"].size
    return {
        ours: layer,
        our_norm: norm_layer(source, norm, USUAL_EPSILON) if known else no_norm(channels),
    }


def folded(source: Source, layer: Mapping[str, np.ndarray], norm: str) -> dict[str, np.ndarray]:
    """A convolution that computes the same as it and the batch norm behind it."""
    gamma, beta, mean, variance = (
        source(f"{norm}.{part}", 1) for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + USUAL_EPSILON)
    return as_float32(kernel=layer["kernel"] * scale, bias=(layer["bias"] - mean) * scale + beta)
