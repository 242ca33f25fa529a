"""Whether a long run stays as it began: memory, time, threads, files; and answers to threads.

    python -m benchmarks.load [--images 2000] [--steps 2000] [--threads 4] [--out FILE]

Three processes one after the other, under the backend that Keras is set to, on rendered smears of
four sizes:

- `MaskRCNN.detect`, image after image;
- `MaskRCNN.train` on crops of 128 x 128 pixels, with a loader of --threads threads, augmentation,
  validation, checkpoints and logs;
- one model asked by --threads threads at once, a twentieth as many images in all, while another
  thread builds further models: the answers must be equal to the last bit, and equal to those that
  one thread gets.

After a warm-up the first hundred calls are compared with the last hundred (with fewer calls, the
first third with the last). The exit status is 0 if all is well; 1 if memory or the number of Python
objects grew, calls became slower, threads or open files are left over, an answer differs, or a
process fails; 2 for a wrong command line or a system without /proc. Times mean something only where
nothing else runs.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.golden import ROOT

SAMPLE = ROOT / "samples" / "rbc"
# MiB between the means of both ends: the allocator keeps some, a leak of 32 KiB a call is more.
MOST_GROWTH = 48.0
# The median at the end may be this many times that at the beginning.
MOST_SLOWDOWN = 1.25
# Python objects that a run may have more at its end, and more for each call.
MOST_OBJECTS, MOST_OBJECTS_A_CALL = 2000, 0.2
TASKS = {
    "detections": "images through MaskRCNN.detect",
    "steps": "training steps",
    "together": "images of several threads",
}
SHARE_TOGETHER = 20
SECONDS_A_PROCESS = 4 * 3600


def complaints(result: dict[str, Any]) -> list[str]:
    """What is wrong with the figures of a process; nothing if all is well."""
    found = []
    for when, part in (("from the first call to the last", "held"), ("over the run", "around")):
        first, last = result.get(part, ({}, {}))
        for name in ("threads", "open files"):
            if last.get(name, 0) > first.get(name, 0):
                found.append(f"{name} grew from {first[name]} to {last[name]} {when}")
    if "different" in result:
        if result["different"]:
            found.append(f"{result['different']} of {result['calls']} answers differ")
        if not result["detections"]:
            found.append("nothing was detected, so nothing was compared")
        return found
    first, last = result["held"]
    objects = last["objects"] - first["objects"]
    if objects > MOST_OBJECTS + MOST_OBJECTS_A_CALL * result["calls"]:
        found.append(f"the number of Python objects grew by {objects}")
    before, after = result["mebibytes"]
    if after - before > MOST_GROWTH:
        found.append(f"memory grew by {after - before:.0f} MiB (at most {MOST_GROWTH:.0f})")
    before, after = result["milliseconds"]
    if after > MOST_SLOWDOWN * before:
        found.append(
            f"a call took {before:.0f} ms and in the end {after:.0f} ms "
            f"(at most {MOST_SLOWDOWN} times as long)"
        )
    return found


def report(task: str, result: dict[str, Any]) -> str:
    """The figures of a process as text."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    lines = [f"{result['calls']} {TASKS[task]} ({versions})"]
    if "different" in result:
        lines.append(
            f"  {result['threads']} threads, {result['detections']} detections compared, "
            f"{result['built']} models built meanwhile: {result['different']} answers differ"
        )
    else:
        for name, unit, digits in (("mebibytes", "MiB", 1), ("milliseconds", "ms a call", 1)):
            before, after = result[name]
            lines.append(
                f"  first {result['end']}: {before:.{digits}f} {unit}, "
                f"last {result['end']}: {after:.{digits}f} {unit}"
            )
    for when, part in (("at the first and the last call", "held"), ("around the run", "around")):
        if part in result:
            first, last = result[part]
            told = ", ".join(f"{name} {first[name]} and {last[name]}" for name in first)
            lines.append(f"  {when}: {told}")
    return "\n".join(lines)


def measure(task: str, calls: int, threads: int) -> dict[str, Any]:
    """Run one process; the JSON of its last line.

    Raises:
        RuntimeError: the process fails.
    """
    command = [sys.executable, "-m", "benchmarks.load_run", task,
               "--calls", str(calls), "--threads", str(threads)]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "PYTHONPATH": str(SAMPLE)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS_A_PROCESS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the process ended with status {done.returncode}: see above")
    return json.loads(done.stdout.strip().splitlines()[-1])


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description="Whether a long run stays as it began, and threads get the same answers.",
    )
    for option, name in (("images", "images to detect in"), ("steps", "training steps")):
        text = f"{name}, after a warm-up; 0 leaves them out (default: 2000)"
        parser.add_argument(f"--{option}", type=int, default=2000, metavar="N", help=text)
    parser.add_argument(
        "--threads", type=int, default=4, metavar="N",
        help="threads of the loader, and threads that detect at once (default: 4)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="write all figures to this file as JSON")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if min(options.images, options.steps) < 0 or not options.images + options.steps:
        parser.error("--images and --steps: whole numbers from 0, not both 0")
    if options.threads < 1:
        parser.error(f"--threads is {options.threads}: at least 1")
    if not Path("/proc/self/statm").exists():
        print(f"error: {sys.platform} has no /proc: run this on Linux.", file=sys.stderr)
        return 2

    calls = {
        "detections": options.images,
        "steps": options.steps,
        "together": -(-options.images // SHARE_TOGETHER),
    }
    results, wrong = {}, []
    for task, count in calls.items():
        if not count:
            continue
        name = f"{count} {TASKS[task]}"
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            results[task] = measure(task, count, options.threads)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            wrong.append(f"{name}: {error}")
            continue
        print(f"{report(task, results[task])}\n", flush=True)
        wrong += [f"{name}: {complaint}" for complaint in complaints(results[task])]
        if options.out:  # After each process: a later one may be interrupted.
            text = json.dumps(results, indent=1) + "\n"
            Path(options.out).write_text(text, encoding="utf-8")
    print("\n".join(wrong) if wrong else "Nothing grows, and all answers are the same.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
