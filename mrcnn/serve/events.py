"""`Events`: what happens, told to every page that listens."""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

from mrcnn.serve.detector import BusyError
from mrcnn.serve.limits import MOST_LISTENERS

# A page that takes no more than so many events is behind for good, and asks anew.
_MOST_BEHIND = 1000
# Seconds between two lines that only say that the server is there.
_HEARTBEAT = 15.0


class Events:
    """Takes events in any thread, and gives them to listeners in the server's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[asyncio.Queue[str | None], asyncio.AbstractEventLoop] = {}
        self._is_closed = False

    def publish(self, kind: str, told: Any) -> None:
        """Tell all listeners.

        Args:
            kind: of the event.
            told: plain values for JSON.
        """
        text = f"event: {kind}\ndata: {json.dumps(told, allow_nan=False)}\n\n"
        with self._lock:
            listeners = list(self._listeners.items())
        for queue, loop in listeners:
            # A loop that has ended listens to nothing.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_put, queue, text)

    async def stream(self) -> AsyncIterator[str]:
        """The events from now on, as a browser's EventSource reads them.

        Raises:
            BusyError: too many listen.
        """
        queue: asyncio.Queue[str | None] = asyncio.Queue(_MOST_BEHIND)
        with self._lock:
            if len(self._listeners) >= MOST_LISTENERS:
                raise BusyError("Too many pages are open: close some.")
            self._listeners[queue] = asyncio.get_running_loop()
        try:
            yield "retry: 1000\n\nevent: hello\ndata: {}\n\n"
            while not self._is_closed:
                try:
                    text = await asyncio.wait_for(queue.get(), _HEARTBEAT)
                except TimeoutError:
                    text = ": here\n\n"
                if text is None:
                    return
                yield text
        finally:
            with self._lock:
                self._listeners.pop(queue, None)

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        with self._lock:
            listeners = list(self._listeners.items())
        for queue, loop in listeners:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_put, queue, None)


def _put(queue: asyncio.Queue[str | None], text: str | None) -> None:
    try:
        queue.put_nowait(text)
    except asyncio.QueueFull:
        # The page connects again and asks for everything.
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
