"""Masks of objects as crops of their boxes, a bit for each pixel."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from mrcnn.errors import DataError

# How many bits of each byte are set.
_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)


class PackedMasks(Sequence[Any]):
    """N masks, each of its box's size; None where an object has none.

    They are kept as packed bits, an eighth of what arrays of bool take; an array is made anew at
    each access, so that changing it changes nothing here.

    Args:
        masks: [h, w] each, non-zero inside the object, or None.

    Raises:
        DataError: a mask has not two axes, or is not of numbers.
    """

    __slots__ = ("_areas", "_bits", "shapes")

    def __init__(self, masks: Iterable[Any]) -> None:
        self.shapes: list[tuple[int, int] | None] = []
        self._bits: list[np.ndarray | None] = []
        # Counted when they are first asked for.
        self._areas: np.ndarray | None = None
        for number, mask in enumerate(masks):
            if mask is None:
                self.shapes.append(None)
                self._bits.append(None)
                continue
            mask = np.asarray(mask)
            if mask.ndim != 2 or mask.dtype.kind not in "biuf":
                raise DataError(
                    f"Mask {number} has the shape {mask.shape} and the type {mask.dtype}: expected "
                    "is a bool array of its box's height and width."
                )
            self.shapes.append((int(mask.shape[0]), int(mask.shape[1])))
            self._bits.append(np.packbits(mask.astype(bool, copy=False)))

    @classmethod
    def of(cls, masks: Iterable[Any]) -> "PackedMasks":
        """The masks packed; those that are so already as they are."""
        return masks if isinstance(masks, PackedMasks) else cls(masks)

    @property
    def bits(self) -> Sequence[Any]:
        """The packed bits of each mask, uint8; None where there is none."""
        return self._bits

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        shape, bits = self.shapes[index], self.bits[index]
        if shape is None or bits is None:
            return None
        height, width = shape
        return np.unpackbits(bits, count=height * width).view(bool).reshape(height, width)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: Iterable[int]) -> "PackedMasks":
        """Some of the masks, in the order of `indices`."""
        rows, taken = list(indices), PackedMasks(())
        for index in rows:
            taken.shapes.append(self.shapes[index])
            taken._bits.append(self._bits[index])
        if self._areas is not None and rows:
            taken._areas = self._areas[rows]
        return taken

    def joined(self, others: Iterable["PackedMasks"]) -> "PackedMasks":
        """These masks and those of others, one after the other."""
        joined = PackedMasks(())
        for each in (self, *others):
            joined.shapes += each.shapes
            joined._bits += each.bits
        return joined

    @property
    def nbytes(self) -> int:
        """Memory of the bits, in bytes."""
        return sum(bits.nbytes for bits in self.bits if bits is not None)

    def present(self) -> np.ndarray:
        """Which objects have a mask, bool [N]."""
        return np.array([shape is not None for shape in self.shapes], bool)

    def areas(self) -> np.ndarray:
        """Pixels of each mask, int64 [N]; 0 where there is none."""
        if self._areas is None:
            counts = [0 if bits is None else _ONES[bits].sum() for bits in self.bits]
            self._areas = np.array(counts, np.int64)
        return self._areas.copy()
