"""Where runs keep their checkpoints, and what the names of the files tell.

A run's folder is `NAMEyyyymmddThhmm`; its checkpoints are `mask_rcnn_NAME_0012.h5`, with the number
of epochs trained.
"""

import datetime
import os
import re
from pathlib import Path

from mrcnn.errors import WeightsError

# .../cells20260131T0930/mask_rcnn_cells_0012.h5
_CHECKPOINT_PATH = re.compile(
    r".*[/\\][\w-]+?(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})[/\\]mask_rcnn_[\w-]+?(\d{4,})\.h5$"
)


class NoCheckpointError(WeightsError, FileNotFoundError):
    """There is no checkpoint where one was looked for."""


def newest_checkpoint(model_dir: str | os.PathLike, name: str) -> str:
    """Path of the newest checkpoint among the runs called `name` in a folder.

    Raises:
        NoCheckpointError: there is none; it is a FileNotFoundError as well.
    """
    root = Path(model_dir)
    runs = [path for path in root.glob(f"{name}*") if path.is_dir()] if name else []
    for run in sorted(runs, reverse=True):
        checkpoints = sorted(run.glob("mask_rcnn*.h5"))
        if checkpoints:
            return str(checkpoints[-1])
    raise NoCheckpointError(
        f"{root}: no checkpoint of a run called {name}*; train first, or give a path."
    )


def run_of_checkpoint(path: str | os.PathLike) -> tuple[datetime.datetime, int] | None:
    """When the run of a checkpoint began and its number of epochs; None for any other path."""
    match = _CHECKPOINT_PATH.match(str(path))
    if match is None:
        return None
    try:
        began = datetime.datetime(*(int(match[number]) for number in range(1, 6)))
    except ValueError:
        return None
    return began, int(match[6])


def run_folder(model_dir: str | os.PathLike, name: str, began: datetime.datetime) -> str:
    """Folder of a run."""
    return os.path.join(model_dir, f"{name}{began:%Y%m%dT%H%M}")


def checkpoint_template(folder: str, name: str) -> str:
    """Path of the checkpoints of a run, with `{epoch:04d}` for the number of epochs."""
    return os.path.join(folder, f"mask_rcnn_{name}_{{epoch:04d}}.h5")
