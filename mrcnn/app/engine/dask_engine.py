"""Dask gives the tasks of a run to worker processes, and those of a lost process to others."""

import contextlib
import importlib.util
import itertools
import logging
import uuid
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from time import monotonic
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.engine.job import Job
from mrcnn.errors import ConfigError
from mrcnn.inference.processors import processors

DASK = "dask"
# So many tasks there are for each thread of a worker: one that is worked on, two whose results are
# written, and two that wait, so that a worker never does. A run of many pictures holds few of them.
_TASKS_OF_A_THREAD = 5
# Seconds.
_UNTIL_COUNTED_AGAIN = 5.0
# Seconds until a scheduler has to answer.
_PATIENCE = 30.0


class DaskEngine:
    """Worker processes, and what they are told to do.

    Attributes:
        workers, threads: how many there were when they were counted last.
    """

    def __init__(self, client: Any, job: Job) -> None:
        self._client, self._job = client, job
        self._count()

    def __str__(self) -> str:
        if not self.workers:
            # A cluster that grows with its tasks has none before there is one.
            return "dask, no workers yet: the first pictures wait for them"
        return f"dask, {self.workers} processes with {self.threads} threads"

    def _count(self) -> None:
        threads = self._client.nthreads()
        self.workers, self.threads = len(threads), sum(threads.values())
        self._counted = monotonic()

    def run(self, function: str, tasks: Iterable[tuple]) -> Generator[tuple[tuple, Any]]:
        """Each task with what came of it, in the order in which they are done.

        A task whose process ends is done again by another one.

        Args:
            function: "module:function"; is called with the job and what a task has.
            tasks: are taken one after the other while others are worked on.

        Yields:
            a task, and the value of the function, or the exception that it raised. A process that
            ends at one task again and again is an exception as well.
        """
        from distributed import as_completed

        remaining = iter(tasks)
        running: dict[str, tuple] = {}
        completed = as_completed(with_results=False, raise_errors=False)

        def give_away() -> None:
            for task in itertools.islice(remaining, max(0, self._most() - len(running))):
                future = self._submit(function, task)
                running[future.key] = task
                completed.add(future)

        give_away()
        try:
            for future in completed:
                task = running.pop(future.key)
                error = future.exception()
                result = future.result() if error is None else error
                future.release()
                give_away()
                yield task, result
        finally:
            if running:
                self._client.cancel(list(completed.futures))

    def in_order(self, function: str, tasks: Iterable[tuple]) -> Generator[Any]:
        """What comes of each task, in their order; what one raised is raised.

        However long the first one takes, only a few others are done meanwhile, and what comes of
        them stays with the workers until it is its turn.

        Args:
            function, tasks: see `run`.
        """
        remaining = iter(tasks)
        waiting: deque[Any] = deque()
        try:
            while True:
                for task in itertools.islice(remaining, max(0, self._most() - len(waiting))):
                    waiting.append(self._submit(function, task))
                if not waiting:
                    return
                future = waiting.popleft()
                result = future.result()
                future.release()
                yield result
        finally:
            if waiting:
                self._client.cancel(list(waiting))

    def _most(self) -> int:
        """How many tasks are given away at once; workers may come and go meanwhile."""
        if monotonic() - self._counted > _UNTIL_COUNTED_AGAIN:
            self._count()
        return _TASKS_OF_A_THREAD * max(1, self.threads)

    def _submit(self, function: str, task: tuple) -> Any:
        from mrcnn.app.engine.plugin import call

        key = f"{self._job.name}-{uuid.uuid4().hex}"
        return self._client.submit(call, self._job.name, function, *task, key=key, pure=False)


@contextlib.contextmanager
def dask_engine(
    engine: str, application: Application, options: Any, choose: str
) -> Iterator[DaskEngine]:
    """Worker processes while the block runs.

    Args:
        engine: "dask" for processes of this machine, or "dask=ADDRESS" of a scheduler.
        application, options: of the command.
        choose: see `Job`.

    Raises:
        ConfigError: Dask is not installed, or no scheduler answers.
    """
    if importlib.util.find_spec("distributed") is None:
        raise ConfigError(
            "--engine dask needs the packages of the extra `scale`: "
            "pip install 'mrcnn-keras3[scale]'."
        )
    import cloudpickle
    from distributed import Client, LocalCluster

    from mrcnn.app.engine.plugin import JobPlugin

    job = Job(
        cloudpickle.dumps((application, options)),
        choose,
        f"{application.name}-{uuid.uuid4().hex}",
    )
    address = engine.partition("=")[2]
    with contextlib.ExitStack() as opened:
        if not address:
            workers, threads = shares_of(processors())
            # Its log is of no use to who waits for pictures; what matters is raised.
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=threads,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
            client = opened.enter_context(Client(opened.enter_context(cluster)))
        else:
            try:
                client = opened.enter_context(Client(address, timeout=_PATIENCE))
            except (OSError, ValueError) as error:
                raise ConfigError(
                    f"--engine {engine}: no scheduler of Dask answers there ({error}). Start one "
                    "with `dask scheduler`, and workers with `dask worker ADDRESS`."
                ) from None
        client.register_plugin(JobPlugin(job))
        try:
            yield DaskEngine(client, job)
        finally:
            with contextlib.suppress(Exception):
                client.unregister_worker_plugin(job.name)


def shares_of(cores: int) -> tuple[int, int]:
    """How many processes with how many threads each: several threads save memory, not time."""
    threads = 1 if cores < 8 else 2 if cores < 16 else 4
    return max(1, cores // threads), threads
