"""The processes of `benchmarks.distribution`: who computes a training, and what it leaves."""

import functools
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_ROOT = Path(__file__).resolve().parents[1]
_LIMIT_SECONDS = 3600
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


def start(side: Side, folder: Path, *options: str, together: bool = True) -> list[Ended]:
    """Run `benchmarks.distribution_run` in the processes of a side, and wait for all of them.

    Args:
        side: what computes.
        folder: of the runs; the output of process N is in N.txt.
        options: of the program; {process} stands for N.
        together: whether the processes are told of one another.
    """
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
        with open(folder / f"{number}.txt", "w", encoding="utf-8") as output:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.distribution_run", *own],
                    cwd=_ROOT,
                    env=environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )
    ends: dict[int, float] = {}
    deadline = time.monotonic() + _LIMIT_SECONDS
    try:
        while len(ends) < len(started) and time.monotonic() < deadline:
            for number, process in enumerate(started):
                if number not in ends and process.poll() is not None:
                    ends[number] = time.monotonic()
            time.sleep(0.05)
    finally:
        for process in started:
            process.kill()
            process.wait()
    texts = [
        (folder / f"{number}.txt").read_text("utf-8", "replace") for number in range(len(started))
    ]
    return [
        Ended(process.returncode, ends.get(number, deadline), texts[number][-20000:])
        for number, process in enumerate(started)
    ]


def succeed(side: Side, folder: Path, *options: str, together: bool = True) -> None:
    """As `start`; SystemExit with what was said where one of the processes fails."""
    for ended in start(side, folder, *options, together=together):
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
