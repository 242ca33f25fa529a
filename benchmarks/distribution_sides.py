"""The processes of `benchmarks.distribution`: who computes a training, and what it leaves."""

import functools
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_ROOT = Path(__file__).resolve().parents[1]
_LIMIT_SECONDS = 3600
_began = time.monotonic()
# Programs of JAX that were compiled before, which is most of the time of a short training.
_compiled = tempfile.TemporaryDirectory(prefix="compiled")


@dataclass(frozen=True)
class Side:
    """How a batch of two images is computed."""

    backend: str
    devices: int = 1
    processes: int = 1

    def __str__(self) -> str:
        what = "processes" if self.processes > 1 else "devices"
        return f"{self.backend}, {self.devices} {what}"


SHARED = (
    Side("tensorflow", 2),
    Side("jax", 2),
    Side("jax", 2, 2),
    Side("torch", 2, 2),
)


@dataclass(frozen=True)
class Ended:
    """What a process did: its status, when it ended, and the end of what it wrote."""

    status: int
    at: float
    said: str


@dataclass
class Started:
    """A process that runs, and the file of what it writes."""

    process: subprocess.Popen
    output: Path

    @property
    def said(self) -> str:
        """The end of what it wrote so far."""
        return self.output.read_text("utf-8", "replace")[-20000:]


def tell_progress(text: str) -> None:
    """A line on stderr, with the seconds since the program began."""
    print(f"{time.monotonic() - _began:6.0f} s  {text}", file=sys.stderr, flush=True)


def launch(side: Side, folder: Path, *options: str, together: bool = True) -> list[Started]:
    """Start `benchmarks.distribution_run` in the processes of a side.

    Args:
        side: what computes.
        folder: is made; the output of process N is in N.txt.
        options: of the program; {process} stands for N.
        together: whether the processes are told of one another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address, port = "127.0.0.1", str(free.getsockname()[1])
    started = []
    for number in map(str, range(side.processes)):
        environment = {
            **os.environ,
            "KERAS_BACKEND": side.backend,
            "OMP_NUM_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "JAX_COMPILATION_CACHE_DIR": _compiled.name,
        }
        if side.processes > 1 and together:
            environment |= {
                **{"WORLD_SIZE": str(side.processes), "RANK": number, "LOCAL_RANK": number},
                **{"MASTER_ADDR": address, "MASTER_PORT": port},
                **{"JAX_NUM_PROCESSES": str(side.processes), "JAX_PROCESS_ID": number},
                "JAX_COORDINATOR_ADDRESS": f"{address}:{port}",
            }
        own = [option.replace("{process}", number) for option in options]
        path = folder / f"{number}.txt"
        with open(path, "w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.distribution_run", *own],
                cwd=_ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(Started(process, path))
    return started


def _wait(
    started: Sequence[Started], meanwhile: Callable[[], object], until_one_fails: bool
) -> dict[int, float]:
    """When each process ended; those that did not until the limit, or a failure, are killed."""
    ends: dict[int, float] = {}
    deadline = time.monotonic() + _LIMIT_SECONDS
    failed = False
    try:
        while len(ends) < len(started) and time.monotonic() < deadline and not failed:
            for number, each in enumerate(started):
                if number not in ends and each.process.poll() is not None:
                    ends[number] = time.monotonic()
                    failed |= until_one_fails and each.process.returncode != 0
            meanwhile()
            time.sleep(0.05)
    finally:
        for each in started:
            each.process.kill()
            each.process.wait()
    return ends


def start(side: Side, folder: Path, *options: str) -> list[Ended]:
    """As `launch`, and wait for all of them."""
    tell_progress(f"{side}: {' '.join(_told(options))}")
    started = launch(side, folder, *options)
    ends = _wait(started, lambda: None, until_one_fails=False)
    return [
        Ended(each.process.returncode, ends.get(number, math.inf), each.said)
        for number, each in enumerate(started)
    ]


def _told(options: Sequence[str]) -> list[str]:
    """Options without those whose values are paths."""
    words = list(options)
    for name in ("--out", "--folder"):
        if name in words:
            place = words.index(name)
            del words[place : place + 2]
    return words


def run_to_the_end(side: Side, started: Sequence[Started], meanwhile: Callable[[], object]) -> None:
    """Wait for all; SystemExit with what one of the processes said if it fails.

    Args:
        side: whose name is told.
        started: the processes.
        meanwhile: is called again and again.
    """
    ends = _wait(started, meanwhile, until_one_fails=True)
    for number, each in enumerate(started):
        if each.process.returncode and (number in ends or not ends):
            raise SystemExit(f"{side}: a training failed.\n{each.said[-4000:]}")


def succeed(side: Side, folder: Path, *options: str) -> None:
    """As `start`; SystemExit with what was said where one of the processes fails."""
    for ended in start(side, folder, *options):
        if ended.status:
            raise SystemExit(f"{side}: a training failed.\n{ended.said[-4000:]}")


@functools.cache
def train(side: Side, *options: str) -> dict[str, np.ndarray]:
    """What a training found; the same one is not computed twice.

    Args:
        side: what computes it.
        options: of `benchmarks.distribution_run`. With --then-alone the side has the first of two
            epochs, and one device goes on with the second, whose losses these are.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = ("--out", str(folder / "found.npz"), "--folder", str(folder / "runs"))
        first = [word for word in options if word != "--then-alone"]
        alone = Side(side.backend)
        # A training that comes to its end leaves no momentum to the next; one that is left does.
        left = ["--stop-after", "1"] if "--then-alone" in options else []
        succeed(side, folder, "--devices", str(side.devices), *files, *first, *left)
        if left:
            succeed(alone, folder, "--devices", "1", *files, *first, "--go-on")
        with np.load(folder / "found.npz") as found:
            return dict(found)
