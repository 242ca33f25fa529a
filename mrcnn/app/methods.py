"""What finds the objects that are evaluated: the network, or a method that needs none."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.finding import Finder, Found, load_predictor
from mrcnn.app.model_files import trained_weights
from mrcnn.app.threshold import chosen_confidences
from mrcnn.errors import ConfigError
from mrcnn.report.words import NETWORK

# Asked for whatever the operating points are: curves and average precision need the weak
# detections as well.
SCORE_FLOOR = 0.05


@dataclass(frozen=True)
class Method:
    """What finds the objects.

    Attributes:
        name: "network" or that of a baseline.
        find: objects of images uint8 [H, W, 3], one after the other.
        class_names: of classes 1, 2, ...
        confidences: operating points, rising; one of 0 for a method without confidences.
        scored: whether confidences mean anything.
        floor: the lowest confidence that was asked for, or None.
        weights: of the network, or None.
        limits: what the network needed more of than its configuration allows, or None.
    """

    name: str
    find: Callable[[Iterable[np.ndarray]], Iterator[Found]]
    class_names: tuple[str, ...]
    confidences: list[float]
    scored: bool
    floor: float | None = None
    weights: Path | None = None
    limits: Any = None


def choose_method(application: Application, options: Any) -> Method:
    """The network with its weights, or a method that needs none.

    Raises:
        ConfigError, WeightsError: options that do not go together, or no such weights.
    """
    name = getattr(options, "method", NETWORK)
    if name != NETWORK:
        return _baseline(application, options, name)
    weights = trained_weights(application, options)
    usual = [application.config.DETECTION_MIN_CONFIDENCE]
    confidences = chosen_confidences(options.min_conf or usual, weights, application.words)
    floor = min(SCORE_FLOOR, confidences[0])
    predictor = load_predictor(application, options, weights, floor)
    return Method(
        NETWORK,
        Finder(application, predictor, options).find_many,
        tuple(predictor.config.CLASS_NAMES),
        confidences,
        True,
        floor,
        weights,
        predictor.limits,
    )


def _baseline(application: Application, options: Any, name: str) -> Method:
    if options.sweep or options.min_conf:
        raise ConfigError(f"--method {name} has no confidences: leave --min-conf and --sweep out.")
    names = options.classes or application.class_names
    if not names:
        subset = [options.subset]
        folder = options.dataset or application.default_dataset
        names = application.new_dataset().classes_in(folder, subset, options.attribute)
    class_names = tuple(names)
    find = application.baseline(name, options, class_names=class_names)
    return Method(
        name, lambda images: (Found(find(image)) for image in images), class_names, [0.0], False
    )
