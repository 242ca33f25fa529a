"""`Run`, the folder of one training.

A run's folder is `NAMEyyyymmddThhmm`. In it are the checkpoints `mask_rcnn_NAME_0012.h5`, with the
number of epochs trained; beside the newest one `training_state_0012.npz`, which a run needs to go
on as if it had never stopped; `losses.csv`; and the weights that detected best, `best.h5`, with
`best.json`, which tells what they are.
"""

import contextlib
import datetime
import glob
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrcnn.errors import TrainingError
from mrcnn.files import InUseError, alone, atomic_write, make_writable_folder, remove_leftovers
from mrcnn.runs.checkpoints import (
    CHECKPOINT_PREFIX,
    STATE_PREFIX,
    NoCheckpointError,
    checkpoint_pattern,
    checkpoint_template,
    epoch_of,
    state_beside,
)

_BEST_WEIGHTS = "best.h5"
_BEST_RECORD = "best.json"
_LOSSES = "losses.csv"
# Held while a run is trained.
_LOCK = "training.lock"
# What only the training writes into the folder of its run.
_PREFIXES = (CHECKPOINT_PREFIX, STATE_PREFIX, "best.", "losses.")
_DATE = re.compile(r"\d{8}T\d{4}.*")


@dataclass(frozen=True)
class Run:
    """The folder of one training: what is in it, under which names, and who may write there.

    Attributes:
        folder: of the run.
        checkpoint_path: path of its checkpoints, with `{epoch:04d}` for the number of epochs.
    """

    folder: str
    checkpoint_path: str

    # --- Which run ---------------------------------------------------------------------------

    @classmethod
    def at(cls, folder: str | os.PathLike, name: str | None = None) -> "Run":
        """The run in a folder.

        Args:
            folder: of the run; it need not be there.
            name: of the run, as its checkpoints have it; by default as the folder has it.
        """
        folder = os.fspath(folder)
        if name is None:
            name = _DATE.sub("", os.path.basename(os.path.normpath(folder)))
        return cls(folder, checkpoint_template(folder, name))

    @classmethod
    def dated(cls, model_dir: str | os.PathLike, name: str, began: datetime.datetime) -> "Run":
        """The run called `name` in a folder of runs that began at a time, to the minute."""
        return cls.at(os.path.join(model_dir, f"{name}{began:%Y%m%dT%H%M}"), name)

    @classmethod
    def new(cls, model_dir: str | os.PathLike, name: str) -> "Run":
        """A run that begins now; two that begin in one minute do not share a folder."""
        began = datetime.datetime.now()
        while os.path.exists((run := cls.dated(model_dir, name, began)).folder):
            began += datetime.timedelta(minutes=1)
        return run

    @classmethod
    def among(cls, model_dir: str | os.PathLike, name: str) -> "list[Run]":
        """The runs in a folder whose own folders' names begin with `name`, the newest first."""
        found = Path(model_dir).glob(f"{glob.escape(name)}*") if name else ()
        return [cls.at(path) for path in sorted(found, reverse=True) if path.is_dir()]

    @classmethod
    def newest(cls, model_dir: str | os.PathLike, name: str) -> "Run":
        """The newest run called `name` in a folder of runs that has a checkpoint.

        Raises:
            NoCheckpointError: there is none; it is a FileNotFoundError as well.
        """
        for run in cls.among(model_dir, name):
            if run.newest_checkpoint():
                return run
        raise NoCheckpointError(
            f"{Path(model_dir)}: no checkpoint of a run called {name}*; train first, or give a "
            "path."
        )

    # --- What is in it -----------------------------------------------------------------------

    @property
    def best_weights(self) -> Path:
        """File of the weights that detected best."""
        return Path(self.folder, _BEST_WEIGHTS)

    @property
    def best_record(self) -> Path:
        """File that tells which epoch the best weights are of."""
        return Path(self.folder, _BEST_RECORD)

    @property
    def losses(self) -> Path:
        """Table with a line for each epoch, written when all else of the epoch is done."""
        return Path(self.folder, _LOSSES)

    def checkpoint(self, epoch: int) -> Path:
        """Path of the checkpoint of an epoch, counted from 1."""
        return Path(self.checkpoint_path.format(epoch=epoch))

    def state(self, epoch: int) -> Path:
        """Path of the training state that belongs to the checkpoint of an epoch."""
        return state_beside(self.checkpoint(epoch), epoch)

    def newest_checkpoint(self, name: str | None = None) -> Path | None:
        """The checkpoint in the folder with the most epochs, or None.

        Args:
            name: count only checkpoints called `mask_rcnn_NAME_*.h5`; by default any.
        """
        found = Path(self.folder).glob(checkpoint_pattern(name))
        return max(found, key=lambda path: (epoch_of(path), path.name), default=None)

    def has_losses(self, epoch: int) -> bool:
        """Whether an epoch, counted from 1, has its line in the table of losses."""
        try:
            text = self.losses.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return any(line.startswith(f"{epoch - 1},") for line in text.splitlines())

    def read_best(self) -> dict[str, Any]:
        """What is written of the best weights; nothing where there is no record, or a damaged one.

        `epoch` counts from 1.
        """
        try:
            record = json.loads(self.best_record.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return record if isinstance(record, dict) else {}

    # --- What the training does with it ------------------------------------------------------

    def write_best(self, record: Mapping[str, Any]) -> None:
        """Write of which epoch the best weights are, in one step.

        Args:
            record: values for JSON, without NaN; `epoch` counts from 1.

        Raises:
            OutputError: it cannot be written.
        """
        text = json.dumps(dict(record), indent=2, allow_nan=False)
        atomic_write(self.best_record, text + "\n")

    def prune(self, epoch: int, keep: int | None) -> None:
        """Remove what is not needed any more, once the checkpoint of an epoch is written.

        Args:
            epoch: of the newest checkpoint. Later ones, of an earlier attempt, are left alone.
            keep: number of the newest checkpoints that stay; None keeps all. The checkpoint of the
                epoch with the best weights stays as well.
        """
        folder = self.checkpoint(epoch).parent
        for path in folder.glob(f"{STATE_PREFIX}_*.npz"):
            if epoch_of(path) < epoch:
                _remove(path)
        if keep is None:
            return
        written = [
            number
            for path in folder.glob(checkpoint_pattern(None))
            if (number := epoch_of(path)) <= epoch and self.checkpoint(number) == path
        ]
        best = self.read_best().get("epoch")
        for number in sorted(written)[: -max(keep, 1)]:
            if number != best:
                _remove(self.checkpoint(number))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Have the folder for oneself; it is made, and what a killed training left is removed.

        Two processes that train in one folder would replace each other's files.

        Raises:
            TrainingError: another process is training there.
            OutputError: the folder cannot be made or written to.
        """
        folder = make_writable_folder(self.folder)
        try:
            with alone(folder / _LOCK):
                for prefix in _PREFIXES:
                    remove_leftovers(folder, prefix)
                yield
        except InUseError as error:
            raise TrainingError(
                f"{folder}: {error} is training in this folder. Wait until it has ended, or begin "
                "a run of its own."
            ) from None


def _remove(path: Path) -> None:
    # What cannot be removed only takes space: no reason to end a training.
    with contextlib.suppress(OSError):
        path.unlink()
