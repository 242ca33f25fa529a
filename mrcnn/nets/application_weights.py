"""ImageNet weights of the networks of `keras.applications`, which Keras downloads.

They go into a file of ours once, in the folder of downloaded weights.
"""

import os
from pathlib import Path

import keras
import numpy as np

from mrcnn.errors import MrcnnError, WeightsError
from mrcnn.nets.applications import FUNCTIONS, built, copied, is_bgr
from mrcnn.weights.imagenet import imagenet_weights
from mrcnn.weights.saving import save_weights


def backbone_weights(backbone: object, directory: str | os.PathLike) -> Path:
    """Give the path of the ImageNet weights of any backbone, fetched or converted if need be.

    Args:
        backbone: as `Config.BACKBONE`; for what has no weights of its own it is ResNet-50's file.
        directory: the folder that holds the weights; made if missing.

    Raises:
        WeightsError: they cannot be had.
        OutputError: the folder cannot be written.
    """
    if isinstance(backbone, str) and backbone in FUNCTIONS:
        return application_weights(backbone, directory)
    return imagenet_weights(backbone, directory)


def application_weights(architecture: str, directory: str | os.PathLike) -> Path:
    """Give the path of the ImageNet weights of a network of Keras, converting them once.

    Args:
        architecture: a key of `mrcnn.nets.applications.FUNCTIONS`.
        directory: the folder that holds the weights; made if missing.

    Returns:
        `directory` / "mobilenet_v2_imagenet.h5" or its like.

    Raises:
        WeightsError: Keras cannot download them.
        OutputError: the folder cannot be written.
    """
    target = Path(directory) / f"{architecture}_imagenet.h5"
    if target.is_file():
        return target
    try:
        network = built(architecture, weights="imagenet")
    except MrcnnError:
        raise
    except Exception as error:  # whatever Keras and its libraries for downloads run into
        raise WeightsError(
            f"Keras cannot download the ImageNet weights of {architecture} ({error}). Try again, "
            f"copy {target.name} from another computer to {target.parent}, or train from random "
            "weights with --weights none."
        ) from error
    convert_application(network, architecture, target)
    return target


def convert_application(network: keras.Model, architecture: str, target: str | os.PathLike) -> None:
    """Write the weights of a network of Keras for the backbone of that name, in one step.

    Args:
        network: of `mrcnn.nets.applications.built`, on images of three channels.
        architecture: a key of `mrcnn.nets.applications.FUNCTIONS`.
        target: the file to make or replace.
    """
    image = keras.Input((None, None, 3))
    made = copied(network, image)
    swaps = is_bgr(architecture)
    for layer, copy in made.layers:
        weights = layer.get_weights()
        if swaps and isinstance(layer, keras.layers.Conv2D):
            # The first convolution takes the channels of images in the other order here.
            weights[0] = np.ascontiguousarray(weights[0][:, :, ::-1])
            swaps = False
        if weights:
            copy.set_weights(weights)
    save_weights(keras.Model(image, made.stages), target)
