"""Atomic writing: all or nothing."""

import errno
import os
import platform
import threading

import pytest

from mrcnn.errors import OutputError
from mrcnn.files import (
    InUseError,
    alone,
    atomic_path,
    atomic_write,
    make_writable_folder,
    remove_leftovers,
    together,
)


@pytest.mark.parametrize(
    "content", [b"new", "new", lambda path: path.write_text("new")], ids=["bytes", "text", "call"]
)
def test_writes_in_a_folder_that_is_made(tmp_path, content):
    target = tmp_path / "a" / "b.txt"
    atomic_write(target, content)
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_keeps_the_earlier_file_and_leaves_nothing(tmp_path):
    target = tmp_path / "result.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        assert temporary.suffix == ".csv"
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_file_is_as_readable_as_any_other(tmp_path):
    plain, atomic = tmp_path / "plain", tmp_path / "atomic"
    plain.write_text("x")
    atomic_write(atomic, "x")
    assert atomic.stat().st_mode == plain.stat().st_mode


def test_where_nothing_can_be_written_it_is_said_of_which_file(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    with pytest.raises(OutputError, match=r"file/below/a\.csv: cannot be written \(") as caught:
        atomic_write(in_the_way / "below" / "a.csv", "x")
    assert "as it was" not in str(caught.value)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=r"folder: cannot be written .* is as it was"):
        atomic_write(tmp_path / "folder", "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_to_write_to(tmp_path):
    assert make_writable_folder(tmp_path / "a" / "b").is_dir()
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=r"file.*: cannot write there \(.*another folder"):
            make_writable_folder(folder)


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path):
    def leave(name):
        with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / name) as temporary:
            left.append(temporary.name)
            raise ZeroDivisionError

    left = []
    leave("mask_rcnn_x_0003.h5")
    leave("mask_rcnn_v1.2_0003.h5")
    leave("losses.csv")
    others = [".mask_rcnn_notes", ".mask_rcnn_x.12-0123456.h5", "mask_rcnn_x_0002.h5"]
    for name in [*left, *others]:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, "mask_rcnn")
    assert {path.name for path in tmp_path.iterdir()} == {left[2], *others}
    remove_leftovers(tmp_path / "missing", "mask_rcnn")


@pytest.mark.parametrize(
    "content", [b"x" * 50_000, "y" * 50_000, lambda path: path.write_bytes(b"z" * 50_000)]
)
def test_a_full_disk_keeps_the_earlier_file(small_disk, content):
    disk = small_disk(kilobytes=32)
    target = disk / "result.bin"
    atomic_write(target, b"earlier")
    with pytest.raises(
        OutputError, match=r"result\.bin: cannot be written \(No space left"
    ) as caught:
        atomic_write(target, content)
    assert caught.value.errno == errno.ENOSPC
    assert target.read_bytes() == b"earlier"
    assert list(disk.iterdir()) == [target]


def test_a_disk_that_is_read_only(small_disk):
    disk = small_disk(kilobytes=32, read_only=True)
    with pytest.raises(OutputError, match=r"a\.csv: cannot be written \(Read-only file system"):
        atomic_write(disk / "a.csv", "x")
    with pytest.raises(OutputError, match="cannot write there"):
        make_writable_folder(disk)


def test_there_are_never_two_holders(tmp_path):
    lock = tmp_path / "lock"
    inside, most = [], []

    def work():
        for _ in range(5):
            with alone(lock, seconds=60) as held:
                assert held
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20
    assert list(tmp_path.iterdir()) == []


def test_the_holder_of_a_lock_is_named(tmp_path):
    lock = tmp_path / "lock"
    waited = []
    named = pytest.raises(InUseError, match=rf"^process {os.getpid()} on .")
    with alone(lock), named, alone(lock, waited.append):
        pass
    assert waited == [f"process {os.getpid()} on {platform.node()}"]


def test_an_error_of_the_block_ends_the_lock(tmp_path):
    lock = tmp_path / "lock"
    with pytest.raises(RuntimeError), alone(lock):
        raise RuntimeError
    with alone(lock) as held:
        assert held


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"\x1b[31mred"])
def test_a_lock_that_was_left_behind_holds_nobody_off(tmp_path, content):
    lock = tmp_path / "lock"
    lock.write_bytes(content)
    with alone(lock) as held:
        assert held


def test_files_that_belong_together_come_together_or_not_at_all(tmp_path):
    def write(first, error=None):
        with together(tmp_path) as waiting:
            (waiting / "a.txt").write_text(first)
            (waiting / "deep").mkdir()
            (waiting / "deep" / "b.txt").write_text(first)
            if error:
                raise error

    write("old")
    (tmp_path / "deep" / "other.txt").write_text("stays")
    full = OSError(errno.ENOSPC, "No space left on device")
    for error, raised in ((KeyError(), KeyError), (full, OutputError)):
        with pytest.raises(raised):
            write("lost", error)
        assert (tmp_path / "a.txt").read_text() == (tmp_path / "deep" / "b.txt").read_text()
        assert (tmp_path / "a.txt").read_text() == "old"
    write("new")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "a.txt", "b.txt", "deep", "other.txt"
    ]  # fmt: skip
    assert (tmp_path / "deep" / "b.txt").read_text() == "new"


def test_a_text_that_is_no_utf_8_says_what_to_rename(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(OutputError, match=r"a name in it is not UTF-8: .*b\\udce4\.png.*Rename"):
        atomic_write(tmp_path / "a.csv", "filename\nb\udce4.png\n")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def held(number):
    error = PermissionError(errno.EACCES, "The process cannot access the file")
    error.winerror = number
    return error


@pytest.mark.parametrize("number", [5, 32])
def test_a_file_that_a_scanner_has_open_for_a_moment_is_replaced(tmp_path, monkeypatch, number):
    """As on Windows, where a file that is open cannot be replaced."""
    replace, refused, pauses = os.replace, [held(number)] * 3, []

    def busy(path, target):
        if refused:
            raise refused.pop()
        replace(path, target)

    monkeypatch.setattr(os, "replace", busy)
    monkeypatch.setattr("time.sleep", pauses.append)
    (tmp_path / "a.csv").write_text("old")
    atomic_write(tmp_path / "a.csv", "new")
    assert (tmp_path / "a.csv").read_text() == "new"
    assert len(pauses) == 3
    with together(tmp_path) as waiting:
        refused.append(held(number))
        (waiting / "b.csv").write_text("b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_a_file_that_stays_open_elsewhere_is_kept_and_said_so(tmp_path, monkeypatch):
    pauses = []

    def refuse(path, target):
        raise held(32)

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr("time.sleep", pauses.append)
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(OutputError, match=r"a\.csv: cannot be written .* as it was\. Close it in"):
        atomic_write(tmp_path / "a.csv", "new")
    assert 1 < sum(pauses) < 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_right_that_is_missing_is_not_waited_for(tmp_path, monkeypatch):
    def refuse(path, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("waits"))
    with pytest.raises(OutputError, match=r"Permission denied\)\.$"):
        atomic_write(tmp_path / "a.csv", "new")


def test_a_path_that_is_too_long_for_windows_is_told_as_such(tmp_path, monkeypatch):
    def refuse(path, target):
        error = FileNotFoundError(errno.ENOENT, "The system cannot find the path specified")
        error.winerror = 3
        raise error

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match=r"longer than 259 characters.*LongPathsEnabled"):
        atomic_write(tmp_path / ("a" * 150) / ("b" * 150), "x")
    with pytest.raises(OutputError, match=r"path specified\)\.$"):
        atomic_write(tmp_path / "a", "x")
