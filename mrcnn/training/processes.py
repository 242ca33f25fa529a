"""Callbacks of a training by several processes; alone they do nothing."""

from collections.abc import Mapping
from typing import Any

import keras

from mrcnn.nets.normalization import BatchNorm
from mrcnn.training.replicas import agreed, replica_count, sum_over_replicas, this_process


class AgreeToStop(keras.callbacks.Callback):
    """Has all processes stop where the first one does; it comes last.

    One that stopped alone, when its clock says so, would leave the others waiting for it.
    """

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._agree()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._agree()

    def _agree(self) -> None:
        if this_process().count > 1:
            self.model.stop_training = agreed(bool(self.model.stop_training))


class AverageStatistics(keras.callbacks.Callback):
    """Keeps the statistics that batch normalization learns the same in all processes of PyTorch.

    Each takes those of its own images; all go on with the mean. Other backends do it themselves.
    """

    def __init__(self) -> None:
        super().__init__()
        self._statistics: list[keras.Variable] = []

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        if keras.backend.backend() != "torch" or this_process().count == 1:
            return
        model: Any = self.model
        self._statistics = [
            statistic
            for layer in model._flatten_layers()
            if isinstance(layer, BatchNorm) and layer.train_bn is not False
            for statistic in (layer.moving_mean, layer.moving_variance)
        ]

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        if not self._statistics:
            return
        sums = sum_over_replicas([statistic.value for statistic in self._statistics])
        for statistic, total in zip(self._statistics, sums, strict=True):
            statistic.assign(total / replica_count())
