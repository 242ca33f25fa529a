"""The rows of `Instances`: arrays that fit together, checked once, and new rows made of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from mrcnn.errors import DataError
from mrcnn.instances.overlap import check_size
from mrcnn.instances.packed_masks import PackedMasks

# Sums of probabilities come out as much above 1 as float32 rounds.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows of each attribute, for objects of one image of H x W pixels.

    They do not change: methods give new rows, and the arrays cannot be written to.

    Attributes:
        image_shape: (H, W) in pixels; further entries are cut off.
        boxes: int32 [N, 4], pixel (y1, x1, y2, x2), y2 and x2 excluded, inside the image.
        crops: the masks inside their boxes, each bool of its box's size, or None for a row that is
            a box alone; kept as packed bits, see `PackedMasks`.
        class_ids: int32 [N]. Classes count from 1; a negative number is a crowd of that class.
        scores: float64 [N] in 0..1; None for what was annotated.
        ignore: bool [N], rows that are neither to be found nor a false alarm; none by default.
        columns: what was measured or told of each object, arrays of N rows by name. They follow
            `take` and `merged`.

    Raises:
        DataError: the arrays do not fit together, a box leaves the image or its mask has another
            size, a number is not whole, or a score is NaN or outside 0..1.
    """

    image_shape: tuple[int, int]
    boxes: np.ndarray
    crops: PackedMasks
    class_ids: np.ndarray
    scores: np.ndarray | None
    ignore: np.ndarray
    columns: dict[str, np.ndarray]

    def __init__(
        self,
        image_shape: Sequence[int],
        boxes: ArrayLike,
        crops: Iterable[Any],
        class_ids: ArrayLike,
        scores: ArrayLike | None = None,
        *,
        ignore: ArrayLike | None = None,
        columns: Mapping[str, ArrayLike] | None = None,
        is_checked: bool = False,
    ) -> None:
        packed = PackedMasks.of(crops)
        ignored = np.zeros(len(packed), bool) if ignore is None else np.array(ignore, bool)
        values = {
            "image_shape": shape_of(image_shape),
            "boxes": _fixed(_whole_numbers(boxes, "boxes").reshape(-1, 4)),
            "crops": packed,
            "class_ids": _fixed(_whole_numbers(class_ids, "class ids").reshape(-1)),
            "scores": None if scores is None else _fixed(np.array(scores, np.float64).reshape(-1)),
            "ignore": _fixed(ignored.reshape(-1)),
            "columns": {name: _fixed(np.array(each)) for name, each in (columns or {}).items()},
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if not is_checked:
            self._check()

    @classmethod
    def trusted(cls, *arrays: Any, **more: Any) -> Self:
        """The same without its checks, for code that has just made the arrays itself."""
        return cls(*arrays, **more, is_checked=True)

    def _check(self) -> None:
        count, (height, width) = len(self), self.image_shape
        if len(self.boxes) != count:
            raise DataError(f"instances: {len(self.boxes)} boxes but {count} masks.")
        for name, rows in (("class ids", self.class_ids), ("scores", self.scores)):
            if rows is not None and len(rows) != count:
                raise DataError(f"{count} masks but {len(rows)} {name}.")
        for name, rows in {"ignore": self.ignore, **self.columns}.items():
            if rows.ndim == 0 or len(rows) != count:
                raise DataError(
                    f"{name} has the shape {rows.shape}: expected is a row for each of the "
                    f"{count} instances."
                )
        for index, shape in enumerate(self.crops.shapes):
            if shape is not None:
                check_size(self.boxes[index], shape, index, "instances")
        low, high = self.boxes[:, :2], self.boxes[:, 2:]
        outside = (low < 0) | (high > np.array((height, width))) | (high < low)
        if outside.any():
            index = int(np.flatnonzero(outside.any(axis=1))[0])
            raise DataError(
                f"Box {index}, {tuple(map(int, self.boxes[index]))}, leaves the image of "
                f"{height} x {width} pixels: boxes are (y1, x1, y2, x2) in pixels of the image "
                "that was annotated."
            )
        if self.scores is not None:
            wrong = ~((self.scores >= 0) & (self.scores <= 1 + _ROUNDING))
            if wrong.any():
                index = int(np.flatnonzero(wrong)[0])
                raise DataError(f"Score {index} is {self.scores[index]}: expected is 0 to 1.")

    def __len__(self) -> int:
        return len(self.crops)

    def take(self, indices: ArrayLike) -> Self:
        """Some of the rows, in the order of `indices`, which may be a bool for each row."""
        indices = np.asarray(indices)
        rows = np.flatnonzero(indices) if indices.dtype == bool else indices.astype(np.int64)
        return self.trusted(
            self.image_shape,
            self.boxes[rows],
            self.crops.take(rows),
            self.class_ids[rows],
            None if self.scores is None else self.scores[rows],
            ignore=self.ignore[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
        )

    def replaced(self, **changes: Any) -> Self:
        """The same with other attributes in place of some, checked anew.

        Raises:
            DataError: see the class.
        """
        names = ("image_shape", "boxes", "crops", "class_ids", "scores", "ignore", "columns")
        return type(self)(**{name: getattr(self, name) for name in names} | changes)

    def with_columns(self, **columns: ArrayLike) -> Self:
        """The same with further columns, or others of these names.

        Raises:
            DataError: a column has not N rows.
        """
        return self.replaced(columns=self.columns | columns)

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        """The instances of several, one after the other.

        Raises:
            DataError: there is none; they are of images of different sizes, have different
                columns, or only some have scores.
        """
        parts = list(parts)
        if not parts:
            raise DataError("merged() needs at least one Instances.")
        first = parts[0]
        for number, part in enumerate(parts):
            for what, here, there in (
                ("an image of", part.image_shape, first.image_shape),
                ("the columns", sorted(part.columns), sorted(first.columns)),
                ("scores:", part.scores is not None, first.scores is not None),
            ):
                if here != there:
                    raise DataError(
                        f"Instances {number} have {what} {here}, the first {there}: only what is "
                        "alike can be merged."
                    )
        scores = [part.scores for part in parts if part.scores is not None]
        return cls.trusted(
            first.image_shape,
            np.concatenate([part.boxes for part in parts]),
            first.crops.joined(part.crops for part in parts[1:]),
            np.concatenate([part.class_ids for part in parts]),
            np.concatenate(scores) if scores else None,
            ignore=np.concatenate([part.ignore for part in parts]),
            columns={
                name: np.concatenate([part.columns[name] for part in parts])
                for name in first.columns
            },
        )

    def has_mask(self) -> np.ndarray:
        """Which rows have a mask, bool [N]."""
        return self.crops.present()

    def areas(self) -> np.ndarray:
        """Pixels of each mask, int64 [N]; of the box where there is no mask."""
        sides = self.boxes[:, 2:].astype(np.int64) - self.boxes[:, :2]
        return np.where(self.has_mask(), self.crops.areas(), sides.prod(axis=1))


def shape_of(image_shape: Sequence[int]) -> tuple[int, int]:
    """(height, width) of an image's shape, as int.

    Raises:
        DataError: there are not both, or one is below 1.
    """
    if len(image_shape) < 2 or min(image_shape[:2]) < 1:
        raise DataError(
            f"The image shape is {tuple(image_shape)}; (height, width) is expected, both at least "
            "1."
        )
    return int(image_shape[0]), int(image_shape[1])


def _fixed(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _whole_numbers(values: ArrayLike, what: str) -> np.ndarray:
    array = np.asarray(values)
    is_whole = array.dtype.kind in "iu" or not array.size
    if array.dtype.kind == "f":
        is_whole = bool((np.isfinite(array) & (np.rint(array) == array)).all())
    if not is_whole:
        raise DataError(f"{what} must be whole numbers, not of {array.dtype} such as {array[:1]}.")
    if what == "boxes" and array.size and (array.ndim != 2 or array.shape[1] != 4):
        raise DataError(f"instances: boxes must have the shape [N, 4], not {array.shape}.")
    return array.astype(np.int32)
