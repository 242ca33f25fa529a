"""Tries the readers of files from anywhere with a great many changed files.

    python -m benchmarks.fuzz [--inputs 100000] [--only via coco labelme ... weights settings]

The inputs are made from valid files of every kind that is read, by changes of values and of bytes,
and from files that were made to do harm (`fuzz_json.py`, `fuzz_formats.py`,
`fuzz_weights.py`). A process of its own
reads them one after the other (`fuzz_worker.py`), so that a reader that hangs or crashes is found
out: its input is kept, and a new process goes on with the next one.

A failure is any error but the package's own (`mrcnn.errors`), more than a second of processor time,
more than a gibibyte of memory beyond what the process had, a hang, or the death of the process.
"""

import argparse
import json
import math
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzz_weights import temporary_folder
from benchmarks.fuzz_worker import KINDS

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "samples" / "rbc"
# No answer for so long is a hang. Other programs may have the processor for a while.
HANG_SECONDS = 20.0
START_SECONDS = 300.0
_MOST_FAILURES = 50
# A process that does nothing, such as one that waits for a lock for ever, hangs as well.
_MOST_SILENCES = 20


@dataclass
class Report:
    """What came of the inputs of a kind.

    Attributes:
        kind: of the inputs.
        seed: they were made from.
        inputs: that were tried.
        results: how many were accepted, refused by each error, or failed.
        slowest_seconds: of processor time for one input.
        slowest_input: its number.
        memory_bytes: the most that a process took, and what it had before the first input.
        failures: number, reason and file of each input that failed.
        seconds: by the clock, for all of them.
    """

    kind: str
    seed: int
    inputs: int = 0
    results: Counter = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    slowest_input: int = -1
    memory_bytes: tuple[int, int] = (0, 0)
    failures: list[dict] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, told: dict) -> None:
        """Take in what the worker says now and then."""
        seconds, number = told["slowest"]
        if seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest_input = seconds, number
        before, most = told["memory"]
        if most > self.memory_bytes[0]:
            self.memory_bytes = (most, before)

    def __str__(self) -> str:
        results = ", ".join(f"{count} {name}" for name, count in sorted(self.results.items()))
        most, before = (number / 2**20 for number in self.memory_bytes)
        return (
            f"{self.kind}: {self.inputs} inputs in {self.seconds:.0f} s: {results}; slowest "
            f"{self.slowest_seconds:.2f} s (input {self.slowest_input}); memory {most:.0f} MiB, of "
            f"which {before:.0f} before the first input; {len(self.failures)} failures"
        )


class _Worker:
    """The process, and what it says."""

    def __init__(self, kind: str, seed: int, first: int, last: int, folder: Path) -> None:
        path = os.pathsep.join([str(ROOT), str(SAMPLE)])
        command = [sys.executable, "-m", "benchmarks.fuzz_worker", kind, str(seed)]
        self.process = subprocess.Popen(
            [*command, str(first), str(last), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            # Nothing is computed, so the slow starts of compilation are spared.
            env={
                **os.environ,
                "PYTHONPATH": path,
                "KERAS_BACKEND": "numpy",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.errors = b""
        threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in threads:
            thread.start()
        self._threads = threads

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line.decode(errors="replace").strip())
        self._lines.put(None)

    def _read_errors(self) -> None:
        for line in self.process.stderr:
            self.errors = (self.errors + line)[-4000:]

    def line(self, seconds: float) -> str | None:
        """What it says next, or None at its end.

        Raises:
            queue.Empty: it says nothing for so long.
        """
        return self._lines.get(timeout=seconds)

    def processor_seconds(self) -> float:
        """Processor time that it took; infinite where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError, ValueError):
            return math.inf

    def end(self) -> int:
        """End it, if it has not ended; its exit status."""
        if self.process.poll() is None:
            self.process.kill()
        status = self.process.wait()
        for thread in self._threads:
            thread.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
        return status


def fuzz(kind: str, inputs: int, seed: int, failures: Path, hang: float = HANG_SECONDS) -> Report:
    """Try the inputs of a kind.

    Args:
        kind: one of `KINDS`.
        inputs: how many.
        seed: of the inputs.
        failures: folder for the inputs that fail.
        hang: seconds without an answer that are a hang.
    """
    report = Report(kind, seed)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=temporary_folder()) as temporary:
        first = 0
        while first < inputs and len(report.failures) < _MOST_FAILURES:
            first = _run(report, first, inputs, Path(temporary), hang)
        report.inputs = min(first, inputs)
        _keep(report, failures, Path(temporary))
    report.seconds = time.perf_counter() - started
    return report


def _run(report: Report, first: int, last: int, folder: Path, hang: float) -> int:
    """Have a process try inputs; returns the number of the first that it did not get to."""
    worker = _Worker(report.kind, report.seed, first, last, folder)
    at, finished, why = first - 1, False, ""
    silent, used = 0, 0.0
    try:
        while True:
            try:
                line = worker.line(START_SECONDS if at < first else hang)
            except queue.Empty:
                silent += 1
                if silent < _MOST_SILENCES and worker.processor_seconds() - used < hang / 10:
                    # It did not have the processor.
                    continue
                why = f"hangs: no answer for {silent * hang:g} s"
                break
            silent, used = 0, worker.processor_seconds()
            if line is None:
                break
            if not line.startswith("{"):
                result, number = line.split()
                report.results.update([result] if at >= first else [])
                at, finished = int(number), int(number) == last
                continue
            told = json.loads(line)
            if "failed" not in told:
                report.add(told)
                continue
            report.failures.append({"number": told["failed"], "why": told["why"]})
            if len(report.failures) >= _MOST_FAILURES:
                break
    finally:
        status = worker.end()
    if finished and status == 0:
        return last
    if at < first:
        raise SystemExit(f"The process did not start: {worker.errors.decode(errors='replace')}")
    if len(report.failures) < _MOST_FAILURES:
        why = why or f"ended the process (exit status {status})"
        report.failures.append({"number": at, "why": why})
        report.results["failure"] += 1
        for path in folder.glob("input/*"):
            path.replace(folder / "failed" / f"{at}_{path.name}")
    return at + 1


def _keep(report: Report, folder: Path, temporary: Path) -> None:
    """Move the inputs that failed to where they can be looked at and tried again."""
    for failure in report.failures:
        folder.mkdir(parents=True, exist_ok=True)
        for path in temporary.glob(f"failed/{failure['number']}_*"):
            target = folder / f"{report.kind}_{report.seed}_{path.name}"
            shutil.copyfile(path, target)
            failure["file"] = str(target)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz",
        description="Tries the readers of annotations, weights and settings with changed files.",
    )
    parser.add_argument("--inputs", type=int, default=100_000, help="of each kind")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=KINDS,
        default=[kind for kind in KINDS if kind != "planted"],
        help="'planted' is a reader with known faults, to see that they are reported",
    )
    parser.add_argument("--seed", type=int, default=1, help="another one makes other inputs")
    parser.add_argument(
        "--failures", type=Path, default=Path("fuzz-failures"), help="folder for what fails"
    )
    parser.add_argument("--json", type=Path, help="file for all figures")
    parser.add_argument(
        "--hang", type=float, default=HANG_SECONDS, help="seconds without an answer"
    )
    options = parser.parse_args(arguments)
    reports = []
    for kind in options.only:
        report = fuzz(kind, options.inputs, options.seed, options.failures, options.hang)
        reports.append(report)
        print(report, flush=True)
        for failure in report.failures[:10]:
            last = (failure["why"].strip() or "?").splitlines()[-1]
            print(f"  input {failure['number']}: {last} ({failure.get('file')})")
        if options.json:
            options.json.write_text(json.dumps(list(map(vars, reports)), indent=2))
    return 1 if any(report.failures for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
