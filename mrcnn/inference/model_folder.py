"""The folder of a model: `config.json`, and weights that belong to it.

`pack` writes such folders, and the folder of a training run is one.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from mrcnn.config import Config
from mrcnn.errors import ConfigError, WeightsError, listed
from mrcnn.runs.run import Run
from mrcnn.weights.settings import CONFIG_FILE, read_settings

# One image at a time takes the least memory, and is as quick as several on a processor.
ONE_AT_A_TIME = {"IMAGES_PER_GPU": 1, "GPU_COUNT": 1}
_CHECKSUM_LENGTH = 12


def read_model_folder(
    path: str | os.PathLike, weights: str | None = None, **settings: Any
) -> tuple[Config, Path]:
    """The configuration of a model's folder, and the file of its weights.

    Args:
        path: the folder.
        weights: name of a file in it. By default `NAME.h5` after the NAME of the settings, else
            the newest checkpoint of a run, else the one .h5 file that is there.
        **settings: attributes of the configuration to set otherwise.

    Raises:
        ConfigError: there are no settings, or they cannot work.
        WeightsError: there is no such file, or it is not clear which one is meant.
    """
    folder = Path(path)
    stored = read_settings(folder / CONFIG_FILE)
    if stored is None:
        raise ConfigError(
            f"{folder / CONFIG_FILE}: there is no such file. Expected is the folder of a model, "
            f"with {CONFIG_FILE} and weights in it, as a training or `pack` leaves it."
        )
    config = Config.from_dict({**stored, **settings})
    return config, _weights_in(folder, weights, (config.NAME or "").lower())


def _weights_in(folder: Path, weights: str | None, name: str) -> Path:
    if weights is not None:
        if not (folder / weights).is_file():
            raise WeightsError(f"{folder / weights}: no such weights file.")
        return folder / weights
    if name and (folder / f"{name}.h5").is_file():
        return folder / f"{name}.h5"
    if newest := Run.at(folder).newest_checkpoint():
        return newest
    found = sorted(folder.glob("*.h5"))
    if len(found) != 1:
        raise WeightsError(
            f"{folder}: expected one .h5 file of weights, or one called "
            f"{name or 'after NAME in the settings'}.h5; found "
            f"{listed([file.name for file in found]) if found else 'none'}. Say which one with "
            "weights='FILE.h5'."
        )
    return found[0]


def weights_text(path: str | os.PathLike) -> str:
    """Which weights these are: the file's name and the beginning of its SHA-256 checksum.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}.") from None
    return f"{Path(path).name} (sha256 {checksum[:_CHECKSUM_LENGTH]})"
