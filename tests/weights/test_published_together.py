"""Downloads that are killed, stopped or asked for twice: nothing is left, and they end right."""

import errno
import os
import threading

import pytest

from mrcnn.errors import WeightsError
from mrcnn.weights import published
from tests.download_server import (
    CONTENT,
    HALF,
    WHOLE,
    clients,
    fetch,
    has_half,
    mirror,
    names,
    on_the_way,
    status,
    stop_at,
    wait_until,
)


@pytest.fixture
def server(monkeypatch):
    with mirror(monkeypatch) as server:
        yield server


def test_a_killed_download_leaves_no_lock_and_nothing_for_long(server, tmp_path):
    folder = tmp_path / "weights"
    server.answers = [stop_at(HALF)]
    with clients(1, folder, tmp_path) as (client,):
        wait_until(lambda: has_half(folder))
        client.kill()
    assert names(folder) == [on_the_way(folder)[0].name, ".good.h5.lock"]
    assert fetch(folder).read_bytes() == CONTENT
    assert server.requests == ["/good.h5"] * 2
    assert names(folder) == ["good.h5"]


def test_a_waiting_process_takes_over_from_a_killed_one(server, tmp_path):
    folder = tmp_path / "weights"
    server.answers = [stop_at(HALF)]
    with clients(1, folder, tmp_path) as (first,):
        wait_until(lambda: has_half(folder))
        (tmp_path / "second").mkdir()
        with clients(1, folder, tmp_path / "second") as (second,):
            wait_until(lambda: "waiting" in second.said)
            assert f"by process {first.process.pid} on " in second.said
            first.kill()
            assert second.wait() == 0, second.said
    assert (folder / "good.h5").read_bytes() == CONTENT
    assert server.requests == ["/good.h5"] * 2
    assert names(folder) == ["good.h5"]


def test_of_four_processes_one_downloads(server, tmp_path):
    folder = tmp_path / "weights"
    server.answers = [stop_at(HALF)]
    with clients(4, folder, tmp_path) as started:
        wait_until(lambda: sum("waiting" in client.said for client in started) == 3)
        server.go.set()
        assert [client.wait() for client in started] == [0] * 4
    for client in started:
        assert client.said.endswith(f"{folder / 'good.h5'}\n")
    assert server.requests == ["/good.h5"]
    assert server.sent == WHOLE
    assert names(folder) == ["good.h5"]


def test_of_four_threads_one_downloads(server, tmp_path):
    results = []
    server.answers = [stop_at(HALF)]
    threads = [
        threading.Thread(target=lambda: results.append(fetch(tmp_path).read_bytes()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: on_the_way(tmp_path))
    server.go.set()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 4
    assert server.requests == ["/good.h5"]


def test_ctrl_c_leaves_nothing(server, tmp_path):
    folder = tmp_path / "weights"
    server.answers = [stop_at(HALF)]
    with clients(1, folder, tmp_path) as (client,):
        wait_until(lambda: has_half(folder))
        assert client.interrupt() != 0
    assert "KeyboardInterrupt" in client.said
    assert names(folder) == []
    assert fetch(folder).read_bytes() == CONTENT


def test_the_time_of_waiting_has_an_end_that_is_said(server, tmp_path, monkeypatch, capfd):
    folder = tmp_path / "weights"
    server.answers = [stop_at(HALF)]
    with clients(1, folder, tmp_path) as (client,):
        wait_until(lambda: has_half(folder))
        monkeypatch.setattr(published, "LOCK_SECONDS", 0.3)
        with pytest.raises(WeightsError) as error:
            fetch(folder, progress=True)
    assert f"by process {client.process.pid} on " in str(error.value)
    assert "for more than 0.005 minutes. End it" in str(error.value)
    assert "waiting for it, at most 0.005 minutes" in capfd.readouterr().err
    assert len(server.requests) == 1


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX systems")
def test_without_locks_every_process_has_a_file_of_its_own(server, tmp_path, monkeypatch):
    # No file system at hand lacks locks, so the call answers as it does on one.
    import fcntl

    def no_locks(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    server.answers = [stop_at(HALF), status(404)]
    thread = threading.Thread(target=fetch, args=(tmp_path,))
    thread.start()
    wait_until(lambda: has_half(tmp_path))
    with pytest.raises(WeightsError, match="404"):
        fetch(tmp_path)
    assert has_half(tmp_path)
    server.go.set()
    thread.join()
    assert names(tmp_path) == ["good.h5"]
    assert (tmp_path / "good.h5").read_bytes() == CONTENT
