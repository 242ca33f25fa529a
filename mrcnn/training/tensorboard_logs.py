"""The figures of each epoch as TensorBoard reads them, written without TensorFlow.

Folders, tags and steps are those of `keras.callbacks.TensorBoard`, which needs TensorFlow on every
backend.
"""

import importlib.util
import itertools
import logging
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path

import keras
from keras import ops

from mrcnn.errors import OutputError

logger = logging.getLogger(__name__)

# Two files of one second need different names.
_NUMBERS = itertools.count()


class LogToTensorBoard(keras.callbacks.Callback):
    """Writes event files, of the training into `train` and of its validation into `validation`.

    - `epoch_NAME` is a figure of the logs at the end of an epoch, with the number of the epoch,
      from 0. Those called `val_NAME` are of the validation. `epoch_learning_rate` comes with them.
    - `evaluation_NAME_vs_iterations` is a figure of the validation, with the number of the step.

    Where TensorBoard is not installed nothing is written, which is said once.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        super().__init__()
        self._is_installed = importlib.util.find_spec("tensorboard") is not None
        self._train = _EventFile(Path(folder, "train"))
        self._validation = _EventFile(Path(folder, "validation"))
        if not self._is_installed:
            logger.warning(
                "tensorboard is not installed: its logs are left out. losses.csv has the figures."
            )

    def on_test_end(self, logs: Mapping[str, float] | None = None) -> None:
        step = int(ops.convert_to_numpy(self.model.optimizer.iterations))
        figures = {
            f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()
        }
        self._write(self._validation, figures, step)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if not logs:
            return
        training: dict[str, float] = {}
        validation: dict[str, float] = {}
        for name, value in logs.items():
            figures = validation if name.startswith("val_") else training
            figures[f"epoch_{name.removeprefix('val_')}"] = value
        rate = ops.convert_to_numpy(self.model.optimizer.learning_rate)
        self._write(self._train, training | {"epoch_learning_rate": rate}, epoch)
        self._write(self._validation, validation, epoch)

    def _write(self, file: "_EventFile", figures: Mapping[str, float], step: int) -> None:
        if self._is_installed and figures:
            file.add(figures, step)


class _EventFile:
    """A file of scalars; it is made when the first of them comes, and closed after each call.

    Args:
        folder: of the file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """Append figures under their tags.

        Raises:
            OutputError: the file cannot be written.
        """
        # Half a second, for which a program that only detects should not wait.
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb
        from tensorboard.summary.writer.record_writer import RecordWriter

        now = time.time()
        events = [
            Event(wall_time=now, step=step, summary=scalar_pb(tag, float(value)))
            for tag, value in figures.items()
        ]
        if self._path is None:
            # TensorBoard takes files whose names have "tfevents", in the order of the names.
            name = f"{int(now):010d}.{platform.node()}.{os.getpid()}.{next(_NUMBERS)}.v2"
            self._path = self._folder / f"events.out.tfevents.{name}"
            events.insert(0, Event(wall_time=now, file_version="brain.Event:2"))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(self._path, "ab") as file:
                records = RecordWriter(file)
                for event in events:
                    records.write(event.SerializeToString())
        except OSError as error:
            raise OutputError(
                f"{self._path}: cannot be written ({error.strerror or error})."
            ) from error
