"""Callbacks of a training run."""

from collections.abc import Callable
from pathlib import Path

import keras


class SaveCheckpoint(keras.callbacks.Callback):
    """Save the weights at the end of each epoch.

    Args:
        path_of: file for an epoch, counted from 1.
        save: writes a model's weights to a path, in one step.
    """

    def __init__(self, path_of: Callable[[int], Path], save: Callable[[keras.Model, Path], None]):
        super().__init__()
        self.path_of = path_of
        self.save = save

    def on_epoch_end(self, epoch, logs=None):
        self.save(self.model, self.path_of(epoch + 1))
