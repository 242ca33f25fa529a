"""Measures parity under one backend, and writes the figures to a JSON file.

Run by `benchmarks.parity`:

    KERAS_BACKEND=jax python -m benchmarks.parity_stages GOLDEN OUTPUT STAGE...
"""

import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# The golden numbers were computed in full float32.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")

from benchmarks.figures import Figures
from benchmarks.golden import Golden

MODULES = {
    "functions": "benchmarks.parity_functions",
    "layers": "benchmarks.parity_layers",
    "network": "benchmarks.parity_network",
    "training": "benchmarks.parity_training",
}


def run(folder: Path, stages: Sequence[str]) -> Figures:
    """Measure some stages under the backend that Keras has taken."""
    figures, golden = Figures(), Golden(folder)
    for stage in stages:
        start = time.perf_counter()
        with figures.guard(stage, "ran to its end"):
            importlib.import_module(MODULES[stage]).measure(golden, figures)
        seconds = time.perf_counter() - start
        print(f"  {stage}: {seconds:.0f} s", file=sys.stderr, flush=True)
    return figures


def versions() -> dict[str, str]:
    """Versions of what computes."""
    import keras

    names = ("keras", keras.backend.backend(), "numpy")
    return {
        "python": platform.python_version(),
        **{name: importlib.import_module(name).__version__ for name in names},
    }


def main(arguments: Sequence[str]) -> int:
    """Run the measurement; returns the exit status."""
    folder, output, *stages = arguments
    figures = run(Path(folder), stages)
    content = {"versions": versions(), "figures": [figure.to_json() for figure in figures]}
    Path(output).write_text(json.dumps(content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
