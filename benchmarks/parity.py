"""Parity with the original, printed for each stage and each backend.

    python -m benchmarks.parity [--golden DIR] [--backends tensorflow jax torch] [--json FILE]

Keras takes its backend once, so each backend is measured in a process of its own, one after the
other. The exit status is 0 if all figures keep their limits, 1 if not, 2 for a wrong command line
or missing golden numbers.
"""

import argparse
import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure, failures, format_table
from benchmarks.golden import ENVIRONMENT_VARIABLE, ROOT, find_golden
from mrcnn.errors import DataError

BACKENDS = ("tensorflow", "jax", "torch")
STAGES = ("functions", "layers", "network", "training")
SECONDS_A_BACKEND = 3600


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.parity",
        description="Print how far this project is from the original, per stage and backend.",
    )
    parser.add_argument(
        "--golden",
        metavar="DIR",
        help=f"golden numbers (${ENVIRONMENT_VARIABLE}, or shared/golden beside the clone)",
    )
    parser.add_argument(
        "--backends",
        nargs="+",
        choices=BACKENDS,
        help="backends to measure (default: all that are installed)",
    )
    parser.add_argument(
        "--stages",
        nargs="+",
        choices=STAGES,
        default=list(STAGES),
        help="what to measure (default: everything)",
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures to this file as well")
    return parser


def measure(backend: str, golden: Path, stages: Sequence[str], folder: Path) -> dict:
    """Measure one backend in a process of its own.

    Args:
        backend: name of the backend.
        golden: folder of the golden numbers.
        stages: some of `STAGES`.
        folder: for the result.

    Returns:
        `figures`, a list of `Figure`, and what else the process tells: versions, seconds. If the
        process fails, a figure that fails says so.
    """
    output = folder / f"{backend}.json"
    command = [sys.executable, "-m", "benchmarks.parity_stages", str(golden), str(output), *stages]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "KERAS_BACKEND": backend}
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=sys.stderr,
            timeout=SECONDS_A_BACKEND,
            check=False,
        )
        problem = f"the process ended with status {done.returncode}" if done.returncode else ""
    except subprocess.TimeoutExpired:
        problem = f"the process took more than {SECONDS_A_BACKEND} seconds"
    content = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    figures = [Figure.from_json(figure) for figure in content.get("figures", [])]
    if problem or not figures:
        note = problem or "the process measured nothing"
        figures.append(Figure("process", "ran to its end", math.nan, 0.0, note=note))
    seconds = time.perf_counter() - start
    return {"versions": content.get("versions", {}), "seconds": seconds, "figures": figures}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        golden = find_golden(options.golden)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    backends = list(dict.fromkeys(options.backends or installed))
    absent = [name for name in backends if name not in installed]
    if absent or not backends:
        print(
            f"error: not installed: {', '.join(absent or BACKENDS)}. Install the backend "
            '(pip install ".[jax]" or ".[torch]" in the clone), or choose others by --backends.',
            file=sys.stderr,
        )
        return 2

    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for backend in backends:
            print(f"Measuring {backend} ...", file=sys.stderr, flush=True)
            results[backend] = measure(backend, golden, options.stages, Path(folder))
            if options.json:  # After each backend: a later one may be interrupted.
                _write_json(Path(options.json), golden, results)
    figures = {backend: result["figures"] for backend, result in results.items()}
    print(format_table(figures))
    print()
    for backend, result in results.items():
        versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        print(f"{backend}: {result['seconds']:.0f} s; {versions}")
    over = failures(figures)
    print(f"\n{len(over)} of {sum(map(len, figures.values()))} figures fail.")
    print("\n".join(f"  {line}" for line in over))
    return 1 if over else 0


def _write_json(path: Path, golden: Path, results: dict[str, dict]) -> None:
    content = {
        backend: {**result, "figures": [figure.to_json() for figure in result["figures"]]}
        for backend, result in results.items()
    }
    path.write_text(
        json.dumps({"golden": str(golden), "backends": content}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
