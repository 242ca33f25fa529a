"""`MaskRCNN`, the front door: build, train, load and save weights, detect."""

import datetime
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.loader import BatchLoader, FollowEpochs
from mrcnn.data.moulding import compose_image_meta, mold_image, parse_image_meta, unmold_image
from mrcnn.downloads import fetch_weights
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.inference.detect import detect, mould
from mrcnn.inference.results import unmold
from mrcnn.nets.anchors import normalized_anchors
from mrcnn.nets.detection import DetectionLayer
from mrcnn.nets.detector import build_inference_model
from mrcnn.nets.layers import BatchNorm
from mrcnn.nets.proposals import ProposalLayer
from mrcnn.nets.roi_align import PyramidROIAlign
from mrcnn.ops.anchors import backbone_shapes as compute_backbone_shapes
from mrcnn.training.callbacks import SaveCheckpoint
from mrcnn.training.layers import LAYER_CHOICES, set_trainable
from mrcnn.training.model import build_training_model
from mrcnn.training.schedules import learning_rate_for
from mrcnn.training.targets import DetectionTargetLayer
from mrcnn.weights import LoadReport, load_weights, save_weights

__all__ = [
    "BatchNorm",
    "DetectionLayer",
    "DetectionTargetLayer",
    "MaskRCNN",
    "ProposalLayer",
    "PyramidROIAlign",
    "compose_image_meta",
    "compute_backbone_shapes",
    "mold_image",
    "parse_image_meta",
    "unmold_image",
]

MODES = ("training", "inference")
# .../cells20260131T0930/mask_rcnn_cells_0012.h5
_CHECKPOINT_PATH = re.compile(
    r".*[/\\][\w-]+?(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})[/\\]mask_rcnn_[\w-]+?(\d{4,})\.h5$"
)


class NoCheckpointError(WeightsError, FileNotFoundError):
    """There is no checkpoint where one was looked for."""


class MaskRCNN:
    """Mask R-CNN (He et al. 2017) for training or for inference.

    Args:
        mode: "training" or "inference".
        config: the settings, an instance of a `Config`.
        model_dir: folder in which each training run makes its own folder of logs and checkpoints.

    Attributes:
        keras_model: the Keras model; its inputs, outputs and layer names are Matterport's.
        epoch: epochs trained so far.
        log_dir: folder of the present run, `NAMEyyyymmddThhmm` in `model_dir`.
        checkpoint_path: checkpoint file with `{epoch:04d}` for the number of the epoch.

    Raises:
        ConfigError: an unknown mode, or settings that do not go with it.
    """

    def __init__(self, mode: str, config: Config, model_dir: str | os.PathLike):
        if mode not in MODES:
            raise ConfigError(f"mode is {mode!r}: must be one of {', '.join(map(repr, MODES))}.")
        config.check_for(mode)
        self.mode = mode
        self.config = config
        self.model_dir = model_dir
        self._anchor_cache: dict[tuple[int, ...], np.ndarray] = {}
        self.set_log_dir()
        self.keras_model = self.build(mode=mode, config=config)

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
        prefix = self._name()
        root = Path(self.model_dir)
        runs = [path for path in root.glob(f"{prefix}*") if path.is_dir()] if prefix else []
        for run in sorted(runs, reverse=True):
            checkpoints = sorted(run.glob("mask_rcnn*.h5"))
            if checkpoints:
                return str(checkpoints[-1])
        raise NoCheckpointError(
            f"{root}: no checkpoint of a run called {prefix}*; train first, or give a path."
        )

    def load_weights(
        self,
        filepath: str | os.PathLike,
        by_name: bool = False,
        exclude: Sequence[str] | None = None,
    ) -> LoadReport:
        """Load weights by layer name, and take the epoch from the name of a checkpoint.

        Args:
            filepath: an .h5 file of this program, of Matterport's or of Keras 1 or 2.
            by_name: True loads what fits and leaves the rest as it was; False wants all of it.
            exclude: names of layers to leave as they are; implies `by_name`.

        Returns:
            What was loaded and what was not; `str()` of it can be printed.

        Raises:
            WeightsError: see `mrcnn.weights.load_weights`. The model is then as it was.
        """
        strict = not (by_name or exclude)
        report = load_weights(self.keras_model, filepath, exclude=exclude or (), strict=strict)
        self.set_log_dir(str(filepath))
        return report

    def save_weights(self, filepath: str | os.PathLike) -> None:
        """Write the weights in Matterport's layout, in one step."""
        save_weights(self.keras_model, filepath)

    def get_imagenet_weights(self) -> str:
        """Download the ImageNet weights of ResNet-50 if need be; the path of the file."""
        return str(fetch_weights("imagenet", Path(self.model_dir)))

    # --- Training ----------------------------------------------------------------------------

    def compile(self, learning_rate: Any, momentum: float) -> None:
        """Prepare training: SGD with momentum, the gradient clipped by its global norm.

        Args:
            learning_rate: a number or a Keras schedule.
            momentum: 0 to 1.
        """
        self.keras_model.compile(
            optimizer=keras.optimizers.SGD(
                learning_rate=learning_rate,
                momentum=momentum,
                global_clipnorm=self.config.GRADIENT_CLIP_NORM,
            ),
            # The other backends gain nothing from a compiler here, and lose minutes to it.
            jit_compile=keras.backend.backend() == "jax",
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
        self.epoch = 0
        time = datetime.datetime.now()
        match = _CHECKPOINT_PATH.match(str(model_path)) if model_path else None
        if match:
            time = datetime.datetime(*(int(match[number]) for number in range(1, 6)))
            self.epoch = int(match[6])
        self._set_run(time)
        # Two runs of one minute must not share a folder.
        while not match and os.path.exists(self.log_dir):
            time += datetime.timedelta(minutes=1)
            self._set_run(time)

    def _name(self) -> str:
        return (self.config.NAME or "").lower()

    def _set_run(self, time: datetime.datetime) -> None:
        name = self._name()
        self.log_dir = os.path.join(self.model_dir, f"{name}{time:%Y%m%dT%H%M}")
        self.checkpoint_path = os.path.join(self.log_dir, f"mask_rcnn_{name}_{{epoch:04d}}.h5")

    def train(
        self,
        train_dataset,
        val_dataset,
        learning_rate: float,
        epochs: int,
        layers: str,
        augmentation=None,
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
            augmentation: an `mrcnn.data.augmentation.Augmentation`, or None.
            custom_callbacks: more Keras callbacks.
            no_augmentation_sources: sources of the dataset whose images are not augmented.

        Returns:
            Keras' history of the losses.

        Raises:
            ConfigError: the model was built for inference, or no layer matches `layers`.
            DataError: an image or annotation cannot be used.
        """
        if self.mode != "training":
            raise ConfigError("This model was built for inference: build it with mode='training'.")
        config = self.config
        self.set_trainable(layers, verbose=0)
        if not self.keras_model.trainable_weights:
            raise ConfigError(f"layers is {layers!r}: no layer of the model has such a name.")
        steps = max(0, epochs - self.epoch) * int(config.STEPS_PER_EPOCH)
        self.compile(learning_rate_for(config, learning_rate, steps), config.LEARNING_MOMENTUM)

        train_loader = BatchLoader(
            train_dataset,
            config,
            augmentation,
            no_augmentation_sources=no_augmentation_sources,
        )
        val_loader = None
        if val_dataset is not None and config.VALIDATION_STEPS:
            val_loader = BatchLoader(
                val_dataset,
                config,
                steps=config.VALIDATION_STEPS,
                shuffle=False,
                repeat_epoch=True,
            )
        os.makedirs(self.log_dir, exist_ok=True)
        callbacks = [
            FollowEpochs(train_loader),
            SaveCheckpoint(lambda epoch: self.checkpoint_path.format(epoch=epoch), save_weights),
            keras.callbacks.TensorBoard(log_dir=self.log_dir, write_graph=False),
            keras.callbacks.CSVLogger(os.path.join(self.log_dir, "losses.csv"), append=True),
            *(custom_callbacks or ()),
        ]
        print(
            f"\nStarting at epoch {self.epoch}. Learning rate {learning_rate}. "
            f"Checkpoints: {self.checkpoint_path}\n"
        )
        try:
            history = self.keras_model.fit(
                train_loader,
                initial_epoch=self.epoch,
                epochs=epochs,
                validation_data=val_loader,
                callbacks=callbacks,
                # The loader shuffles by its own seed; Keras would do it again without one.
                shuffle=False,
            )
        except Exception:
            # Some backends wrap what a loader's thread raised in an error of their own.
            for loader in (train_loader, val_loader):
                if loader is not None and loader.error is not None:
                    raise loader.error from None
            raise
        # A callback may have ended the training early.
        self.epoch = max([self.epoch, *(epoch + 1 for epoch in history.epoch)])
        return history

    # --- Inference ---------------------------------------------------------------------------

    def detect(self, images: Sequence[np.ndarray], verbose: int = 0, masks: str = "full"):
        """Detect objects in images of any number and size.

        Args:
            images: uint8 [H, W, C] RGB arrays.
            verbose: 1 prints the shapes of the images.
            masks: "full" for masks of the whole image, "crops" for masks of the boxes alone,
                which take a small part of the memory.

        Returns:
            for each image a dictionary: `rois` int32 [N, 4] pixel (y1, x1, y2, x2), `class_ids`
            int32 [N], `scores` float32 [N] falling, and `masks`, bool [H, W, N] or a list of N
            bool arrays of the boxes' sizes.

        Raises:
            ConfigError: the model was built for training, or `masks` is unknown.
            DataError: something among `images` is no such array.
        """
        self._require_inference()
        if masks not in ("full", "crops"):
            raise ConfigError(f"masks is {masks!r}: must be 'full' or 'crops'.")
        if verbose:
            print(f"Processing {len(images)} images")
            for image in images:
                print(f"  {np.shape(image)}")
        found = detect(images, self.config, self.get_anchors, self.keras_model.predict_on_batch)
        return [
            {
                "rois": result.boxes,
                "class_ids": result.class_ids,
                "scores": result.scores,
                "masks": result.full_masks() if masks == "full" else result.crops,
            }
            for result in found
        ]

    def detect_molded(self, molded_images, image_metas, verbose: int = 0):
        """Detect in images that are moulded already.

        Args:
            molded_images: float [B, H, W, C], mean subtracted, all of one shape.
            image_metas: float [B, M].
            verbose: 1 prints the shape of the batch.

        Returns:
            as `detect`, with boxes and masks in the pixels of the window of each image.
        """
        self._require_inference()
        molded_images = np.asarray(molded_images, np.float32)
        if verbose:
            print(f"Processing {molded_images.shape} moulded images")
        anchors = self.get_anchors(molded_images.shape[1:])
        outputs = self.keras_model.predict_on_batch(
            [
                molded_images,
                np.asarray(image_metas, np.float32),
                np.broadcast_to(anchors, (len(molded_images), *anchors.shape)),
            ]
        )
        results = []
        for number, image in enumerate(molded_images):
            window = [0, 0, image.shape[0], image.shape[1]]
            boxes, class_ids, scores, masks = self.unmold_detections(
                outputs[0][number], outputs[3][number], image.shape, image.shape, window
            )
            results.append(
                {"rois": boxes, "class_ids": class_ids, "scores": scores, "masks": masks}
            )
        return results

    def mold_inputs(self, images: Sequence[np.ndarray]):
        """Resize images and subtract the mean.

        Returns:
            moulded images float [B, H, W, C], image meta [B, M], windows int [B, 4] in pixels.
        """
        moulded = [mould(image, self.config) for image in images]
        return (
            np.stack([image.pixels for image in moulded]),
            np.stack([image.meta for image in moulded]),
            np.stack([image.window for image in moulded]),
        )

    def unmold_detections(self, detections, mrcnn_mask, original_image_shape, image_shape, window):
        """Detections of one image in its own pixels; see `mrcnn.inference.results.unmold`.

        Returns:
            boxes int32 [N, 4], class ids int32 [N], scores float32 [N], masks bool [H, W, N].
        """
        result = unmold(detections, mrcnn_mask, original_image_shape, image_shape, window)
        return result.boxes, result.class_ids, result.scores, result.full_masks()

    def get_anchors(self, image_shape: Sequence[int]) -> np.ndarray:
        """Normalised anchors float32 [A, 4] of a moulded image shape."""
        key = tuple(int(side) for side in image_shape[:2])
        if key not in self._anchor_cache:
            self._anchor_cache[key] = normalized_anchors(self.config, key)
        return self._anchor_cache[key]

    def _require_inference(self) -> None:
        if self.mode != "inference":
            raise ConfigError("This model was built for training: build it with mode='inference'.")
