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


class TimeNeeded(keras.callbacks.Callback):
    """Say after the first steps how long the training will take.

    Args:
        epochs: in total.
    """

    # The first ones also build the network.
    _SKIPPED, _TIMED = 2, 5

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs = epochs
        self._steps, self._epoch, self._began = 0, 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._steps += 1
        if self._steps == self._SKIPPED:
            self._began = time.monotonic()
        if self._steps == self._SKIPPED + self._TIMED:
            seconds = (time.monotonic() - self._began) / self._TIMED
            steps = (self.params or {}).get("steps") or 0
            left = (self.epochs - self._epoch) * steps - self._steps
            if left > 0:
                print(
                    f"\n{left} more steps: {_duration(left * seconds)}, validation apart.",
                    flush=True,
                )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(seconds, 1):.0f} seconds"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} minutes"
    return f"about {seconds / 3600:.1f} hours"
