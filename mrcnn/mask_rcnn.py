"""`MaskRCNN`, the front door: build, train, load and save weights, detect, look inside."""

import contextlib
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.anchors import pyramid_anchors
from mrcnn.data.dataset import Dataset
from mrcnn.errors import ConfigError, WeightsError, shown
from mrcnn.inference.keras_runner import KerasRunner
from mrcnn.inference.limits import DetectionLimits
from mrcnn.inference.matterport_result import as_dictionary, check_mask_form
from mrcnn.inference.model_folder import ONE_AT_A_TIME, read_model_folder, weights_text
from mrcnn.inference.molding import anchors_by_shape
from mrcnn.inference.predictor import Predictor
from mrcnn.matterport.log import log
from mrcnn.matterport.methods import MatterportMethods
from mrcnn.nets import garbage, initial
from mrcnn.nets.application_weights import backbone_weights
from mrcnn.nets.detector import build_inference_model
from mrcnn.nets.eager import outside_of_graphs
from mrcnn.runs.checkpoints import Checkpoint
from mrcnn.runs.run import Run
from mrcnn.training.distribution import shared_among
from mrcnn.training.fitting import fit
from mrcnn.training.freezing import LAYER_CHOICES, set_trainable
from mrcnn.training.model import build_training_model, compile_training_model
from mrcnn.training.optimizer import ReportLeftOut
from mrcnn.training.replicas import agreed, this_process
from mrcnn.training.run_state import Stage, take_up
from mrcnn.training.schedules import learning_rate_for
from mrcnn.weights.loading import LoadReport, load_weights
from mrcnn.weights.saving import save_weights

MODES = ("training", "inference")


class MaskRCNN(MatterportMethods):
    """Mask R-CNN (He et al. 2017) for training or for inference.

    Args:
        mode: "training" or "inference".
        config: the settings, an instance of a `Config`.
        model_dir: folder in which each training run makes its own folder of logs and checkpoints.

    Attributes:
        keras_model: the Keras model; its inputs, outputs and layer names are Matterport's. It is on
            GPU_COUNT devices, which share each batch; see `mrcnn.training.distribution`.
        epoch: epochs trained so far.
        run: the present run; `log_dir` and `checkpoint_path` are its.
        limits: what detection needed more of than the configuration allows.

    Raises:
        ConfigError: an unknown mode, or settings that do not go with it.
    """

    run: Run
    epoch: int
    # The checkpoint that all weights are of; None once they are trained, or are of somewhere else.
    _loaded: Checkpoint | None

    def __init__(self, mode: str, config: Config, model_dir: str | os.PathLike) -> None:
        if mode not in MODES:
            raise ConfigError(f"mode is {mode!r}: must be one of {', '.join(map(repr, MODES))}.")
        config.check_for(mode)
        self.mode = mode
        self.config = config
        self.model_dir = model_dir
        self._anchors_of = anchors_by_shape(config)
        self._anchor_shape = tuple(int(side) for side in config.IMAGE_SHAPE[:2])
        self.limits = DetectionLimits(config)
        # Which weights these are, for predictions.
        self._weights_text = ""
        # Not every backend can run a model in two threads at once.
        self._running = threading.RLock()
        with shared_among(int(config.GPU_COUNT), training=mode == "training"):
            self.keras_model = self.build(mode=mode, config=config)
        self.set_log_dir()

    @classmethod
    def from_folder(
        cls,
        path: str | os.PathLike,
        mode: str = "inference",
        *,
        weights: str | None = None,
        model_dir: str | os.PathLike = "logs",
        **settings: Any,
    ) -> Self:
        """The model in a folder of `config.json` and weights.

        Args:
            path: the folder, as a training or `pack` leaves it.
            mode: "inference" or "training". For inference one image goes through the network at a
                time, unless `settings` say otherwise.
            weights: name of a file in the folder. By default `NAME.h5` after the NAME of the
                settings, else the newest checkpoint of a run, else the one .h5 file that is there.
            model_dir: see the class.
            **settings: attributes of the configuration to set otherwise, such as
                `DETECTION_MIN_CONFIDENCE=0.5`.

        Raises:
            ConfigError: there are no settings, or they cannot work.
            WeightsError: there are no weights, or those of another network.
        """
        if mode == "inference":
            settings = {**ONE_AT_A_TIME, **settings}
        config, file = read_model_folder(path, weights, **settings)
        # Random numbers of a training begin where they did.
        with initial.not_drawn() if mode == "inference" else contextlib.nullcontext():
            model = cls(mode, config, model_dir)
        model.load_weights(file)
        return model

    @outside_of_graphs()
    @garbage.not_looked_for()
    def build(self, mode: str, config: Config) -> keras.Model:
        """The Keras model of a mode, with new random weights."""
        if config.SEED is not None:
            keras.utils.set_random_seed(config.SEED)
        return build_training_model(config) if mode == "training" else build_inference_model(config)

    # --- Weights -----------------------------------------------------------------------------

    def find_last(self) -> str:
        """Path of the newest checkpoint among the runs of this configuration in `model_dir`.

        Raises:
            NoCheckpointError: there is none; it is a FileNotFoundError as well.
        """
        return str(Run.newest(self.model_dir, self._name()).newest_checkpoint())

    @outside_of_graphs()
    def load_weights(
        self,
        filepath: str | os.PathLike,
        by_name: bool = False,
        exclude: Sequence[str] | None = None,
    ) -> LoadReport:
        """Load weights by layer name, and take the epoch from the name of a checkpoint.

        What did not find its place is printed.

        Args:
            filepath: an .h5 file of this program, of Matterport's or of Keras 1 or 2.
            by_name: True loads what fits and leaves the rest as it was; False wants all of it.
            exclude: names of layers to leave as they are; implies `by_name`.

        Returns:
            What was loaded and what was not; `str()` of it can be printed.

        Raises:
            WeightsError: see `mrcnn.weights.loading.load_weights`. The model is then as it was.
        """
        _check_path(filepath)
        strict = not (by_name or exclude)
        report = load_weights(self._network(), filepath, exclude=exclude or (), strict=strict)
        if report.misfits or report.missing or report.unused or report.unknown or report.adapted:
            print(report)
        self.set_log_dir(str(filepath))
        changed = report.misfits or report.missing or report.adapted
        is_whole = not (changed or report.unused or report.excluded)
        if self.mode == "inference":
            self._weights_text = weights_text(filepath) + ("" if is_whole else ", a part of it")
        if is_whole:
            self._loaded = Checkpoint.named(filepath)
        return report

    @outside_of_graphs()
    def save_weights(self, filepath: str | os.PathLike, *, dtype: str = "float32") -> None:
        """Write the weights in Matterport's layout, in one step; see `mrcnn.weights.saving`."""
        save_weights(self._network(), filepath, dtype=dtype)

    def get_imagenet_weights(self) -> str:
        """The path of the backbone's ImageNet weights, see `mrcnn.nets.application_weights`.

        Those of ResNet-50 are downloaded if need be; the other ResNets have but these.
        """
        return str(backbone_weights(self.config.BACKBONE, Path(self.model_dir)))

    # --- Training ----------------------------------------------------------------------------

    @outside_of_graphs()
    def compile(self, learning_rate: Any, momentum: float) -> None:
        """Prepare training: SGD with momentum, the gradient clipped by its global norm.

        Args:
            learning_rate: a number or a Keras schedule.
            momentum: 0 to 1.
        """
        compile_training_model(
            self.keras_model, self._network(), self.config, learning_rate, momentum
        )

    def set_trainable(
        self,
        layer_regex: str,
        keras_model: keras.Model | None = None,
        indent: int = 0,
        verbose: int = 1,
    ) -> None:
        """Let the layers whose whole names match train, and no others.

        Args:
            layer_regex: a regular expression, or "heads", "3+", "4+", "5+" or "all".
            keras_model: the model to change; by default this one's.
            indent: spaces before each printed line.
            verbose: 1 prints the layers that train.
        """
        trainable = set_trainable(
            keras_model or self.keras_model, LAYER_CHOICES.get(layer_regex, layer_regex)
        )
        if verbose:
            for layer in trainable:
                print(f"{' ' * indent}{layer.name:24} ({type(layer).__name__})")

    def set_log_dir(self, model_path: str | None = None) -> None:
        """Name the run's folder after the time, or take it up from a checkpoint's path.

        Args:
            model_path: a checkpoint in Matterport's naming, whose run goes on in its folder with
                the next epoch. Anything else starts a new run.
        """
        self._loaded = None
        checkpoint = Checkpoint.named(model_path) if model_path else None
        if checkpoint is None:
            self.run, self.epoch = Run.new(self.model_dir, self._name()), 0
            if self.mode == "training":
                # Processes that train together have one folder.
                self.run = Run(*agreed([self.run.folder, self.run.checkpoint_path]))
        else:
            self.run = Run.dated(self.model_dir, self._name(), checkpoint.began)
            self.epoch = checkpoint.epoch

    @property
    def log_dir(self) -> str:
        """Folder of the present run, `NAMEyyyymmddThhmm` in `model_dir`; may be set."""
        return self.run.folder

    @log_dir.setter
    def log_dir(self, folder: str) -> None:
        self.run = replace(self.run, folder=folder)

    @property
    def checkpoint_path(self) -> str:
        """Checkpoint file with `{epoch:04d}` for the number of the epoch; may be set."""
        return self.run.checkpoint_path

    @checkpoint_path.setter
    def checkpoint_path(self, template: str) -> None:
        self.run = replace(self.run, checkpoint_path=template)

    def _name(self) -> str:
        return (self.config.NAME or "").lower()

    def _network(self) -> keras.Model:
        """The model that holds the layers: the one inside of a `ParallelModel`."""
        return getattr(self.keras_model, "inner_model", self.keras_model)

    @outside_of_graphs()
    def train(
        self,
        train_dataset: Dataset,
        val_dataset: Dataset | None,
        learning_rate: float,
        epochs: int,
        layers: str,
        augmentation: Any = None,
        custom_callbacks: Sequence[keras.callbacks.Callback] | None = None,
        no_augmentation_sources: Sequence[str] | None = None,
    ) -> keras.callbacks.History:
        """Train until a number of epochs in all; a checkpoint and TensorBoard logs each epoch.

        Args:
            train_dataset: prepared `Dataset` to learn from.
            val_dataset: prepared `Dataset` for the validation losses, or None.
            learning_rate: the highest one, if the configuration has a schedule.
            epochs: number of the last epoch; earlier calls and a loaded checkpoint count.
            layers: which layers train, see `set_trainable`.
            augmentation: an augmenter of imgaug, an `mrcnn.data.augmentation.Augmentation`, or
                None.
            custom_callbacks: more Keras callbacks.
            no_augmentation_sources: sources of the dataset whose images are not augmented.

        Returns:
            Keras' history of the losses.

        Raises:
            ConfigError: the model was built for inference, or no layer matches `layers`.
            DataError: an image or annotation cannot be used, or no image has an object.
            TrainingError: the loss is not finite any more; checkpoints stay as they are.
        """
        if self.mode != "training":
            raise ConfigError("This model was built for inference: build it with mode='training'.")
        config = self.config
        self.set_trainable(layers, verbose=0)
        if not self.keras_model.trainable_weights:
            raise ConfigError(f"layers is {layers!r}: no layer of the model has such a name.")
        stage = Stage.called(self.epoch, epochs, learning_rate, layers)
        state_path = None if self._loaded is None else self._loaded.state
        stage, state, goes_on = take_up(stage, state_path, self._network())
        if epochs > self.epoch or (epochs == self.epoch and state is None):
            self._loaded = None
        steps = max(0, epochs - stage.first_epoch) * int(config.STEPS_PER_EPOCH)
        self.compile(learning_rate_for(config, learning_rate, steps), config.LEARNING_MOMENTUM)

        if epochs > self.epoch and this_process().writes:
            print(
                f"\nEpochs {self.epoch + 1} to {epochs}, learning rate {learning_rate}. "
                f"Checkpoints: {self.checkpoint_path}\n"
            )
        history = fit(
            self.keras_model,
            config,
            train_dataset,
            val_dataset,
            stage=stage,
            first_epoch=self.epoch,
            run=self.run,
            save_weights=lambda _, path: self.save_weights(path),
            state=state,
            goes_on=goes_on,
            augmentation=augmentation,
            custom_callbacks=[ReportLeftOut(), *(custom_callbacks or ())],
            no_augmentation_sources=no_augmentation_sources,
        )
        # A callback may have ended the training early.
        self.epoch = max([self.epoch, *(epoch + 1 for epoch in history.epoch)])
        return history

    # --- Inference ---------------------------------------------------------------------------

    @property
    def predictor(self) -> Predictor:
        """What detects with this model, for `predict_many`, pictures and whole `Prediction`s.

        Raises:
            ConfigError: the model was built for training.
        """
        self._require_inference()
        runner = KerasRunner(self.keras_model, self.config, self._running)
        return Predictor(
            self.config,
            runner,
            self._weights_text,
            limits=self.limits,
            anchors_for=self.get_anchors,
        )

    def detect(
        self, images: Sequence[np.ndarray], verbose: int = 0, *, masks: str = "full"
    ) -> list[dict[str, Any]]:
        """Detect objects in images of any number and size; several threads may at once.

        A LimitWarning tells, once, of a limit that costs objects; see `limits`.

        Args:
            images: [H, W, C] RGB arrays of 0 to 255.
            verbose: 1 prints shapes and ranges of the images.
            masks: "full" for masks of the whole image; "crops" for masks of the boxes alone and
                "rle" for COCO's compressed run lengths, which take a small part of the memory.

        Returns:
            for each image a dictionary: `rois` int32 [N, 4] pixel (y1, x1, y2, x2), `class_ids`
            int32 [N], `scores` float32 [N] falling, and `masks`, bool [H, W, N] or a list of N
            bool arrays of the boxes' sizes, or of N dictionaries `{"size", "counts"}`.

        Raises:
            ConfigError: the model was built for training, or `masks` is unknown.
            DataError: something among `images` is no such array.
        """
        self._require_inference()
        check_mask_form(masks)
        if verbose:
            log(f"{len(images)} images to detect in")
            for image in images:
                log("image", np.asarray(image))
        found = self.predictor.predict_all(images, stacklevel=2)
        return [as_dictionary(prediction.instances, masks) for prediction in found]

    @property
    def anchors(self) -> np.ndarray:
        """Anchors float64 [A, 4] in pixels, of the image shape that was last asked for."""
        return pyramid_anchors(self.config, self._anchor_shape)

    def get_anchors(self, image_shape: Sequence[int]) -> np.ndarray:
        """Normalized anchors float32 [A, 4] of a molded image shape."""
        key = tuple(int(side) for side in image_shape[:2])
        self._anchor_shape = key
        return self._anchors_of(key)

    def _require_inference(self) -> None:
        if self.mode != "inference":
            raise ConfigError("This model was built for training: build it with mode='inference'.")


def _check_path(filepath: Any) -> None:
    """WeightsError for what programs of other versions give instead of a path."""
    is_path = isinstance(filepath, str | os.PathLike)
    # `find_last` once gave a folder and a path, so that programs take `[1]` of it: one letter.
    if is_path and (len(os.fspath(filepath)) != 1 or os.path.isfile(filepath)):
        return
    raise WeightsError(
        f"{shown(filepath)} is no path of a weights file. find_last() returns the path alone: give "
        "model.load_weights(model.find_last(), by_name=True)."
    )
