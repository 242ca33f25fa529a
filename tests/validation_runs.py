"""Two runs, evaluated while they train and not, for the tests of `mrcnn.training.validation`."""

import contextlib
import io
import math
import random
from types import SimpleNamespace

import keras
import numpy as np
from keras import ops

from mrcnn.model import BatchNorm, MaskRCNN
from mrcnn.training.validation import EvaluateDetections

FIELDS = ([(60, 60, 20), (30, 90, 12)], [(100, 30, 9)], [])


def small_backbone(input_image, stage5, train_bn):
    """A backbone of one's own: an operation that is no layer, and batch normalization."""
    level = input_image * 0.02
    levels = []
    for stage, width in enumerate((8, 8, 8, 16, 16), start=1):
        strides = 4 if stage == 1 else min(stage - 1, 2)
        level = keras.layers.Conv2D(
            width, 3, strides, padding="same", activation="relu", name=f"res{stage}"
        )(level)
        level = BatchNorm(train_bn, name=f"bn{stage}")(level)
        levels.append(level)
    return levels


SMALL_NETWORK = {
    "BACKBONE": staticmethod(small_backbone),
    "COMPUTE_BACKBONE_SHAPE": staticmethod(
        lambda shape: np.array([[side // 2**n for side in shape[:2]] for n in range(2, 7)])
    ),
}


def values_of(variables):
    return {variable.path: ops.convert_to_numpy(variable).copy() for variable in variables}


def everything_in(model):
    """All that a training step may change, and the state of Python's and numpy's generators."""
    variables = [*model.variables, *model.optimizer.variables]
    return values_of(variables), random.getstate(), np.random.get_state()[1].tolist()


# What the epochs are said to have reached: that of two steps of training is nothing.
FIGURES = {
    2: {"val_mask_AP50": 0.625, "val_F1": 0.5},
    3: {"val_mask_AP50": 0.375, "val_F1": math.nan},
}


class Noting(EvaluateDetections):
    """Notes what is detected with the live weights, inside `fit`."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.detected = {}
        self.measured = []
        self.calls = 0

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        layer = self.detector.runner.model.get_layer("mrcnn_detection")
        call = layer.call

        def counted(*args, **kwargs):
            self.calls += 1
            return call(*args, **kwargs)

        layer.call = counted

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def evaluate(self):
        images = [self.dataset.load_image(image_id) for image_id in self.dataset.image_ids]
        self.detected[self.epoch] = [found.instances for found in self.detector.predict_all(images)]
        self.measured.append(super().evaluate())
        return FIGURES[self.epoch]


def train_twice(tiny_config, disks, tmp_path_factory):
    config = tiny_config(**SMALL_NETWORK, NORMALIZATION="batch", TRAIN_BN=True, STEPS_PER_EPOCH=2)
    dataset = disks(*FIELDS)
    runs = {}
    for name in ("with", "without"):
        folder = tmp_path_factory.mktemp(name)
        model = MaskRCNN("training", config, folder)
        # Something is to be detected before anything is learned.
        model.keras_model.get_layer("mrcnn_class_logits").layer.bias.assign([-3.0, 0.0, 0.0])
        callback = Noting(dataset, config, every=2) if name == "with" else None
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            history = model.train(
                dataset,
                None,
                0.001,
                epochs=3,
                layers="all",
                custom_callbacks=[callback] if callback else None,
            )
        runs[name] = SimpleNamespace(
            model=model,
            folder=folder,
            callback=callback,
            history=history.history,
            printed=printed.getvalue(),
            state=everything_in(model.keras_model),
        )
    return SimpleNamespace(config=config, dataset=dataset, **{f"{n}_": r for n, r in runs.items()})
