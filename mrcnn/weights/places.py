"""Where weights lie, and the runs that make them: in a clone, or around an installed program.

A clone of the project keeps everything in its own folders, whatever folder a command is called
from. An installed program has the models that come with it among its own files, downloads into the
user's cache, and reads and writes data sets, runs and results under the current folder.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from mrcnn.errors import WeightsError

FOLDER_VARIABLE = "MRCNN_WEIGHTS_DIR"

# What the build puts the folders of weights/ into; a clone has no such folder.
_INSTALLED_MODELS = Path(__file__).with_name("models")
_LICENSE_FILE = "LICENSE.txt"


def clone_root() -> Path | None:
    """The root of the clone that this package, or the sample program that runs, belongs to.

    Returns:
        None where both are installed.
    """
    for file, folder in ((__file__, "mrcnn"), (sys.argv[0], "samples")):
        path = Path(file).resolve()
        root = path.parents[min(2, len(path.parents) - 1)]
        holds_project = (root / "pyproject.toml").is_file() and (root / "weights").is_dir()
        if holds_project and path.is_relative_to(root / folder):
            return root
    return None


def default_folder(name: str) -> Path:
    """The folder of data sets, runs or results where the user names none.

    Args:
        name: such as "logs" or "datasets/rbc".

    Returns:
        in a clone an absolute path, else one that starts at the current folder.
    """
    return (clone_root() or Path()) / name


def shipped_weights(name: str) -> Path:
    """The weights of a model that comes with the project; its settings lie beside them.

    Args:
        name: of the model, such as "rbc".

    Raises:
        WeightsError: there is no such model, or its file was taken away.
    """
    path = _shipped_folder(name) / f"{name}.h5"
    if path.is_file():
        return path
    remedy = "Restore the folder from the repository" if clone_root() else "Install the wheel again"
    raise WeightsError(
        f"{path}: the weights that come with the project are not there. {remedy}, or give `last`, "
        "`best` or a .h5 file."
    )


def shipped_models() -> list[str]:
    """Names of the models that come with the project, for `shipped_weights`."""
    root = _shipped_root()
    return sorted(path.parent.name for path in root.glob(f"*/{_LICENSE_FILE}"))


def shipped_files(names: Iterable[str]) -> list[Path]:
    """The weights of models that come with the project, of those that are there."""
    paths = [_shipped_folder(name) / f"{name}.h5" for name in names]
    return [path for path in paths if path.is_file()]


def shipped_license(name: str) -> str | None:
    """What the license of a model that comes with the project is, in one line; None for no model.

    Args:
        name: of the model, such as "rbc".
    """
    path = _shipped_folder(name) / _LICENSE_FILE
    if not path.is_file():
        return None
    return path.read_text(encoding="utf-8").splitlines()[0]


def downloads_folder() -> Path:
    """The folder that published weights are downloaded to, which need not exist yet.

    `MRCNN_WEIGHTS_DIR` names it; else it is `weights` in a clone, and for an installed program
    `mrcnn` in the user's cache (`XDG_CACHE_HOME`, or `.cache` in the home folder).

    Raises:
        WeightsError: nothing says where the home folder is.
    """
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser()
    if root := clone_root():
        return root / "weights"
    try:
        return cache_folder()
    except WeightsError as error:
        raise WeightsError(
            "There is no home folder to download weights to. Name a folder for them in "
            f"{FOLDER_VARIABLE}."
        ) from error


def cache_folder() -> Path:
    """The user's cache of this program, which need not exist yet.

    It is `mrcnn` in `XDG_CACHE_HOME`, or in `.cache` of the home folder.

    Raises:
        WeightsError: nothing says where the home folder is.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if cache.is_absolute():
        return cache / "mrcnn"
    try:
        return Path.home() / ".cache" / "mrcnn"
    except RuntimeError as error:
        raise WeightsError(
            "There is no home folder to keep files in. Name a folder for them in XDG_CACHE_HOME."
        ) from error


def _shipped_folder(name: str) -> Path:
    return _shipped_root() / name


def _shipped_root() -> Path:
    root = clone_root()
    return root / "weights" if root else _INSTALLED_MODELS
