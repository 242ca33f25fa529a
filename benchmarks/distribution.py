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
  same time; on TensorFlow one process with a thread for each of its devices. All are started once,
  and after their first steps those together and those alone take turns of a few steps; the figures
  are medians of the rounds. Of what two alone reach, processor time tells how much is lost to
  computing and sending; the rest is waiting. A device has two images of 320 x 320 pixels.
- `kill`: one of two processes dies; how long the other one lives, what it says, and whether one
  device goes on from the checkpoint.
- `loader`: what an image of 1024 x 1024 pixels costs a thread, and how many a process prepares
  whose threads are as many as one likes, since only one at a time runs Python; beside the images a
  second that a published training takes on 8 devices. The threads of a loader are LOADER_WORKERS
  for each device.

What is begun, and each round of `speed`, is told on stderr with the seconds that passed. Times mean
something only where nothing else runs; `speed` and `loader` want two processors.
The exit status is 1 if something is beyond its limit.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.distribution_loader import PUBLISHED, cost_of_an_image
from benchmarks.distribution_run import difference
from benchmarks.distribution_sides import SHARED, Side, start, succeed, tell_progress, train
from benchmarks.distribution_speed import rounds_of
from mrcnn.files import atomic_write

MOST_LOSS, MOST_FIRST, MOST_WEIGHT, LEAST_SPEED, MOST_SECONDS = 1e-4, 1e-5, 1e-3, 0.9, 60
# The losses of two trainings of one device, one of them with weights nudged by what rounding does,
# part beyond their limit at a rate of 2e-4, and come near it at 2e-5. As weights move little at
# this rate, how far they are apart is also measured by how far they moved.
CALM_RATE, NUDGE, FIRST_STEPS, MOST_OF_MOVED = 1e-5, 1e-7, 3, 0.02


class Judge:
    """Prints figures, keeps them, and knows whether all were within their limits."""

    def __init__(self) -> None:
        self.figures: list[dict[str, Any]] = []
        self.failed = False

    def tell(
        self, what: str, value: float, least: float | None = None, most: float | None = None
    ) -> None:
        fits = (most is None or value <= most) and (least is None or value >= least)
        self.failed |= not fits
        limits = [] if least is None else [f"at least {least:g}"]
        limits += [] if most is None else [f"at most {most:g}"]
        limit = ", ".join(limits)
        verdict = ("ok" if fits else "FAIL") if limit else ""
        print(f"{what:64} {value:12.3g}  {limit:24} {verdict}", flush=True)
        self.figures.append({"what": what, "value": value, "limit": limit, "fits": fits})


def _calm(steps: int) -> tuple[str, ...]:
    """Of a training in two epochs that rounding does not drive apart."""
    return ("--steps", str(max(1, steps // 2)), "--epochs", "2", "--rate", str(CALM_RATE))


def agree(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    for side in sides:
        one = train(Side(side.backend), *_calm(steps))
        if side == next(each for each in sides if each.backend == side.backend):
            nudged = train(Side(side.backend), *_calm(steps), "--nudge", str(NUDGE))
            _compare(f"agree: {side.backend}, one nudged", one, nudged, judge)
        _compare(f"agree: {side}", one, train(side, *_calm(steps)), judge)


def _compare(
    what: str, one: dict[str, np.ndarray], other: dict[str, np.ndarray], judge: Judge
) -> None:
    losses, weights = difference(one, other)
    first = losses[:FIRST_STEPS]
    judge.tell(f"{what}: losses of the first {len(first)} steps", max(first), most=MOST_FIRST)
    judge.tell(f"{what}: losses of {len(losses)} steps", max(losses), most=MOST_LOSS)
    judge.tell(f"{what}: weights", weights, most=MOST_WEIGHT)
    share = weights / float(one["moved"])
    judge.tell(f"{what}: weights, of what moved", share, most=MOST_OF_MOVED)


def proposals(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    for side in sides:
        options = ("--proposals", "--steps", str(steps))
        one, two = train(Side(side.backend), *options), train(side, *options)
        other = train(Side(side.backend), *options, "--shift", "5")
        losses, _ = difference(one, two)
        judge.tell(f"proposals: {side}: first step", losses[0], most=MOST_FIRST)
        last = slice(steps // 2, None)
        means = [float(found["losses"][last, 0].mean()) for found in (one, two, other)]
        spread = abs(means[2] - means[0])
        judge.tell(
            f"proposals: {side}: mean loss of the later half, apart",
            abs(means[1] - means[0]),
            most=spread,
        )


def restart(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    half = max(1, steps // 2)
    for side in sides:
        whole = train(Side(side.backend), *_calm(steps))
        parts = train(side, *_calm(steps), "--then-alone")
        losses, weights = difference({**whole, "losses": whole["losses"][half:]}, parts)
        judge.tell(f"restart: {side}, then 1: losses after it", max(losses), most=MOST_LOSS)
        judge.tell(f"restart: {side}, then 1: weights", weights, most=MOST_WEIGHT)


def speed(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    for side in sides:
        if side == Side("jax", 2):
            continue  # Its processes are measured.
        rounds = rounds_of(side)
        what = f"speed: {side}:"
        waited, together, processor, share = (
            float(np.median([getattr(each, name) for each in rounds]))
            for name in ("waited", "together", "processor", "share")
        )
        judge.tell(f"{what} share of time that waits for the loader", waited)
        judge.tell(f"{what} images a second together", together)
        judge.tell(f"{what} processor time of an image, of that alone", processor)
        judge.tell(f"{what} of what two alone reach", share, least=LEAST_SPEED)


def kill(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    for side in sides:
        if side.processes == 1:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            options = ("--steps", "3", "--epochs", "2", "--folder", str(folder / "runs"))
            first, second = start(side, folder, "--devices", "2", *options, "--die-at", "5")
            lasted = first.at - second.at
            judge.tell(f"kill: {side}: seconds until the other ends", lasted, 0, MOST_SECONDS)
            lines = [line for line in first.said.splitlines() if "cannot go on with" in line]
            says_so = bool(lines) and first.status != 0
            judge.tell(f"kill: {side}: says so, and fails", float(says_so), least=1)
            print(*(lines or [first.said[-2000:]]), sep="\n")
            # The second epoch is had again, from the checkpoint of the first one.
            out = folder / "found.npz"
            succeed(
                Side(side.backend), folder, "--devices", "1", *options, "--go-on", "--out", str(out)
            )
            with np.load(out) as found:
                judge.tell(f"kill: {side}: steps gone on with", len(found["losses"]), 3, 3)


def loader(sides: Sequence[Side], steps: int, judge: Judge) -> None:
    cost = cost_of_an_image()
    judge.tell("loader: processor seconds of an image of 1024 x 1024 pixels", cost.processor)
    judge.tell(
        f"loader: threads that prepare {PUBLISHED:g} images a second",
        PUBLISHED * cost.processor,
        most=cost.threads,
    )
    judge.tell(
        "loader: images a second that one process comes to",
        1 / max(cost.alone, 1e-6),
        least=PUBLISHED,
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
        tell_progress(f"part {name}")
        TASKS[name](sides, options.steps, judge)
    if options.json is not None:
        atomic_write(options.json, json.dumps(judge.figures, indent=2) + "\n")
    return int(judge.failed)


if __name__ == "__main__":
    sys.exit(main())
