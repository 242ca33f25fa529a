"""Processes for programs in which the large libraries are imported already.

TensorFlow takes longer to import than many of the programs take for their work. So one process
imports it, and a copy of that process runs each program, as `python PROGRAM ARGUMENTS` would. This
project's own modules are not among what is imported: each program imports them anew, in its order.
"""

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

# Copies of a process work where no library starts threads of its own on import.
CAN_FORK = sys.platform == "linux"

LIBRARIES = ("keras", "matplotlib.pyplot", "scipy.ndimage", "skimage.io")


class Finished(NamedTuple):
    """What a program did: its exit status, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


class Forks:
    """Runs one program after another, each in a copy of one process.

    The programs find the modules beside this file, as if they lay there too.
    """

    def __init__(self, folder: Path, environment: dict[str, str]):
        self._output, self._errors = folder / "output.txt", folder / "errors.txt"
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, command: list[str], folder: Path, eagerly: bool, seconds: int) -> Finished:
        """What `python COMMAND` does in a folder; `eagerly` is without TensorFlow's graphs.

        After so many seconds it is ended by a signal.
        """
        for path in (self._output, self._errors):
            path.write_bytes(b"")
        request = {
            "command": command,
            "folder": str(folder),
            "output": str(self._output),
            "errors": str(self._errors),
            "eagerly": eagerly,
            "seconds": seconds,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        status = self._process.stdout.readline()
        if not status:
            raise RuntimeError("The process that programs are copied from has ended.")
        written = [path.read_text("utf-8") for path in (self._output, self._errors)]
        return Finished(int(status), *written)

    def close(self) -> None:
        """Ends the process that was copied."""
        self._process.stdin.close()
        self._process.wait()


def next_request() -> dict:
    """Waits for requests, and returns with each in a copy of this process alone."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return json.loads(line)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


def main() -> None:
    """Runs the program of a request as if this process had begun with it."""
    for name in LIBRARIES:
        importlib.import_module(name)
    request = next_request()
    os.chdir(request["folder"])
    for number, path in enumerate((os.devnull, request["output"], request["errors"])):
        os.dup2(os.open(path, os.O_RDWR), number)
    signal.alarm(request["seconds"])
    # As in a new process: otherwise each program would draw the same numbers.
    importlib.import_module("numpy").random.seed()
    if request["eagerly"]:
        importlib.import_module("tensorflow").config.run_functions_eagerly(True)
    sys.argv = request["command"]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
