"""What worker processes of the tests detect with: no network, and what may go wrong."""

import os
import signal
from pathlib import Path

import numpy as np
from skimage.measure import label, regionprops

from mrcnn.app.application import Application, Baseline
from mrcnn.app.methods import choose_detector
from mrcnn.config import Config
from mrcnn.data.annotated import AnnotatedDataset
from mrcnn.instances import Instances
from mrcnn.report.words import Words

# A folder with a line in `loads` for each process that has made its method; a picture as wide as
# `kills` says ends the process that sees it, once.
FOLDER = "MRCNN_TEST_FOLDER"


def bright_parts(image: np.ndarray) -> Instances:
    """What is brighter than the middle of the range."""
    folder = Path(os.environ.get(FOLDER, "/nowhere"))
    kills = folder / "kills"
    if kills.exists() and image.shape[1] == int(kills.read_text()):
        kills.unlink()
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
