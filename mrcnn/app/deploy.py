"""`export`: the network of a model for programs that have neither Keras nor this package."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.backend import load_backend
from mrcnn.app.inputs import expand_inputs
from mrcnn.config import Config
from mrcnn.deploy.formats import FORMATS, INT8
from mrcnn.errors import ConfigError, DataError, WeightsError
from mrcnn.inference.model_folder import read_model_folder
from mrcnn.pictures import read_image
from mrcnn.weights.places import shipped_models, shipped_weights

MEGABYTE = 1e6
# Of `--calibration` so many are looked at: more say the same.
MOST_PICTURES = 8


def run(application: Application, options: Any) -> int:
    """Export; returns the exit status."""
    if options.format is None:
        raise ConfigError(f"Give the format to write: --format {', '.join(FORMATS)}.")
    form = FORMATS[options.format]
    form.check_weights(options.weights_as)
    pictures = _calibration(options)
    config, weights = find_model(options.model)
    name = f"{config.NAME or weights.stem}_{options.format}".lower()
    folder: Path = options.out or application.results(options.command) / name
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file. Give a folder for the exported network.")
    target = folder / form.network
    if target.exists() and not options.replace:
        raise DataError(f"{target}: is there already. Give another folder, or --replace.")
    form.check_libraries()
    load_backend()
    from mrcnn.deploy.export import export_network

    export_network(
        config,
        weights,
        folder,
        options.format,
        options.weights_as,
        pictures,
        end_to_end=options.end_to_end,
    )
    # A file may have its weights in another one beside it.
    written = folder.glob(f"{target.stem}.*") if target.is_file() else target.rglob("*")
    files = [path for path in written if path.is_file()]
    size = sum(path.stat().st_size for path in files) / MEGABYTE
    print(f"{weights} exported as {form.title}: {target}, {size:.1f} MB")
    print(f"Inputs and outputs: {folder / 'README.md'}")
    return 0


def _calibration(options: Any) -> Iterator[np.ndarray]:
    """The pictures of `--calibration`, which `--weights-as int8` needs and nothing else.

    Raises:
        ConfigError: one is given without the other.
        DataError: there is no picture.
    """
    given = options.calibration
    if (given is not None) != (options.weights_as == INT8):
        raise ConfigError("--weights-as int8 and --calibration FOLDER go together.")
    if given is None:
        return iter(())
    inputs = expand_inputs([str(given)])
    if not inputs.paths:
        raise DataError("; ".join(reason for _, reason in inputs.problems))
    return (read_image(path) for path in inputs.paths[:MOST_PICTURES])


def find_model(model: str) -> tuple[Config, Path]:
    """The settings and the weights file of a model.

    Args:
        model: name of a model that comes with the project, a folder, or a weights file.

    Raises:
        WeightsError: there is no such model.
        ConfigError: there are no settings, or they cannot work.
    """
    if model in shipped_models():
        weights = shipped_weights(model)
        return read_model_folder(weights.parent, weights.name)
    path = Path(model)
    if path.is_dir():
        return read_model_folder(path)
    if not path.is_file():
        shipped = " or ".join(f"`{name}`" for name in shipped_models())
        raise WeightsError(
            f"{path}: no such model. Expected {shipped}, the folder of a run or of a packed model, "
            "or a weights file with config.json beside it."
        )
    return read_model_folder(path.parent, path.name)
