"""What the replicas of a model tell one another: sums, and the word of the first.

A replica computes a part of each batch, on a device of its own. On TensorFlow the replicas are
those of a strategy of `tf.distribute`, on PyTorch the processes of `torch.distributed`. On JAX
there is one program for all devices, which works with the whole batch: it needs no sums.

Gradients follow the rule of both: a replica has the gradient of its own loss, and that of the
batch is the mean of them.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from mrcnn.ops.tensor import Tensor


@dataclass(frozen=True)
class Process:
    """The place of this process among those that train together.

    Attributes:
        index: from 0; the first one writes.
        count: of processes.
    """

    index: int
    count: int

    @property
    def writes(self) -> bool:
        """Whether checkpoints, logs and messages are this one's task."""
        return self.index == 0


def this_process() -> Process:
    """The place of this process; (0, 1) where it is alone."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return Process(jax.process_index(), jax.process_count())
    if backend == "torch":
        from torch import distributed

        if distributed.is_available() and distributed.is_initialized():
            return Process(distributed.get_rank(), distributed.get_world_size())
    return Process(0, 1)


def replica_count() -> int:
    """Replicas that compute parts of the present batch, each with a loss of its own."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        return 1 if context is None else context.num_replicas_in_sync
    return this_process().count if keras.backend.backend() == "torch" else 1


def sum_over_replicas(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The sums of tensors over all replicas; each of them calls this with tensors of one shape.

    No gradient goes through it.
    """
    if replica_count() == 1:
        return list(tensors)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        stopped = [tf.stop_gradient(tensor) for tensor in tensors]
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, stopped)
    import torch
    from torch import distributed

    # One message: a network needs longer to begin than to end.
    flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
    distributed.all_reduce(flat)
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    return [part.reshape(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def mean_of_gradients(gradients: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of the batch, of those that each replica has; until this is called again."""
    count = replica_count()
    # Keras has divided the loss of a replica of TensorFlow by their number.
    if count == 1 or keras.backend.backend() == "tensorflow":
        return sum_over_replicas(gradients)
    import torch
    from torch import distributed

    # As one message, in memory that is there: new memory costs more than the sending.
    parts = [gradient.detach().reshape(-1) for gradient in gradients]
    flat = _memory(sum(part.numel() for part in parts), parts[0].dtype, parts[0].device)
    torch.cat(parts, out=flat)
    distributed.all_reduce(flat)
    flat /= count
    means = torch.split(flat, [part.numel() for part in parts])
    return [mean.reshape(whole.shape) for mean, whole in zip(means, gradients, strict=True)]


@functools.lru_cache(maxsize=1)
def _memory(size: int, dtype: Any, device: Any) -> Tensor:
    import torch

    return torch.empty(size, dtype=dtype, device=device)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of values over all replicas where weights are 1; 0 if they are nowhere: a scalar.

    Its gradient is, in the mean of the replicas, that of the whole batch.
    """
    total, summed = ops.sum(weights), ops.sum(values * weights)
    count = replica_count()
    if count == 1:
        return summed / ops.maximum(total, 1.0)
    (everywhere,) = sum_over_replicas([ops.stack([total, summed])])
    total = ops.maximum(everywhere[0], 1.0)
    own = count * summed / total
    return own + ops.stop_gradient(everywhere[1] / total - own)


def agreed(value: Any) -> Any:
    """The first process' value, for all processes; each of them calls this.

    Args:
        value: numbers, text, lists and dicts of such. The others' are not looked at.
    """
    process = this_process()
    if process.count == 1:
        return value
    if keras.backend.backend() == "torch":
        from torch import distributed

        values = [value]
        distributed.broadcast_object_list(values, src=0)
        return values[0]
    from jax.experimental.multihost_utils import broadcast_one_to_all

    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    size = int(broadcast_one_to_all(np.int32(len(text))))
    sent = text if process.writes else np.zeros(size, np.uint8)
    return json.loads(np.asarray(broadcast_one_to_all(sent)).tobytes())


def make_equal(variables: Sequence[keras.Variable]) -> None:
    """Give variables the values that they have in the first process; each process calls this.

    On JAX they are one array for all processes already.
    """
    if keras.backend.backend() != "torch" or this_process().count == 1:
        return
    from torch import distributed

    for variable in variables:
        distributed.broadcast(variable.value.detach(), src=0)
