"""The weights file behind `--weights`: of a run, packed, or of the model that comes along."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrcnn.app.commands import CONVERT_WEIGHTS, DETECT
from mrcnn.app.settings import read_settings
from mrcnn.errors import WeightsError, listed
from mrcnn.runs.checkpoints import epoch_of
from mrcnn.runs.run import Run
from mrcnn.weights.places import shipped_weights
from mrcnn.weights.settings import CONFIG_FILE

if TYPE_CHECKING:
    from mrcnn.app.application import Application

PUBLISHED = COCO, IMAGENET = "coco", "imagenet"
# COCO weights of torchvision, which a path follows.
COCO_TORCHVISION = "coco-torchvision"
_OF_PYTORCH = (".pth", ".pt")
NONE, LAST, BEST = "none", "last", "best"


def _run_name(application: "Application") -> str:
    # As a model names its runs.
    return str(application.config.NAME or application.name).lower()


def _runs(logs: Path, name: str) -> list[Run]:
    """The run that a folder may be, and those in it, the newest first."""
    # Their names go on with a year.
    return [Run.at(logs), *Run.among(logs, f"{name}2")]


def last_checkpoint(application: "Application", logs: Path) -> Path:
    """The newest checkpoint in a folder of runs, or in the folder of one run.

    Args:
        application: its name is that of the runs.
        logs: holds runs (`rbc20260131T0930/mask_rcnn_rbc_0001.h5`), or is itself a run.

    Raises:
        WeightsError: there is no checkpoint.
    """
    name = _run_name(application)
    for run in _runs(logs, name):
        if newest := run.newest_checkpoint(name):
            return newest
    raise WeightsError(
        f"No trained model in {logs}: expected {name}*/mask_rcnn_{name}_*.h5. Train one with "
        f"`{application.words.program} train`, point --logs at the folder of runs, or give "
        "--weights PATH."
    )


def best_weights(application: "Application", logs: Path) -> Path:
    """The best weights of the newest run that has some, or of the run `logs` itself.

    Raises:
        WeightsError: no run was evaluated while it trained.
    """
    name = _run_name(application)
    for run in _runs(logs, name):
        if run.best_weights.is_file():
            return run.best_weights
    best = Run.at(logs).best_weights.name
    raise WeightsError(
        f"No {best} in {logs}: expected {name}*/{best}, which `{application.words.program} train "
        "--validate-every N` keeps. Give `last`, or train with it."
    )


def packed_weights(application: "Application", folder: Path) -> Path | None:
    """The weights of a packed model, whichever program packed it; None where there are none.

    Args:
        application: weights under its name come first; else one .h5 file beside its settings.
        folder: of the model.
    """
    own = folder / application.packed_file
    if own.is_file():
        return own
    found = list(folder.glob("*.h5"))
    return found[0] if len(found) == 1 and (folder / CONFIG_FILE).is_file() else None


def _weights_in(application: "Application", folder: Path) -> Path:
    """The weights of a packed model, or the last checkpoint of a run or of a folder of runs."""
    name = _run_name(application)
    packed = packed_weights(application, folder)
    if packed is not None and packed.name == application.packed_file:
        return packed
    try:
        return last_checkpoint(application, folder)
    except WeightsError:
        if packed is not None:
            return packed
    found = sorted(each.name for each in folder.glob("*.h5"))
    raise WeightsError(
        f"No trained model in {folder}: expected {application.packed_file}, {CONFIG_FILE} and one "
        f".h5 file as `pack` leaves them, or mask_rcnn_{name}_*.h5 of a run; found "
        f"{listed(found) if found else 'no .h5 file'}. "
        + ("Give the file that is meant." if found else "Give another folder or a .h5 file.")
    )


def resolve_weights(application: "Application", weights: str, logs: Path) -> Path:
    """The file behind a word or a path, which may be the folder of a run or of a packed model.

    Args:
        application: knows the models that come with the project.
        weights: "last", "best", the name of a model that comes with the project, or a path.
        logs: folder of runs.

    Raises:
        WeightsError: there is no such file, or no checkpoint.
    """
    if weights == LAST:
        return last_checkpoint(application, logs)
    if weights == BEST:
        return best_weights(application, logs)
    if weights in application.shipped:
        return shipped_weights(weights)
    path = Path(weights)
    if path.is_dir():
        return _weights_in(application, path)
    if not path.is_file():
        own = "".join(f"`{name}`, " for name in application.shipped)
        raise WeightsError(
            f"{path}: no such weights file. Expected {own}`last`, `best`, a .h5 file or the "
            "folder of a run."
        )
    if path.suffix in _OF_PYTORCH:
        raise WeightsError(
            f"{path}: is a file of PyTorch. `{application.words.program} {CONVERT_WEIGHTS}` makes "
            "a model of torchvision's Mask R-CNN."
        )
    return path


def trained_weights(application: "Application", options: Any) -> Path:
    """The weights file behind `--weights`.

    Without the option `evaluate` takes the last checkpoint, and the model that comes with the
    project where nothing was trained and no other folder of runs was named; so a training can be
    evaluated at once. `detect` takes the model that comes with the project unless another folder of
    runs was named: a trial never becomes what a laboratory counts with. A line says which it is
    where there is a choice.

    Raises:
        WeightsError: there is none, or these are only a start for training.
    """
    words = application.words
    if options.weights in (*PUBLISHED, NONE):
        raise WeightsError(
            f"--weights {options.weights} knows no {words.subject}; it is a start for "
            f"`{words.program} train`. Give `last` or a trained .h5 file."
        )
    if options.weights is not None:
        path = resolve_weights(application, options.weights, options.logs)
        _tell_trial(application, path)
        return path
    names_runs = options.logs != application.default_logs
    try:
        trained = last_checkpoint(application, options.logs)
    except WeightsError:
        if not application.ships_model or names_runs:
            raise
        return _told_shipped(application)
    if application.ships_model and options.command == DETECT and not names_runs:
        path = _told_shipped(application)
        print(f"A model of your own was trained: {trained}. `--weights {LAST}` takes it.")
        return path
    if application.ships_model and not names_runs:
        print(
            f"Weights: the last checkpoint, {trained}; `--weights {application.name}` takes the "
            "model that comes with the project."
        )
    _tell_trial(application, trained)
    return trained


def _told_shipped(application: "Application") -> Path:
    """The weights that come with the project, which a line names."""
    path = shipped_weights(application.name)
    print(f"Weights: {application.name}, the model that comes with the project.")
    return path


def _tell_trial(application: "Application", weights: Path) -> None:
    """Warn of the checkpoint of a training that was only tried out."""
    epochs = epoch_of(weights)
    settings = read_settings(weights) if epochs > 0 else None
    usual, steps = application.config.STEPS_PER_EPOCH, (settings or {}).get("STEPS_PER_EPOCH")
    if isinstance(steps, int) and epochs * steps < usual:
        print(
            f"Warning: {weights} was trained for {epochs * steps} steps, less than one usual epoch "
            f"({usual}): what it finds says little."
        )
