"""`detect` of a folder with all its files, against the prediction of the same pictures alone.

    python -m benchmarks.throughput PICTURES [--repeat 4] [--rounds 3] [--json FILE]

PICTURES is a folder of images, each of which is taken `--repeat` times. In each round a process of
its own detects in all of them as `rbc detect` does, with all files that it writes by default; one
reads and predicts them as that does, several at the same time, and writes nothing; and one predicts
them one after the other. Seconds are those of whole processes, which begin with loading libraries
and model; the processor time of all their threads is told too. The ratio is that of the medians of
`detect` and of the prediction alone. The exit status is 1 where it is above 1.3. Run it on a
machine that does nothing else; forty pictures take a good minute a round on two cores.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.workers import copies
from mrcnn.app.methods import choose_detector
from mrcnn.files import atomic_write
from mrcnn.inference.processors import at_once
from mrcnn.pictures import Picture, images_in, open_picture

_ROOT = Path(__file__).resolve().parents[1]
_TARGET = 1.3
DETECT, PREDICT, ONE_BY_ONE = "detect", "predict", "predict_one_by_one"


def predict(folder: Path, several: int) -> None:
    """Predict all pictures of a folder, as `detect` begins."""
    import rbc

    options = rbc.APPLICATION.parse(["detect", str(folder)])
    predictor = choose_detector(rbc.APPLICATION, options, several).finder.predictor
    paths, _ = images_in(folder)
    assert sum(1 for _ in predictor.predict_many(_read(paths))) == len(paths)


def _read(paths: Sequence[Path]) -> Iterator[Picture]:
    for path in paths:
        with open_picture(path) as picture:
            yield Picture.of(picture.pixels(), name=str(path), pixel_size=picture.pixel_size)


def seconds(*words: Any) -> tuple[float, float]:
    """How long a process takes, and the processor time of all its threads."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, *map(str, words)]
    subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def run(images: Sequence[Path], rounds: int, repeat: int, folder: Path) -> dict[str, Any]:
    """All three, so many times in turns.

    Args:
        images: to detect in.
        rounds: of all three.
        repeat: times that each image is taken.
        folder: for copies and results.
    """
    taken = copies(folder / "in", images, repeat)
    worker = ("-m", "benchmarks.throughput", folder / "in", "--worker")
    found: dict[str, list[tuple[float, float]]] = {}
    for number in range(rounds):
        out = folder / f"out{number}"
        commands = {
            PREDICT: (*worker, at_once(len(taken))),
            DETECT: ("samples/rbc/rbc.py", "detect", folder / "in", "--out", out),
            ONE_BY_ONE: (*worker, 1),
        }
        for name, words in commands.items():
            found.setdefault(name, []).append(seconds(*words))
    medians = {name: statistics.median(took for took, _ in each) for name, each in found.items()}
    return {
        "pictures": len(taken),
        "seconds": {name: [round(took, 2) for took, _ in each] for name, each in found.items()},
        "processor_seconds": {
            name: [round(spent, 2) for _, spent in each] for name, each in found.items()
        },
        "seconds_a_picture": {
            name: round(median / len(taken), 3) for name, median in medians.items()
        },
        "ratio": round(medians[DETECT] / medians[PREDICT], 3),
        "ratio_to_one_by_one": round(medians[DETECT] / medians[ONE_BY_ONE], 3),
        "target": _TARGET,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    parser = argparse.ArgumentParser(description=" ".join((__doc__ or "").split(".")[0].split()))
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.worker:
        predict(given.pictures, given.worker)
        return 0
    images, _ = images_in(given.pictures)
    if not images:
        parser.error(f"{given.pictures}: no pictures are there")
    with tempfile.TemporaryDirectory() as temporary:
        figures = run(images, given.rounds, given.repeat, Path(temporary))
    print(json.dumps(figures, indent=2))
    if given.json:
        atomic_write(given.json, json.dumps(figures, indent=2) + "\n")
    return 0 if figures["ratio"] <= _TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
