"""Settings that turn out too low for the data, said once each with the number that was needed."""

import contextlib
import threading
import warnings
from collections.abc import Iterator

from mrcnn.errors import LimitWarning


class LimitNotes:
    """What a run needed more of than its settings allow. May be used by several threads.

    Every case is noted, few are said: the first of a setting, at once, and later ones that need so
    much more that the number said before would mislead.
    """

    def __init__(self) -> None:
        self._largest: dict[str, tuple[int, str]] = {}
        self._said: dict[str, int] = {}
        self._lock = threading.Lock()
        self._here = threading.local()

    def note(self, setting: str, needed: int, message: str) -> None:
        """Keep a case, if no earlier one of the setting needed as much.

        Args:
            setting: name of the setting.
            needed: its lowest value that would have been enough.
            message: what to tell the user; it names both.
        """
        with self._lock:
            if setting not in self._largest or needed > self._largest[setting][0]:
                self._largest[setting] = (int(needed), message)

    def say(self, least_rise: float = 2.0, stacklevel: int = 2) -> None:
        """Warn of what is new.

        Args:
            least_rise: a setting that was said is said again if this many times the number said
                are needed, and more than it.
            stacklevel: 1 warns of the line that calls this method, 2 of the one that calls its
                function, and so on.
        """
        if getattr(self._here, "is_silent", False):
            return
        with self._lock:
            due = []
            for setting, (needed, message) in self._largest.items():
                said = self._said.get(setting)
                if said is None or needed > max(said, least_rise * said - 1):
                    self._said[setting] = needed
                    due.append(message)
        for message in due:
            warnings.warn(message, LimitWarning, stacklevel=stacklevel + 1)

    @contextlib.contextmanager
    def unsaid(self) -> Iterator[None]:
        """In the block this thread says nothing, since a warning of its line would tell nobody."""
        self._here.is_silent = True
        try:
            yield
        finally:
            self._here.is_silent = False

    @property
    def needed(self) -> dict[str, int]:
        """By the name of each setting that was too low the highest value that was needed."""
        with self._lock:
            return {setting: needed for setting, (needed, _) in self._largest.items()}

    @property
    def messages(self) -> dict[str, str]:
        """The message of each of these cases."""
        with self._lock:
            return {setting: message for setting, (_, message) in self._largest.items()}
