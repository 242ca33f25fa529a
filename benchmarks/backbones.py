"""Tries backbones: what they give to the pyramid, their preprocessing, and two training steps.

    python -m benchmarks.backbones [--only mobilenet_v2 vgg16 ...] [--all] [--side 128]

Without names one of each family of `keras.applications` is tried, with `--all` every backbone. Each
is compared with Keras' own network, from the same random weights and statistics, on an image that
Keras' `preprocess_input` has prepared: the last map, where no padding was changed, or else that of
the first convolution. Then two steps train all layers on drawn discs.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn.config import APPLICATIONS, BACKBONES, Config
from mrcnn.data.dataset import Dataset
from mrcnn.nets.application_weights import convert_application
from mrcnn.nets.applications import FUNCTIONS, application_stages, built
from mrcnn.nets.backbones import backbone_stages, feature_info
from mrcnn.weights.loading import load_weights

ONE_OF_EACH = (
    *("mobilenet", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "efficientnet_v2_b0"),
    *("densenet121", "resnet50_v2", "resnet152", "inception_v3", "inception_resnet_v2", "xception"),
    *("nasnet_mobile", "convnext_tiny", "vgg16"),
)
# Padded here where Keras cuts off the border, so that maps are not the same.
_PADDED = ("inception", "xception", "nasnet")
_MOST_DIFFERENCE = 1e-4


class Discs(Dataset):
    """Bright discs on a dark ground."""

    def __init__(self, side: int, count: int) -> None:
        super().__init__()
        self.side = side
        self.add_class("discs", 1, "disc")
        for number in range(count):
            self.add_image("discs", number, f"disc{number}.png")
        self.prepare()

    def load_image(self, image_id: int) -> np.ndarray:
        image = np.random.default_rng(image_id).integers(0, 80, (self.side, self.side, 3))
        image[self.load_mask(image_id)[0][..., 0]] += 120
        return image.astype(np.uint8)

    def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
        y, x = np.mgrid[: self.side, : self.side] - self.side / 2
        mask = x**2 + y**2 < (self.side / 6) ** 2
        return mask[..., None], np.ones(1, np.int32)


def config_of(backbone: str, side: int) -> Config:
    settings = {
        "NAME": "backbone",
        "NUM_CLASSES": 2,
        "BACKBONE": backbone,
        "IMAGES_PER_GPU": 1,
        "STEPS_PER_EPOCH": 2,
        "IMAGE_MIN_DIM": side,
        "IMAGE_MAX_DIM": side,
        "RPN_ANCHOR_SCALES": (8, 16, 32, 64, 128),
        "TRAIN_ROIS_PER_IMAGE": 16,
        "TRAIN_BN": True,
        "LOADER_WORKERS": 0,
        "SEED": 1,
    }
    return type("BackboneConfig", (Config,), settings)()


def difference(backbone: str, folder: Path) -> float:
    """Largest relative difference from Keras' own network with its preprocessing."""
    network, random = built(backbone), np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, each.shape) for each in layer.weights])
    convert_application(network, backbone, folder / "weights.h5")
    image = keras.Input((None, None, 3))
    model = keras.Model(image, application_stages(image, backbone, Config.MEAN_PIXEL))
    load_weights(model, folder / "weights.h5", strict=True)
    ours, theirs = model.outputs[-1], network.output
    if backbone.startswith(_PADDED):
        first = next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D))
        same = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
        ours, theirs = same.output, first.output
    picture = random.integers(0, 256, (1, *network.input_shape[1:])).astype(np.float32)
    module = sys.modules[getattr(keras.applications, FUNCTIONS[backbone]).__module__]
    # Where networks scale images themselves, this does nothing.
    prepared = module.preprocess_input(picture.copy())
    if backbone.startswith("efficientnet_b"):
        # A new network lacks what the weights of ImageNet bring: mean and deviation.
        mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        prepared = ((picture / 255 - mean) / deviation * 255).astype(np.float32)
    expected = keras.Model(network.input, theirs).predict(prepared, verbose=0)
    found = keras.Model(image, ours).predict(picture - np.float32(Config.MEAN_PIXEL), verbose=0)
    if backbone.startswith(_PADDED):
        # Away from the border.
        found, expected = found[:, 2:200, 2:200], expected[:, 2:200, 2:200]
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def tried(backbone: str, side: int) -> dict[str, Any]:
    """The figures of a backbone; "problem" says what is wrong."""
    from mrcnn.model import MaskRCNN

    keras.backend.clear_session()
    config = config_of(backbone, side)
    image = keras.Input((None, None, 3))
    stages = backbone_stages(image, config)
    info = feature_info(image, stages)
    figures: dict[str, Any] = {
        "channels": info.channels,
        "strides": info.strides,
        "weights": keras.Model(image, stages).count_params(),
    }
    with tempfile.TemporaryDirectory() as folder:
        if backbone in FUNCTIONS:
            figures["difference"] = difference(backbone, Path(folder))
        model = MaskRCNN("training", config, folder)
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            history = model.train(Discs(side, 2), None, 0.001, 1, "all")
        figures["seconds"] = time.perf_counter() - started
        figures["loss"] = history.history["loss"][0]
    if info.strides != (4, 8, 16, 32) or not np.isfinite(figures["loss"]):
        figures["problem"] = "strides or loss"
    elif not figures.get("difference", 0) < _MOST_DIFFERENCE:
        figures["problem"] = "not what Keras' network gives"
    return figures


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.backbones",
        description="Tries backbones: maps, preprocessing, two training steps.",
    )
    names = (*BACKBONES, *APPLICATIONS)
    parser.add_argument("--only", nargs="+", choices=names, default=list(ONE_OF_EACH))
    parser.add_argument("--all", action="store_true", help="every backbone there is")
    parser.add_argument("--side", type=int, default=128, help="of the images, in pixels")
    options = parser.parse_args(arguments)
    failed = 0
    print("backbone: channels of C2 to C5; millions of weights; difference; loss; seconds")
    for backbone in names if options.all else options.only:
        figures = tried(backbone, options.side)
        failed += "problem" in figures
        print(
            f"{backbone}: {', '.join(map(str, figures['channels']))}; "
            f"{figures['weights'] / 1e6:.1f}; {figures.get('difference', 0):.1e}; "
            f"{figures['loss']:.2f}; {figures['seconds']:.0f}  {figures.get('problem', 'ok')}",
            flush=True,
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
