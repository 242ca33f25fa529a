"""Dask's side of a job: each worker process has it, also one that comes later or again."""

from typing import Any

from distributed import Worker, WorkerPlugin, get_worker, secede

from mrcnn.app.application import loaded
from mrcnn.app.engine.job import Job


class JobPlugin(WorkerPlugin):
    """Keeps a job in a worker process.

    Args:
        job: of the run.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.name = job.name

    def setup(self, worker: Worker) -> None:
        """Make the job ready; the model is loaded by the first task, not by the event loop."""
        self.job.begin(worker.state.nthreads, secede)

    def teardown(self, worker: Worker) -> None:
        """Close what the job has open."""
        self.job.end()


def call(name: str, function: str, *arguments: Any) -> Any:
    """A task: call a function with the job of a run.

    Args:
        name: of the run.
        function: "module:function", which takes the job and the arguments.
        *arguments: further ones.
    """
    plugin = get_worker().plugins[name]
    assert isinstance(plugin, JobPlugin)
    return loaded(function)(plugin.job, *arguments)
