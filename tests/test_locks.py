"""The lock: one holder at a time, whatever the others do."""

import threading

import pytest

from mrcnn import locks
from mrcnn.locks import LockHeldError, exclusive


def lock(path, patience_seconds=30.0):
    return exclusive(path, lambda holder: None, lambda: None, patience_seconds)


def test_there_are_never_two_holders(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "POLL_SECONDS", 0)
    path = tmp_path / "lock"
    inside, most = [], []

    def work():
        for _ in range(20):
            with lock(path) as held:
                assert held
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 120
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_removed_before_it_was_locked_is_no_lock(tmp_path, monkeypatch):
    """The holder leaves, and another one comes, between two steps of the one who waits."""
    path = tmp_path / "lock"
    leaving, coming = lock(path), lock(path)
    leaving.__enter__()
    take = locks._lock

    def late(descriptor):
        monkeypatch.setattr(locks, "_lock", take)
        leaving.__exit__(None, None, None)
        coming.__enter__()
        return take(descriptor)

    monkeypatch.setattr(locks, "_lock", late)
    with pytest.raises(LockHeldError), lock(path, 0.1):
        pass
    coming.__exit__(None, None, None)
    with lock(path, 0.1) as held:
        assert held


def test_an_error_of_the_block_ends_the_lock(tmp_path):
    path = tmp_path / "lock"
    with pytest.raises(RuntimeError), lock(path):
        raise RuntimeError
    with lock(path, 0.1) as held:
        assert held


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"\x1b[31mred"])
def test_a_file_that_was_left_behind_is_no_lock(tmp_path, content):
    path = tmp_path / "lock"
    path.write_bytes(content)
    with lock(path, 0.1) as held:
        assert held
