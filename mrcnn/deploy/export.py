"""A trained network in the folder of another program: the network, its settings, and a README."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mrcnn.config import Config
from mrcnn.deploy.formats import FLOAT32, FORMATS
from mrcnn.deploy.network import Network
from mrcnn.deploy.readme import readme_text
from mrcnn.deploy.tracing import check_backend
from mrcnn.files import atomic_write, make_writable_folder, together
from mrcnn.inference.model_folder import weights_text
from mrcnn.weights.settings import CONFIG_FILE, settings_text

README_FILE = "README.md"
LICENSE_FILE = "LICENSE.txt"


def export_network(
    config: Config,
    weights: str | Path,
    folder: str | Path,
    format_name: str,
    weights_as: str = FLOAT32,
    pictures: Iterable[np.ndarray] = (),
    *,
    end_to_end: bool = False,
) -> None:
    """Write a network: molded pictures in, detections and masks of their boxes out.

    Args:
        config: of the model; the network computes in float32, whatever its MIXED_PRECISION.
        weights: file of all its weights.
        folder: is made where it is missing; files of the same names are replaced, once all are
            written. A `LICENSE.txt` beside the weights comes along.
        format_name: one of `mrcnn.deploy.formats.FORMATS`.
        weights_as: what kernels are stored as, one of the format's `weights_as`; the network
            computes in float32 all the same, but for "int8".
        pictures: uint8 [H, W, 3], on which "int8" sees how large values become.
        end_to_end: with all around the network: a picture of any size in, boxes, classes, scores
            and masks in it out, see `mrcnn.deploy.end_to_end`.

    Raises:
        ConfigError: a library or TensorFlow is needed and not there, the network has
            an operation that the format has not, or its kernels cannot be stored like that.
        WeightsError: see `mrcnn.weights.loading.load_weights`; all weights must be there.
        OutputError: the folder cannot be written.
    """
    form = FORMATS[format_name]
    form.check_weights(weights_as)
    form.check_libraries()
    if form.by_tensorflow:
        check_backend()
    kind: type[Network] = Network
    if end_to_end:
        from mrcnn.deploy.end_to_end.network import EndToEndNetwork, check

        check(config)
        kind = EndToEndNetwork
    network = kind.of_weights(config, weights)
    license_file = Path(weights).with_name(LICENSE_FILE)
    with together(make_writable_folder(folder)) as waiting:
        form.write(network, waiting / form.network, weights_as, pictures)
        atomic_write(waiting / CONFIG_FILE, settings_text(network.config))
        text = readme_text(network, form, weights_as, weights_text(weights), license_file.is_file())
        atomic_write(waiting / README_FILE, text)
        if license_file.is_file():
            shutil.copyfile(license_file, waiting / LICENSE_FILE)


def is_exported(folder: str | Path, format_name: str) -> bool:
    """Whether a network of this format is there already."""
    return (Path(folder) / FORMATS[format_name].network).exists()
