"""What is lost of a damaged file: tifffile logs some of it, and reads the rest all the same."""

import contextlib
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from typing import Any

# What comes of a file's end that is missing. Others are of no consequence, such as letters that
# are none in the name of the program.
_LOST = re.compile(r"corrupted (IFD|tag list)|invalid (page offset|value offset|offset to)")

_DAMAGED = "the file is damaged or cut short: "
LOST_NOTE = _DAMAGED + "not all of its pages, levels and tags were found"


class _Listener(logging.Handler):
    """Keeps what is logged by the thread that made it."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.messages.append(record.getMessage())


@contextlib.contextmanager
def damage_heard() -> Iterator[list[str]]:
    """Listen to tifffile; what is heard is not printed.

    Yields:
        a list that is filled at the end: a note if parts of the file are lost.
    """
    notes: list[str] = []
    listener = _Listener()
    logger = logging.getLogger("tifffile")
    logger.addHandler(listener)
    try:
        yield notes
    finally:
        logger.removeHandler(listener)
        if any(_LOST.search(message) for message in listener.messages):
            notes.append(LOST_NOTE)


def ends_early(page: Any, shift: int = 0) -> bool:
    """Whether pixels of a page lie beyond the end of its file.

    Args:
        page: a page of tifffile, whose tags are there.
        shift: see `Segments`.
    """
    size = page.parent.filehandle.size - shift
    segments = zip(page.dataoffsets, page.databytecounts, strict=False)
    return any(count and offset + count > size for offset, count in segments)


def notes_on_end(is_cut: bool, levels: Sequence[tuple[int, int]], others: int) -> list[str]:
    """What to say of a file that ends before pixels that its tags speak of.

    Args:
        is_cut: whether the picture at full size lacks some.
        levels: (height, width) of the coarser levels that are left out, since they lack some.
        others: how many other pages lack some.
    """
    notes = []
    if is_cut:
        notes.append(f"{_DAMAGED}it ends before the last pixels of the picture, which are lost")
    if levels:
        sizes = ", ".join(f"{height} x {width}" for height, width in levels)
        notes.append(f"{_DAMAGED}its smaller levels ({sizes} pixels) end early and are not used")
    if others:
        pages = "another page ends" if others == 1 else f"{others} other pages end"
        notes.append(f"{_DAMAGED}{pages} early")
    return notes
