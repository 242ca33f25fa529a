"""How many tasks are given to workers at once, with workers that are made up."""

import pytest

import mrcnn.app.engine.dask_engine
from mrcnn.app.engine.dask_engine import DaskEngine
from mrcnn.app.engine.job import Job

pytest.importorskip("distributed", reason="the extra `scale` is not installed")


class Task:
    """What waits until it is asked for; the number of those that wait is noted."""

    def __init__(self, client, number):
        self._client, self._number = client, number

    def result(self):
        self._client.at_once.append(len(self._client.waiting))
        self._client.waiting.remove(self)
        if isinstance(self._number, Exception):
            raise self._number
        return self._number

    def release(self):
        pass


class Client:
    def __init__(self, *threads):
        self.threads, self.waiting, self.at_once, self.cancelled = list(threads), [], [], []

    def nthreads(self):
        return dict(enumerate(self.threads))

    def submit(self, call, name, function, number, *, key, pure):
        assert (name, function, pure) == ("run", "module:function", False) and key.startswith(
            "run-"
        )
        self.waiting.append(Task(self, number))
        return self.waiting[-1]

    def cancel(self, futures):
        self.cancelled += futures


def engine(client):
    return DaskEngine(client, Job(b"", "", "run"))


def test_results_come_in_order_with_a_few_tasks_ahead():
    client = Client(1, 2)
    tasks = iter([(number,) for number in range(40)])
    found = engine(client).in_order("module:function", tasks)
    assert next(found) == 0
    # Tasks are not taken before there is room for them.
    assert next(tasks) == (15,)
    assert list(found) == [*range(1, 15), *range(16, 40)]
    assert client.at_once[:24] == [15] * 24 and client.at_once[-1] == 1


def test_workers_that_come_later_take_part(monkeypatch):
    monkeypatch.setattr(mrcnn.app.engine.dask_engine, "_UNTIL_COUNTED_AGAIN", -1.0)
    client = Client()
    made = engine(client)
    assert str(made) == "dask, no workers yet: the first pictures wait for them"
    found = made.in_order("module:function", ((number,) for number in range(30)))
    assert next(found) == 0
    client.threads = [4]
    assert list(found) == list(range(1, 30))
    assert client.at_once[:3] == [5, 20, 20]
    assert str(made) == "dask, 1 processes with 4 threads"


def test_what_is_not_needed_any_more_is_cancelled():
    client = Client(1)
    tasks = ((ValueError("no"),), *((number,) for number in range(9)))
    found = engine(client).in_order("module:function", tasks)
    with pytest.raises(ValueError, match="no"):
        next(found)
    assert client.cancelled == client.waiting and len(client.waiting) == 4
