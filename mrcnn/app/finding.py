"""A trained model and what it finds, as `evaluate` and `detect` share them."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.backend import choose_backend
from mrcnn.app.options import MAX_OVERLAP
from mrcnn.app.settings import read_settings
from mrcnn.errors import ConfigError
from mrcnn.inference import Prediction, Predictor
from mrcnn.instances import Instances
from mrcnn.report.words import Words
from mrcnn.weights.settings import CONFIG_FILE


@dataclass(frozen=True)
class Found:
    """The objects of one image.

    Attributes:
        instances: by falling score, each with a mask of at least one pixel.
        limit_reached: the model returned as many detections as it may.
    """

    instances: Instances
    limit_reached: bool = False


def load_trained_model(
    application: Application, options: Any, path: Path, min_confidence: float
) -> Any:
    """Build the `MaskRCNN` for inference and load its weights.

    The settings come from `config.json` beside the weights; options that were given win.

    Args:
        application: whose model it is.
        options: of the command line.
        path: the weights file.
        min_confidence: detections with a lower score are not returned.

    Raises:
        WeightsError: weights of another model.
        ConfigError: settings that cannot work, or that name no classes.
    """
    stored = read_settings(path)
    if stored is None:
        print(f"No {CONFIG_FILE} beside {path.name}: using the defaults and the options given.")
    config = application.make_config(
        {
            **(stored or {}),
            **application.settings_from(options),
            "IMAGES_PER_GPU": 1,
            "DETECTION_MIN_CONFIDENCE": min_confidence,
        }
    )
    if not config.CLASS_NAMES or len(config.CLASS_NAMES) != config.NUM_CLASSES - 1:
        raise ConfigError(
            f"{path}: {CONFIG_FILE} beside it does not name the classes of the model "
            "(CLASS_NAMES). Name them with --classes, in the order of their numbers."
        )
    choose_backend()
    from mrcnn.mask_rcnn import MaskRCNN

    model = MaskRCNN(mode="inference", config=config, model_dir=str(options.logs))
    model.load_weights(str(path))
    return model


class Finder:
    """Finds the objects of images: a network detects, the application does the rest.

    A detection whose mask has a higher IoU with a better one than `--max-overlap` is left out,
    whatever its class: an object has one. Then the application refines and classifies.

    Args:
        application: whose objects they are.
        predictor: detects, with CLASS_NAMES in its configuration.
        options: of the command line; by default each as if it was not given.
    """

    def __init__(self, application: Application, predictor: Predictor, options: Any = None) -> None:
        self.application = application
        self.predictor = predictor
        self.options = options
        self.class_names = tuple(predictor.config.CLASS_NAMES)

    def find(self, image: np.ndarray) -> Found:
        """The objects of an image, uint8 [H, W, 3]."""
        return self._finished(image, self.predictor.predict(image))

    def find_many(self, images: Iterable[np.ndarray]) -> Iterator[Found]:
        """The objects of images one after the other; the next is read while the network works."""
        taken: deque[np.ndarray] = deque()

        def noted() -> Iterator[np.ndarray]:
            for image in images:
                taken.append(image)
                yield image

        for prediction in self.predictor.predict_many(noted()):
            yield self._finished(taken.popleft(), prediction)

    def _finished(self, image: np.ndarray, prediction: Prediction) -> Found:
        instances = prediction.instances
        limit_reached = len(instances) >= self.predictor.config.DETECTION_MAX_INSTANCES
        max_overlap = getattr(self.options, "max_overlap", MAX_OVERLAP)
        instances = instances.take(np.flatnonzero(instances.areas()))
        instances = instances.without_duplicates(max_overlap)
        known = {"class_names": self.class_names}
        instances = self.application.refine(image, instances, self.options, **known)
        instances = self.application.classify(instances, self.options, **known)
        return Found(instances, limit_reached)


def limit_warnings(limits: Any, names: list[str], words: Words) -> list[str]:
    """What to say at the end of a run in which limits of the model may have cost objects.

    Args:
        limits: of the predictor.
        names: of the images with as many detections as the model returns at most.
        words: what objects are called.
    """
    said = dict(limits.messages)
    setting = "DETECTION_MAX_INSTANCES"
    if said.pop(setting, None) and names:
        said[setting] = (
            f"{getattr(limits.config, setting)} detections, the most that the model returns, in "
            f"{', '.join(names)}; {words.objects} are missing. {setting} {limits.needed[setting]} "
            "would have kept all of them."
        )
    return [
        f"Warning: {message} Set it in {CONFIG_FILE} beside the weights."
        for message in said.values()
    ]
