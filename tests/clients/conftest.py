"""Runs the client programs as their users would, with weights and annotated pictures."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import skimage.io

from tests.forking.python import EAGERLY

from .colour_network import HIDDEN, PYRAMID, set_colour_features, set_colour_heads
from .scenes import render_scenes, write_via2

PROGRAMS = Path(__file__).parent


@pytest.fixture(scope="session")
def make_weights(tmp_path_factory):
    """Writes a weights file of a ResNet-50 that finds the shapes of the scenes.

    `make_weights([(0,), (1,), (2,)])` tells disc, square and triangle; `make_weights([(0, 1, 2)])`
    takes each for an object of the only class; `make_weights(num_classes=81)` has the features of
    such a network, but heads that know nothing, like the published ones of other classes.
    """
    from mrcnn.config import Config
    from mrcnn.model import MaskRCNN

    folder = tmp_path_factory.mktemp("weights")

    def make(class_colours=None, num_classes: int | None = None) -> Path:
        num_classes = num_classes or 1 + len(class_colours)
        path = folder / f"weights_{num_classes}.h5"
        if not path.exists():
            attributes = {
                "NAME": "start",
                "BACKBONE": "resnet50",
                "IMAGES_PER_GPU": 1,
                "NUM_CLASSES": num_classes,
                "IMAGE_MIN_DIM": 128,
                "IMAGE_MAX_DIM": 128,
                "TOP_DOWN_PYRAMID_SIZE": PYRAMID,
                "FPN_CLASSIF_FC_LAYERS_SIZE": HIDDEN,
            }
            config = type("StartConfig", (Config,), attributes)()
            model = MaskRCNN("inference", config, str(folder)).keras_model
            set_colour_features(model)
            if class_colours:
                set_colour_heads(model, class_colours)
            model.save_weights(str(path))
        return path

    return make


@pytest.fixture
def published_weights(make_weights, tmp_path):
    """The file of another data set's 80 classes, where programs look for that of COCO."""
    os.link(make_weights(num_classes=81), tmp_path / "mask_rcnn_coco.h5")


@pytest.fixture
def fruit_folder(tmp_path):
    """A data set of three classes in VIA 2's format, with the scenes of its subset "val"."""
    scenes = render_scenes(2, seed=1)
    write_via2(tmp_path / "fruit" / "train", render_scenes(3))
    write_via2(tmp_path / "fruit" / "val", scenes)
    return tmp_path / "fruit", scenes


# --- Running -----------------------------------------------------------------------------------


@pytest.fixture
def run_program(forked_python, tmp_path):
    """Runs a program in a process of its own in `tmp_path`; returns what it printed.

    `eagerly` is for a training of a few steps, where the graphs of TensorFlow would take longer
    than the steps. One training and most detections are run with them.
    """
    # The programs find the modules beside them.
    folders = [str(PROGRAMS), os.environ.get("PYTHONPATH")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, folders)),
        "MPLBACKEND": "Agg",
        "PYTHONIOENCODING": "utf-8",
    }

    def run(name: str, *arguments, eagerly: bool = False) -> str:
        how = ["-c", EAGERLY] if eagerly else []
        finished = subprocess.run(
            [forked_python, *how, str(PROGRAMS / name), *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=600,
        )
        assert finished.returncode == 0, (
            f"{name} ended with {finished.returncode}:\n"
            f"{finished.stdout[-3000:]}\n{finished.stderr[-6000:]}"
        )
        return finished.stdout

    yield run
    # Checkpoints of 100 MB each, which pytest would keep for three more runs.
    for path in tmp_path.rglob("*.h5"):
        path.unlink()


def figures(pattern: str, text: str) -> list[float]:
    """All numbers that a pattern with one group finds."""
    return [float(number) for number in re.findall(pattern, text)]


def assert_is_drawn(path) -> None:
    """A picture that is not of one colour."""
    picture = skimage.io.imread(path)
    assert min(picture.shape[:2]) > 100, path
    assert picture.std() > 5, path


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return np.sum(a & b) / np.sum(a | b)
