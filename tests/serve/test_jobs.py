"""Jobs that outlive the server."""

import sqlite3

import pytest

from mrcnn.errors import DataError
from mrcnn.serve.jobs import CANCELLED, DONE, FAILED, RUNNING, WAITING, Jobs


def test_a_job_from_its_beginning_to_its_end(tmp_path):
    jobs = Jobs(tmp_path / "a.sqlite")
    first, second = jobs.add("a.png"), jobs.add("b.png", "0,0,5,6")
    assert (first.state, second.region) == (WAITING, "0,0,5,6")
    assert jobs.begin(first.number) and not jobs.begin(first.number)
    assert [job.state for job in jobs.open()] == [RUNNING, WAITING]
    assert jobs.end(first.number, DONE) and not jobs.end(first.number, FAILED, "late")
    assert jobs.job(first.number).state == DONE and jobs.job(99) is None
    assert jobs.cancel(second.number) and not jobs.begin(second.number)
    assert jobs.newest()["b.png"].state == CANCELLED and jobs.open() == []


def test_what_ran_when_the_server_was_killed_waits_again(tmp_path):
    jobs = Jobs(tmp_path / "a.sqlite")
    for name in ("a.png", "b.png", "c.png"):
        jobs.add(name)
    jobs.begin(1)
    jobs.end(1, DONE)
    jobs.begin(2)
    # Not closed: nobody closes what is killed.
    again = Jobs(tmp_path / "a.sqlite")
    assert [(job.picture, job.state) for job in again.open()] == [
        ("b.png", WAITING), ("c.png", WAITING),
    ]  # fmt: skip
    jobs.close()
    again.close()


def test_a_running_job_that_is_cancelled_does_not_end_well(tmp_path):
    jobs = Jobs(tmp_path / "a.sqlite")
    number = jobs.add("a.png").number
    jobs.begin(number)
    assert jobs.cancel(number) and not jobs.end(number, DONE)
    jobs.close()


def test_summaries(tmp_path):
    jobs = Jobs(tmp_path / "a.sqlite")
    jobs.store_summary("a.png", "1")
    jobs.store_summary("a.png", "2")
    assert jobs.summaries() == {"a.png": "2"}
    jobs.add("a.png")
    jobs.forget("a.png")
    assert jobs.summaries() == {} and jobs.newest() == {}
    jobs.close()


def set_version(path, version):
    file = sqlite3.connect(path)
    file.execute(f"PRAGMA user_version = {version}")
    file.close()


def test_a_file_without_a_version_is_of_the_first_and_a_later_one_is_left_alone(tmp_path):
    path = tmp_path / "a.sqlite"
    jobs = Jobs(path)
    jobs.add("a.png")
    jobs.close()
    set_version(path, 0)
    jobs = Jobs(path)
    assert [job.picture for job in jobs.open()] == ["a.png"]
    jobs.close()
    set_version(path, 2)
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"a\.sqlite: is of version 2, .* up to 1: open"):
        Jobs(path)
    assert path.read_bytes() == before
