"""What downloads find on the disk, and what they leave there when it is full or closed to them."""

import errno
import functools
import json
import os
import re
import shutil
import subprocess

import pytest

from mrcnn.errors import WeightsError
from mrcnn.runs.checkpoints import NoCheckpointError
from mrcnn.runs.run import Run
from tests.download_server import (
    CONTENT,
    HALF,
    LEFT,
    MD5,
    WHOLE,
    Handler,
    Request,
    clients,
    cut_at,
    fetch,
    leave_half,
    mirror,
    names,
    part_of,
    rest_of,
    set_patience,
)


@pytest.fixture
def server(monkeypatch):
    with mirror(monkeypatch) as server:
        yield server


# --- What lies on the disk ---------------------------------------------------------------------


def spoil(folder):
    """A byte of what is kept is another: a power cut, a failing disk."""
    with open(part_of(folder), "rb+") as stream:
        stream.write(b"x")


def test_spoilt_pieces_are_thrown_away_and_fetched_once_anew(server, tmp_path, monkeypatch, capfd):
    leave_half(server, tmp_path, monkeypatch)
    spoil(tmp_path)
    assert fetch(tmp_path, progress=True).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF), Request("/good.h5")]
    assert "fetching it anew" in capfd.readouterr().err


def test_a_wrong_content_is_fetched_anew_only_once(server, tmp_path, monkeypatch):
    leave_half(server, tmp_path, monkeypatch)
    server.content = CONTENT[:-1] + b"x"
    with pytest.raises(WeightsError, match=rf"the checksum is \w{{32}}, expected {MD5}"):
        fetch(tmp_path)
    assert server.requests == [rest_of(HALF), Request("/good.h5")]
    assert names(tmp_path) == []


def test_pieces_of_one_call_are_checked_as_well(server, tmp_path):
    """Two contents of the same size and name, one after the other."""

    def changing(handler):
        handler.serve(cut=HALF)
        handler.server.content = CONTENT

    server.content = b"x" + CONTENT[1:]
    server.answers = [changing]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [Request("/good.h5"), rest_of(HALF), Request("/good.h5")]


def test_a_whole_part_needs_no_server(server, tmp_path, monkeypatch):
    """Killed between the last byte and the final name."""
    leave_half(server, tmp_path, monkeypatch)
    part_of(tmp_path).write_bytes(CONTENT)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == []
    assert names(tmp_path) == ["good.h5"]


def test_a_part_longer_than_the_file_is_thrown_away(server, tmp_path, monkeypatch):
    leave_half(server, tmp_path, monkeypatch)
    part_of(tmp_path).write_bytes(CONTENT + b"x")
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [Request("/good.h5")]


NOTE = {"md5": MD5, "size": WHOLE, "url": "", "validator": None}


@pytest.mark.parametrize(
    "note",
    [
        None,
        b"",
        b'{"md5": ',
        b"[1, 2]",
        b"\xff\xfe",
        b"[" * 19_000,
        b'{"size": ' + b"9" * 19_000 + b"}",
        json.dumps({**NOTE, "md5": "0" * 32}).encode(),
        json.dumps({**NOTE, "size": WHOLE + 1}).encode(),
    ],
    ids=["none", "empty", "torn", "list", "bytes", "deep", "number", "md5", "size"],
)
def test_a_part_of_something_else_is_thrown_away(server, tmp_path, monkeypatch, note):
    leave_half(server, tmp_path, monkeypatch)
    path = tmp_path / ".good.h5.part.json"
    path.unlink()
    if note is not None:
        path.write_bytes(note)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [Request("/good.h5")]
    assert names(tmp_path) == ["good.h5"]


@pytest.mark.parametrize("validator", [5, ["x"], 'x"\r\nX-Other: 1', "\u20ac", "\x00"])
def test_a_name_that_no_server_gave_is_not_sent(server, tmp_path, monkeypatch, validator):
    leave_half(server, tmp_path, monkeypatch)
    note = {**NOTE, "url": f"{server.address}/good.h5", "validator": validator}
    (tmp_path / ".good.h5.part.json").write_text(json.dumps(note), encoding="utf-8")
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [rest_of(HALF, None)]


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX systems")
def test_a_link_in_place_of_the_part_is_not_followed(server, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.write_bytes(CONTENT[:HALF])
    leave_half(server, tmp_path, monkeypatch)
    part_of(tmp_path).unlink()
    part_of(tmp_path).symlink_to(other)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.requests == [Request("/good.h5")]
    assert not (tmp_path / "good.h5").is_symlink()
    assert other.read_bytes() == CONTENT[:HALF]


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX systems")
def test_a_link_in_place_of_the_lock_is_not_followed(server, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    (tmp_path / ".good.h5.lock").symlink_to(other)
    with pytest.raises(WeightsError, match=r"\.good\.h5\.lock cannot be read or written"):
        fetch(tmp_path)
    assert other.read_bytes() == b"precious"


def test_no_loader_takes_a_part_for_weights(server, tmp_path, monkeypatch):
    run = tmp_path / "logs" / "cells20260131T0930"
    fetch_into_run = functools.partial(fetch, run, "mask_rcnn_cells_0001.h5")
    set_patience(monkeypatch, failures=1)
    server.answers = [cut_at(HALF)]
    with pytest.raises(WeightsError):
        fetch_into_run()
    assert len(names(run)) == 2
    with pytest.raises(NoCheckpointError):
        Run.newest(tmp_path / "logs", "cells")
    assert list(run.glob("*.h5")) == []


def test_a_file_that_was_put_there_meanwhile_is_left(server, tmp_path):
    def put_there(handler):
        (tmp_path / "good.h5").write_bytes(b"my own weights")
        Handler.serve(handler)

    server.answers = [put_there]
    with pytest.raises(WeightsError, match="It was left as it is"):
        fetch(tmp_path)
    assert (tmp_path / "good.h5").read_bytes() == b"my own weights"


# --- Full, read-only, in the way ---------------------------------------------------------------


def test_a_disk_that_is_too_small_is_told_before_anything_is_asked(server, small_disk):
    folder = small_disk(kilobytes=1024)
    with pytest.raises(WeightsError) as error:
        fetch(folder)
    assert "2.3 MB are needed, 1.0 MB are free" in str(error.value)
    assert str(folder) in str(error.value)
    assert server.requests == []
    assert names(folder) == []


def test_what_is_kept_counts_for_the_space(server, small_disk, monkeypatch):
    folder = small_disk(kilobytes=3 * 1024)
    leave_half(server, folder, monkeypatch)
    (folder / "filler").write_bytes(bytes(500_000))
    free = shutil.disk_usage(folder).free
    assert HALF < free < WHOLE
    assert fetch(folder).read_bytes() == CONTENT


def test_a_disk_that_fills_up_in_the_middle_loses_nothing(server, small_disk):
    folder = small_disk(kilobytes=4 * 1024)
    (folder / "earlier.h5").write_bytes(b"earlier weights")

    def fill_the_disk(handler):
        (folder / "filler").write_bytes(bytes(2 << 20))
        handler.serve()

    server.answers = [fill_the_disk]
    with pytest.raises(WeightsError) as error:
        fetch(folder)
    assert "cannot be read or written: No space left on device" in str(error.value)
    kept = part_of(folder).stat().st_size
    assert 1_000_000 < kept < WHOLE
    assert f"MB are kept in {part_of(folder)}: start again" in str(error.value)
    assert (folder / "earlier.h5").read_bytes() == b"earlier weights"
    assert names(folder) == [*LEFT, "earlier.h5", "filler"]
    (folder / "filler").unlink()
    assert fetch(folder).read_bytes() == CONTENT
    assert server.requests == [Request("/good.h5"), rest_of(kept)]


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX systems")
def test_a_limit_of_the_size_of_files_is_told(server, tmp_path):
    folder = tmp_path / "weights"
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({HALF}, {HALF}))"
    with clients(1, folder, tmp_path, limit) as (client,):
        assert client.wait() != 0
    assert f"good.h5 cannot be read or written: {os.strerror(errno.EFBIG)}" in client.said
    assert part_of(folder).read_bytes() == CONTENT[:HALF]
    assert fetch(folder).read_bytes() == CONTENT
    assert server.sent >= WHOLE
    assert server.requests == [Request("/good.h5"), rest_of(HALF)]


@pytest.fixture
def read_only(small_disk):
    """A disk that is filled by the test, and then lets nobody write."""
    folder = small_disk(kilobytes=8 * 1024)
    yield folder, lambda: subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


def test_a_folder_that_cannot_be_written_is_told(server, read_only):
    folder, lock_up = read_only
    lock_up()
    with pytest.raises(WeightsError, match="cannot be read or written: Read-only file system"):
        fetch(folder)
    assert server.requests == []


def test_a_part_that_cannot_be_written_is_told_and_kept(server, read_only, monkeypatch):
    folder, lock_up = read_only
    leave_half(server, folder, monkeypatch)
    lock_up()
    with pytest.raises(WeightsError, match=r"1\.2 MB of 2\.3 MB are kept in") as error:
        fetch(folder)
    assert "Read-only file system" in str(error.value)
    assert names(folder) == LEFT


def test_a_right_file_needs_no_right_to_write(server, read_only):
    folder, lock_up = read_only
    (folder / "good.h5").write_bytes(CONTENT)
    lock_up()
    assert fetch(folder) == folder / "good.h5"
    assert server.requests == []


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="needs a user whom modes hold back"
)
def test_modes_that_forbid_writing_are_told(server, tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(WeightsError, match="cannot be read or written: Permission denied"):
        fetch(tmp_path)
    tmp_path.chmod(0o755)


@pytest.mark.parametrize("below", ["", "more"])
def test_a_file_in_place_of_the_folder_is_told_and_left(server, tmp_path, below):
    in_the_way = tmp_path / "weights"
    in_the_way.write_bytes(b"a file")
    with pytest.raises(WeightsError, match=f"{re.escape(str(in_the_way))} is not a folder"):
        fetch(in_the_way / below)
    assert in_the_way.read_bytes() == b"a file"
    assert server.requests == []


@pytest.mark.parametrize("name", [".good.h5.part", ".good.h5.part.json", ".good.h5.lock"])
def test_a_folder_in_the_way_is_told_and_left(server, tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(WeightsError, match=f"{re.escape(str(tmp_path / name))} cannot be read or"):
        fetch(tmp_path)
    assert names(tmp_path) == [name]
