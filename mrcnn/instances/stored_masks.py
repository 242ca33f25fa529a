"""Masks in a temporary file, for more objects than are kept in memory."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterable, Sequence
from typing import IO, Any, Self

import numpy as np

from mrcnn.instances.packed_masks import PackedMasks


class MaskFile:
    """A file of packed masks that grows; it is gone once it is closed, or the program ends.

    Args:
        folder: where it is made.

    Raises:
        OSError: it cannot be made there; also when it is written or read.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        with contextlib.ExitStack() as opened:
            self._file: IO[bytes] = opened.enter_context(tempfile.TemporaryFile(dir=str(folder)))
            self._closing = opened.pop_all()
        self._lock = threading.Lock()
        self._shapes: list[tuple[int, int] | None] = []
        self._begins = [0]

    def add(self, masks: PackedMasks) -> None:
        """Append masks, of which none is None."""
        with self._lock:
            self._file.seek(0, os.SEEK_END)
            for shape, bits in zip(masks.shapes, masks.bits, strict=True):
                self._file.write(bits)
                self._shapes.append(shape)
                self._begins.append(self._begins[-1] + len(bits))

    def masks(self) -> "StoredMasks":
        """All masks that were added so far."""
        return StoredMasks(self, list(self._shapes), list(range(len(self._shapes))))

    def read(self, number: int) -> np.ndarray:
        """The bits of a mask, uint8."""
        begin, end = self._begins[number : number + 2]
        with self._lock:
            self._file.seek(begin)
            return np.frombuffer(self._file.read(end - begin), np.uint8)

    def close(self) -> None:
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class StoredMasks(PackedMasks):
    """Masks that are read from a `MaskFile` at each access."""

    __slots__ = ("_file", "_numbers")

    def __init__(
        self, file: MaskFile, shapes: list[tuple[int, int] | None], numbers: list[int]
    ) -> None:
        self.shapes = shapes
        self._file, self._numbers = file, numbers
        self._areas = None

    @property
    def bits(self) -> "_BitsInFile":
        return _BitsInFile(self._file, self._numbers)

    def take(self, indices: Iterable[int]) -> "StoredMasks":
        rows = list(indices)
        return StoredMasks(
            self._file, [self.shapes[row] for row in rows], [self._numbers[row] for row in rows]
        )


class _BitsInFile(Sequence[Any]):
    """The bits of some masks of a file."""

    def __init__(self, file: MaskFile, numbers: list[int]) -> None:
        self._file, self._numbers = file, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        return self._file.read(self._numbers[index])
