"""A Python that has the large libraries imported already, for the processes of tests.

TensorFlow takes longer to import than many programs take for their work. So one process imports it,
and a copy of that process runs each program. This project's own modules are not among what is
imported: each program imports them anew, in its order.
"""

import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
# Copies of a process work where no library starts threads of its own on import.
CAN_FORK = sys.platform == "linux"
# Given to `-c`, runs a program without TensorFlow's graphs, which take longer than a single step or
# detection.
EAGERLY = """
import runpy, sys, keras
if keras.backend.backend() == "tensorflow":
    import tensorflow
    tensorflow.config.run_functions_eagerly(True)
sys.argv[:1] = []
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class ForkedPython:
    """The process that is copied, and what is called like an interpreter.

    Args:
        folder: an empty one, for the interpreter.

    Attributes:
        executable: is given commands as `python` is.
    """

    def __init__(self, folder: Path) -> None:
        self.executable = folder / "python"
        name = f"forked-python-{secrets.token_hex(8)}"
        # Neither packages nor variables of the environment: it begins in 20 ms.
        self.executable.write_text(
            f"#!{sys.executable} -IS\n"
            f"REAL, NAME = {sys.executable!r}, {name!r}\n"
            + (_HERE / "client.py").read_text(encoding="utf-8"),
            encoding="utf-8",
        )
        self.executable.chmod(stat.S_IRWXU)
        self._process = subprocess.Popen(
            [sys.executable, _HERE / "server.py", name],
            env={**os.environ, "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # Libraries may say something as well.
        while (said := self._process.stdout.readline()).strip() != name:
            if not said:
                raise RuntimeError("The process that programs are copied from has ended.")

    def close(self) -> None:
        """Ends the process that was copied, and all copies."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="session")
def forked_python(tmp_path_factory) -> Iterator[str]:
    """An interpreter that has the libraries imported; the usual one where processes do not fork."""
    if not CAN_FORK:
        yield sys.executable
        return
    made = ForkedPython(tmp_path_factory.mktemp("python"))
    yield str(made.executable)
    made.close()


@pytest.fixture
def quick_processes(forked_python, monkeypatch) -> None:
    """What begins a process of `sys.executable` begins one that has the libraries."""
    monkeypatch.setattr(sys, "executable", forked_python)
