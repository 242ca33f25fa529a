"""Callbacks of a training run."""

import csv
import io
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
from keras import ops

from mrcnn.errors import TrainingError
from mrcnn.files import atomic_write
from mrcnn.runs.run import Run
from mrcnn.training.replicas import agreed
from mrcnn.training.run_state import RunState, write_state


class SaveCheckpoint(keras.callbacks.Callback):
    """Saves the weights at the end of each epoch, and all that the run needs to go on from them.

    Args:
        run: where they are kept.
        save: writes a model's weights to a path, in one step.
        capture: the state at the end of an epoch: (model, epochs, logs).
        keep: number of the newest checkpoints that stay; None keeps all.

    Attributes:
        epoch: epochs of the newest checkpoint; None before the first.
    """

    def __init__(
        self,
        run: Run,
        save: Callable[[keras.Model, Path], None],
        capture: Callable[[keras.Model, int, dict], RunState],
        keep: int | None = None,
    ) -> None:
        super().__init__()
        self.run = run
        self.save = save
        self.capture = capture
        self.keep = keep
        self.epoch: int | None = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Write state and checkpoint, in this order: a killed run is to find both, or the last."""
        done = epoch + 1
        state = self.capture(self.model, done, dict(logs or {}))
        write_state(self.run.state(done), state)
        self.save(self.model, self.run.checkpoint(done))
        self.epoch = done
        self.run.prune(done, self.keep)


class FinishEpoch(keras.callbacks.Callback):
    """Does what was left to do when a run was killed between a checkpoint and the end of its epoch.

    Args:
        epoch: counted from 0.
        logs: losses of that epoch.
        log: the table of the run. Nothing is left to do for an epoch that has its line; an epoch
            whose predecessor has none is of a run in another folder. Of several processes the
            first one knows the table.
        callbacks: that were to be called, in this order.
    """

    def __init__(
        self,
        epoch: int,
        logs: dict[str, float],
        log: "LogToTable",
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        super().__init__()
        self.epoch = epoch
        self.logs = logs
        self.log = log
        self.callbacks = callbacks

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        is_done = self.log.has(self.epoch)
        if agreed(is_done or (self.epoch > 0 and not self.log.has(self.epoch - 1))):
            return
        values = dict(self.logs)
        for callback in self.callbacks:
            callback.on_epoch_end(self.epoch, values)
        # Keras asks only after a step: whoever wants to stop says so again after the next epoch.
        self.model.stop_training = False


class StopWhenNotFinite(keras.callbacks.Callback):
    """Ends a training whose loss is NaN or infinite, before anything of it is saved.

    Args:
        images_of: the names of the images of a step of the current epoch.
    """

    def __init__(self, images_of: Callable[[int], Sequence[str]]) -> None:
        super().__init__()
        self.images_of = images_of
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Raise TrainingError if a loss of this step is not finite."""
        wrong = {name: float(value) for name, value in (logs or {}).items()}
        wrong = [f"{name} {value}" for name, value in wrong.items() if not math.isfinite(value)]
        if not wrong:
            return
        rate = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        before = ""
        if batch > 0:
            # Its gradient may have been what broke the weights.
            before = f"; of the step before: {', '.join(self.images_of(batch - 1))}"
        raise TrainingError(
            f"The training cannot go on: in step {batch + 1} of epoch {self._epoch + 1} the loss "
            f"is not finite ({', '.join(wrong)}). Images of this step: "
            f"{', '.join(self.images_of(batch))}{before}. Nothing of this epoch is saved; the "
            "checkpoints of the epochs before are as they were. Look at these images and their "
            f"annotations, and try a lower learning rate than {rate:g} or a longer warm-up."
        )


class ReportProgress(keras.callbacks.Callback):
    """Prints a line now and then within an epoch, where no bar of progress can be drawn.

    Args:
        steps: in an epoch.
        seconds: from one line to the next, at least.
    """

    def __init__(self, steps: int, seconds: float = 30.0) -> None:
        super().__init__()
        self.steps = steps
        self.seconds = seconds
        self._epoch = 0
        self._began = self._said = 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._epoch, self._began = epoch, time.monotonic()
        self._said = self._began

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        now, done = time.monotonic(), batch + 1
        if now - self._said < self.seconds or done >= self.steps:
            return
        self._said = now
        left = (now - self._began) / done * (self.steps - done)
        loss = float((logs or {}).get("loss", math.nan))
        print(
            f"Epoch {self._epoch + 1}: step {done} of {self.steps}, loss {loss:.4f}, about "
            f"{max(1, round(left / 60))} min left of the epoch",
            flush=True,
        )


class RunCallback(keras.callbacks.Callback):
    """A callback that has figures to log, and files to keep in the folder of the run.

    `mrcnn.training.fitting.fit` calls it after the epoch's checkpoint is saved and before the
    loggers: what it adds to the logs of an epoch reaches the progress line, `losses.csv` and
    TensorBoard.

    Attributes:
        run: the run that is trained; None where another program's `fit` is used.
    """

    def __init__(self) -> None:
        super().__init__()
        self.run: Run | None = None
        self._save: Callable[[keras.Model, Path], None] | None = None

    @property
    def run_dir(self) -> Path | None:
        """Folder of the run, or None."""
        return None if self.run is None else Path(self.run.folder)

    def enter_run(self, run: Run, save: Callable[[keras.Model, Path], None]) -> None:
        """Told by `fit` before the training begins.

        Args:
            run: that is trained.
            save: writes a model's weights to a path, in one step.
        """
        self.run, self._save = run, save

    def save_weights(self, name: str) -> None:
        """Write the weights as they are now to a file in the folder of the run, in one step."""
        if self.run_dir is None or self._save is None:
            raise TrainingError(f"{name}: there is no run whose folder it could be written to.")
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

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._columns, self._rows = ["epoch"], []
        if self.path.exists():
            # Only figures are read; a damaged line is no reason to end a training.
            with open(self.path, newline="", encoding="utf-8", errors="replace") as file:
                lines = [line for line in csv.reader(file) if line]
            self._columns, self._rows = (lines[0], lines[1:]) if lines else (["epoch"], [])

    def has(self, epoch: int) -> bool:
        """Whether there is a line of an epoch, counted from 0."""
        return any(row[:1] == [str(epoch)] for row in self._rows)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
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
