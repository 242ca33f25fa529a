"""Callbacks of training."""

import time
from collections.abc import Callable

import keras


class AtTheBeginning(keras.callbacks.Callback):
    """Do something once the training has its folder for itself.

    Args:
        do: is called without arguments.
    """

    def __init__(self, do: Callable[[], None]) -> None:
        super().__init__()
        self.do = do

    def on_train_begin(self, logs: dict | None = None) -> None:
        self.do()


class StopAfter(keras.callbacks.Callback):
    """End training after the step at which a point in time has passed.

    The epoch ends as any other, with validation and a checkpoint.

    Args:
        deadline: in seconds of `time.monotonic`.
    """

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if time.monotonic() >= self.deadline and not self.model.stop_training:
            print("\nTime is up: ending this epoch and the training.", flush=True)
            self.model.stop_training = True
