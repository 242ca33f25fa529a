"""Several devices that share a batch do what one device does with it."""

import re

import pytest

from mrcnn.errors import ConfigError
from mrcnn.training.distribution import Cluster, cluster_of
from tests.backends.running import backend_or_skip, output_of


def largest(output: str) -> list[float]:
    """Differences of losses, of those of the first step, and of weights."""
    found = re.search(r"^losses (\S+), first step (\S+), weights (\S+)$", output, re.MULTILINE)
    assert found is not None, output
    return [float(value) for value in found.groups()]


def test_two_devices_of_tensorflow_train_as_one_with_the_whole_batch():
    backend_or_skip("tensorflow")
    output = output_of("tensorflow", "-m", "benchmarks.distribution_run", "--steps", "2", "--eager")
    losses, first, weights = largest(output)
    assert first < 1e-5
    assert losses < 1e-4
    assert weights < 1e-5


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


def test_an_environment_that_is_not_whole_is_refused():
    with pytest.raises(ConfigError, match="RANK is 'first': must be a whole number, as torchrun"):
        cluster_of(TORCHRUN | {"RANK": "first"}, "torch")
    del (half := dict(JAX))["JAX_PROCESS_ID"]
    with pytest.raises(ConfigError, match="JAX_PROCESS_ID is 'not set'"):
        cluster_of(half, "jax")
