"""Matterport's `ParallelModel`, which programs wrap around a model that is built."""

import warnings
from typing import Any

import keras

from mrcnn.errors import ConfigError
from mrcnn.nets.model import DetectorModel
from mrcnn.ops.tensor import Tensor


class ParallelModel(DetectorModel):
    """A model as it is: on one device, or on those that it was built for.

    The devices of a model are chosen before it is built, by GPU_COUNT of the configuration; those
    of a finished one do not change, which a warning says. Weights belong to the model inside:
    `inner_model.save_weights` and `load_weights` are what this one calls.

    Args:
        keras_model: the model to run; for training, one with losses among its outputs.
        gpu_count: devices that are asked for.

    Raises:
        ConfigError: something else than a Keras model was given.
    """

    def __init__(self, keras_model: keras.Model, gpu_count: int) -> None:
        if not isinstance(keras_model, keras.Model):
            raise ConfigError(
                f"ParallelModel takes a Keras model, and was given a {type(keras_model).__name__}: "
                "give its keras_model, or set GPU_COUNT, which needs no ParallelModel."
            )
        super().__init__(keras_model.inputs, keras_model(keras_model.inputs), name="parallel_model")
        self.inner_model = keras_model
        self.gpu_count = gpu_count
        devices = self.sharing.replicas
        if devices != gpu_count:
            warnings.warn(
                f"ParallelModel: the model was built for {devices} "
                f"device{'s' if devices > 1 else ''} and stays there. Set GPU_COUNT = {gpu_count} "
                "in the configuration of the MaskRCNN instead, which needs no ParallelModel.",
                stacklevel=2,
            )

    def make_parallel(self) -> list:
        """The symbolic outputs, in the order of the inner model's."""
        return list(self.outputs)

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Print the frame, then the model inside."""
        super().summary(*args, **kwargs)
        self.inner_model.summary(*args, **kwargs)

    def save_weights(self, *args: Any, **kwargs: Any) -> None:
        """See the inner model."""
        return self.inner_model.save_weights(*args, **kwargs)

    def load_weights(self, *args: Any, **kwargs: Any) -> Any:
        """See the inner model."""
        return self.inner_model.load_weights(*args, **kwargs)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """See the inner model."""
        return self.inner_model.save(*args, **kwargs)

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        return self.inner_model.compute_loss(x, y, y_pred, sample_weight, training)

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """See the inner model."""
