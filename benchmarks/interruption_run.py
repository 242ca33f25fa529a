"""A short training that can be killed and taken up again. See `benchmarks.interruptions`.

    python -m benchmarks.interruption_run FOLDER [--epochs 6] [--eager]

It goes on from the newest checkpoint in FOLDER, if there is one, and prints the line `BEGUN` once
its first step is done.
"""

import argparse
import contextlib
import sys
from pathlib import Path

import keras
import numpy as np

from mrcnn.config import Config
from mrcnn.data.augmentation import Augmentation
from mrcnn.data.dataset import Dataset
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.runs.checkpoints import NoCheckpointError
from mrcnn.training.validation import EvaluateDetections

SIZE = 128
NAME = "kill"
EPOCHS = 6
BEGUN = "BEGUN"


class RunConfig(Config):
    """A whole network, but a small one, with all that has a state: warm-up, schedule, statistics
    of batches, random regions and augmentation."""

    NAME = NAME
    BACKBONE = "resnet18"
    NUM_CLASSES = 2
    IMAGES_PER_GPU = 2
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = SIZE
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TOP_DOWN_PYRAMID_SIZE = 32
    RPN_CONV_CHANNELS = 32
    MASK_HEAD_CHANNELS = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 64
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_TRAINING = 100
    POST_NMS_ROIS_INFERENCE = 60
    TRAIN_ROIS_PER_IMAGE = 30
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    MAX_GT_INSTANCES = 8
    DETECTION_MAX_INSTANCES = 20
    MINI_MASK_SHAPE = (28, 28)
    TRAIN_BN = True
    LEARNING_RATE_SCHEDULE = "cosine"
    WARMUP_STEPS = 3
    STEPS_PER_EPOCH = 2
    VALIDATION_STEPS = 1
    KEEP_CHECKPOINTS = 2
    SEED = 5


class Disks(Dataset):
    """Images of bright disks, drawn when they are asked for."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.add_class(NAME, 1, "disk")
        for number in range(images):
            self.add_image(NAME, number, path=None)
        self.prepare()

    def _disks(self, image_id: int) -> np.ndarray:
        """bool [SIZE, SIZE, 4]"""
        rows, columns = np.mgrid[:SIZE, :SIZE]
        generator = np.random.default_rng(image_id)
        centers, radii = generator.integers(20, SIZE - 20, (4, 2)), generator.integers(8, 18, 4)
        return np.stack(
            [
                (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
                for (y, x), radius in zip(centers, radii, strict=True)
            ],
            axis=-1,
        )

    def load_image(self, image_id):
        """uint8 [SIZE, SIZE, 3]"""
        image = np.full((SIZE, SIZE, 3), 40, np.uint8)
        image[self._disks(image_id).any(axis=-1)] = (200, 120, 140)
        return image

    def load_mask(self, image_id):
        """bool [SIZE, SIZE, 4], int32 [4]"""
        return self._disks(image_id), np.ones(4, np.int32)


class SayWhenBegun(keras.callbacks.Callback):
    """Tells the process that is going to kill this one."""

    said = False

    def on_train_batch_end(self, batch, logs=None):
        if not self.said:
            self.said = True
            print(f"\n{BEGUN}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument(
        "--eager",
        action="store_true",
        help="have TensorFlow make no graphs: for a few steps they take longer than they save",
    )
    options = parser.parse_args(arguments)
    if options.eager:
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
    config = RunConfig()
    training, validation = Disks(5), Disks(1)
    model = MaskRCNN("training", config, options.folder)
    with contextlib.suppress(NoCheckpointError):
        model.load_weights(model.find_last())
    model.train(
        training,
        validation,
        0.02,
        options.epochs,
        "all",
        augmentation=Augmentation(),
        custom_callbacks=[
            EvaluateDetections(validation, config, min_confidence=0.1),
            SayWhenBegun(),
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
