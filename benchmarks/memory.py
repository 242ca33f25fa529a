"""Whether memory stays flat over many detections and training steps.

    python -m benchmarks.memory [--detections 500] [--steps 500] [--size 256]
        [--backbone resnet18] [--json FILE]

Each of the two runs in a process of its own, under the backend that Keras is set to: images of many
sizes through `MaskRCNN.detect`, and augmented batches of a loader with threads through
`train_on_batch`. The exit status is 0 if memory, threads and open files do not grow, 1 if they do
or a process fails, 2 for a wrong command line or a system without /proc.

The allocator takes some MiB at once now and then; in a run of fewer than 200 calls that is judged
as growth.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.golden import ROOT

# MiB a call, by the straight line through the second half of the notes.
MOST_GROWTH = 0.1
TASKS = {"detections": "MaskRCNN.detect", "steps": "training steps"}
SECONDS_A_PROCESS = 7200


@dataclass(frozen=True)
class Course:
    """What one process told.

    Attributes:
        notes: float [K, 2], number of calls and resident MiB.
        threads, files: at the first note and at the last.
        milliseconds: medians of the first calls and of the last.
    """

    notes: np.ndarray
    threads: tuple[int, int]
    files: tuple[int, int]
    milliseconds: tuple[float, float]

    @property
    def growth(self) -> float:
        """MiB from the first note to the last."""
        return float(self.notes[-1, 1] - self.notes[0, 1])

    def slope(self, second_half: bool = False) -> float:
        """MiB a call, of the straight line nearest to the notes."""
        notes = self.notes
        if second_half:
            notes = notes[notes[:, 0] >= notes[-1, 0] / 2]
        # With few calls the second half may be the last note alone.
        return slope_of(notes if len(notes) > 1 else self.notes)

    def complaints(self) -> list[str]:
        """What grew; nothing if all is well."""
        found = []
        slope = self.slope(second_half=True)
        if slope > MOST_GROWTH:
            found.append(f"memory grows by {slope:.3f} MiB a call (at most {MOST_GROWTH})")
        for name, (first, last) in (("threads", self.threads), ("open files", self.files)):
            if last > first:
                found.append(f"{name} grew from {first} to {last}")
        return found


def slope_of(notes: np.ndarray) -> float:
    """Least-squares slope of the second column over the first, [K, 2] with K of at least 2."""
    calls, held = (notes - notes.mean(axis=0)).T
    return float((calls @ held) / (calls @ calls))


def measure(task: str, options: argparse.Namespace) -> dict:
    """Run one measuring process; the JSON of its last line.

    Raises:
        RuntimeError: the process fails.
    """
    command = [
        sys.executable, "-m", "benchmarks.memory_run", task,
        "--calls", str(getattr(options, task)),
        "--size", str(options.size),
        "--backbone", options.backbone,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS_A_PROCESS,
    )
    if done.returncode:
        raise RuntimeError(f"the process ended with status {done.returncode}: see above")
    return json.loads(done.stdout.strip().splitlines()[-1])


def course_of(result: dict) -> Course:
    """The figures of a measuring process."""
    return Course(
        np.array(result["notes"], float),
        tuple(result["threads"]),
        tuple(result["files"]),
        tuple(result["milliseconds"]),
    )


def format_course(name: str, course: Course) -> str:
    """A table of the notes, and what they come to."""
    lines = [name, f"{'calls':>7} {'MiB':>9}"]
    lines += [f"{int(calls):7} {held:9.1f}" for calls, held in course.notes]
    lines += [
        f"growth: {course.growth:+.1f} MiB; {1024 * course.slope():+.1f} KiB a call, "
        f"{1024 * course.slope(second_half=True):+.1f} in the second half",
        f"threads: {course.threads[0]}, then {course.threads[1]}; "
        f"open files: {course.files[0]}, then {course.files[1]}",
        f"median of the first calls: {course.milliseconds[0]:.0f} ms, "
        f"of the last: {course.milliseconds[1]:.0f} ms",
    ]
    return "\n".join(lines)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory",
        description="Whether memory stays flat over many detections and training steps.",
    )
    for task, name in TASKS.items():
        text = f"{name} to follow; 0 leaves this out (default: 500)"
        parser.add_argument(f"--{task}", type=int, default=500, metavar="N", help=text)
    parser.add_argument("--size", type=int, default=256, help="side of the network's input")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--json", metavar="FILE", help="write all figures to this file as well")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    tasks = [task for task in TASKS if getattr(options, task)]
    if min(options.detections, options.steps) < 0 or not tasks:
        parser.error("--detections and --steps: whole numbers from 0, not both 0")
    if options.size < 128 or options.size % 64:
        parser.error(f"--size is {options.size}: must be divisible by 64, and at least 128")
    if not Path("/proc/self/statm").exists():
        print(
            f"error: {sys.platform} has no /proc, from which the memory of a process is read: run "
            "this on Linux.",
            file=sys.stderr,
        )
        return 2

    results, complaints = {}, []
    for task in tasks:
        name = f"{getattr(options, task)} {TASKS[task]}"
        print(f"Measuring {name} ...", file=sys.stderr, flush=True)
        try:
            results[task] = measure(task, options)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            complaints.append(f"{name}: {error}")
            continue
        course = course_of(results[task])
        versions = ", ".join(f"{p} {number}" for p, number in results[task]["versions"].items())
        print(f"{format_course(f'{name} ({versions})', course)}\n", flush=True)
        complaints += [f"{name}: {complaint}" for complaint in course.complaints()]
        if options.json:  # After each process: a later one may be interrupted.
            text = json.dumps(results, indent=1) + "\n"
            Path(options.json).write_text(text, encoding="utf-8")
    print("\n".join(complaints) if complaints else "Nothing grows.")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
