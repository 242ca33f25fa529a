"""Which backend a command runs on, and its import, of which users need no notes."""

import atexit
import contextlib
import gc
import importlib
import importlib.util
import json
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

from mrcnn.errors import ConfigError
from mrcnn.nets import garbage

# In the order in which one is taken. Keras takes the first without looking.
BACKENDS = ("tensorflow", "jax", "torch")
_VARIABLE = "KERAS_BACKEND"

# What TensorFlow's libraries write while they are loaded: notes (I), what is written before a log
# is begun, and libraries of NVIDIA that are met twice.
_NOTES = re.compile(
    rb"I\d{4} |WARNING: All log messages before absl::InitializeLog|.*Unable to register cu"
    rb"|.*computation placer already registered"
)

# What a backend and Keras import where it is installed, for functions of theirs that no command
# calls: converters of other libraries' models, galleries of pictures, editors. A fifth of the
# whole import.
_NEEDLESS = {"tensorflow": ("jax", "matplotlib", "IPython", "cv2")}

logger = logging.getLogger(__name__)


def choose_backend() -> None:
    """Set `KERAS_BACKEND` to a backend that is installed, unless it or Keras' file names one.

    Raises:
        ConfigError: the backend that is named is not installed, or none is.
    """
    named = backend_named()
    installed = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
    if named in BACKENDS and named not in installed:
        raise ConfigError(
            f"The backend {named} is chosen, by {_VARIABLE} or in keras.json, but not installed: "
            f"install it, or set {_VARIABLE} to one that is: {', '.join(installed) or 'none is'}."
        )
    if named or BACKENDS[0] in installed:
        return
    if not installed:
        raise ConfigError(
            f"No backend for the network is installed: install one of {', '.join(BACKENDS)}."
        )
    os.environ[_VARIABLE] = installed[0]
    logger.info(
        "Backend: %s, since TensorFlow is not installed; %s chooses another.",
        installed[0],
        _VARIABLE,
    )


def backend_named() -> str | None:
    """The backend that `KERAS_BACKEND` or Keras' own file names; None where neither does."""
    return os.environ.get(_VARIABLE) or _of_keras_file()


def load_backend() -> None:
    """Import Keras with the backend of `choose_backend`, without the start-up notes of that.

    Raises:
        ConfigError: see `choose_backend`.
    """
    choose_backend()
    if "keras" in sys.modules:
        return
    needless = _NEEDLESS.get(backend_named() or BACKENDS[0], ())
    with without_notes(), without_libraries(needless), garbage.not_looked_for():
        importlib.import_module("keras")
        # What was imported stays, and at the end of the program all goes at once: garbage is not
        # looked for in it, which would take a second then.
        gc.freeze()
    atexit.register(gc.freeze)


class _NotFound(MetaPathFinder):
    """Finds no library of some names, in the thread that made it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)
        self._thread = threading.get_ident()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> None:
        """See `MetaPathFinder`; None leaves a module to the finders behind this one."""
        if fullname in self._names and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@contextlib.contextmanager
def without_libraries(names: Sequence[str]) -> Iterator[None]:
    """While the block runs, its imports find libraries no more than where they are missing.

    Those that are imported already stay, and afterwards and in other threads all can be imported.

    Args:
        names: of libraries that what the block imports can do without.
    """
    finder = _NotFound(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextlib.contextmanager
def without_notes() -> Iterator[None]:
    """Leave out the start-up notes that libraries write to standard error while the block runs.

    All else that is written there comes out at the end of the block.
    """
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, AttributeError, ValueError):
        # There is none.
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            for line in file:
                if not _NOTES.match(line):
                    os.write(2, line)


def _of_keras_file() -> str | None:
    """The backend that Keras' own file names, if there is one.

    Keras writes that file by itself, with its first choice: that one says nothing.
    """
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        named = json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError, RecursionError, RuntimeError):
        return None
    return named if named != BACKENDS[0] else None
