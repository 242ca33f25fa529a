"""Evaluation during training: what the weights of this moment detect in the validation images.

    model.train(training, validation, rate, epochs, "all",
                custom_callbacks=[EvaluateDetections(validation, config, every=5)])

The losses of the validation images say how well targets are met; these figures say how well
objects are found. No second copy of the weights is made: the detector that runs here is put
together from the layers that are being trained.
"""

import copy
import logging
import math
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.data.failed_images import needed
from mrcnn.errors import ConfigError, DataError
from mrcnn.evaluation import InstanceEvaluator, Instances, without_ignored
from mrcnn.evaluation.quality import Border
from mrcnn.inference.keras_runner import KerasRunner
from mrcnn.inference.prediction import Prediction
from mrcnn.inference.predictor import Predictor
from mrcnn.inference.tiles import TiledPredictor, side_for
from mrcnn.runs.run import Run
from mrcnn.training.callbacks import RunCallback
from mrcnn.training.replicas import agreed

logger = logging.getLogger(__name__)

MASK_AP50 = "val_mask_AP50"
F1 = "val_F1"
# Average precision ranks detections by confidence, also those that nobody would be shown.
SCORE_FLOOR = 0.05
F1_IOU = 0.5


def live_predictor(model: keras.Model, config: Any, min_confidence: float) -> Predictor:
    """Detects with the weights of a model while it learns; it has none of its own.

    Limits that cost detections are not looked for: at first nearly every image reaches one.

    Args:
        model: the training model, or a `ParallelModel` of it. Its devices share the images.
        config: of the inference; see `mrcnn.nets.detector.Detector.inference_model`.
        min_confidence: in place of the configured one.

    Raises:
        ConfigError: the configuration goes with another network; or the model was not built by
            `mrcnn.training.model.build_training_model`, and so its layers are not known.
    """
    config = copy.copy(config)
    config.DETECTION_MIN_CONFIDENCE = min_confidence
    network = getattr(model, "inner_model", model)
    detector = getattr(network, "detector", None)
    if detector is None:
        raise ConfigError(
            "The model is no training graph that was built here, such as one that Keras loaded: "
            "build one with MaskRCNN('training', ...), and load its weights."
        )
    with network.sharing.scope():
        live = detector.inference_model(config)
    return Predictor(config, KerasRunner(live, config), watch_limits=False)


@dataclass(frozen=True)
class BestEpoch:
    """The epoch whose weights found most so far.

    Attributes:
        epoch: counted from 1.
        value: of the figure that is monitored.
        figures: all that were measured then; None where not defined.
        settings: what the figures depend on; only figures of equal settings are compared.
        evaluated: the last epoch that was compared with it.
        without_improvement: evaluations in a row since then that were not better.
    """

    epoch: int
    value: float
    figures: dict[str, float | None]
    settings: dict[str, Any]
    evaluated: int = 0
    without_improvement: int = 0


class EvaluateDetections(RunCallback):
    """Detects in the validation images every few epochs, and keeps the best weights.

    It adds two figures to the logs of the epoch, from where the progress line, `losses.csv`,
    TensorBoard and the history take them:

    - `val_mask_AP50`: COCO's average precision of masks at IoU 0.5, mean over the classes that
      have an object; with DETECTION_SCORE "object", whose scores tell nothing about the class,
      that of all objects as one class. It takes all detections from confidence 0.05 on, so it
      does not depend on a threshold and says something from the first epochs on.
    - `val_F1`: 2 TP / (2 TP + FP + FN) over all images, classes aside, of the detections that are
      at least `min_confidence`. It stays at 0 until the network is that sure.

    Both are 0 where objects are annotated and none is detected, and NaN where none is annotated;
    then there is no best epoch.

    In the folder of the run, `best.h5` has the weights of the epoch with the highest monitored
    figure above 0, and `best.json` tells which it was. A resumed run goes on from them.

    The training is not touched: no weight, statistic, optimizer state or random number is another
    with this callback.

    Args:
        dataset: prepared dataset with annotations. Crowds (negative class ids) are left out, as
            are detections of classes that the source of an image does not annotate, and those in
            regions to ignore. Where no mask is known, boxes are compared.
        config: the configuration of the training, or one of the inference that is derived from it.
            Whole images are detected in, also with IMAGE_RESIZE_MODE "crop"; each at the scale
            that the dataset has for it (`Dataset.image_scale`), else as configured. One that is
            larger than a tile at its own scale is detected in by tiles.
        every: evaluate after each epoch whose number is a multiple, and after the last one.
        min_confidence: for F1; DETECTION_MIN_CONFIDENCE by default.
        monitor: the figure that is to rise, "val_mask_AP50" or "val_F1".
        patience: stop the training after so many evaluations in a row without a new best, once
            there is one; None never stops it.
        max_images: use so many images, spread evenly over the dataset; None uses all.
        max_overlap: of two detections with a higher mask IoU only the better one counts, whatever
            their classes, see `mrcnn.evaluation.drop_duplicates`; 1 keeps all.
        border: for F1, "ignore" takes an unmatched detection that touches the image border for no
            false alarm; "count" takes it for one.

    Attributes:
        best: the best epoch so far, or None.
        detector: the `Predictor`, once the training has begun.

    Raises:
        ConfigError: an argument is out of range, or the configuration does not go with the dataset.
        DataError: the dataset has no images; or, when the training begins, an annotation cannot be
            used.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Any,
        every: int = 1,
        *,
        min_confidence: float | None = None,
        monitor: str = MASK_AP50,
        patience: int | None = None,
        max_images: int | None = None,
        max_overlap: float = 1.0,
        border: Border = "ignore",
    ) -> None:
        super().__init__()
        confidence = config.DETECTION_MIN_CONFIDENCE if min_confidence is None else min_confidence
        for name, value, fits, expected in (
            ("every", every, every >= 1, "at least 1"),
            ("min_confidence", confidence, 0 <= confidence <= 1, "0 to 1"),
            ("monitor", monitor, monitor in (MASK_AP50, F1), f"{MASK_AP50!r} or {F1!r}"),
            ("patience", patience, patience is None or patience >= 1, "at least 1, or None"),
            ("max_images", max_images, max_images is None or max_images >= 1, "at least 1 or None"),
            ("max_overlap", max_overlap, 0 <= max_overlap <= 1, "0 to 1"),
            ("border", border, border in ("ignore", "count"), "'ignore' or 'count'"),
        ):
            if not fits:
                raise ConfigError(f"EvaluateDetections: {name} is {value!r}: must be {expected}.")
        if len(dataset.image_ids) == 0:
            raise DataError("The validation dataset has no images: add some, then call prepare().")
        if dataset.num_classes != config.NUM_CLASSES:
            raise ConfigError(
                f"NUM_CLASSES is {config.NUM_CLASSES}, but the validation dataset has "
                f"{dataset.num_classes} classes with the background: they must agree."
            )
        self.dataset = dataset
        self.config = config
        self.every = every
        self.min_confidence = float(confidence)
        self.monitor = monitor
        self.patience = patience
        self.max_overlap = max_overlap
        self.border = border
        self.best: BestEpoch | None = None
        ids = np.asarray(dataset.image_ids)
        if max_images is not None and max_images < len(ids):
            ids = ids[np.linspace(0, len(ids) - 1, max_images).round().astype(int)]
        self._names = {int(image_id): _name(dataset, image_id) for image_id in ids}
        self._settings = {
            "monitor": monitor,
            "images": len(ids),
            "min_confidence": self.min_confidence,
            "max_overlap": float(max_overlap),
            "border": border,
        }
        self._scales = {image_id: dataset.image_scale(image_id) for image_id in self._names}
        if any(self._scales.values()):
            self._settings["scale"] = "of each image"
        # With crowds and regions to ignore.
        self._regions: dict[int, Instances] = {}
        self._evaluator: InstanceEvaluator | None = None
        self._objects = 0
        self.detector: Predictor | None = None
        self._network: keras.Model | None = None

    @property
    def best_path(self) -> Path | None:
        """File of the best weights so far, or None."""
        return None if self.best is None or self.run is None else self.run.best_weights

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        if self._evaluator is None:
            self._evaluator = self._with_truth()
        if self._network is not self.model:
            floor = min(SCORE_FLOOR, self.min_confidence)
            self.detector = live_predictor(self.model, self.config, floor)
            self._network = self.model
        if self.run is not None:
            self.best = self._stored_best(self.run)
        if self.best is not None and self.best.without_improvement >= (self.patience or math.inf):
            # It was ended for that, and somebody wants it to go on.
            self.best = replace(self.best, without_improvement=0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        epochs = (self.params or {}).get("epochs")
        is_last = self.model.stop_training or epoch + 1 == epochs
        if (epoch + 1) % self.every and not is_last:
            return
        # Several processes detect the same; the first one's figures decide for all.
        figures = agreed(self.evaluate())
        if logs is not None:
            logs.update(figures)
        value = figures[self.monitor]
        if math.isnan(value) or (value == 0 and self.best is None):
            return
        done = epoch + 1
        if self.best is None or value > self.best.value:
            self._keep(BestEpoch(done, value, _for_json(figures), self._settings, done))
            return
        # An epoch that was cut off after its evaluation is evaluated twice.
        count = self.best.without_improvement + (done > self.best.evaluated)
        self.best = replace(self.best, evaluated=done, without_improvement=count)
        self._keep_record()
        if self.patience is not None and count >= self.patience:
            self.model.stop_training = True
            logger.warning(
                "\nNo better %s than %.4f, of epoch %d, in %d evaluations: ending the training.",
                self.monitor,
                self.best.value,
                self.best.epoch,
                self.patience,
            )

    def evaluate(self) -> dict[str, float]:
        """Detect in all images with the weights as they are now.

        Returns:
            `val_mask_AP50` and `val_F1`, in 0..1 or NaN where not defined.
        """
        if self._evaluator is None or self.detector is None or not self._objects:
            return {MASK_AP50: math.nan, F1: math.nan}
        evaluator = self._evaluator
        evaluator.reset()
        for image_id, found in self._detected(self.detector):
            evaluator.process(self._names[image_id], self._predictions(image_id, found.instances))
        classes = "any_class" if self.config.DETECTION_SCORE == "object" else "by_class"
        return {
            MASK_AP50: float(evaluator.average_precision()["mask"][classes]["AP50"]),
            F1: float(evaluator.quality(self.min_confidence, F1_IOU).f1),
        }

    def _detected(self, detector: Predictor) -> Iterator[tuple[int, Prediction]]:
        """What is found in each image; those that are large at their own scale come last."""
        diameter = self.config.OBJECT_DIAMETER
        large = []
        for image_id, scale in self._scales.items():
            if scale is not None and diameter is not None:
                longer = max(self.dataset.image_shape(image_id)) * scale
                large += [image_id] if longer > side_for(diameter) else []
        others = [image_id for image_id in self._scales if image_id not in large]
        images = (needed(self.dataset, "load_image", image_id) for image_id in others)
        scales = [self._scales[image_id] for image_id in others]
        yield from zip(others, detector.predict_many(images, scale=scales), strict=True)
        for image_id in large:
            image = needed(self.dataset, "load_image", image_id)
            scale = self._scales[image_id]
            assert scale is not None and diameter is not None, "an image of the usual scale"
            tiled = TiledPredictor(detector, diameter)
            yield image_id, tiled.predict(image, scale, most_tiles=sys.maxsize)

    def _with_truth(self) -> InstanceEvaluator:
        """An evaluator that has the ground truth of all images."""
        evaluator = InstanceEvaluator(
            _class_names(self.dataset), iou_thresholds=(F1_IOU,), border=self.border
        )
        for image_id, name in self._names.items():
            truth = needed(self.dataset, "load_instances", image_id)
            self._regions[image_id] = truth
            truth = truth.take((truth.class_ids > 0) & ~truth.ignore)
            self._objects += len(truth)
            evaluator.add_truth(name, truth)
        if not self._objects:
            warnings.warn(
                "No object is annotated in the validation images: there are no figures to log, "
                "and no best epoch.",
                stacklevel=2,
            )
        return evaluator

    def _predictions(self, image_id: int, found: Instances) -> Instances:
        """The detections that count, for the evaluator."""
        scores = np.array(found.scores)
        annotated = self.dataset.active_class_ids(image_id)[found.class_ids] > 0
        # Weights that have run away can give any score.
        counts = annotated & (found.areas() > 0) & np.isfinite(scores)
        found = found.take(counts).replaced(scores=np.clip(scores[counts], 0, 1))
        truth = self._regions[image_id]
        if truth.ignore.any():
            _, found = without_ignored(truth, found)
        return found if self.max_overlap == 1 else found.without_duplicates(self.max_overlap)

    def _keep(self, best: BestEpoch) -> None:
        self.best = best
        if self.run is not None:
            # The weights first: a record must not speak of weights that are not there.
            self.save_weights(self.run.best_weights.name)
        self._keep_record()

    def _keep_record(self) -> None:
        if self.run is not None and self.best is not None:
            self.run.write_best(asdict(self.best))

    def _stored_best(self, run: Run) -> BestEpoch | None:
        """The best epoch that an earlier part of the run left, if it was measured alike."""
        if not run.best_record.is_file() or not run.best_weights.is_file():
            return None
        try:
            best = BestEpoch(**run.read_best())
            comparable = best.settings == self._settings and math.isfinite(best.value)
        except TypeError:
            comparable = False
        if comparable:
            return best
        logger.warning(
            "%s: cannot be compared with this evaluation; the best is looked for anew.",
            run.best_record,
        )
        return None


def _name(dataset: Dataset, image_id: int) -> str:
    info = dataset.image_info[image_id]
    return f"image {image_id} ({info.get('path') or info['id']})"


def _class_names(dataset: Dataset) -> list[str]:
    """Names of classes 1, 2, ...; two sources can have a class of one name."""
    names = list(dataset.class_names[1:])
    return [
        name if names.count(name) == 1 else f"{name} ({number})"
        for number, name in enumerate(names, start=1)
    ]


def _for_json(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in figures.items()}
