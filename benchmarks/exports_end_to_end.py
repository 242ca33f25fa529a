"""Does a network that was exported with `--end-to-end` find what this package finds with Keras?"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mrcnn.inference import Predictor
from mrcnn.instances import Instances

MASK_LIMIT = 0.99
NAMES = ("boxes", "classes", "scores", "masks")
Run = Callable[[np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Agreement:
    """Of what an exported network and Keras found in a picture.

    Attributes:
        format_name: of the export.
        counts: of instances, of Keras and of the export.
        mask: least IoU of a mask with its best partner; 1 without any.
        box: largest difference of a corner from that of its partner, in pixels.
        score: largest difference.
        classes: whether they are the same.
    """

    format_name: str
    counts: tuple[int, int]
    mask: float
    box: int
    score: float
    classes: bool

    @property
    def is_kept(self) -> bool:
        """Whether each has a partner of its class."""
        return self.counts[0] == self.counts[1] and self.mask >= MASK_LIMIT and self.classes

    def __str__(self) -> str:
        return (
            f"{self.format_name}: {self.counts[0]} instances of Keras, {self.counts[1]} of the "
            f"export; least IoU of masks {self.mask:.5f}, boxes {self.box} px, scores "
            f"{self.score:.2g}, classes {'the same' if self.classes else 'differ'}"
        )


def agreement(format_name: str, ours: Instances, found: dict[str, np.ndarray]) -> Agreement:
    """How far what an export found is from `ours`."""
    masks = found["masks"].astype(bool).transpose(1, 2, 0)
    theirs = Instances.from_masks(masks, found["classes"], found["scores"])
    counts = (len(ours), len(theirs))
    if not all(counts):
        return Agreement(format_name, counts, float(counts[0] == counts[1]), 0, 0.0, True)
    if counts[0] != counts[1]:
        return Agreement(format_name, counts, 0.0, 0, 0.0, False)
    places = _partners(ours, found["boxes"], found["classes"])
    iou = ours.overlap(theirs)[np.arange(len(ours)), places]
    # Random weights draw masks of no pixel.
    are_empty = (ours.areas() == 0) & (theirs.areas()[places] == 0)
    mask = float(np.where(are_empty, 1.0, iou).min())
    box = int(np.abs(found["boxes"][places] - ours.boxes).max())
    score = float(np.abs(found["scores"][places] - np.asarray(ours.scores)).max())
    classes = bool((found["classes"][places] == ours.class_ids).all())
    return Agreement(format_name, counts, mask, box, score, classes)


def _partners(ours: Instances, boxes: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """For each instance one of an export, int [N]: the nearest box, of its class where there is."""
    left, places = list(range(len(boxes))), []
    for box, class_id in zip(ours.boxes, ours.class_ids, strict=True):
        away = np.abs(boxes[left] - box).max(axis=1)
        nearest = np.lexsort((away, classes[left] != class_id))[0]
        places.append(left.pop(int(nearest)))
    return np.array(places)


def measure_end_to_end(model: str, image: np.ndarray, folder: Path, format_name: str) -> Agreement:
    """Export a model to a folder, run it and compare.

    Args:
        model: as `mrcnn export` takes it.
        image: uint8 [H, W, 3].
        folder: for the exported network.
        format_name: of the export.
    """
    from mrcnn.app.deploy import find_model
    from mrcnn.deploy.export import export_network
    from mrcnn.deploy.formats import FORMATS
    from mrcnn.deploy.network import in_float32
    from mrcnn.inference.keras_runner import KerasRunner

    config, weights = find_model(model)
    # One picture goes in.
    config = type(config).from_dict({**in_float32(config).to_dict(), "IMAGES_PER_GPU": 1})
    export_network(config, weights, folder, format_name, end_to_end=True)
    runner = KerasRunner.of_weights(config, weights)
    ours = Predictor(config, runner, watch_limits=False).predict(image).instances
    run = _RUNS[format_name](folder / FORMATS[format_name].network)
    return agreement(format_name, ours, run(image))


def _given(image: np.ndarray) -> dict[str, np.ndarray]:
    return {"image": image, "scale": np.zeros(1, np.float32)}


def _onnx(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda image: dict(zip(NAMES, session.run(list(NAMES), _given(image)), strict=True))


def _openvino(path: Path) -> Run:
    import openvino

    options = {"INFERENCE_PRECISION_HINT": "f32"}
    network: Any = openvino.Core().compile_model(str(path), "CPU", options)

    def run(image: np.ndarray) -> dict[str, np.ndarray]:
        found = network(_given(image))
        return {name: np.array(found[name]) for name in NAMES}

    return run


def _saved_model(path: Path) -> Run:
    import tensorflow as tf

    loaded: Any = tf.saved_model.load(str(path))
    signature = loaded.signatures["serving_default"]

    def run(image: np.ndarray) -> dict[str, np.ndarray]:
        given = {name: tf.constant(values) for name, values in _given(image).items()}
        return {name: value.numpy() for name, value in signature(**given).items()}

    return run


_RUNS = {"onnx": _onnx, "openvino": _openvino, "savedmodel": _saved_model}
