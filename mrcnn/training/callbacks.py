"""Callbacks of a training run."""

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import keras

from mrcnn.files import atomic_write


class SaveCheckpoint(keras.callbacks.Callback):
    """Save the weights at the end of each epoch.

    Args:
        path_of: file for an epoch, counted from 1.
        save: writes a model's weights to a path, in one step.
    """

    def __init__(self, path_of: Callable[[int], Path], save: Callable[[keras.Model, Path], None]):
        super().__init__()
        self.path_of = path_of
        self.save = save

    def on_epoch_end(self, epoch, logs=None):
        self.save(self.model, self.path_of(epoch + 1))


class RunCallback(keras.callbacks.Callback):
    """A callback that has figures to log, and files to keep in the folder of the run.

    `mrcnn.training.fitting.fit` calls it after the epoch's checkpoint is saved and before the
    loggers: what it adds to the logs of an epoch reaches the progress line, `losses.csv` and
    TensorBoard.

    Attributes:
        run_dir: folder of the run; None where another program's `fit` is used.
    """

    def __init__(self) -> None:
        super().__init__()
        self.run_dir: Path | None = None
        self._save: Callable[[keras.Model, Path], None] | None = None

    def enter_run(
        self, run_dir: str | os.PathLike, save: Callable[[keras.Model, Path], None]
    ) -> None:
        """Told by `fit` before the training begins.

        Args:
            run_dir: folder of the run.
            save: writes a model's weights to a path, in one step.
        """
        self.run_dir, self._save = Path(run_dir), save

    def save_weights(self, name: str) -> None:
        """Write the weights as they are now to a file in the folder of the run, in one step."""
        self._save(self.model, self.run_dir / name)


class LogToTable(keras.callbacks.Callback):
    """A CSV file with a line for each epoch: its number, from 0, and everything in its logs.

    Lines of earlier runs are kept. A figure that not every epoch has gets its column when it first
    appears, and is empty elsewhere.

    Args:
        path: the file to make or to go on with.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__()
        self.path = Path(path)
        self._columns: list[str] = []
        self._rows: list[list[str]] = []

    def on_train_begin(self, logs=None):
        self._columns, self._rows = ["epoch"], []
        if self.path.exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                lines = [line for line in csv.reader(file) if line]
            self._columns, self._rows = (lines[0], lines[1:]) if lines else (["epoch"], [])

    def on_epoch_end(self, epoch, logs=None):
        values = {"epoch": epoch, **(logs or {})}
        new = sorted(name for name in values if name not in self._columns)
        if new:
            width = len(self._columns)
            self._columns += new
            short = (row[:width] for row in self._rows)
            self._rows = [row + [""] * (len(self._columns) - len(row)) for row in short]
        self._rows.append([str(values.get(name, "")) for name in self._columns])
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self._columns, *self._rows])
        atomic_write(self.path, text.getvalue())
