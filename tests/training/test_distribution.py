"""Several devices that share a batch do what one device does with it."""

import os
import re
import socket
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from mrcnn.errors import ConfigError
from mrcnn.nets.sharing import Sharing
from mrcnn.runs.run import Run
from mrcnn.training.distribution import Cluster, cluster_of, own_devices, shared_among
from mrcnn.training.replicas import Process
from tests.backends.running import ROOT, backend_or_skip, output_of
from tests.training.colors import train


def largest(output: str) -> list[float]:
    """Differences of losses, of those of the first step, and of weights."""
    found = re.search(r"^losses (\S+), first step (\S+), weights (\S+)$", output, re.MULTILINE)
    assert found is not None, output
    return [float(value) for value in found.groups()]


@pytest.mark.usefixtures("quick_processes")
def test_two_devices_of_tensorflow_train_as_one_with_the_whole_batch():
    backend_or_skip("tensorflow")
    output = output_of("tensorflow", "-m", "benchmarks.distribution_run", "--steps", "2", "--eager")
    losses, first, weights = largest(output)
    assert first < 1e-5
    assert losses < 1e-4
    assert weights < 1e-5


def test_a_scope_that_the_program_opened_stays_in_force():
    backend_or_skip("tensorflow")
    import tensorflow as tf

    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    # Of 64 devices nothing is said: the program has chosen.
    with warnings.catch_warnings(action="error"), strategy.scope(), shared_among(64):
        sharing = Sharing()
    with sharing.scope():
        assert tf.distribute.get_strategy() is strategy


def two_processes(backend: str, *arguments: str) -> list[tuple[int, str]]:
    """Status and output of two processes that train together on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = []
    for number in ("0", "1"):
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "OMP_NUM_THREADS": "1",
            **{"WORLD_SIZE": "2", "RANK": number, "LOCAL_RANK": number},
            **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
            **{"JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": number},
            **{"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}", "JAX_PLATFORMS": "cpu"},
        }
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.training.colors", *arguments],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    try:
        outputs = [process.communicate(timeout=300)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, text) for process, text in zip(started, outputs, strict=True)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run of one device that takes the whole batch."""
    return train(tmp_path_factory.mktemp("alone"), 1, "STOP")


def assert_equal(found: Run, expected: Run) -> None:
    """Two runs have the same weights, losses and files, the second epoch being cut short."""
    assert found.newest_checkpoint().name == "mask_rcnn_colors_0002.h5"
    for epoch in (1, 2):
        with (
            np.load(found.checkpoint(epoch)) as ours,
            np.load(expected.checkpoint(epoch)) as theirs,
        ):
            for name in theirs:
                np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)
    ours, theirs = (
        np.genfromtxt(run.losses, delimiter=",", names=True) for run in (found, expected)
    )
    assert ours.dtype.names == theirs.dtype.names
    for name in theirs.dtype.names:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)


def assert_goes_on(found: Run, expected: Run, folder: Path) -> None:
    """One device of this backend goes on with two runs alike."""
    ends = [train(folder / name, 1, begun=run) for name, run in (("a", found), ("b", expected))]
    with np.load(ends[0].checkpoint(3)) as ours, np.load(ends[1].checkpoint(3)) as theirs:
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5)


def test_two_hosts_of_jax_train_as_one_device_and_one_of_them_writes(alone, tmp_path):
    backend_or_skip("jax")
    (status, told), (other_status, silent) = two_processes("jax", str(tmp_path), "2", "STOP")
    assert (status, other_status) == (0, 0), told + silent
    assert "Epoch 2/3" in told
    assert "Epoch" not in silent
    begun = Run.at(tmp_path / "STOP", "colors")
    assert_equal(begun, alone)
    assert_goes_on(begun, alone, tmp_path)


def test_two_processes_of_pytorch_train_as_one_and_do_not_wait_for_one_that_died(alone, tmp_path):
    backend_or_skip("torch")
    (status, told), (died, silent) = two_processes("torch", str(tmp_path), "2", "STOP", "DIE")
    assert "Epoch 2/3" in told
    assert "Epoch" not in silent
    begun = Run.at(tmp_path / "STOP", "colors")
    assert_equal(begun, alone)
    assert_goes_on(begun, alone, tmp_path)
    assert (status, died) == (1, 9), told + silent
    assert "TrainingError: Process 1 of 2 cannot go on with the others" in told
    # What was saved before stays.
    assert Run.at(tmp_path / "DIE", "colors").newest_checkpoint().name.endswith("0001.h5")


TORCHRUN = {
    "WORLD_SIZE": "4",
    "RANK": "3",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "one",
    "MASTER_PORT": "29400",
}
JAX = {"JAX_COORDINATOR_ADDRESS": "one:1234", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"}
SLURM = {
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
}


@pytest.mark.parametrize(
    ("environment", "backend", "expected"),
    [
        (TORCHRUN, "torch", Cluster("one:29400", 3, 4, 1, meant=True)),
        (TORCHRUN, "jax", None),
        (TORCHRUN | {"WORLD_SIZE": "1"}, "torch", None),
        (JAX, "jax", Cluster("one:1234", 1, 2, None, meant=True)),
        (JAX, "torch", None),
        (SLURM, "jax", Cluster(None, 5, 8, 1, meant=False)),
        (
            SLURM | {"SLURM_STEP_TASKS_PER_NODE": "1(x8)", "MASTER_ADDR": "one"},
            "torch",
            Cluster("one:29500", 5, 8, None, meant=False),
        ),
        (SLURM, "tensorflow", None),
        ({}, "jax", None),
    ],
)
def test_what_the_environment_tells_of_other_processes(environment, backend, expected):
    assert cluster_of(environment, backend) == expected


@pytest.mark.parametrize(
    ("environment", "devices"),
    [
        # Eight tasks on two machines, which see all GPUs of theirs, or one each.
        (SLURM, [1]),
        (SLURM | {"CUDA_VISIBLE_DEVICES": "0,1,2,3"}, [1]),
        (SLURM | {"CUDA_VISIBLE_DEVICES": "1"}, []),
        # A task that has a machine for itself takes all: JAX would take the first by itself.
        (SLURM | {"SLURM_STEP_TASKS_PER_NODE": "1(x8)"}, []),
        (SLURM | {"SLURM_STEP_TASKS_PER_NODE": "1(x8)", "MASTER_ADDR": "one"}, None),
        # Then JAX reads JAX_LOCAL_DEVICE_IDS.
        (JAX, None),
    ],
)
def test_the_devices_that_a_process_of_jax_takes(environment, devices):
    cluster = cluster_of(environment, "jax")
    assert cluster is not None
    assert own_devices(cluster, environment) == devices


def test_processes_that_were_started_together_do_not_train_alone(monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "torch")
    monkeypatch.setattr("mrcnn.training.distribution._has_joined", lambda backend: False)
    # What PyTorch, which need not be installed, says of a process that has joined no other.
    monkeypatch.setattr("mrcnn.training.distribution.this_process", lambda: Process(0, 1))
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    told = r"one of 4 processes .* GPU_COUNT is 1: give --devices"
    with pytest.raises(ConfigError, match=told), shared_among(1):
        pass
    # They may detect, each for itself.
    with shared_among(1, training=False):
        pass


def test_an_environment_that_is_not_whole_is_refused():
    with pytest.raises(ConfigError, match="RANK is 'first': must be a whole number, as torchrun"):
        cluster_of(TORCHRUN | {"RANK": "first"}, "torch")
    del (half := dict(JAX))["JAX_PROCESS_ID"]
    with pytest.raises(ConfigError, match="JAX_PROCESS_ID is 'not set'"):
        cluster_of(half, "jax")
