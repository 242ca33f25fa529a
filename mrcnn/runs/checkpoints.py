"""Where runs keep their checkpoints, and what the names of the files tell.

A run's folder is `NAMEyyyymmddThhmm`; its checkpoints are `mask_rcnn_NAME_0012.h5`, with the number
of epochs trained. Beside the newest stands `training_state_0012.npz`, which a run needs to go on as
if it had never stopped.
"""

import contextlib
import datetime
import glob
import json
import os
import re
from pathlib import Path

from mrcnn.errors import WeightsError

# The weights that detected best, and which epoch that was. Neither name is one of a checkpoint.
BEST_WEIGHTS = "best.h5"
BEST_RECORD = "best.json"
# A line for each epoch, written when all else of it is done.
LOSSES = "losses.csv"

_CHECKPOINT_PREFIX = "mask_rcnn"
_STATE_PREFIX = "training_state"
# What only the training writes into the folder of its run.
TRAINING_PREFIXES = (_CHECKPOINT_PREFIX, _STATE_PREFIX, "best.", "losses.")
# .../cells20260131T0930/mask_rcnn_cells_0012.h5
_CHECKPOINT_PATH = re.compile(
    r".*[/\\][^/\\]+?(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})[/\\]mask_rcnn_[^/\\]+?(\d{4,})\.h5$"
)
_EPOCH = re.compile(r"_(\d+)\.(h5|npz)$")


class NoCheckpointError(WeightsError, FileNotFoundError):
    """There is no checkpoint where one was looked for."""


def newest_checkpoint(model_dir: str | os.PathLike, name: str) -> str:
    """Path of the newest checkpoint among the runs called `name` in a folder.

    Raises:
        NoCheckpointError: there is none; it is a FileNotFoundError as well.
    """
    root = Path(model_dir)
    runs = [path for path in root.glob(f"{glob.escape(name)}*") if path.is_dir()] if name else []
    for run in sorted(runs, reverse=True):
        if newest := newest_of_run(run):
            return str(newest)
    raise NoCheckpointError(
        f"{root}: no checkpoint of a run called {name}*; train first, or give a path."
    )


def newest_of_run(folder: str | os.PathLike, pattern: str = "*") -> Path | None:
    """The checkpoint with the most epochs in the folder of a run, or None.

    Args:
        folder: of the run.
        pattern: of the part of the files' names after `mask_rcnn`.
    """
    found = Path(folder).glob(f"{_CHECKPOINT_PREFIX}{pattern}.h5")
    return max(found, key=lambda path: (_epoch_of(path), path.name), default=None)


def run_of_checkpoint(path: str | os.PathLike) -> tuple[datetime.datetime, int] | None:
    """When the run of a checkpoint began and its number of epochs; None for any other path."""
    match = _CHECKPOINT_PATH.match(str(path))
    if match is None:
        return None
    try:
        year, month, day, hour, minute = (int(match[number]) for number in range(1, 6))
        began = datetime.datetime(year, month, day, hour, minute)
    except ValueError:
        return None
    return began, int(match[6])


def run_folder(model_dir: str | os.PathLike, name: str, began: datetime.datetime) -> str:
    """Folder of a run."""
    return os.path.join(model_dir, f"{name}{began:%Y%m%dT%H%M}")


def checkpoint_template(folder: str, name: str) -> str:
    """Path of the checkpoints of a run, with `{epoch:04d}` for the number of epochs."""
    path = os.path.join(folder, f"{_CHECKPOINT_PREFIX}_{name}_")
    return path.replace("{", "{{").replace("}", "}}") + "{epoch:04d}.h5"


def state_path(folder: str | os.PathLike, epoch: int) -> Path:
    """Path of the training state that belongs to the checkpoint of an epoch."""
    return Path(folder) / f"{_STATE_PREFIX}_{epoch:04d}.npz"


def has_losses(folder: str | os.PathLike, epoch: int) -> bool:
    """Whether an epoch, counted from 1, has its line in the table of losses of a run."""
    try:
        text = (Path(folder) / LOSSES).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.startswith(f"{epoch - 1},") for line in text.splitlines())


def prune_run(template: str, epoch: int, keep: int | None) -> None:
    """Remove what a run does not need any more, once the checkpoint of an epoch is written.

    Args:
        template: path of the checkpoints, see `checkpoint_template`.
        epoch: of the newest checkpoint. Later ones, of an earlier attempt, are left alone.
        keep: number of the newest checkpoints that stay; None keeps all. The checkpoint of the
            epoch that `best.json` names stays as well.
    """
    folder = Path(template.format(epoch=epoch)).parent
    for path in folder.glob(f"{_STATE_PREFIX}_*.npz"):
        if _epoch_of(path) < epoch:
            _remove(path)
    if keep is None:
        return
    written = [
        number
        for path in folder.glob(f"{_CHECKPOINT_PREFIX}_*.h5")
        if (number := _epoch_of(path)) <= epoch and Path(template.format(epoch=number)) == path
    ]
    best = _best_epoch(folder)
    for number in sorted(written)[: -max(keep, 1)]:
        if number != best:
            _remove(Path(template.format(epoch=number)))


def _best_epoch(folder: Path) -> int | None:
    try:
        return json.loads((folder / BEST_RECORD).read_text(encoding="utf-8"))["epoch"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _epoch_of(path: Path) -> int:
    match = _EPOCH.search(path.name)
    return int(match[1]) if match else -1


def _remove(path: Path) -> None:
    # What cannot be removed only takes space: no reason to end a training.
    with contextlib.suppress(OSError):
        path.unlink()
