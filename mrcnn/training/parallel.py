"""One batch shared among several GPUs."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.errors import ConfigError
from mrcnn.nets.layers import register
from mrcnn.ops.tensor import Shape, Tensor


def can_run_parallel(gpu_count: int) -> bool:
    """Whether `ParallelModel` would put its parts on that many GPUs.

    TensorFlow alone places the parts of one graph on devices; on JAX use
    `keras.distribution.DataParallel`, on PyTorch one GPU.
    """
    return (
        keras.backend.backend() == "tensorflow"
        and len(keras.distribution.list_devices("gpu")) >= gpu_count
    )


def share_among_gpus(model: keras.Model, gpu_count: int) -> keras.Model:
    """The model in a `ParallelModel` where GPUs can share a batch; else itself, with a warning."""
    if gpu_count == 1:
        return model
    if can_run_parallel(gpu_count):
        return ParallelModel(model, gpu_count)
    warnings.warn(
        f"GPU_COUNT is {gpu_count}, but there are not as many GPUs that the "
        f"{keras.backend.backend()} backend can share a batch among: one device computes the "
        "whole batch of GPU_COUNT * IMAGES_PER_GPU images.",
        stacklevel=4,
    )
    return model


@register
class SliceBatch(keras.layers.Layer):
    """Part `index` of `count` equal parts of a batch: [B, ...] to [B / count, ...]."""

    def __init__(self, index: int, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index
        self.count = count

    def call(self, inputs: Tensor) -> Tensor:
        size = ops.shape(inputs)[0] // self.count
        # The last part takes what does not divide.
        stop = None if self.index == self.count - 1 else (self.index + 1) * size
        return inputs[self.index * size : stop]

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return (None, *inputs_shape[1:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "index": self.index, "count": self.count}


@register
class OnDevice(keras.layers.Layer):
    """A model run on one device; its weights are shared with every other place where it runs.

    Args:
        model: the model.
        device: name of a device, such as "gpu:1", or None for Keras' own choice.
    """

    def __init__(self, model: keras.Model, device: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.device = device

    def call(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        if self.device is None:
            return self.model(inputs)
        with keras.device(self.device):
            return self.model(inputs)

    def compute_output_spec(self, inputs: Sequence[keras.KerasTensor]) -> list[keras.KerasTensor]:
        return [keras.KerasTensor(tensor.shape, tensor.dtype) for tensor in self.model.outputs]


class ParallelModel(keras.Model):
    """Runs a model on equal parts of the batch, each on a GPU of its own, and joins the results.

    Outputs without a batch axis (the losses) are averaged over the parts. Weights belong to the
    model inside: `inner_model.save_weights` and `load_weights` are what this one calls. Without
    as many GPUs the parts run on the one device there is, which gives the same results.

    Args:
        keras_model: the model to run; for training, one with losses among its outputs.
        gpu_count: number of parts.

    Raises:
        ConfigError: something else than a Keras model was given.
    """

    def __init__(self, keras_model: keras.Model, gpu_count: int) -> None:
        if not isinstance(keras_model, keras.Model):
            raise ConfigError(
                f"ParallelModel takes a Keras model, and was given a {type(keras_model).__name__}: "
                "give its keras_model, or set GPU_COUNT, which needs no ParallelModel."
            )
        super().__init__(
            keras_model.inputs, _parallel_outputs(keras_model, gpu_count), name="parallel_model"
        )
        self.inner_model = keras_model
        self.gpu_count = gpu_count

    def make_parallel(self) -> list:
        """The joined symbolic outputs, in the order of the inner model's."""
        return _parallel_outputs(self.inner_model, self.gpu_count)

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Print the parts, then the model that they run."""
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

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        # The inner model is found in each of the parts.
        return list({metric.name: metric for metric in reversed(super().metrics)}.values())[::-1]

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        return self.inner_model.compute_loss(x, y, y_pred, sample_weight, training)


def _parallel_outputs(model: keras.Model, gpu_count: int) -> list:
    parallel = can_run_parallel(gpu_count)
    parts = []
    for index in range(gpu_count):
        part = OnDevice(model, f"gpu:{index}" if parallel else None, name=f"tower_{index}")
        parts.append(part([SliceBatch(index, gpu_count)(tensor) for tensor in model.inputs]))
    joined = []
    for number, values in enumerate(zip(*parts, strict=True)):
        if len(values) == 1:
            joined.append(values[0])
        elif len(values[0].shape) == 0:
            joined.append(sum(values[1:], values[0]) / gpu_count)
        else:
            joined.append(keras.layers.Concatenate(axis=0, name=f"joined_{number}")(list(values)))
    return joined
