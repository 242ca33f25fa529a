"""What a worker process does for a command: it has a model of its own, loaded once."""

import contextlib
import io
import os
import pickle
import threading
import warnings
from dataclasses import dataclass, field
from typing import Any

from mrcnn.app.application import Application, loaded
from mrcnn.app.methods import Method
from mrcnn.errors import LimitWarning

# Libraries that compute with several threads look at these when they are loaded.
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


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
    _lock: Any = field(default=None, repr=False)
    _made: "tuple[Application, Any, Method] | None" = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_made": None}

    def begin(self, threads: int) -> None:
        """Make ready in a worker process, in no time.

        Args:
            threads: with which the process is to compute.
        """
        self._lock = threading.Lock()
        for name in _THREADS:
            os.environ[name] = str(threads)

    def made(self) -> tuple[Application, Any, Method]:
        """Application, options and method; the model is loaded by the first that asks."""
        with self._lock:
            if self._made is None:
                application, options = pickle.loads(self.content)
                warnings.simplefilter("ignore", LimitWarning)
                # The command has said it already.
                with contextlib.redirect_stdout(io.StringIO()):
                    method = loaded(self.choose)(application, options)
                self._made = application, options, method
            return self._made
