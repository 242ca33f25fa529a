"""Two workers of Dask with a thread each, against two such processes without Dask.

    python -m benchmarks.workers PICTURES [--rounds 3] [--repeat 5] [--json FILE]

PICTURES is a folder of images, of which each process takes a half, and the workers take all; each
image is taken `--repeat` times. Loading the network is the same in both ways, and with the first
pictures that are done others are as good as done, since they are written beside the network. So the
time begins when each process has done three pictures, and ends when each has three left. Both ways
take turns; the figure is the median of the ratios of their speeds, and the exit status is 1 where
it is below 0.9. Run it on a machine that does nothing else; ten images take about four minutes.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mrcnn.files import atomic_write
from mrcnn.pictures import images_in

_ROOT = Path(__file__).resolve().parents[1]
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
_TARGET = 0.9
# Pictures of each process before and after those whose time counts.
_ASIDE = 3


def copies(folder: Path, images: Sequence[Path], repeat: int) -> list[Path]:
    """Each image so many times, as files of a new folder."""
    folder.mkdir(parents=True)
    made = []
    for number in range(repeat):
        for image in images:
            made.append(folder / f"{number}_{image.name}")
            shutil.copyfile(image, made[-1])
    return made


def begin(images: Sequence[Path], out: Path, *options: str) -> subprocess.Popen:
    """Start `rbc detect` in a process of its own, with a thread."""
    words = [sys.executable, "samples/rbc/rbc.py", "detect", *images, "--out", out, *options]
    path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [str(word) for word in words],
        cwd=_ROOT,
        env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def times(process: subprocess.Popen) -> list[float]:
    """When each picture was done."""
    assert process.stdout is not None
    with process:
        done = [time.perf_counter() for line in process.stdout if line.startswith("[")]
    if process.returncode:
        raise RuntimeError(f"`detect` ended with status {process.returncode}")
    return done


def speed(done: Sequence[float], processes: int) -> float:
    """Pictures in a second, while all processes are at work.

    Args:
        done: when each was.
        processes: that shared them.
    """
    counted = sorted(done)[processes * _ASIDE - 1 : len(done) - processes * _ASIDE]
    return (len(counted) - 1) / (counted[-1] - counted[0])


def alone(images: Sequence[Path], out: Path) -> float:
    """The speed of two processes together."""
    halves = [images[::2], images[1::2]]
    processes = [begin(half, out / str(number)) for number, half in enumerate(halves)]
    with ThreadPoolExecutor(len(processes)) as readers:
        return sum(speed(done, 1) for done in readers.map(times, processes))


def workers(images: Sequence[Path], out: Path) -> float:
    """The speed of two workers."""
    from distributed import LocalCluster

    os.environ.update(_ONE_THREAD)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        process = begin(images, out, "--engine", f"dask={cluster.scheduler_address}")
        return speed(times(process), 2)


def run(images: Sequence[Path], rounds: int, repeat: int, folder: Path) -> dict[str, Any]:
    """Both ways, so many times in turns.

    Args:
        images: to detect in.
        rounds: of both.
        repeat: times that each image is taken.
        folder: for copies and results.
    """
    taken = copies(folder / "in", images, repeat)
    found = []
    for number in range(rounds):
        processes = alone(taken, folder / f"alone{number}")
        by_workers = workers(taken, folder / f"workers{number}")
        found.append({"processes": processes, "workers": by_workers})
    ratios = [each["workers"] / each["processes"] for each in found]
    return {
        "pictures": len(taken),
        "pictures_per_second": [
            {name: round(value, 3) for name, value in each.items()} for each in found
        ],
        "ratio": round(statistics.median(ratios), 3),
        "target": _TARGET,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    parser = argparse.ArgumentParser(description=" ".join((__doc__ or "").split(".")[0].split()))
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    images, _ = images_in(given.pictures)
    least = 2 * (2 * _ASIDE + 4)
    if len(images) * given.repeat < least:
        parser.error(f"{given.pictures}: fewer than {least} pictures tell nothing; see --repeat")
    with tempfile.TemporaryDirectory() as temporary:
        figures = run(images, given.rounds, given.repeat, Path(temporary))
    print(json.dumps(figures, indent=2))
    if given.json:
        atomic_write(given.json, json.dumps(figures, indent=2) + "\n")
    return 0 if figures["ratio"] >= _TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
