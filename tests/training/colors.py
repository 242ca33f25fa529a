"""A training with all that belongs to several devices, and next to nothing in its steps.

    python -m tests.training.colors FOLDER DEVICES [STOP] [DIE]

trains once for each word, in a folder of FOLDER that has its name.
STOP has the first process alone ask for the end after five steps, DIE ends the second one then.
"""

import os
import sys
from pathlib import Path

import keras
import numpy as np
from keras import ops

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.nets.model import DetectorModel
from mrcnn.runs.run import Run
from mrcnn.training.distribution import shared_among
from mrcnn.training.fitting import fit
from mrcnn.training.optimizer import RegularizedSGD
from mrcnn.training.replicas import replica_count, this_process, weighted_mean
from mrcnn.training.run_state import Stage, read_state
from mrcnn.weights.loading import layers_with_weights


class ColorsConfig(Config):
    NAME = "colors"
    NUM_CLASSES = 2
    SEED = 3
    # Sums of whole numbers are the same on each backend.
    MEAN_PIXEL = (128.0, 128.0, 128.0)
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 8
    MAX_GT_INSTANCES = 4
    MINI_MASK_SHAPE = (8, 8)
    LOADER_WORKERS = 1
    STEPS_PER_EPOCH = 4
    VALIDATION_STEPS = 1


class Blocks(Dataset):
    """Images of one color with up to three blocks."""

    def load_image(self, image_id):
        return np.full((64, 64, 3), 40 + 20 * image_id, np.uint8)

    def load_mask(self, image_id):
        masks = np.zeros((64, 64, 1 + image_id % 3), bool)
        for number in range(masks.shape[-1]):
            masks[:20, 20 * number : 20 * number + 15, number] = True
        return masks, np.ones(masks.shape[-1], np.int32)


class Colors(DetectorModel):
    """Learns from the mean color of an image, which counts for as many as it has blocks."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        counts = ops.cast(ops.sum(x[4], axis=1), "float32")
        loss = weighted_mean(ops.sum(ops.square(y_pred), axis=1), counts)
        return loss / replica_count() if keras.backend.backend() == "tensorflow" else loss

    def _maybe_symbolic_build(self, *args, **kwargs):
        """As the training model."""


class StopOrDie(keras.callbacks.Callback):
    """After five steps one of the processes does not go on."""

    def __init__(self, how):
        super().__init__()
        self.how, self.steps = how, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps == 5 and self.how == "STOP" and this_process().index == 0:
            self.model.stop_training = True
        if self.steps == 5 and self.how == "DIE" and this_process().index == 1:
            os._exit(9)


def train(folder: Path, devices: int, how: str = "", begun: Run | None = None) -> Run:
    """Three epochs of batches of four images, if nothing ends them before.

    A run that was `begun` goes on after its second epoch.
    """
    config = type(
        "Shared", (ColorsConfig,), {"GPU_COUNT": devices, "IMAGES_PER_GPU": 4 // devices}
    )()
    dataset = Blocks()
    dataset.add_class("blocks", 1, "block")
    for number in range(9):
        dataset.add_image("blocks", number, path=None)
    dataset.prepare()
    with shared_among(devices):
        shapes = [
            (64, 64, 3),
            (config.IMAGE_META_SIZE,),
            (None, 1),
            (8, 4),
            (4,),
            (4, 4),
            (8, 8, 4),
        ]
        inputs = [keras.Input(shape) for shape in shapes]
        means = keras.layers.GlobalAveragePooling2D()(inputs[0])
        model = Colors(inputs, keras.layers.Dense(2)(means))
    for layer in layers_with_weights(model):
        for weight in layer.weights:
            values = np.linspace(-1, 1, int(np.prod(weight.shape)), dtype=np.float32)
            weight.assign(values.reshape(weight.shape))
    with model.sharing.scope():
        model.compile(RegularizedSGD(1e-6, 0.9, 5.0, 0.01), jit_compile=False)
        model.optimizer.build(model.trainable_variables)

    def save(_, path):
        weights = [np.asarray(ops.convert_to_numpy(weight)) for weight in model.weights]
        with open(path, "wb") as file:
            np.savez(file, *weights)

    run, state = Run.at(folder, "colors"), None
    if begun is not None:
        state = read_state(begun.state(2))
        with np.load(begun.checkpoint(2)) as weights:
            for weight, value in zip(model.weights, weights.values(), strict=True):
                weight.assign(value)
    fit(
        model,
        config,
        dataset,
        dataset,
        stage=Stage(0, 3, 1e-6, "all"),
        first_epoch=2 if begun else 0,
        run=run,
        save_weights=save,
        state=state,
        goes_on=begun is not None,
        custom_callbacks=[StopOrDie(how)],
    )
    return run


if __name__ == "__main__":
    for word in sys.argv[3:]:
        train(Path(sys.argv[1], word), int(sys.argv[2]), word)
