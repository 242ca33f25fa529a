"""The bytes of a file, within its bounds and within a limit of work."""

import io
import os

import numpy as np

# What describes the arrays is small beside them. Small files may hold little else. For a ResNet-101
# with its optimizer it is 3 MiB; all of it is read within a second.
_FREE_BYTES = 1 << 20
_MOST_BYTES = 12 << 20
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class UnreadableError(Exception):
    """Something in a file that is not read, and why."""


class Fields:
    """Little-endian numbers and bytes, taken one after the other from a piece of a file.

    Args:
        data: the piece.
        what: names it in messages.
    """

    __slots__ = ("at", "data", "what")

    def __init__(self, data: bytes, what: str) -> None:
        self.data = data
        self.what = what
        self.at = 0

    def take(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            UnreadableError: there are not so many.
        """
        start = self.at
        self.at = start + size
        if size < 0 or self.at > len(self.data):
            raise UnreadableError(f"{self.what} is cut short.")
        return self.data[start : self.at]

    def number(self, size: int) -> int:
        """The next `size` bytes as an unsigned number."""
        return int.from_bytes(self.take(size), "little")

    def numbers(self, count: int, size: int) -> list[int]:
        """Several such numbers."""
        data = self.take(count * size)
        return [
            int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size or 1)
        ]

    def expect(self, value: bytes) -> None:
        """The next bytes, which must be these."""
        found = self.take(len(value))
        if found != value:
            raise UnreadableError(f"{self.what} begins with {found!r} instead of {value!r}.")

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.at


class Source:
    """A file with the sizes of its addresses, which the superblock sets.

    Attributes:
        address_size: bytes of an address in the file.
        length_size: bytes of a length.
        undefined: the address that stands for none.
        start: where the first byte of HDF5 is; a program may put something in front.
        size: of the HDF5 part of the file in bytes.
        has_extras: the superblock tells of more than the root group.
    """

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file
        file.seek(0, os.SEEK_END)
        self.size = file.tell()
        self.start = 0
        self.has_extras = False
        self.address_size = self.length_size = 8
        self._allowance = min(_FREE_BYTES + 2 * self.size, _MOST_BYTES)

    @property
    def undefined(self) -> int:
        return (1 << (8 * self.address_size)) - 1

    def find_signature(self) -> bool:
        """Set `start`; whether this is an HDF5 file at all."""
        start = 0
        while start + len(_SIGNATURE) <= self.size:
            self._file.seek(start)
            if self._file.read(len(_SIGNATURE)) == _SIGNATURE:
                self.start = start
                self.size -= start
                return True
            start = max(512, 2 * start)
        return False

    def charge(self, amount: int) -> None:
        """Count work in bytes.

        Raises:
            UnreadableError: more than a file of weights has need of.
        """
        self._allowance -= amount
        if self._allowance < 0:
            raise UnreadableError("it describes far more than it holds, which is not followed.")

    def piece(self, address: int, size: int, what: str) -> Fields:
        """Some bytes of the file's structure.

        Raises:
            UnreadableError: they are not all in the file, or it was enough.
        """
        self.check(address, size, what)
        self.charge(size + 64)
        self._file.seek(self.start + address)
        data = self._file.read(size)
        if len(data) != size:
            raise UnreadableError(f"{what} lies beyond the end of the file.")
        return Fields(data, what)

    def read_into(self, address: int, array: np.ndarray, what: str) -> None:
        """Fill a contiguous array with the bytes from an address on."""
        self.check(address, array.nbytes, what)
        if array.nbytes == 0:
            return
        self._file.seek(self.start + address)
        if self._file.readinto(array.data.cast("B")) != array.nbytes:
            raise UnreadableError(f"{what} lies beyond the end of the file.")

    def read(self, address: int, size: int, what: str) -> bytes:
        """Bytes of an array, which are not counted as structure."""
        array = np.empty(self.check(address, size, what), np.uint8)
        self.read_into(address, array, what)
        return array.tobytes()

    def check(self, address: int, size: int, what: str) -> int:
        """The size, if so many bytes from the address on are in the file.

        Raises:
            UnreadableError: they are not.
        """
        if address == self.undefined or address < 0 or size < 0 or address + size > self.size:
            raise UnreadableError(f"{what} lies beyond the end of the file.")
        return size


def text_of(raw: bytes) -> str:
    """Names as text; what is no UTF-8 is replaced."""
    return raw.split(b"\0", 1)[0].decode(errors="replace")
