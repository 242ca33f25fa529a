"""What a worker process does for a command: it has a model of its own, loaded once."""

import contextlib
import io
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrcnn.app.application import Application, loaded
from mrcnn.app.engine.memory import keep_freed_memory
from mrcnn.app.methods import Method
from mrcnn.errors import LimitWarning
from mrcnn.inference.processors import VARIABLE
from mrcnn.pictures import Picture, open_picture

# Libraries that compute with several threads look at these when they are loaded.
_THREADS = (VARIABLE, "TF_NUM_INTRAOP_THREADS")


def _nothing() -> None:
    pass


class _Here:
    """What a job has in one process.

    Attributes:
        made: application, options and method, once they are asked for.
        leave: lets the process begin the next task.
    """

    def __init__(self, threads: int, leave: Callable[[], None]) -> None:
        self.lock = threading.Lock()
        self.made: tuple[Application, Any, Method] | None = None
        self.leave = leave
        # As in a process without workers there are two that write beside the network.
        self.beside = threading.BoundedSemaphore(1 + threads)
        self.reading = threading.Lock()
        self.opened: tuple[tuple, Picture] | None = None


@dataclass
class Job:
    """What every worker process of a run has to know; small, and without any weights.

    Attributes:
        content: application and options, pickled.
        choose: "module:function", from application and options to the `Method`.
        name: of the run, unique.
    """

    content: bytes
    choose: str
    name: str
    _here: "_Here | None" = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_here": None}

    def begin(self, threads: int, leave: Callable[[], None] = _nothing) -> None:
        """Make ready in a worker process, in no time.

        Args:
            threads: with which the process is to compute.
            leave: is called by a task that needs none of them any more.
        """
        self._here = _Here(threads, leave)
        for name in _THREADS:
            os.environ[name] = str(threads)
        keep_freed_memory()

    def end(self) -> None:
        """Give back what is open in this process."""
        here = self._ready()
        with here.reading:
            self._open(here, None)

    def made(self) -> tuple[Application, Any, Method]:
        """Application, options and method; the model is loaded by the first that asks."""
        here = self._ready()
        with here.lock:
            if here.made is None:
                application, options = pickle.loads(self.content)
                warnings.simplefilter("ignore", LimitWarning)
                # The command has said it already.
                with contextlib.redirect_stdout(io.StringIO()):
                    method = loaded(self.choose)(application, options)
                here.made = application, options, method
            return here.made

    @contextlib.contextmanager
    def beside_the_network(self) -> Iterator[None]:
        """For the rest of a task, while which the process may begin the next one.

        It waits where too many others are there already.
        """
        here = self._ready()
        with here.beside:
            here.leave()
            yield

    @contextlib.contextmanager
    def picture(
        self, path: Path, page: int | None, channels: tuple[int, ...] | None
    ) -> Iterator[Picture]:
        """A picture of which several tasks read, one at a time; it stays open until another comes.

        Args:
            path, page, channels: see `mrcnn.pictures.open_picture`.

        Raises:
            DataError: see there.
        """
        here = self._ready()
        key = (path, page, channels)
        with here.reading:
            if here.opened is None or here.opened[0] != key:
                self._open(here, None)
                self._open(here, (key, open_picture(path, page=page, channels=channels)))
            assert here.opened is not None
            yield here.opened[1]

    @staticmethod
    def _open(here: _Here, opened: tuple[tuple, Picture] | None) -> None:
        if here.opened is not None:
            here.opened[1].close()
        here.opened = opened

    def _ready(self) -> _Here:
        assert self._here is not None, "`begin` was not called in this process."
        return self._here
