"""A training with everything around its steps, and next to nothing in them."""

from pathlib import Path

import keras
import pytest
from keras import ops

from mrcnn.runs.run import Run
from mrcnn.training.fitting import fit
from mrcnn.training.run_state import Stage


class Brightness(keras.Model):
    """Takes the batches of a training, and learns from the mean colors of their images."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(ops.mean(inputs[0], axis=(1, 2)))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y_pred))


@pytest.fixture
def light_fit(tmp_path):
    """`(config, training dataset, validation dataset, epochs, *callbacks)`: a new run."""

    def run(config, training, validation, epochs, *callbacks):
        model = Brightness()
        model.compile(keras.optimizers.SGD(1e-6), jit_compile=False)
        fit(
            model,
            config,
            training,
            validation,
            stage=Stage(0, epochs, 1e-6, "all"),
            first_epoch=0,
            run=Run.at(tmp_path, "light"),
            save_weights=lambda _, path: Path(path).touch(),
            custom_callbacks=callbacks,
        )

    return run
