"""Asks whether several devices train as one does, what they gain, and what becomes of a death.

    python -m benchmarks.distribution [--only NAME ...] [--backends tensorflow jax torch]
        [--steps 50] [--json FILE]

The processor stands for the devices: two logical ones of TensorFlow and JAX, and two processes of
JAX and PyTorch. The network is small and whole, on images that are made up.

- `agree`: as many steps on two devices as on one with the same batch, with regions that are given
  and targets that are not drawn. A control comes first: one device twice, the second time with
  weights nudged by what rounding does. Where it is beyond a limit, no comparison says anything.
- `proposals`: with regions of the network's own. The first step is compared; then, as rounding
  chooses other regions now and then, how far the losses are apart is set beside how far two
  trainings of one device are whose images come in another order.
- `restart`: half of the steps on two devices, the other half on one.
- `speed`: two processes of one thread each that train together, against two that train alone at the
  same time.
- `kill`: one of two processes dies; how long the other one lives, and what it says.
- `loader`: how many images of 1024 x 1024 pixels one thread prepares.

The exit status is 1 if something is beyond its limit.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.distribution_run import difference
from mrcnn.files import atomic_write

_ROOT = Path(__file__).resolve().parents[1]
MOST_LOSS, MOST_FIRST, MOST_WEIGHT, LEAST_SPEED, MOST_SECONDS = 1e-4, 1e-5, 1e-3, 0.9, 60
# At ten times the rate the losses of two trainings of one device part beyond their limit, if the
# weights of one are nudged by what rounding does. As weights move little at this rate, how far
# they are apart is also measured by how far they moved.
CALM_RATE, NUDGE, FIRST_STEPS, MOST_OF_MOVED = 2e-5, 1e-7, 3, 0.02
_LIMIT_SECONDS = 3600


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
        options: of the program.
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
        (folder / f"{number}.txt").read_text("utf-8", "replace") for number in range(len(ends))
    ]
    return [
        Ended(process.returncode, ends.get(number, deadline), texts[number][-20000:])
        for number, process in enumerate(started)
    ]


def train(side: Side, *options: str) -> dict[str, np.ndarray]:
    """Losses, times and weights of a training."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for option in _in_two_parts(options):
            ended = start(
                side if "--then-alone" not in option else Side(side.backend),
                folder,
                *("--devices", str(side.devices if "--then-alone" not in option else 1)),
                *("--out", str(folder / "found.npz"), "--folder", str(folder / "runs")),
                *(word for word in option if word != "--then-alone"),
            )
            if any(each.status for each in ended):
                raise SystemExit(f"{side}: a training failed.\n{ended[0].said[-4000:]}")
        with np.load(folder / "found.npz") as found:
            return dict(found)


def _in_two_parts(options: Sequence[str]) -> list[list[str]]:
    """The options of a training, and of what goes on from it with one device, if that is asked."""
    if "--then-alone" not in options:
        return [list(options)]
    plain = [word for word in options if word != "--then-alone"]
    return [
        # A training that comes to its end leaves no momentum to the next; one that is left does.
        [*plain, "--epochs", "2", "--stop-after", "1"],
        [*plain, "--epochs", "2", "--go-on", "--then-alone"],
    ]


class Judge:
    """Prints figures, keeps them, and knows whether all were within their limits."""

    def __init__(self) -> None:
        self.figures: list[dict[str, Any]] = []
        self.failed = False

    def tell(
        self, what: str, value: float, most: float | None = None, least: float | None = None
    ) -> None:
        fits = (most is None or value <= most) and (least is None or value >= least)
        self.failed |= not fits
        limit = "" if most is None else f"at most {most:g}"
        limit += "" if least is None else f"at least {least:g}"
        verdict = ("ok" if fits else "FAIL") if limit else ""
        print(f"{what:64} {value:12.3g}  {limit:16} {verdict}", flush=True)
        self.figures.append({"what": what, "value": value, "limit": limit, "fits": fits})


def agree(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    options = ("--steps", str(steps), "--rate", str(CALM_RATE))
    alone: dict[str, dict[str, np.ndarray]] = {}
    for side in sides:
        one = alone.get(side.backend)
        if one is None:
            one = alone[side.backend] = train(Side(side.backend), *options)
            nudged = train(Side(side.backend), *options, "--nudge", str(NUDGE))
            _compare(f"agree: {side.backend}, one nudged", one, nudged, judge)
        _compare(f"agree: {side}", one, train(side, *options), judge)


def _compare(
    what: str, one: dict[str, np.ndarray], other: dict[str, np.ndarray], judge: Judge
) -> None:
    losses, weights = difference(one, other)
    first = losses[:FIRST_STEPS]
    judge.tell(f"{what}: losses of the first {len(first)} steps", max(first), MOST_FIRST)
    judge.tell(f"{what}: losses of {len(losses)} steps", max(losses), MOST_LOSS)
    judge.tell(f"{what}: weights", weights, MOST_WEIGHT)
    judge.tell(f"{what}: weights, of what moved", weights / float(one["moved"]), MOST_OF_MOVED)


def proposals(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    for side in sides:
        options = ("--proposals", "--steps", str(steps))
        one, two = train(Side(side.backend), *options), train(side, *options)
        other = train(Side(side.backend), *options, "--shift", "5")
        losses, _ = difference(one, two)
        judge.tell(f"proposals: {side}: first step", losses[0], MOST_FIRST)
        last = slice(steps // 2, None)
        means = [float(found["losses"][last, 0].mean()) for found in (one, two, other)]
        spread = abs(means[2] - means[0])
        judge.tell(
            f"proposals: {side}: mean loss of the later half, apart",
            abs(means[1] - means[0]),
            spread,
        )


def restart(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    half = str(max(1, steps // 2))
    for side in sides:
        options = ("--steps", half, "--rate", str(CALM_RATE))
        whole = train(Side(side.backend), *options, "--epochs", "2")
        parts = train(side, *options, "--then-alone")
        whole["losses"] = whole["losses"][int(half) :]
        losses, weights = difference(whole, parts)
        judge.tell(f"restart: {side}, then 1: losses after it", max(losses), MOST_LOSS)
        judge.tell(f"restart: {side}, then 1: weights", weights, MOST_WEIGHT)


def speed(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    for side in sides:
        if side.processes == 1:
            continue
        options = ("--steps", str(max(12, steps)), "--processor", "{process}")
        rates = []
        for together in (True, False):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                batch, devices = ("2", "2") if together else ("1", "1")
                out = "found_0.npz" if together else "found_{process}.npz"
                ended = start(
                    side,
                    folder,
                    *("--devices", devices, "--batch", batch, "--out", str(folder / out)),
                    *options,
                    together=together,
                )
                if any(each.status for each in ended):
                    raise SystemExit(f"{side}: a training failed.\n{ended[0].said[-4000:]}")
                rate = 0.0
                for path in folder.glob("found_*.npz"):
                    with np.load(path) as found:
                        # The first steps compile.
                        seconds = np.median(np.diff(found["times"][4:]))
                        rate += int(batch) / float(seconds)
                        waited = float(found["waited"])
                rates.append(rate)
                if together:
                    judge.tell(f"speed: {side}: share of time that waits for the loader", waited)
        judge.tell(f"speed: {side}: images a second together", rates[0])
        judge.tell(
            f"speed: {side}: of what two alone reach", rates[0] / rates[1], least=LEAST_SPEED
        )


def kill(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    for side in sides:
        if side.processes == 1:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            first, second = start(
                side,
                folder,
                *("--devices", "2", "--steps", "8", "--die-at", "3"),
                *("--folder", str(folder / "runs")),
            )
        judge.tell(
            f"kill: {side}: seconds until the other ends", first.at - second.at, MOST_SECONDS
        )
        lines = [line for line in first.said.splitlines() if "cannot go on with the others" in line]
        judge.tell(f"kill: {side}: says so", float(bool(lines)), least=1)
        print(*lines[:1], sep="\n")


def loader(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    from benchmarks.distribution_run import squares, tiny_config
    from mrcnn.data.loader import BatchLoader

    large = tiny_config(
        1,
        1,
        IMAGE_MIN_DIM=1024,
        IMAGE_MAX_DIM=1024,
        RPN_ANCHOR_SCALES=(32, 64, 128, 256, 512),
        IMAGE_RESIZE_MODE="square",
    )
    batches = BatchLoader(squares(), large, steps=8, threads=0)
    _ = batches[0]
    began = time.perf_counter()
    for index in range(1, 8):
        _ = batches[index]
    judge.tell(
        "loader: images of 1024 x 1024 a second and thread", 7 / (time.perf_counter() - began)
    )


TASKS: dict[str, Callable[[Sequence[Side], int, Judge], None]] = {
    "agree": agree,
    "proposals": proposals,
    "restart": restart,
    "speed": speed,
    "kill": kill,
    "loader": loader,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS))
    backends = sorted({side.backend for side in SHARED})
    parser.add_argument("--backends", nargs="+", choices=backends, default=backends)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    judge = Judge()
    sides = [side for side in SHARED if side.backend in options.backends]
    for name in options.only:
        TASKS[name](sides, options.steps, judge)
    if options.json is not None:
        atomic_write(options.json, json.dumps(judge.figures, indent=2) + "\n")
    return int(judge.failed)


if __name__ == "__main__":
    sys.exit(main())
