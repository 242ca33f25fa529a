"""What tifffile finds wrong with a file and reads all the same: it logs that, and goes on."""

import contextlib
import logging
import re
import threading
from collections.abc import Iterator

# What comes of a file's end that is missing. Others are of no consequence, such as letters that
# are none in the name of the program.
_LOST = re.compile(r"corrupted (IFD|tag list)|invalid (page offset|value offset|offset to)")

LOST_NOTE = "the file is damaged or cut short: not all of its pages, levels and tags were found"


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
