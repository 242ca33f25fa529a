"""`Learning`: a training in the background from what was corrected, and what came of it."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.options import MAX_OVERLAP
from mrcnn.errors import DataError, MrcnnError
from mrcnn.files import atomic_write
from mrcnn.report.evaluation_tables import headline
from mrcnn.runs.run import Run
from mrcnn.serve.exports import VIA_FILE, write_corrections
from mrcnn.serve.lessons import (
    COMPARING,
    DONE,
    FAILED,
    RUNNING,
    STOPPED,
    Lesson,
    end_left_over,
    is_left_over,
    lesson_file,
    lessons_of,
    losses_of,
    newest_run,
)
from mrcnn.serve.project import Project, link_all

# Of the corrected pictures every fifth is not learned from.
_FOLD = 5
_FEWEST = 2
_PAUSE = 0.5
_LOG_BYTES = 8_000
_FIGURES = ("accuracy", "precision", "recall", "f1", "pq")


class Learning:
    """Trains with the command `train`, one training at a time, and compares with `evaluate`.

    A training is a process of its own: it keeps checkpoints as any other, and what the server
    knows of it is in its folder. So it goes on while the server is killed, and one that starts
    then waits for it, or goes on with what it left.

    Args:
        application: whose model learns.
        project: has the corrections, and takes the trainings.
        command: starts the same program.
        changed: is told what pages have to know.
    """

    def __init__(
        self,
        application: Application,
        project: Project,
        command: Sequence[str],
        changed: Callable[[dict[str, Any]], None],
    ) -> None:
        self._application, self._project = application, project
        self._command, self._changed = list(command), changed
        self._lock = threading.RLock()
        self._process: subprocess.Popen | None = None
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        lessons = self.lessons()
        self.lesson = lessons[-1] if lessons else Lesson()
        if self.lesson.is_busy:
            self._start(self._take_up)

    # --- What there is -----------------------------------------------------------------------

    def lessons(self) -> list[Lesson]:
        """All trainings of the project, the newest last."""
        return lessons_of(self._project.models)

    def corrected(self) -> list[str]:
        """The pictures that were corrected."""
        told = self._project.summaries()
        return [name for name, each in told.items() if each.get("corrected")]

    def told(self) -> dict[str, Any]:
        """What pages have to know."""
        lesson = self.lesson
        losses = self._losses()
        return {
            **asdict(lesson),
            "corrected": len(self.corrected()),
            "epoch": len(losses),
            "losses": losses,
            "log": self._log_end(),
        }

    # --- What is asked for -------------------------------------------------------------------

    def start(self, weights: Path, class_names: Sequence[str], epochs: int, steps: int) -> None:
        """Learn from the corrected pictures.

        Args:
            weights: of the present model.
            class_names: of its network.
            epochs, steps: how long.

        Raises:
            DataError: a training runs, or too little was corrected.
            OutputError: the folder cannot be written.
        """
        with self._lock:
            if self.lesson.is_busy:
                raise DataError("A training runs already: stop it first.")
            if not (1 <= epochs <= 1000 and 1 <= steps <= 10_000):
                raise DataError("Expected 1 to 1000 epochs of 1 to 10000 steps.")
            names = self.corrected()
            if len(names) < _FEWEST:
                raise DataError(
                    f"{len(names)} pictures are corrected: at least {_FEWEST} are needed, one to "
                    "learn from and one to try the model on. Mark those that are right as well."
                )
            validated = names[_FOLD - 1 :: _FOLD] or names[-1:]
            trained = [name for name in names if name not in validated]
            now = datetime.now(UTC)
            lesson = Lesson(
                now.strftime("%Y%m%dT%H%M%S"),
                RUNNING,
                epochs=epochs,
                steps=steps,
                weights=str(weights),
                class_names=tuple(class_names),
                trained=tuple(trained),
                validated=tuple(validated),
                began=now.isoformat(timespec="seconds"),
            )
            self.lesson = lesson
            self._begin(self._first_command(), with_data=True)

    def go_on(self) -> None:
        """Go on with the training that was stopped.

        Raises:
            DataError: there is none.
        """
        with self._lock:
            if self.lesson.state not in (STOPPED, FAILED):
                raise DataError("No training was stopped.")
            self._begin(*self._rest())

    def stop(self) -> None:
        """Stop; the epochs that are done stay."""
        with self._lock:
            self._is_stopping = True
            if self._process is not None and self._process.poll() is None:
                # Ctrl-C may be ignored, as where the server was started in the background; what
                # a training has kept is whole however it ends.
                self._process.terminate()

    def close(self) -> None:
        """Stop, and wait for the end."""
        self.stop()
        if self._thread is not None:
            self._thread.join(30)
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.kill()

    # --- How it goes -------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        return self._project.models / self.lesson.name

    def _run(self) -> Run | None:
        """The newest run of the training."""
        return newest_run(self._folder) if self.lesson.name else None

    def _rest(self) -> tuple[list[str] | None, bool]:
        """The command that is left of the training, and whether the data have to be laid out."""
        run = self._run()
        if run is None or run.newest_checkpoint() is None:
            return self._first_command(), True
        if len(self._losses()) >= self.lesson.epochs:
            return None, False
        return ["train", "--weights", "last", "--logs", str(self._folder / "runs")], False

    def _first_command(self) -> list[str]:
        lesson, folder = self.lesson, self._folder
        return [
            "train", "--dataset", str(folder), "--weights", lesson.weights,
            "--logs", str(folder / "runs"), "--epochs", str(lesson.epochs),
            "--steps", str(lesson.steps), "--validate-every", "1", "--keep-checkpoints", "2",
            "--classes", *lesson.class_names,
        ]  # fmt: skip

    def _write_data(self) -> None:
        """Lay the pictures and their corrections where `train` reads them; anew where they are."""
        lesson = self.lesson
        # Sizes of red cells are red cells to a network that tells kinds.
        aliases = self._application.new_dataset().class_aliases(lesson.class_names)
        for subset, names in (("train", lesson.trained), ("val", lesson.validated)):
            folder = self._folder / subset
            shutil.rmtree(folder, ignore_errors=True)
            link_all([self._project.path(name) for name in names], folder)
            file = folder / VIA_FILE
            write_corrections(self._project, names, file, aliases, lesson.class_names)

    def _begin(self, command: list[str] | None, with_data: bool = False) -> None:
        self._is_stopping = False
        self._set(state=RUNNING, problem="", figures={}, result="")
        self._start(self._go, command, with_data)

    def _start(self, work: Callable[..., None], *arguments: Any) -> None:
        self._thread = threading.Thread(target=work, args=arguments, name="learning", daemon=True)
        self._thread.start()

    def _take_up(self) -> None:
        """Wait for what a killed server had started, and go on from there."""
        told, is_asked = -1, False
        while is_left_over(self._folder, self.lesson.process):
            if self._is_stopping and not is_asked:
                is_asked = True
                end_left_over(self.lesson.process)
            if len(self._losses()) != told:
                told = len(self._losses())
                self._changed(self.told())
            time.sleep(_PAUSE)
        with self._lock:
            if self._is_stopping:
                self._set(state=STOPPED, process=0)
                return
            self._set(state=RUNNING, process=0)
        self._go(*self._rest())

    def _go(self, command: list[str] | None, with_data: bool) -> None:
        try:
            if with_data:
                self._write_data()
            if command is not None:
                self._wait_for(command)
            run = self._run()
            checkpoint = None if run is None else run.newest_checkpoint()
            if self._is_stopping:
                self._set(state=STOPPED)
                return
            if run is None or checkpoint is None:
                raise DataError("The training has left no checkpoint.")
            result = run.best_weights if run.best_weights.is_file() else checkpoint
            self._set(state=COMPARING, result=str(result))
            figures = {
                "before": self._figures(self.lesson.weights, "before"),
                "after": self._figures(str(result), "after"),
            }
            self._set(state=DONE, figures=figures)
        except _Stopped:
            self._set(state=STOPPED)
        except (MrcnnError, OSError) as error:
            self._set(state=FAILED, problem=str(error))

    def _figures(self, weights: str, name: str) -> dict[str, Any]:
        """What `evaluate` tells of weights on the pictures that nothing was learned from."""
        out = self._folder / name
        self._wait_for(
            [
                "evaluate", "--dataset", str(self._folder), "--subset", "val",
                "--weights", weights, "--out", str(out), "--max-overlap", str(MAX_OVERLAP),
            ]
        )  # fmt: skip
        try:
            summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
            values = headline(summary["operating_points"][0], "ignore")
        except (OSError, ValueError, LookupError) as error:
            raise DataError(f"{out}: the evaluation cannot be read ({error}).") from None
        return {key: values.get(key) for key in _FIGURES}

    def _wait_for(self, arguments: list[str]) -> None:
        """Run the program, and tell how it goes.

        Raises:
            DataError: it failed, with its last line.
            _Stopped: somebody stopped it.
        """
        log = self._folder / "log.txt"
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        flags = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        with open(log, "ab") as file:
            with self._lock:
                if self._is_stopping:
                    raise _Stopped
                # Ctrl-C ends the server, which then stops the training itself.
                self._process = subprocess.Popen(
                    [*self._command, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                    creationflags=flags,
                )
                self._set(process=self._process.pid)
            told = None
            while self._process.poll() is None:
                now = (len(self._losses()), log.stat().st_size)
                if now != told:
                    told = now
                    self._changed(self.told())
                try:
                    self._process.wait(_PAUSE)
                except subprocess.TimeoutExpired:
                    continue
        if self._is_stopping:
            raise _Stopped
        if self._process.returncode:
            lines = [line for line in self._log_end().splitlines() if line.strip()]
            raise DataError(lines[-1] if lines else f"exit status {self._process.returncode}")

    def _losses(self) -> list[dict[str, float]]:
        """Figures of each epoch so far."""
        return losses_of(self._run())

    def _log_end(self) -> str:
        if not self.lesson.name:
            return ""
        try:
            with open(self._folder / "log.txt", "rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _LOG_BYTES, 0))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def _set(self, **changes: Any) -> None:
        with self._lock:
            lesson = replace(self.lesson, **changes)
            text = json.dumps(asdict(lesson), indent=2, allow_nan=False)
            try:
                # First: who is told that it is done finds it so among the models.
                atomic_write(lesson_file(self._folder), text + "\n")
            finally:
                self.lesson = lesson
        self._changed(self.told())


class _Stopped(Exception):
    """Somebody stopped the training."""
