"""Kills `detect` at random instants in a folder of pictures and compares what comes of it.

    python -m benchmarks.runs [--pictures 2000] [--kills 5] [--seed 1] [--folder DIR] [--json FILE]

The pictures are rendered and small, and what finds their discs is no network, so what is measured
is all that `detect` does around one. One run goes through; its memory is noted at picture 100 and
at the last one. Another is killed (SIGKILL) so many times and gone on with (`--resume`). After each
kill the tables must have each picture once, and all that was told; in the end they must be those
of the run that went through, byte by byte. With `--kills 0` there is the first run alone. The exit
status is 1 where something differs.
"""

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

import mrcnn.app.methods
from benchmarks.tiles_command import SizesConfig
from benchmarks.tiles_slide import DIAMETER, DarkParts, Slide
from mrcnn.files import atomic_write
from mrcnn.inference import Predictor, ScaledPredictor

_ROOT = Path(__file__).resolve().parents[1]
_HEIGHT, _WIDTH = 240, 320
TABLES = ("cells.csv", "summary.csv", "coco_predictions.json")
# Memory is compared from here on: before, caches fill.
_SETTLED = 100


class SteadyParts(DarkParts):
    """The same picture always gives the same, whatever came before it or is under way.

    Args:
        config: of the pictures.
        at_once: how many of them are predicted at the same time.
    """

    def __init__(self, config: Any, at_once: int) -> None:
        super().__init__(config)
        self.at_once = at_once
        self._lock = threading.Lock()

    def run(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        with self._lock:
            self._rng = np.random.default_rng(int(abs(inputs[0].sum())) % 2**32)
            return super().run(inputs)


def render(folder: Path, count: int) -> None:
    """Write pictures of discs, every hundredth of which is none."""
    folder.mkdir(parents=True, exist_ok=True)
    slide = Slide(2**20)
    for number in range(count):
        path = folder / f"p{number:05d}.png"
        if _is_none(number):
            path.write_bytes(b"\x89PNG cut short")
            continue
        y, x = divmod(number, 1000)
        pixels = slide.region(y * _HEIGHT, x * _WIDTH, _HEIGHT, _WIDTH)
        Image.fromarray(pixels).save(path, compress_level=1)


def _is_none(number: int) -> bool:
    return number % 100 == 50


def detect(folder: Path, out: Path, *options: str) -> int:
    """Run the command in this process; its exit status."""
    import rbc

    def load_predictor(
        _: Any, given: Any, __: Path, min_confidence: float, at_once: int
    ) -> ScaledPredictor:
        config = SizesConfig()
        predictor = Predictor(config, SteadyParts(config, at_once), watch_limits=False)
        return ScaledPredictor(predictor, diameter=given.diameter, min_confidence=min_confidence)

    words = ["detect", folder, "--diameter", DIAMETER, "--coco", "--out", out, *options]
    # Shapes are named by a network.
    words.append("--no-shapes")
    made_up = {"load_predictor": load_predictor, "trained_weights": lambda *_: folder / "none.h5"}
    with patch.multiple(mrcnn.app.methods, **made_up):
        return rbc.main([str(word) for word in words])


def follow(folder: Path, out: Path, kill_after: float | None, *options: str) -> dict[str, Any]:
    """Run the command in a process of its own.

    Args:
        folder: of the pictures.
        out: of the results.
        kill_after: told pictures after which it is killed, and the share of one that it has
            begun by then; None lets it end.
        *options: further ones.

    Returns:
        pictures that were told as done, the status, seconds, and memory by numbers of pictures.
    """
    words = [sys.executable, "-m", "benchmarks.runs", "--worker", folder, out, *options]
    told, memory, began = 0, {}, time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in words],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    with process:
        for line in process.stdout:
            if not line.startswith("["):
                continue
            told += 1
            number, total = map(int, line[1 : line.index("]")].split("/"))
            if number in (_SETTLED, total):
                memory[number] = _resident_memory(process.pid)
            if kill_after is not None and told >= kill_after:
                time.sleep(kill_after % 1 / 10)
                process.kill()
                break
    seconds = time.perf_counter() - began
    return {"told": told, "status": process.returncode, "seconds": seconds, "memory": memory}


def _resident_memory(process: int) -> float | None:
    """In MiB; None where the system does not tell it."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    held = next((line for line in lines if line.startswith("VmRSS:")), None)
    return None if held is None else int(held.split()[1]) / 1024


def names_in(out: Path) -> list[str]:
    """The pictures in the table of a run, without the line of all."""
    with open(out / "summary.csv", newline="", encoding="utf-8-sig") as file:
        return [name for row in csv.DictReader(file) if (name := row["name"])]


def run(pictures: int, kills: int, seed: int, folder: Path) -> dict[str, Any]:
    """Render, go through once, and once with kills.

    Args:
        pictures: how many.
        kills: how many.
        seed: of the instants.
        folder: of pictures and results; what is there must be of the same call.

    Returns:
        figures, of which `wrong` lists what must not be.
    """
    render(folder / "in", pictures)
    whole = follow(folder / "in", folder / "whole", None)
    rng = random.Random(seed)
    out, wrong, told = folder / "killed", [], 0
    for number in range(kills):
        after = rng.uniform(0.3, 1.2) * pictures / (kills + 1)
        ended = follow(folder / "in", out, max(after, 1), *(["--resume"] if number else []))
        told += ended["told"]
        names = names_in(out)
        if len(set(names)) != len(names):
            wrong.append(f"kill {number + 1}: pictures are there twice")
        if ended["status"] >= 0:
            wrong.append(f"kill {number + 1}: the run had ended before")
    if kills:
        last = follow(folder / "in", out, None, "--resume")
    else:
        out, last = folder / "whole", whole
    for name in TABLES:
        if (out / name).read_bytes() != (folder / "whole" / name).read_bytes():
            wrong.append(f"{name} differs")
    names = names_in(out)
    if len(names) != pictures or len(set(names)) != pictures:
        wrong.append(f"{len(set(names))} pictures in {len(names)} lines")
    with open(out / "summary.csv", newline="", encoding="utf-8-sig") as file:
        failed = sum(bool(row["problem"]) for row in csv.DictReader(file))
    if failed != sum(_is_none(number) for number in range(pictures)):
        wrong.append(f"{failed} pictures could not be used")
    leftovers = [path.name for path in out.rglob(".*")]
    if leftovers:
        wrong.append(f"temporary files are left: {leftovers[:5]}")
    memory = [each for each in whole["memory"].values() if each is not None]
    return {
        "pictures": pictures,
        "kills": kills,
        "told_by_killed": told,
        "told_at_last": last["told"],
        "seconds": round(whole["seconds"], 1),
        "memory_mib": {number: each and round(each, 1) for number, each in whole["memory"].items()},
        "growth": round(memory[-1] / memory[0] - 1, 4) if len(memory) > 1 else None,
        "wrong": wrong,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keeps pictures and results")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        figures = run(given.pictures, given.kills, given.seed, given.folder or Path(temporary))
    print(json.dumps(figures, indent=2))
    if given.json:
        atomic_write(given.json, json.dumps(figures, indent=2) + "\n")
    return 1 if figures["wrong"] else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        sys.exit(detect(Path(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:]))
    sys.exit(main())
