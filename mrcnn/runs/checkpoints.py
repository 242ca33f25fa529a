"""Checkpoints: how they are called, and what the path of one tells.

`logs/cells20260131T0930/mask_rcnn_cells_0012.h5` is of the run "cells" that began on 31 January
2026 at 9:30, after 12 epochs.
"""

import datetime
import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path

from mrcnn.errors import WeightsError

CHECKPOINT_PREFIX = "mask_rcnn"
STATE_PREFIX = "training_state"
_PATH = re.compile(
    r".*[/\\][^/\\]+?(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})[/\\]mask_rcnn_[^/\\]+?(\d{4,})\.h5$"
)
_EPOCH = re.compile(r"_(\d+)\.(h5|npz)$")


class NoCheckpointError(WeightsError, FileNotFoundError):
    """There is no checkpoint where one was looked for."""


@dataclass(frozen=True)
class Checkpoint:
    """What the path of a checkpoint tells.

    Attributes:
        path: as it was given.
        began: when its run began.
        epoch: epochs trained.
    """

    path: str
    began: datetime.datetime
    epoch: int

    @classmethod
    def named(cls, path: str | os.PathLike) -> "Checkpoint | None":
        """What a path tells; None if it is not that of a checkpoint in the folder of a run."""
        match = _PATH.match(os.fspath(path))
        if match is None:
            return None
        try:
            year, month, day, hour, minute = (int(match[number]) for number in range(1, 6))
            began = datetime.datetime(year, month, day, hour, minute)
        except ValueError:
            return None
        return cls(os.fspath(path), began, int(match[6]))

    @property
    def state(self) -> Path:
        """Path of the training state that belongs to it."""
        return state_beside(self.path, self.epoch)


def checkpoint_template(folder: str | os.PathLike, name: str) -> str:
    """Path of the checkpoints of a run, with `{epoch:04d}` for the number of epochs."""
    path = os.path.join(folder, f"{CHECKPOINT_PREFIX}_{name}_")
    return path.replace("{", "{{").replace("}", "}}") + "{epoch:04d}.h5"


def checkpoint_pattern(name: str | None) -> str:
    """Pattern of the file names of the checkpoints called `name`; None is for any name."""
    return (
        f"{CHECKPOINT_PREFIX}*.h5"
        if name is None
        else (f"{CHECKPOINT_PREFIX}_{glob.escape(name)}_*.h5")
    )


def state_beside(checkpoint: str | os.PathLike, epoch: int) -> Path:
    """Path of the training state that belongs to the checkpoint of an epoch."""
    return Path(checkpoint).with_name(f"{STATE_PREFIX}_{epoch:04d}.npz")


def epoch_of(path: Path) -> int:
    """Epochs trained, by the name of a checkpoint or of a training state; -1 where it has none."""
    match = _EPOCH.search(path.name)
    return int(match[1]) if match else -1
