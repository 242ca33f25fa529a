"""`Lesson`: one training as its file keeps it, and what a server that was killed left of it."""

import csv
import json
import math
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mrcnn.errors import OutputError, TrainingError
from mrcnn.runs.run import Run

IDLE, RUNNING, COMPARING, STOPPED = "idle", "running", "comparing", "stopped"
FAILED, DONE = "failed", "done"
_FILE = "lesson.json"


@dataclass(frozen=True)
class Lesson:
    """One training, as its file keeps it.

    Attributes:
        name: of its folder.
        state: one of the six of this module.
        problem: why it failed.
        epochs, steps: how long it is.
        weights: it starts from.
        class_names: of the network.
        trained, validated: names of pictures.
        began: the time.
        figures: of the model before and of the new one on the validated pictures.
        result: the new weights.
        process: number of the training's own process, while it runs.
    """

    name: str = ""
    state: str = IDLE
    problem: str = ""
    epochs: int = 0
    steps: int = 0
    weights: str = ""
    class_names: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()
    validated: tuple[str, ...] = ()
    began: str = ""
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: str = ""
    process: int = 0

    @property
    def is_busy(self) -> bool:
        return self.state in (RUNNING, COMPARING)


def lesson_file(folder: Path) -> Path:
    """The file of the training in a folder."""
    return folder / _FILE


def lessons_of(models: Path) -> list[Lesson]:
    """All trainings of a project, the newest last.

    Args:
        models: the folder of trainings.
    """
    found = []
    for path in sorted(models.glob(f"*/{_FILE}")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            tuples = ("class_names", "trained", "validated")
            found.append(Lesson(**{**values, **{key: tuple(values[key]) for key in tuples}}))
        except (OSError, ValueError, LookupError, TypeError):
            # Not of this version: it is no model of the list.
            continue
    return found


def newest_run(folder: Path) -> Run | None:
    """The newest run of the training in a folder."""
    runs = sorted(path for path in (folder / "runs").glob("*") if path.is_dir())
    return Run.at(runs[-1]) if runs else None


def losses_of(run: Run | None) -> list[dict[str, float]]:
    """Figures of each epoch of a run so far."""
    if run is None:
        return []
    try:
        with open(run.losses, newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return []
    return [_numbers(row) for row in rows]


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    told = {}
    for name, text in row.items():
        try:
            value = float(text)
        except (TypeError, ValueError):
            continue
        if math.isfinite(value):
            told[name] = value
    return told


def is_left_over(folder: Path, process: int) -> bool:
    """Whether the program that a killed server had started for a training still runs.

    Args:
        folder: of the training, which every such program is given.
        process: its number, which may be that of another program by now.
    """
    run = newest_run(folder)
    if run is not None:
        try:
            with run.alone():
                pass
        except TrainingError:
            # Somebody holds the folder.
            return True
        except OutputError:
            return False
    program = shutil.which("ps")
    if not process or program is None:
        return False
    # It may still be on its way to the folder, or be no training but an evaluation.
    asked = [program, "-o", "args=", "-p", str(process)]
    told = subprocess.run(asked, capture_output=True, text=True, errors="replace", check=False)
    return str(folder) in told.stdout


def end_left_over(process: int) -> None:
    """Ask that program to end; what a training has kept is whole however it ends."""
    try:
        os.kill(process, signal.SIGTERM)
    except OSError:
        return
