"""Whether convolutions draw initial weights, or are about to be given stored ones.

Drawing them takes half of the time in which a network is built.
"""

import contextlib
import threading
from collections.abc import Iterator

_thread = threading.local()


@contextlib.contextmanager
def not_drawn() -> Iterator[None]:
    """The convolutions that this thread builds inside have weights of zero, until they are given.

    For a network all of whose weights are loaded next. What a layer's configuration says of initial
    weights stays.
    """
    before = are_drawn()
    _thread.are_drawn = False
    try:
        yield
    finally:
        _thread.are_drawn = before


def are_drawn() -> bool:
    """Whether layers that this thread builds draw their initial weights."""
    return getattr(_thread, "are_drawn", True)
