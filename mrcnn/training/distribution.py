"""How many devices share a batch, on the engine that each backend has for it.

TensorFlow: `tf.distribute.MirroredStrategy`, the devices of one machine. JAX:
`keras.distribution.DataParallel`, the devices of one machine or of several. PyTorch: a process for
each device, started by torchrun, which `torch.distributed` joins.
"""

import contextlib
import os
import re
import secrets
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from mrcnn.errors import ConfigError
from mrcnn.training.replicas import agreed, this_process

# A process that waits for one which is gone gives up after it, in seconds, where its engine does
# not tell it before.
PATIENCE = 50
# What SLURM writes for one process on each machine.
_ONE_TASK = re.compile(r"1(\(x\d+\))?")


@dataclass(frozen=True)
class Cluster:
    """What starts a process among several, as it tells in the environment.

    Attributes:
        address: HOST:PORT of the first process.
        index: of this process, from 0.
        count: of processes.
        local_index: of this process on its machine; None where it has the machine for itself.
        meant: whether the environment can only mean processes that train together.
    """

    address: str | None
    index: int
    count: int
    local_index: int | None
    meant: bool


def cluster_of(environment: Mapping[str, str], backend: str) -> Cluster | None:
    """The cluster that an environment tells of; None where this process is alone.

    torchrun sets WORLD_SIZE, RANK, LOCAL_RANK, MASTER_ADDR and MASTER_PORT. JAX has
    JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID. srun of SLURM sets
    SLURM_STEP_NUM_TASKS, SLURM_PROCID and SLURM_LOCALID.

    Raises:
        ConfigError: a part of it is missing, or is no number.
    """
    if backend == "torch" and "WORLD_SIZE" in environment:
        number = _numbers(environment, "torchrun")
        address = f"{environment.get('MASTER_ADDR', '')}:{environment.get('MASTER_PORT', '')}"
        found = Cluster(
            address, number("RANK"), number("WORLD_SIZE"), number("LOCAL_RANK"), meant=True
        )
    elif backend == "jax" and "JAX_COORDINATOR_ADDRESS" in environment:
        number = _numbers(environment, "JAX_COORDINATOR_ADDRESS")
        found = Cluster(
            environment["JAX_COORDINATOR_ADDRESS"],
            number("JAX_PROCESS_ID"),
            number("JAX_NUM_PROCESSES"),
            None,
            meant=True,
        )
    elif backend != "tensorflow" and "SLURM_STEP_NUM_TASKS" in environment:
        number = _numbers(environment, "srun")
        shares_machine = not _ONE_TASK.fullmatch(environment.get("SLURM_STEP_TASKS_PER_NODE", ""))
        # JAX asks SLURM for the rest; torch wants the address of the first.
        address = None
        if "MASTER_ADDR" in environment:
            address = f"{environment['MASTER_ADDR']}:{environment.get('MASTER_PORT', '29500')}"
        found = Cluster(
            address,
            number("SLURM_PROCID"),
            number("SLURM_STEP_NUM_TASKS"),
            number("SLURM_LOCALID") if shares_machine else None,
            meant=False,
        )
    else:
        return None
    return found if found.count > 1 else None


def _numbers(environment: Mapping[str, str], source: str) -> Any:
    def number(name: str) -> int:
        try:
            return int(environment[name])
        except (KeyError, ValueError):
            raise ConfigError(
                f"{name} is {environment.get(name, 'not set')!r}: must be a whole number, as "
                f"{source} has it for each process that trains."
            ) from None

    return number


def join_cluster(gpu_count: int | None) -> None:
    """Meet the other processes that the environment tells of; does nothing where there are none.

    With JAX it comes before anything is computed.

    Args:
        gpu_count: devices that are asked for; None for all. With 1, processes that SLURM started
            side by side are left to themselves.

    Raises:
        ConfigError: the processes were started to train together and one device is asked for, or
            they cannot meet.
    """
    backend = keras.backend.backend()
    cluster = cluster_of(os.environ, backend)
    if cluster is None or _has_joined(backend):
        return
    if gpu_count == 1:
        if cluster.meant:
            raise ConfigError(
                f"This is one of {cluster.count} processes that were started to train together, "
                "but GPU_COUNT is 1: give --devices all, or GPU_COUNT the number of all their "
                "devices."
            )
        return
    try:
        if backend == "jax":
            _join_jax(cluster)
        else:
            _join_torch(cluster)
        # New weights are drawn alike.
        keras.utils.set_random_seed(agreed(secrets.randbits(31)))
    except ConfigError:
        raise
    except Exception as error:  # whatever the engine and the network run into
        raise ConfigError(
            f"Process {cluster.index} of {cluster.count} cannot meet the others at "
            f"{cluster.address or 'the address that SLURM has'} ({type(error).__name__}: {error}). "
            "With JAX, call mrcnn.training.distribution.join_cluster at the beginning of the "
            "program, before anything is computed."
        ) from error


def _has_joined(backend: str) -> bool:
    if backend == "jax":
        import jax

        return jax.distributed.is_initialized()
    from torch import distributed

    return distributed.is_initialized()


def _join_jax(cluster: Cluster) -> None:
    import jax

    jax.distributed.initialize(
        coordinator_address=cluster.address,
        num_processes=cluster.count,
        process_id=cluster.index,
        local_device_ids=own_devices(cluster, os.environ),
        # All is known but the address that SLURM may have. What JAX would add is the one device
        # with the number of the task, also for a task that has the whole machine.
        cluster_detection_method="deactivate" if cluster.address else None,
        heartbeat_timeout_seconds=PATIENCE,
        # The end of one that failed waits for the others.
        shutdown_timeout_seconds=PATIENCE // 2,
    )


def own_devices(cluster: Cluster, environment: Mapping[str, str]) -> list[int] | None:
    """Numbers of the devices that JAX takes, of those that the process sees.

    Empty for all of them, and None where JAX_LOCAL_DEVICE_IDS may say it.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES", "")
    sees_one = bool(visible) and "," not in visible
    if cluster.local_index is not None and not sees_one:
        return [cluster.local_index]
    return None if cluster.address else []


def _join_torch(cluster: Cluster) -> None:
    import torch
    from torch import distributed

    if cluster.address is None:
        raise ConfigError(
            "MASTER_ADDR is not set: it is the name of the machine of the first process, such as "
            "MASTER_ADDR=$(scontrol show hostnames $SLURM_JOB_NODELIST | head -n 1)."
        )
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device((cluster.local_index or 0) % torch.cuda.device_count())
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
        init_method=f"tcp://{cluster.address}",
        rank=cluster.index,
        world_size=cluster.count,
    )


def device_count() -> int:
    """Devices that could share a batch: those of all machines, or one on PyTorch in one process."""
    if keras.backend.backend() == "torch":
        return this_process().count
    return len(keras.distribution.list_devices())


@contextlib.contextmanager
def shared_among(gpu_count: int, training: bool = True) -> Iterator[None]:
    """Models that are made while this lasts have their batches shared by devices.

    In a strategy's scope of `tf.distribute` or a distribution of `keras.distribution` that the
    program opened, that one stays in force.

    Args:
        gpu_count: devices. Where there are fewer, a warning says that one computes the batch.
        training: False for models that detect, which each process may have for itself, on one
            device.

    Raises:
        ConfigError: see `join_cluster`; or several processes train with another number of devices
            than all of theirs.
    """
    together = training or gpu_count > 1
    if together:
        join_cluster(gpu_count)
    processes = this_process().count
    if together and processes > 1 and device_count() != gpu_count:
        raise ConfigError(
            f"GPU_COUNT is {gpu_count}, but the {processes} processes that train together have "
            f"{device_count()} devices: give that number, or --devices all."
        )
    if gpu_count == 1 or _is_shared() or keras.backend.backend() == "torch":
        if gpu_count > 1 and device_count() < gpu_count and not _is_shared():
            _warn(gpu_count)
        yield
        return
    devices = keras.distribution.list_devices()
    if len(devices) < gpu_count:
        _warn(gpu_count)
        yield
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.distribute.MirroredStrategy(devices[:gpu_count]).scope():
            yield
    else:
        # The loader gives each process its part.
        with keras.distribution.DataParallel(
            devices=devices[:gpu_count], auto_shard_dataset=False
        ).scope():
            yield


def _is_shared() -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.distribute.has_strategy()
    return keras.distribution.distribution() is not None


def _warn(gpu_count: int) -> None:
    warnings.warn(
        f"GPU_COUNT is {gpu_count}, but there are not as many GPUs that the "
        f"{keras.backend.backend()} backend can share a batch among: one device computes the "
        "whole batch of GPU_COUNT * IMAGES_PER_GPU images.",
        # Whoever makes a MaskRCNN.
        stacklevel=5,
    )
