"""Downloads that are cut, killed, stopped or asked for twice: they go on, and end right."""

import os
import threading
import time

import pytest

from mrcnn.errors import WeightsError
from tests.download_server import (
    CONTENT,
    HALF,
    LEFT,
    WHOLE,
    Request,
    Server,
    clients,
    cut_at,
    fetch,
    has_half,
    mirror,
    names,
    part_of,
    reset_at,
    rest_of,
    set_patience,
    stop_at,
    wait_until,
)


@pytest.fixture
def server(monkeypatch):
    with mirror(monkeypatch) as server:
        yield server


# --- Killed, stopped, at the same time ---------------------------------------------------------


def test_a_killed_download_goes_on_from_the_byte_where_it_was(server, tmp_path):
    folder = tmp_path / "weights"
    server.answers = [stop_at(HALF)]
    with clients(1, folder, tmp_path) as (client,):
        wait_until(lambda: has_half(folder))
        client.kill()
    assert names(folder) == [".good.h5.lock", *LEFT]
    assert fetch(folder).read_bytes() == CONTENT
    assert server.requests == [Request("/good.h5"), rest_of(HALF)]
    assert server.sent == WHOLE
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
    assert server.requests == [Request("/good.h5"), rest_of(HALF)]
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
    assert server.requests == [Request("/good.h5")]
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
    wait_until(lambda: part_of(tmp_path).exists())
    server.go.set()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 4
    assert server.requests == [Request("/good.h5")]


def test_ctrl_c_keeps_what_arrived_and_says_how_to_go_on(server, tmp_path):
    folder = tmp_path / "weights"
    server.answers = [stop_at(HALF)]
    with clients(1, folder, tmp_path) as (client,):
        wait_until(lambda: has_half(folder))
        assert client.interrupt() != 0
    assert "KeyboardInterrupt" in client.said
    (line,) = [line for line in client.said.splitlines() if line.startswith("Stopped")]
    assert line == (
        f"Stopped. 1.2 MB of 2.3 MB are kept in {part_of(folder)}: start again to go on from there."
    )
    assert names(folder) == LEFT
    assert fetch(folder).read_bytes() == CONTENT
    assert server.sent == WHOLE


def test_the_time_of_waiting_has_an_end_that_is_said(server, tmp_path, monkeypatch, capfd):
    folder = tmp_path / "weights"
    server.answers = [stop_at(HALF)]
    with clients(1, folder, tmp_path) as (client,):
        wait_until(lambda: has_half(folder))
        set_patience(monkeypatch, lock_seconds=0.3)
        with pytest.raises(WeightsError) as error:
            fetch(folder, progress=True)
    assert f"by process {client.process.pid} on " in str(error.value)
    assert "nothing has arrived for 0.005 minutes" in str(error.value)
    assert "waiting for it, until nothing has arrived for 0.005 minutes" in capfd.readouterr().err
    assert len(server.requests) == 1


def test_waiting_lasts_while_something_arrives(server, tmp_path, monkeypatch):
    """The other process takes longer than the time limit, but it gets on."""

    def slow(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(WHOLE))
        handler.end_headers()
        for start in range(0, WHOLE, WHOLE // 8):
            time.sleep(0.25)
            handler.send(CONTENT[start : start + WHOLE // 8])

    folder = tmp_path / "weights"
    server.answers = [slow]
    with clients(1, folder, tmp_path):
        wait_until(lambda: part_of(folder).exists())
        set_patience(monkeypatch, lock_seconds=1.2)
        assert fetch(folder).read_bytes() == CONTENT
    assert len(server.requests) == 1


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX systems")
def test_without_locks_nothing_is_shared_and_nothing_is_left(server, tmp_path, monkeypatch, capfd):
    # No file system at hand lacks locks, so the call answers as it does on one.
    import fcntl

    def no_locks(*arguments):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    server.answers = [stop_at(HALF), cut_at(10)]
    thread = threading.Thread(target=fetch, args=(tmp_path,))
    thread.start()
    wait_until(lambda: names(tmp_path))
    (first,) = [name for name in names(tmp_path) if name.endswith(".part")]
    set_patience(monkeypatch, failures=1)
    with pytest.raises(WeightsError, match="ended after 10 of"):
        fetch(tmp_path, progress=True)
    assert "has no locks: what arrives is not kept" in capfd.readouterr().err
    assert names(tmp_path) == [first, f"{first}.json"]
    server.go.set()
    thread.join()
    assert names(tmp_path) == ["good.h5"]


# --- Cut by the network ------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [cut_at, reset_at], ids=["ended", "reset"])
def test_a_cut_transfer_goes_on_in_the_same_call(server, tmp_path, cut, capfd):
    server.answers = [cut(HALF), cut(1000)]
    assert fetch(tmp_path, progress=True).read_bytes() == CONTENT
    assert server.requests == [Request("/good.h5"), rest_of(HALF), rest_of(HALF + 1000)]
    assert server.sent == WHOLE
    err = capfd.readouterr().err
    assert "Trying again in 0 s (2 of 4)" in err
    assert "The coco weights: going on after 50 %" in err
    assert ("ended after" if cut is cut_at else "the connection broke: ") in err


def test_a_server_that_falls_silent_is_asked_again(server, tmp_path, monkeypatch):
    set_patience(monkeypatch, silence_seconds=1)
    server.answers = [stop_at(HALF)]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [Request("/good.h5"), rest_of(HALF)]


def test_a_server_that_went_away_is_asked_again(server, tmp_path, monkeypatch):
    """After it has sent something, a refused connection is expected to pass."""
    back = []

    def go_away(handler):
        handler.serve(cut=HALF)
        server.shutdown()
        server.server_close()
        threading.Timer(0.5, come_back).start()

    def come_back():
        back.append(Server(server.server_port))
        back[0].handle_request()

    set_patience(monkeypatch, first_pause_seconds=0.3)
    server.answers = [go_away]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert back[0].requests == [rest_of(HALF)]
    back[0].server_close()


@pytest.mark.skipif(os.name != "posix", reason="Windows removes no open file")
def test_a_part_that_somebody_removes_is_told(server, tmp_path):
    def remove():
        wait_until(lambda: has_half(tmp_path))
        part_of(tmp_path).unlink()
        server.go.set()

    server.answers = [stop_at(HALF)]
    thread = threading.Thread(target=remove)
    thread.start()
    with pytest.raises(WeightsError, match=f"another program changed {part_of(tmp_path)}"):
        fetch(tmp_path)
    thread.join()
    assert names(tmp_path) == []


def test_trying_again_has_an_end_and_what_arrived_is_kept(server, tmp_path):
    server.answers = [cut_at(10)] * 9
    with pytest.raises(WeightsError) as error:
        fetch(tmp_path)
    assert f"the transfer ended after 40 of {WHOLE} bytes (tried 4 times)" in str(error.value)
    assert f"are kept in {part_of(tmp_path)}: start again to go on" in str(error.value)
    assert len(server.requests) == 4
    assert names(tmp_path) == LEFT


def test_progress_earns_further_tries(server, tmp_path, monkeypatch):
    set_patience(monkeypatch, failures=2, progress_bytes=300_000)
    server.answers = [cut_at(300_000)] * 7
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.sent == WHOLE
    assert len(server.requests) == 8


def test_what_was_received_before_is_no_progress(server, tmp_path, monkeypatch):
    """A server that begins anew each time would otherwise be asked for ever."""
    set_patience(monkeypatch, failures=2, progress_bytes=300_000)
    server.ranges = False
    server.answers = [cut_at(HALF)] * 9
    with pytest.raises(WeightsError, match="tried 2 times"):
        fetch(tmp_path)
    assert len(server.requests) == 2
