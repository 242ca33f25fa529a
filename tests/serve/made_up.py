"""A server whose network is made up: whatever is bright in an image is an object."""

import io

import numpy as np
from PIL import Image

from mrcnn.app.application import Application
from mrcnn.app.finding import Finder
from mrcnn.inference import Predictor
from mrcnn.serve.command import detect_options
from mrcnn.serve.detector import Detector, Model
from mrcnn.serve.project import Project
from mrcnn.serve.state import State
from tests.inference.bright_spots import BrightSpots, SpotsConfig, field


class PageConfig(SpotsConfig):
    CLASS_NAMES = ("dim", "bright")
    DETECTION_MIN_CONFIDENCE = 0.7


APPLICATION = Application("spots", PageConfig, "mrcnn.data.annotated:AnnotatedDataset")
# Scores are brightness: 0.78 and 0.94 count, 0.59 is weak.
SPOTS = (((5, 6, 25, 30), 240), ((30, 8, 50, 20), 200), ((8, 40, 20, 56), 150))


def made_up_model() -> Model:
    config = PageConfig()
    return Model(
        Finder(APPLICATION, Predictor(config, BrightSpots(config))), PageConfig.CLASS_NAMES, 0.7
    )


def made_up_state(folder, load=made_up_model, command=()) -> State:
    given = APPLICATION.parse(["serve", "--project", str(folder)])
    options = detect_options(APPLICATION, given)
    return State(APPLICATION, options, Detector(load), Project(folder), command)


def png(image: np.ndarray | None = None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(field(*SPOTS) if image is None else image).save(file, "PNG")
    return file.getvalue()
