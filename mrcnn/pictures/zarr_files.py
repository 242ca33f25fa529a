"""Pictures that are saved as Zarr: plain arrays, and OME-Zarr with levels and sizes."""

import contextlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.errors import DataError
from mrcnn.pictures.channels import (
    channels_note,
    check_channels,
    chosen_page,
    page_note,
    usual_channels,
)
from mrcnn.pictures.explaining import Unreadable, explained
from mrcnn.pictures.layered import LayeredPicture
from mrcnn.pictures.pixel_size import PixelSize, of_lengths

# Axes where nothing names them, by their number: those of the first versions of OME-Zarr.
_AXES = {2: "yx", 3: "zyx", 5: "tczyx"}
_COLORS_FIRST, _COLORS_LAST = "cyx", "yxc"
_MOST_CHANNELS = 4


class ZarrPicture(LayeredPicture):
    """An array, or the first picture of a group; see `open_picture`.

    Raises:
        DataError: the library zarr is not installed, or there is no picture that can be read.
    """

    def __init__(self, path: Path, page: int | None, channels: Sequence[int] | None):
        super().__init__(path)
        zarr = _library(path)
        with explained(path):
            found = zarr.open(str(path), mode="r")
            arrays, axes, told = _levels(found)
            first = arrays[0]
            sizes = dict(zip(axes, first.shape, strict=True))
            leading = [axis for axis in axes if axis not in "cyx"]
            count = math.prod(sizes[axis] for axis in leading)
            number = chosen_page(page, count)
            self.page_notes = page_note(number, count)
            at = np.unravel_index(number - 1, [sizes[axis] for axis in leading]) if leading else ()
            indices = dict(zip(leading, map(int, at), strict=True))
            taken = check_channels(channels, sizes.get("c", 1))
            notes = []
            if taken is None and sizes.get("c", 1) > 1:
                taken = usual_channels(sizes["c"])
                notes.append(channels_note(taken, sizes["c"]))
            self.planes = [_Planes(array, axes, indices, taken or (0,), notes) for array in arrays]
            self.size = _pixel_size(told, axes, self.page_notes)

    def _close_file(self) -> None:
        """Each region opens and closes the files that it needs."""


class _Planes:
    """One level: an array of which two axes are the picture's."""

    def __init__(
        self,
        array: Any,
        axes: str,
        indices: Mapping[str, int],
        channels: tuple[int, ...],
        notes: list[str],
    ):
        if array.ndim != len(axes):
            raise Unreadable(f"a level has {array.ndim} axes, its picture {len(axes)}")
        if array.dtype.kind not in "uifb":
            raise Unreadable(f"its values are of type {array.dtype}, which are no numbers")
        self.shape = tuple(array.shape[axes.index(axis)] for axis in "yx")
        if 0 in array.shape:
            raise Unreadable("it has no pixels")
        self.notes = notes
        self._array, self._axes = array, axes
        self._indices, self._channels = indices, channels

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """Gray [height, width] or colors [height, width, 3] of any type."""
        rectangle = {"y": slice(y, y + height), "x": slice(x, x + width)}
        low, high = min(self._channels), max(self._channels) + 1
        where = {**self._indices, **rectangle, "c": slice(low, high)}
        values = np.asarray(self._array[tuple(where[axis] for axis in self._axes)])
        left = [axis for axis in self._axes if axis in "cyx"]
        if "c" not in left:
            chosen = np.repeat(values[None], len(self._channels), axis=0)
        else:
            values = np.moveaxis(values, left.index("c"), 0)
            chosen = values[[channel - low for channel in self._channels]]
            left.remove("c")
        if left == ["x", "y"]:
            chosen = chosen.swapaxes(1, 2)
        values = chosen[0] if len(chosen) == 1 else np.moveaxis(chosen, 0, -1)
        return values * np.uint8(255) if values.dtype == bool else values


def _library(path: Path) -> Any:
    try:
        import zarr
    except ImportError:
        raise DataError(
            f"Cannot read the image {path}: Zarr needs the library zarr. Install the extra "
            "`slides`: pip install 'mrcnn-keras3[slides]'."
        ) from None
    return zarr


def _levels(found: Any) -> tuple[list[Any], str, dict]:
    """The arrays of a picture's levels, their axes, and what OME-Zarr says of it.

    Args:
        found: an array or a group of zarr.

    Raises:
        Unreadable: there is no picture.
    """
    if hasattr(found, "shape"):
        return [found], _axes_of(found), {}
    attributes = dict(found.attrs)
    told = attributes.get("ome", attributes)
    if "plate" in told:
        raise Unreadable("it holds a plate of many pictures: name one, such as its folder A/1/0")
    if "bioformats2raw.layout" in told and "0" in found:
        # Further ones are the label and the overview of a slide.
        return _levels(found["0"])
    scales = told.get("multiscales")
    if not scales:
        arrays = sorted(name for name, _ in found.arrays())
        if len(arrays) == 1:
            return _levels(found[arrays[0]])
        names = f": name one of its arrays, {', '.join(arrays)}" if arrays else ""
        raise Unreadable(f"it holds no picture{names}")
    arrays = [found[data["path"]] for data in scales[0]["datasets"]]
    axes = [axis if isinstance(axis, str) else axis["name"] for axis in scales[0].get("axes", [])]
    return arrays, "".join(axes) if axes else _axes_of(arrays[0]), scales[0]


def _axes_of(array: Any) -> str:
    """Axes of an array by its own word, else by its shape."""
    names = getattr(getattr(array, "metadata", None), "dimension_names", None) or ()
    said = "".join(str(name).lower() for name in names)
    if len(said) == array.ndim and {"y", "x"} <= set(said):
        return said
    shape = array.shape
    if len(shape) == 3 and shape[2] <= _MOST_CHANNELS < shape[0]:
        return _COLORS_LAST
    if len(shape) == 3 and shape[0] <= _MOST_CHANNELS:
        return _COLORS_FIRST
    if len(shape) not in _AXES:
        raise Unreadable(f"nothing tells what its {len(shape)} axes are")
    return _AXES[len(shape)]


def _pixel_size(told: dict, axes: str, notes: list[str]) -> PixelSize | None:
    """Of level 0, by OME-Zarr."""
    with contextlib.suppress(Exception):
        factors = np.ones(len(axes))
        transformations = told["datasets"][0].get("coordinateTransformations", [])
        for change in [*transformations, *told.get("coordinateTransformations", [])]:
            if change["type"] == "scale":
                factors *= np.array(change["scale"], float)
        y, x = axes.index("y"), axes.index("x")
        units = [str(axis.get("unit", "")) for axis in told["axes"]]
        return of_lengths(factors[y], factors[x], units[y], units[x], "OME-Zarr", notes)
    return None
