"""What worker processes of the tests detect with: no network, and what may go wrong."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from skimage.measure import label, regionprops

import mrcnn.app.large_pictures
import mrcnn.app.methods
from mrcnn.app.application import Application, Baseline
from mrcnn.app.methods import choose_detector
from mrcnn.config import Config
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.instances import Instances
from mrcnn.report.words import Words
from tests.app import large_slides
from tests.app.large_slides import MOST_PIXELS, TILE, made_up
from tests.inference.bright_spots import BrightSpots

# A folder with a line in `loads` for each process that has made its method; a picture as wide as
# `kills` says ends the process that sees it, once, with files begun that it names as well.
FOLDER = "MRCNN_TEST_FOLDER"


def bright_parts(image: np.ndarray) -> Instances:
    """What is brighter than the middle of the range."""
    folder = Path(os.environ.get(FOLDER, "/nowhere"))
    kills = folder / "kills"
    width, *begun = kills.read_text().split() if kills.exists() else ["0"]
    if str(image.shape[1]) == width:
        kills.unlink()
        for name in begun:
            Path(name).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    regions = regionprops(label(image[..., 0] > 128))
    boxes = np.array([region.bbox for region in regions], int).reshape(-1, 4)
    crops = [region.image for region in regions]
    return Instances(image.shape[:2], boxes, crops, np.ones(len(boxes), int), np.ones(len(boxes)))


def choose(application, options):
    """As `detect` chooses, noting the process."""
    with open(Path(os.environ[FOLDER]) / "loads", "a") as file:
        file.write(f"{os.getpid()}\n")
    return choose_detector(application, options)


class Cells(Config):
    NAME = "cells"
    CLASS_NAMES = ("cell",)
    NUM_CLASSES = 2


APPLICATION = Application(
    "cells",
    Cells,
    AnnotatedDataset,
    baselines={"bright": Baseline("tests.app.engine_workers:bright_parts", "bright", "bright")},
    words=Words(object="cell", objects="cells", image="field", images="fields"),
)


class DeadlySpots(BrightSpots):
    """Ends its process at a tile, once, where `kills` says so."""

    def run(self, inputs):
        kills = Path(os.environ[FOLDER]) / "kills"
        if kills.exists() and kills.read_text() == "tile" and inputs[0].shape[1] == TILE:
            kills.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(inputs)


def choose_spots(application, options):
    """As `detect` of `tests.app.large_slides` chooses, noting the process in `slides`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(large_slides, "BrightSpots", DeadlySpots)
        patched.setattr(mrcnn.app.methods, "load_predictor", made_up)
        patched.setattr(mrcnn.app.methods, "trained_weights", lambda *_: None)
        method = choose_detector(application, options)
        # The network of the tiles as well.
        method.finder.predictor._tiles()
    # For as long as the process lives, as of all pictures that it is given.
    mrcnn.app.large_pictures.MOST_PIXELS = MOST_PIXELS
    with open(Path(os.environ[FOLDER]) / "slides", "a") as file:
        file.write(f"{os.getpid()}\n")
    return method
