"""The VIA file of a project, written soon after something was corrected."""

import sys
import threading
import time

from mrcnn.errors import MrcnnError
from mrcnn.serve.exports import VIA_FILE, write_corrections
from mrcnn.serve.project import Project

# Seconds in which several acts make one file.
_PAUSE = 1.0
# Times as long as a file took nothing is written then, and how many seconds at most.
_REST, _LONGEST = 10, 300.0


class CorrectionsFile:
    """Writes the VIA file beside the pictures, from the journals, which are what counts.

    Args:
        project: has the pictures. What its journals have since the file was last written is
            written at once.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._changed = threading.Event()
        self._is_ending = threading.Event()
        self._lock = threading.Lock()
        self._changed.set()
        self._thread = threading.Thread(target=self._go, name="corrections", daemon=True)
        self._thread.start()

    def touch(self) -> None:
        """Something was corrected."""
        self._changed.set()

    def write(self) -> list[str]:
        """Write it now; the names of the pictures that are in it.

        Raises:
            OutputError: it cannot be written.
        """
        self._changed.clear()
        with self._lock:
            project = self._project
            names = [name for name, told in project.summaries().items() if told.get("corrected")]
            return write_corrections(project, names, project.pictures / VIA_FILE)

    def close(self) -> None:
        """Write what is left, and end."""
        self._is_ending.set()
        self._changed.set()
        self._thread.join()

    def _go(self) -> None:
        pause = _PAUSE
        while not self._is_ending.is_set():
            self._changed.wait()
            self._is_ending.wait(pause)
            began = time.monotonic()
            try:
                self.write()
            except (MrcnnError, OSError) as error:
                # The journals have it all; the next act tries again.
                print(f"{VIA_FILE} could not be written: {error}", file=sys.stderr)
            # Nobody who corrects a slide waits for a processor that always writes.
            pause = min(max(_PAUSE, _REST * (time.monotonic() - began)), _LONGEST)
