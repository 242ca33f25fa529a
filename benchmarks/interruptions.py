"""Kills trainings at random instants and compares what comes of them with one that ran through.

    python -m benchmarks.interruptions [--kills 20] [--epochs 6] [--seed 1] [--json FILE]

Each killed training (SIGKILL) is taken up again from its newest checkpoint and killed again, until
it comes to its end; then the next begins, until there were as many kills as asked for. Every other
kill waits for the moment at which a checkpoint, or what stands beside it, is half written. After
each kill the newest checkpoint and its training state must be whole, and in the end the weights,
the state and the table of losses must be those of the training that ran through, bit by bit.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.interruption_run import BEGUN, EPOCHS, NAME
from mrcnn.files import atomic_write
from mrcnn.runs.checkpoints import NoCheckpointError, epoch_of
from mrcnn.runs.run import Run
from mrcnn.weights.layouts import open_weights

_ROOT = Path(__file__).resolve().parents[1]
# Nothing here takes as long; a training that hangs is to be told from one that is slow.
_LIMIT_SECONDS = 600


class InterruptionError(Exception):
    """Something was lost, or came out different."""


@contextlib.contextmanager
def training(folder: Path, *options: str) -> Iterator[subprocess.Popen]:
    """A training in a process of its own; `begun` of the result is set after its first step.

    Args:
        folder: of the runs.
        options: of `benchmarks.interruption_run`.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.interruption_run", folder, *options],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    process.begun = threading.Event()
    process.said = []

    def read() -> None:
        for line in process.stdout:
            process.said.append(line)
            if line.strip() == BEGUN:
                process.begun.set()
        # Whoever waits for the beginning is not to wait for a process that has ended.
        process.begun.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def finish(folder: Path, *options: str) -> float:
    """Let a training run to its end; seconds from its first step on.

    Raises:
        InterruptionError: it ended with an error.
    """
    with training(folder, *options) as process:
        process.begun.wait(_LIMIT_SECONDS)
        began = time.monotonic()
        status = process.wait(_LIMIT_SECONDS)
        seconds = time.monotonic() - began
    if status:
        raise InterruptionError(f"A training ended with status {status}:\n" + _tail(process))
    return seconds


def kill(folder: Path, delay: float, while_writing: bool, *options: str) -> bool | None:
    """Begin or take up a training and kill it.

    Args:
        folder: of the runs.
        delay: seconds between its first step and the kill.
        while_writing: wait further, for a file that is half written.
        options: of the training.

    Returns:
        whether a file was half written; None if the training was over before.

    Raises:
        InterruptionError: it ended with an error of its own.
    """
    with training(folder, *options) as process:
        process.begun.wait(_LIMIT_SECONDS)
        deadline = time.monotonic() + delay
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
        while while_writing and process.poll() is None and not half_written(folder):
            time.sleep(0.0005)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        status = process.wait()
    if status == 0:
        return None
    if status != -signal.SIGKILL:
        raise InterruptionError(f"A training ended with status {status}:\n" + _tail(process))
    return bool(half_written(folder))


def half_written(folder: Path) -> list[str]:
    """Temporary files in the folders of the runs."""
    found = []
    for run in folder.glob(f"{NAME}*"):
        found += [entry.name for entry in os.scandir(run) if entry.name.startswith(".")]
    return found


def newest_checkpoint(folder: Path) -> tuple[Run, Path, int]:
    """The newest run in a folder, its newest checkpoint, and the epochs of that."""
    run = Run.newest(folder, NAME)
    path = run.newest_checkpoint()
    return run, path, epoch_of(path)


def check_newest(folder: Path) -> int:
    """Read the newest checkpoint and its state; the epoch, 0 if there is none yet.

    Raises:
        InterruptionError: one of them is damaged or missing.
    """
    try:
        run, path, epoch = newest_checkpoint(folder)
    except NoCheckpointError:
        return 0
    try:
        with open_weights(path) as groups:
            for weights in groups.values():
                for weight in weights:
                    weight.read()
        with np.load(run.state(epoch), allow_pickle=False) as state:
            for name in state.files:
                state[name]
    except Exception as error:
        raise InterruptionError(f"{path} or its training state is not whole: {error}") from error
    return epoch


def outcome(folder: Path) -> dict[str, Any]:
    """All that a finished training leaves: arrays of weights and state, losses, the best epoch."""
    run, path, epoch = newest_checkpoint(folder)
    with open_weights(path) as groups:
        found = {
            weight.path: weight.read().tobytes() for group in groups.values() for weight in group
        }
    with np.load(run.state(epoch), allow_pickle=False) as state:
        found |= {f"state {name}": state[name].tobytes() for name in state.files}
    found["losses.csv"] = run.losses.read_text()
    found["best.json"] = run.best_record.read_text() if run.best_record.exists() else ""
    found["files"] = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    return found


def run(kills: int, seed: int, work: Path, *options: str) -> dict[str, Any]:
    """Do it all in a folder.

    Args:
        kills: how often to kill.
        seed: of the instants.
        work: an empty folder.
        options: of the trainings.

    Returns:
        figures: kills, those of them that hit a file half written, trainings that came to their
        end, and what came out different.

    Raises:
        InterruptionError: see the functions above.
    """
    draw = random.Random(seed)
    whole = work / "whole"
    seconds = finish(whole, *options)
    expected = outcome(whole)
    figures: dict[str, Any] = {
        "kills": 0, "while_writing": 0, "finished": 0, "epochs_at_kills": [], "different": [],
    }  # fmt: skip
    folder = work / "killed1"
    while figures["kills"] < kills:
        while_writing = figures["kills"] % 2 == 0
        hit = kill(folder, draw.uniform(0, seconds), while_writing, *options)
        if hit is not None:
            figures["kills"] += 1
            figures["while_writing"] += hit
            figures["epochs_at_kills"].append(check_newest(folder))
            print(
                f"kill {figures['kills']}: {figures['epochs_at_kills'][-1]} epochs are safe"
                + (", while a file was being written" if hit else ""),
                flush=True,
            )
        if hit is None or figures["kills"] == kills:
            if hit is not None:
                finish(folder, *options)
            figures["finished"] += 1
            found = outcome(folder)
            figures["different"] += [
                f"{folder.name}: {name}"
                for name in sorted(expected.keys() | found.keys())
                if expected.get(name) != found.get(name)
            ]
            folder = work / f"killed{figures['finished'] + 1}"
    return figures


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 if nothing was lost or different, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=1, help="of the instants")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as work:
        try:
            figures = run(options.kills, options.seed, Path(work), "--epochs", str(options.epochs))
        except InterruptionError as error:
            print(error, file=sys.stderr)
            return 1
    if options.json:
        atomic_write(options.json, json.dumps(figures, indent=2) + "\n")
    print(
        f"{figures['kills']} kills, {figures['while_writing']} of them while a file was being "
        f"written; {figures['finished']} trainings came to their end; "
        f"{len(figures['different'])} differences to the one that ran through."
    )
    for name in figures["different"]:
        print(f"  {name}")
    return 1 if figures["different"] else 0


def _tail(process: subprocess.Popen) -> str:
    return "".join(process.said[-20:])


if __name__ == "__main__":
    sys.exit(main())
