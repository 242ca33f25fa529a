"""`Predictor`: detection with a configuration, by whatever runs the network."""

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import repeat
from time import perf_counter
from typing import Any, Self

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.inference.limits import DetectionLimits
from mrcnn.inference.model_folder import ONE_AT_A_TIME, read_model_folder, weights_text
from mrcnn.inference.molding import (
    MoldedImage,
    anchors_by_shape,
    batch_inputs,
    mold,
    network_inputs,
)
from mrcnn.inference.placing import count_filled, of_the_picture, placement, unmold
from mrcnn.inference.prediction import Prediction
from mrcnn.inference.quality import LIMIT
from mrcnn.inference.runner import Runner, named_outputs
from mrcnn.inference.stream import Waiting, batches, mold_ahead, pixels_of
from mrcnn.instances import Instances
from mrcnn.ops.outputs import InferenceOutputs
from mrcnn.pictures import Picture

# What the settings of molding and placing have to have in common with those of the network.
_SHARED = ("NUM_CLASSES", "IMAGE_CHANNEL_COUNT", "IMAGE_META_SIZE", "MASK_MARGIN")
# How many batches of images may come before a batch that is not full is run as it is.
_BATCHES_AHEAD = 2


class Predictor:
    """Detects objects in images of any number and size. Several threads may use it at once.

        predictor = Predictor.from_folder("weights/rbc")
        for prediction in predictor.predict_many(read_image(path) for path in paths):
            print(len(prediction.instances), prediction.notes)

    Args:
        config: an instance of `mrcnn.config.Config`: how images are molded and masks are placed.
            BATCH_SIZE images go through the network at a time.
        runner: runs the network.
        model: which model that is, for `Prediction.model`.
        limits: notes what the limits of the configuration cost; a new one by default.
        watch_limits: False looks for no such costs: nothing is noted, and nobody is warned.
        anchors_for: normalized anchors [A, 4] of the (height, width) of molded images; by default
            those of the configuration.

    Attributes:
        config, runner, model: as given.
        limits: the `DetectionLimits`, or None.

    Raises:
        ConfigError: the configuration goes with another network.
    """

    def __init__(
        self,
        config: Any,
        runner: Runner,
        model: str = "",
        *,
        limits: DetectionLimits | None = None,
        watch_limits: bool = True,
        anchors_for: Callable[[tuple[int, ...]], np.ndarray] | None = None,
    ) -> None:
        for name in _SHARED:
            here, there = getattr(config, name), getattr(runner.config, name)
            if here != there:
                raise ConfigError(
                    f"{name} is {here!r}, but the network was built with {there!r}: give the "
                    "configuration of the network, or one derived from it."
                )
        self.config = config
        self.runner = runner
        self.model = model
        self.limits = (limits or DetectionLimits(config)) if watch_limits else None
        self._anchors_for = anchors_for or anchors_by_shape(config)
        self._place = placement(config)

    @classmethod
    def from_folder(
        cls, path: str | os.PathLike, weights: str | None = None, **settings: Any
    ) -> Self:
        """A predictor of the model in a folder of `config.json` and weights, run by Keras.

        One image goes through the network at a time, unless `settings` say otherwise.

        Args:
            path: the folder, as a training or `pack` leaves it.
            weights: name of a file in it. By default `NAME.h5` after the NAME of the settings,
                else the newest checkpoint of a run, else the one .h5 file that is there.
            **settings: attributes of the configuration to set otherwise, such as
                `DETECTION_MIN_CONFIDENCE=0.5`.

        Raises:
            ConfigError: there are no settings, or they cannot work.
            WeightsError: there are no weights, or those of another network.
        """
        from mrcnn.inference.keras_runner import KerasRunner

        config, file = read_model_folder(path, weights, **{**ONE_AT_A_TIME, **settings})
        return cls(config, KerasRunner.of_weights(config, file), weights_text(file))

    def predict(
        self, image: "np.ndarray | Picture", *, scale: float | None = None, stacklevel: int = 1
    ) -> Prediction:
        """Detect in one image.

        A LimitWarning tells, once, of a limit that costs objects; see `limits`.

        Args:
            image: [H, W, C] RGB array of 0 to 255, or a `Picture`, which is read as a whole.
            scale: pixels of the network for each pixel of the image; by default as the
                configuration brings images to size.
            stacklevel: see `predict_all`.

        Raises:
            DataError: it is no such array, or cannot be read.
        """
        if scale is None:
            return self.predict_all([image], stacklevel=stacklevel + 1)[0]
        began = perf_counter()
        molded = mold(pixels_of(image), self.config, scale)
        found = self._predict_batch([Waiting(0, molded, perf_counter() - began)])[0]
        self._say(stacklevel)
        return found

    def predict_all(
        self, images: "Iterable[np.ndarray | Picture]", *, stacklevel: int = 1
    ) -> list[Prediction]:
        """Detect in images that are all at hand; those of one shape share batches.

        Args:
            images: see `predict`.
            stacklevel: 1 lets a LimitWarning point at the line that calls this method, 2 at the
                one that calls its function.

        Returns:
            a prediction for each image, in their order.

        Raises:
            DataError: see `predict`.
        """
        found = list(self._stream(images, sys.maxsize))
        self._say(stacklevel)
        return found

    def predict_many(
        self,
        images: "Iterable[np.ndarray | Picture]",
        *,
        scale: float | Iterable[float | None] | None = None,
    ) -> Iterator[Prediction]:
        """Detect in images one after the other, with a few of them in memory at a time.

        While the network works on an image the next one is molded. So one image is taken ahead
        of each prediction, and with a BATCH_SIZE of B some 3 B: a batch waits a while for more
        images of its shape.

        Args:
            images: see `predict`; may be a generator that reads them, which runs in the thread
                that asks for predictions. A `Picture` is read beside the network, and so quicker.
            scale: of all images, or one for each; see `predict`.

        Returns:
            an iterator of predictions in the order of the images. It may be left early.

        Raises:
            DataError: see `predict`; and what `images` raises. The predictions of the images
                before have been given then.
        """
        ahead = _BATCHES_AHEAD * self.config.BATCH_SIZE
        scales = scale if isinstance(scale, Iterable) else repeat(scale)
        with contextlib.closing(self._stream(images, ahead, scales)) as predictions:
            for prediction in predictions:
                self._say(1)
                yield prediction

    def predict_molded(
        self, images: np.ndarray, image_metas: np.ndarray, *, stacklevel: int = 1
    ) -> list[Instances]:
        """Detect in one batch of images that are molded already.

        Args:
            images: float [B, H, W, C], mean subtracted.
            image_metas: float [B, M].
            stacklevel: see `predict_all`.

        Returns:
            the detections of each image, in pixels of the molded image.
        """
        inputs = network_inputs(images, image_metas, self._anchors_for)
        outputs, _ = self._run(inputs, len(images))
        self._say(stacklevel)
        return [
            self._each_once(
                unmold(detections, masks, image.shape, image.shape, (0, 0, *image.shape[:2]))
            )
            for image, detections, masks in zip(
                images, outputs.detections, outputs.mrcnn_mask, strict=True
            )
        ]

    # The name of earlier versions.
    predict_moulded = predict_molded

    def _stream(
        self,
        images: Iterable[Any],
        most_waiting: int,
        scales: Iterable[float | None] | None = None,
    ) -> Generator[Prediction]:
        done: dict[int, Prediction] = {}
        due = 0
        with contextlib.closing(mold_ahead(images, self.config, scales)) as molded:
            for batch in batches(molded, self.config.BATCH_SIZE, most_waiting):
                done.update(self._predict_batch(batch))
                batch.clear()
                while due in done:
                    yield done.pop(due)
                    due += 1

    def _predict_batch(self, batch: list[Waiting]) -> dict[int, Prediction]:
        """The predictions of images of one shape, by their numbers."""
        began = perf_counter()
        inputs = batch_inputs([waiting.image for waiting in batch], self.config, self._anchors_for)
        stacked = perf_counter()
        outputs, notes = self._run(inputs, len(batch))
        ran = perf_counter()
        found = {}
        for slot, (number, image, seconds) in enumerate(batch):
            began_placing = perf_counter()
            detections = outputs.detections[slot]
            is_full = count_filled(detections) == len(detections)
            placed = self._placed(detections, outputs.mrcnn_mask[slot], image)
            instances = self._each_once(placed)
            found[number] = Prediction(
                instances,
                image.scale,
                notes[slot],
                {
                    # Under the name that stored predictions have.
                    "mould": seconds + (stacked - began) / len(batch),
                    "network": (ran - stacked) / len(batch),
                    "place": perf_counter() - began_placing,
                },
                self.model,
                is_full=is_full,
                quality=(LIMIT,) if is_full else (),
            )
        return found

    def _placed(self, detections: np.ndarray, masks: np.ndarray, image: MoldedImage) -> Instances:
        shapes = (image.original_shape, image.picture.shape, image.window)
        if self.config.IMAGE_PADDING != "reflect":
            return self._place(detections, masks, *shapes)
        rows = of_the_picture(detections, image.picture.shape, image.window)
        return self._place(detections[rows], masks[rows], *shapes, seen=image.seen)

    def _each_once(self, instances: Instances) -> Instances:
        """Without those that DETECTION_MAX_MASK_OVERLAP drops."""
        most = self.config.DETECTION_MAX_MASK_OVERLAP
        if most is None:
            return instances
        return instances.without_unions().without_duplicates(most)

    def _run(
        self, inputs: list[np.ndarray], count: int
    ) -> tuple[InferenceOutputs, list[tuple[str, ...]]]:
        """Outputs for a batch, and for each of its first `count` images what limits it reached."""
        outputs = named_outputs(self.runner.run(inputs), inputs)
        if self.limits is None:
            return outputs, [()] * count
        return outputs, self.limits.look_at(outputs, inputs, range(count), self.runner)

    def _say(self, stacklevel: int) -> None:
        if self.limits is not None:
            self.limits.say(stacklevel=stacklevel + 2)
