"""A trained model and what it finds, as `evaluate` and `detect` share them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.app.application import Application
from mrcnn.app.backend import load_backend
from mrcnn.app.options import KERAS, MAX_OVERLAP
from mrcnn.app.runtimes import choose_runtime, load_runner
from mrcnn.app.settings import read_settings
from mrcnn.errors import ConfigError, DataError
from mrcnn.inference import Prediction, Predictor, ScaledPredictor, TiledPredictor
from mrcnn.inference.model_folder import weights_text
from mrcnn.inference.quality import doubts_of_scale
from mrcnn.inference.scale import COUNTED, Scale
from mrcnn.inference.tile_limits import settings_for_tiles
from mrcnn.inference.tiles import side_for
from mrcnn.instances import Instances
from mrcnn.pictures import Picture
from mrcnn.report.words import Words
from mrcnn.weights.settings import CONFIG_FILE


@dataclass(frozen=True)
class Found:
    """The objects of one image.

    Attributes:
        instances: by falling score, each with a mask of at least one pixel.
        limit_reached: the model returned as many detections as it may.
        diameter: in pixels, for which the scale of the image was chosen; None for none.
        scale_source: how the scale is known, see `mrcnn.inference.scale.Scale`.
        quality: what the network told of where it may have failed, see `mrcnn.inference.quality`.
    """

    instances: Instances
    limit_reached: bool = False
    diameter: float | None = None
    scale_source: str = "settings"
    quality: tuple[str, ...] = ()


def model_config(
    application: Application, options: Any, path: Path, min_confidence: float, **others: Any
) -> Any:
    """The configuration of a trained model.

    The settings come from `config.json` beside the weights; options that were given win.

    Args:
        application: whose model it is.
        options: of the command line.
        path: the weights file.
        min_confidence: detections with a lower score are not returned.
        **others: settings in place of those that are stored.

    Raises:
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
            "GPU_COUNT": 1,
            "DETECTION_MIN_CONFIDENCE": min_confidence,
            **others,
        }
    )
    if not config.CLASS_NAMES or len(config.CLASS_NAMES) != config.NUM_CLASSES - 1:
        raise ConfigError(
            f"{path}: {CONFIG_FILE} beside it does not name the classes of the model "
            "(CLASS_NAMES). Name them with --classes, in the order of their numbers."
        )
    return config


def load_trained_model(
    application: Application, options: Any, path: Path, min_confidence: float
) -> Any:
    """Build the `MaskRCNN` for inference and load its weights.

    Args:
        application, options, path, min_confidence: see `model_config`.

    Raises:
        WeightsError: weights of another model.
        ConfigError: see `model_config`.
    """
    return _keras_model(model_config(application, options, path, min_confidence), options, path)


def _keras_model(config: Any, options: Any, path: Path) -> Any:
    load_backend()
    from mrcnn.mask_rcnn import MaskRCNN
    from mrcnn.nets import initial

    with initial.not_drawn():
        model = MaskRCNN(mode="inference", config=config, model_dir=str(options.logs))
    model.load_weights(str(path))
    return model


def _predictor(
    config: Any, options: Any, path: Path, *, any_shape: bool = False, at_once: int = 1
) -> Predictor:
    """What detects with a network, run as the options say; perhaps in images of many shapes."""
    runtime = choose_runtime(getattr(options, "runtime", KERAS), config, path)
    if runtime == KERAS:
        model = _keras_model(config, options, path)
        model.keras_model.any_shape = any_shape
        return model.predictor
    return Predictor(config, load_runner(runtime, config, path, at_once), weights_text(path))


def load_predictor(
    application: Application,
    options: Any,
    path: Path,
    min_confidence: float,
    at_once: int = 1,
) -> "Predictor | ScaledPredictor":
    """What detects with trained weights: at the scale of their training, where that is known.

    `--image-size` brings images to a size instead. Of a model whose scale is not known a line says
    how it is told.

    Args:
        application, options, path: see `model_config`.
        min_confidence: detections with a lower score are not returned.
        at_once: in how many pictures it is to detect at the same time, where it knows their scale
            and its runtime can. Each has its share of the threads.

    Raises:
        WeightsError, ConfigError: see `load_trained_model` and `mrcnn.app.runtimes`.
    """
    config = partial(model_config, application, options, path)
    stored = read_settings(path) or {}
    diameter, image_size = options.diameter, options.image_size
    knows_scale = stored.get("OBJECT_DIAMETER") is not None
    words = application.words
    if diameter is not None and image_size is not None:
        raise ConfigError("--diameter and --image-size both say how large images are shown.")
    if not knows_scale and diameter is not None:
        raise ConfigError(
            f"--diameter: how large {words.objects} were in the training of {path} is not known. "
            f"Store it with `{words.program} pack DIR --diameter PX`, or give --image-size."
        )
    # Square images are what such a model was trained on and is known by.
    is_square = stored.get("IMAGE_RESIZE_MODE") == "square" and diameter is None
    if image_size is not None or is_square or not knows_scale:
        if not knows_scale and image_size is None:
            print(
                f"The scale of {path.name} is not known, so each image is shown in the same size. "
                f"`{words.program} pack DIR --diameter PX` stores it."
            )
        return _predictor(config(min_confidence), options, path)
    floor = min(COUNTED, min_confidence)
    # Its scale is looked for in small copies of a picture.
    predictor = _predictor(config(floor), options, path, any_shape=True, at_once=at_once)
    size = float(predictor.config.OBJECT_DIAMETER)

    def make_tiled() -> TiledPredictor:
        of_tiles = settings_for_tiles(side_for(size), size, predictor.config)
        model = _predictor(config(floor, **of_tiles), options, path)
        # These limits were made for the tile; a full list is told all the same.
        return TiledPredictor(
            Predictor(model.config, model.runner, model.model, watch_limits=False), size
        )

    return ScaledPredictor(
        predictor,
        make_tiled=make_tiled,
        diameter=diameter,
        pixel_size=getattr(options, "pixel_size", None),
        min_confidence=min_confidence,
    )


class Finder:
    """Finds the objects of images: a network detects, the application does the rest.

    A detection whose mask has a higher IoU with a better one than `--max-overlap` is left out,
    whatever its class: an object has one. Then the application refines and classifies.

    Args:
        application: whose objects they are.
        predictor: detects, with CLASS_NAMES in its configuration.
        options: of the command line; by default each as if it was not given.
        told_names: the classes that the application is to tell, `class_names` of the network or
            `Application.told_classes` of them, which is the default.
        check: is called whenever the network is done with an image, or with a part of a large one;
            what it raises ends the work.

    Raises:
        ConfigError: options that such a network cannot follow.
    """

    def __init__(
        self,
        application: Application,
        predictor: "Predictor | ScaledPredictor",
        options: Any = None,
        told_names: Sequence[str] | None = None,
        check: Callable[[], None] | None = None,
    ) -> None:
        self.application = application
        self.predictor = predictor
        self.options = options
        self.class_names = tuple(predictor.config.CLASS_NAMES)
        if told_names is None:
            told_names = application.told_classes(self.class_names, options)
        self.told_names = tuple(told_names)
        self._check = check

    def find(self, image: np.ndarray) -> Found:
        """The objects of an image, uint8 [H, W, 3]."""
        return self.finished(image, self.predictor.predict(image))

    def find_many(
        self,
        images: "Iterable[np.ndarray | Picture]",
        failed: Callable[[DataError], None] | None = None,
    ) -> Iterator[Found]:
        """The objects of images one after the other; the next is read while the network works.

        Args:
            images: uint8 [H, W, 3], or pictures of such, which may know the size of their pixels.
            failed: is told why an image whose scale cannot be is left out; by default that is
                raised.
        """
        for later in self.find_later(images, failed):
            yield later()

    def find_later(
        self,
        images: "Iterable[np.ndarray | Picture]",
        failed: Callable[[DataError], None] | None = None,
    ) -> Iterator[Callable[[], Found]]:
        """What gives the objects of each image when it is called, in any thread.

        The network is done by then; the application's part is what is left.

        Args:
            images, failed: see `find_many`.
        """
        taken: deque[np.ndarray] = deque()

        def noted() -> "Iterator[np.ndarray | Picture]":
            for image in images:
                taken.append(image.pixels() if isinstance(image, Picture) else image)
                yield image

        def left_out(error: DataError) -> None:
            taken.popleft()
            if failed is None:
                raise error
            failed(error)

        several: Any = self.predictor.predict_many
        if isinstance(self.predictor, ScaledPredictor):
            several = partial(several, failed=left_out)
        for prediction in several(noted()):
            yield partial(self.finished, taken.popleft(), prediction)

    def refined(self, image: np.ndarray, instances: Instances) -> Instances:
        """What is found in an image or a part of one, each once, as the application outlines it.

        Args:
            image: uint8 [h, w, 3].
            instances: with scores, in pixels of the image.
        """
        if self._check is not None:
            self._check()
        max_overlap = getattr(self.options, "max_overlap", MAX_OVERLAP)
        instances = instances.take(np.flatnonzero(instances.areas()))
        instances = instances.without_duplicates(max_overlap)
        return self.application.refine(image, instances, self.options, class_names=self.class_names)

    def classified(self, instances: Instances) -> Instances:
        """The objects of a whole image as the application classes them."""
        return self.application.classify(
            instances, self.options, class_names=self.class_names, told_names=self.told_names
        )

    def finished(self, image: np.ndarray, prediction: Prediction) -> Found:
        """What the application makes of what the network predicted for an image.

        Args:
            image: uint8 [H, W, 3].
            prediction: of `predictor` for it.
        """
        instances = self.classified(self.refined(image, prediction.instances))
        return Found(
            instances,
            prediction.is_full,
            prediction.diameter,
            prediction.scale_source,
            (*prediction.quality, *self._doubts(prediction)),
        )

    def _doubts(self, prediction: Prediction) -> tuple[str, ...]:
        """Why to doubt the scale of a prediction, where it is that of the settings."""
        size = self.predictor.config.OBJECT_DIAMETER
        if isinstance(self.predictor, ScaledPredictor) or size is None:
            return ()
        scale = Scale(prediction.scale, None, prediction.scale_source)
        return doubts_of_scale(prediction.instances, scale, size)


def limit_warnings(limits: Any, names: list[str], words: Words) -> list[str]:
    """What to say at the end of a run in which limits of the model may have cost objects.

    Args:
        limits: of the predictor.
        names: of the images with as many detections as the model returns at most.
        words: what objects are called.
    """
    setting = "DETECTION_MAX_INSTANCES"
    if setting not in limits.needed or not names:
        return []
    full = (
        f"Warning: {getattr(limits.config, setting)} detections, the most that the model returns, "
        f"in {', '.join(names)}; {words.objects} "
    )
    if limits.is_open:
        return [
            f"{full}may be missing. Set a higher {setting} in {CONFIG_FILE} beside the weights."
        ]
    return [
        f"{full}are missing. {setting} {limits.needed[setting]} would have kept all of them. Set "
        f"it in {CONFIG_FILE} beside the weights."
    ]
