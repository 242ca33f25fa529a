"""Speed and memory, against torchvision in the same run.

    python -m benchmarks.speed [--against torchvision] [--backends tensorflow jax torch]
        [--precisions float32 mixed_bfloat16] [--rounds 2] [--json FILE]

ResNet-50-FPN on one image of 512 x 512 pixels with 90 cells, 200 training regions, 1000 proposals,
and as many detections through the mask head on both sides. Each measurement has a process of its
own; both sides take turns. With a GPU the same table is for the GPU. The exit status is 0, or 2
for a wrong command line or an environment that cannot be made.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.golden import ROOT
from benchmarks.speed_workload import STARTED

PEERS = ("torchvision",)
PEER_PACKAGES = ("torch==2.13.0", "torchvision==0.28.0")
BACKENDS = ("tensorflow", "jax", "torch")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# Name, module arguments, and whether the peer has the same.
TASKS = {
    "training step, all": ("train-all", []),
    "training step, heads": ("train-heads", []),
    "detect, 200 detections": ("detect", ["--detections", "200"]),
    "detect, 75 detections": ("detect", ["--detections", "75"]),
}
LOADER = "training item from polygons"
SECONDS_A_PROCESS = 1800


class BenchmarkError(Exception):
    """Something that the user has to mend."""


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description="Time training, detection and the loader, against a peer in the same run.",
    )
    parser.add_argument("--against", choices=PEERS, help="measure this peer as well, in turns")
    parser.add_argument(
        "--peer-environment",
        metavar="DIR",
        default=str(ROOT / ".venv-peer"),
        help="virtual environment of the peer; made if it is not there (several GB)",
    )
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=["tensorflow"])
    parser.add_argument(
        "--precisions", nargs="+", choices=PRECISIONS, default=["float32", "mixed_bfloat16"]
    )
    parser.add_argument(
        "--peer-precisions", nargs="+", choices=PRECISIONS, default=["float32"], metavar="P"
    )
    parser.add_argument("--tasks", nargs="+", choices=sorted({t for t, _ in TASKS.values()}))
    parser.add_argument("--size", type=int, default=512, help="side of the image in pixels")
    parser.add_argument("--batch", type=int, default=1, help="images in a batch")
    parser.add_argument("--calls", type=int, default=5, help="timed calls of each process")
    parser.add_argument("--rounds", type=int, default=2, help="processes of each measurement")
    parser.add_argument("--json", metavar="FILE", help="write all figures to this file as well")
    return parser


def peer_python(folder: Path) -> Path:
    """The interpreter of the peer's environment, which is made if need be.

    Raises:
        BenchmarkError: the packages cannot be installed.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"Making {folder} with {' '.join(PEER_PACKAGES)} (several GB) ...", flush=True)
        venv.create(folder, with_pip=True)
    present = subprocess.run([python, "-c", "import torchvision"], capture_output=True)
    if present.returncode:
        done = subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_PACKAGES])
        if done.returncode:
            raise BenchmarkError(
                f"{' and '.join(PEER_PACKAGES)} could not be installed in {folder}: see above. "
                "Install them there by hand, or leave out --against."
            )
    return python


def measure(python: str | Path, module: str, arguments: Sequence[str], **environment: str) -> dict:
    """Run one measuring process; the JSON of its last line.

    Raises:
        BenchmarkError: the process fails.
    """
    variables = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
        **environment,
        STARTED: repr(time.time()),
    }
    done = subprocess.run(
        [str(python), "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=SECONDS_A_PROCESS,
    )
    if done.returncode:
        raise BenchmarkError(f"{module} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def plan(options: argparse.Namespace, python: Path | None) -> list[tuple[tuple, tuple]]:
    """What to run in one round: (task, side, precision) and the arguments of `measure`."""
    common = ["--size", str(options.size), "--batch", str(options.batch)]
    common += ["--calls", str(options.calls)]
    runs = []
    for name, (task, arguments) in TASKS.items():
        if options.tasks and task not in options.tasks:
            continue
        for precision in options.peer_precisions if python else ():
            call = [task, *arguments, *common, "--precision", precision]
            call += ["--threads", str(os.cpu_count() or 1)]
            key = (name, options.against, precision)
            runs.append((key, (python, "speed_torchvision", call, {})))
        for backend in options.backends:
            for precision in options.precisions:
                call = [task, *arguments, *common, "--precision", precision]
                key = (name, backend, precision)
                environment = {"KERAS_BACKEND": backend}
                runs.append((key, (sys.executable, "speed_ours", call, environment)))
    return runs


def collect(options: argparse.Namespace) -> dict:
    """All figures: a list of measurements, the loader, the machine's peak."""
    python = peer_python(Path(options.peer_environment)) if options.against else None
    found: dict[tuple, list[dict]] = {}
    peak = measure(sys.executable, "speed_floor", [], KERAS_BACKEND=options.backends[0])
    for number in range(options.rounds):
        for key, (program, module, arguments, environment) in plan(options, python):
            print(f"round {number + 1}: {', '.join(key)}", file=sys.stderr, flush=True)
            found.setdefault(key, []).append(measure(program, module, arguments, **environment))
    loader = None
    if not options.tasks:
        loader = measure(sys.executable, "speed_ours", ["load", "--size", str(options.size)])
    return {
        "settings": {name: getattr(options, name) for name in ("size", "batch", "calls", "rounds")},
        "peak_gmacs_per_second": peak,
        "measurements": [
            {"task": key[0], "side": key[1], "precision": key[2], **summary(results)}
            for key, results in found.items()
        ],
        "loader": loader,
    }


def summary(results: Sequence[dict]) -> dict:
    """Medians over all calls of all rounds, and the peak of the memory."""
    seconds = [value for result in results for value in result["seconds"]]
    return {
        "seconds": statistics.median(seconds),
        "fastest": min(seconds),
        "first": statistics.median(result["first"] for result in results),
        "peak_mib": statistics.median(result["peak_mib"] for result in results),
        "gpu_peak_mib": results[0].get("gpu_peak_mib"),
        "work": results[0].get("work"),
        "detections": results[0].get("detections"),
        "device": results[0].get("device"),
        "versions": results[0]["versions"],
        "all_seconds": seconds,
    }


def format_report(figures: dict, against: str | None) -> str:
    """The tables, as text."""
    lines = [
        f"{'':26}{'':14}{'':16}{'seconds':>9}{'ratio':>8}{'first':>8}{'ratio':>8}"
        f"{'MiB':>8}{'ratio':>8}{'GMAC':>8}{'of peak':>9}"
    ]
    bases = {
        entry["task"]: entry
        for entry in figures["measurements"]
        if entry["side"] == against and entry["precision"] == "float32"
    }
    for entry in figures["measurements"]:
        line = f"{entry['task']:26}{entry['side']:14}{entry['precision']:16}"
        base = bases.get(entry["task"])
        for name, form in (("seconds", "9.3f"), ("first", "8.1f"), ("peak_mib", "8.0f")):
            ratio = f"{entry[name] / base[name]:8.2f}" if base else " " * 8
            line += f"{entry[name]:{form}}{ratio}"
        if entry["work"]:
            images = figures["settings"]["batch"]
            total = images * sum(sum(part.values()) for part in entry["work"].values()) / 1e9
            dtype = "bfloat16" if "bfloat16" in entry["precision"] else "float32"
            share = total / entry["seconds"] / figures["peak_gmacs_per_second"][dtype]
            line += f"{total:8.0f}{share:9.0%}"
        lines.append(line)
    peaks = ", ".join(
        f"{value:.0f} in {dtype}" for dtype, value in figures["peak_gmacs_per_second"].items()
    )
    lines += ["", f"The machine's fastest matrix product, GMAC/s: {peaks}."]
    if against:
        lines.append(f"Ratios are to {against} in float32.")
    lines += format_gpu(figures, bases)
    if figures["loader"]:
        lines += ["", *format_loader(figures["loader"])]
    return "\n".join(lines)


def format_gpu(figures: dict, bases: dict[str, dict]) -> list[str]:
    """The table of what ran on a GPU: images a second and memory; no lines without one."""
    on_gpu = [entry for entry in figures["measurements"] if entry["gpu_peak_mib"] is not None]
    if not on_gpu:
        return []
    lines = ["", f"{on_gpu[0]['device']:56}{'images/s':>10}{'ratio':>8}{'GPU MiB':>9}{'ratio':>8}"]
    for entry in on_gpu:
        rate = figures["settings"]["batch"] / entry["seconds"]
        line = f"{entry['task']:26}{entry['side']:14}{entry['precision']:16}{rate:10.1f}"
        base = bases.get(entry["task"])
        ratios = ["", ""]
        if base and base["gpu_peak_mib"]:
            speed_up = base["seconds"] / entry["seconds"]
            ratios = [f"{speed_up:.2f}", f"{entry['gpu_peak_mib'] / base['gpu_peak_mib']:.2f}"]
        lines.append(f"{line}{ratios[0]:>8}{entry['gpu_peak_mib']:9.0f}{ratios[1]:>8}")
    return lines


def format_loader(loader: dict) -> list[str]:
    """The lines about one training item."""
    item = statistics.median(loader["seconds"])
    others = {
        "image read and resized again": "seconds_without_cache",
        "through masks of the whole picture": "seconds_by_stacks",
    }
    lines = [f"{LOADER} (1600 x 1200, 90 cells): {1e3 * item:.1f} ms"]
    for name, key in others.items():
        seconds = statistics.median(loader[key])
        lines.append(f"  {name}: {1e3 * seconds:.1f} ms, {seconds / item:.1f} x")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    options = build_parser().parse_args(arguments)
    try:
        figures = collect(options)
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 2
    print(format_report(figures, options.against))
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
