"""What finds the objects of `evaluate` and `detect`: the network, or a method that needs none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.finding import Finder, Found, load_predictor
from mrcnn.app.model_files import trained_weights
from mrcnn.app.threshold import chosen_confidences, own_folder
from mrcnn.app.told import annotated_classes
from mrcnn.errors import ConfigError, DataError
from mrcnn.instances import Instances
from mrcnn.pictures import Picture
from mrcnn.report.words import NETWORK

# Asked for whatever the operating points are: curves and average precision need the weak
# detections as well.
SCORE_FLOOR = 0.05


class BaselineFinder:
    """Finds objects without a network, as `mrcnn.app.finding.Finder` does with one.

    Args:
        find: the instances of an image uint8 [H, W, 3].
    """

    # It has no network.
    predictor = None

    def __init__(self, find: Callable[[np.ndarray], Instances]) -> None:
        self._find = find

    def find_many(
        self,
        images: "Iterable[np.ndarray | Picture]",
        failed: Callable[[DataError], None] | None = None,
    ) -> Iterator[Found]:
        """The objects of images one after the other.

        Args:
            images: uint8 [H, W, 3], or pictures of such.
            failed: see `Finder.find_many`; here none is left out.
        """
        for later in self.find_later(images, failed):
            yield later()

    def find_later(
        self,
        images: "Iterable[np.ndarray | Picture]",
        failed: Callable[[DataError], None] | None = None,
    ) -> Iterator[Callable[[], Found]]:
        """What gives the objects of each image when it is called, in any thread.

        Args:
            images, failed: see `find_many`.
        """
        for image in images:
            yield partial(self._found, image.pixels() if isinstance(image, Picture) else image)

    def _found(self, image: np.ndarray) -> Found:
        return Found(self._find(image))


@dataclass(frozen=True)
class Method:
    """What finds the objects.

    Attributes:
        name: "network" or that of a baseline.
        finder: of the objects of images, one after the other.
        class_names: of classes 1, 2, ...; what an evaluation compares, `finder` may tell more.
        confidences: operating points, rising; one of 0 for a method without confidences.
        scored: whether confidences mean anything.
        floor: the lowest confidence that was asked for, or None.
        weights: of the network, or None.
        limits: what the network needed more of than its configuration allows, or None.
    """

    name: str
    finder: Finder | BaselineFinder
    class_names: tuple[str, ...]
    confidences: list[float]
    scored: bool
    floor: float | None = None
    weights: Path | None = None
    limits: Any = None


def choose_method(application: Application, options: Any, at_once: int = 1) -> Method:
    """What `evaluate` finds objects with: the network with its weights, or what needs none.

    Args:
        application, options: of the command.
        at_once: see `load_predictor`.

    Raises:
        ConfigError, WeightsError: options that do not go together, or no such weights.
    """
    name = getattr(options, "method", NETWORK)
    if name != NETWORK:
        if options.sweep or options.min_conf:
            raise ConfigError(
                f"--method {name} has no confidences: leave --min-conf and --sweep out."
            )
        names = options.classes or application.class_names
        if not names:
            subset = [options.subset]
            folder = options.dataset or application.default_dataset
            names = application.new_dataset().classes_in(folder, subset, options.attribute)
        return _baseline(application, options, name, names)
    return _network(application, options, options.min_conf, SCORE_FLOOR, _compared_classes, at_once)


def choose_detector(application: Application, options: Any, at_once: int = 1) -> Method:
    """What `detect` finds objects with, at one confidence.

    Args:
        application, options: of the command.
        at_once: see `load_predictor`.

    Raises:
        ConfigError, WeightsError: see `choose_method`.
    """
    check_detector(application, options)
    name = getattr(options, "method", NETWORK)
    if name == NETWORK:
        given = None if options.min_conf is None else [options.min_conf]
        return _network(application, options, given, 1.0, Application.told_classes, at_once)
    return _baseline(application, options, name, options.classes or application.class_names)


def check_detector(application: Application, options: Any) -> None:
    """Whether the options of `detect` go together; takes no time, unlike `choose_detector`.

    Raises:
        ConfigError: they do not.
    """
    name = getattr(options, "method", NETWORK)
    if name == NETWORK:
        return
    of_networks = ("min_conf", "weights", "diameter", "image_size")
    given = [each for each in of_networks if getattr(options, each, None) is not None]
    if given:
        flags = ", ".join(f"--{each.replace('_', '-')}" for each in given)
        raise ConfigError(f"--method {name} has no network: leave {flags} out.")
    if not (options.classes or application.class_names):
        raise ConfigError(f"--method {name}: name the classes with --classes.")


def _compared_classes(
    application: Application, class_names: Sequence[str], options: Any
) -> tuple[str, ...]:
    """The classes of the annotations that are evaluated."""
    folder = options.dataset or application.default_dataset
    return annotated_classes(application, class_names, [folder], [options.subset], options)


def _network(
    application: Application,
    options: Any,
    given: Sequence[float | str] | None,
    most: float,
    choose_classes: Callable[[Application, Sequence[str], Any], tuple[str, ...]],
    at_once: int,
) -> Method:
    """The network, asked for what has the lowest of the given confidences, and at most `most`.

    Args:
        choose_classes: (application, classes of the network, options) -> those of the method.
        at_once: see `load_predictor`.
    """
    weights = trained_weights(application, options)
    usual = [application.config.DETECTION_MIN_CONFIDENCE]
    confidences = chosen_confidences(
        given or usual, weights, application.words, own_folder(application, weights)
    )
    floor = min(most, confidences[0])
    predictor = load_predictor(application, options, weights, floor, at_once)
    network_classes = tuple(predictor.config.CLASS_NAMES)
    class_names = choose_classes(application, network_classes, options)
    # Either these are the network's, or the first of those that the application tells.
    told_names = network_classes if class_names == network_classes else None
    return Method(
        NETWORK,
        Finder(application, predictor, options, told_names),
        class_names,
        confidences,
        True,
        floor,
        weights,
        predictor.limits,
    )


def _baseline(
    application: Application, options: Any, name: str, class_names: Sequence[str]
) -> Method:
    class_names = tuple(class_names)
    find = application.baseline(name, options, class_names=class_names)
    return Method(name, BaselineFinder(find), class_names, [0.0], False)
