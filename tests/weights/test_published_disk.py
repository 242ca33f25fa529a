"""What downloads find on the disk, and what they leave there when it is full or closed to them."""

import errno
import os
import re
import subprocess

import pytest

from mrcnn.errors import WeightsError
from mrcnn.runs.run import Run
from tests.download_server import (
    CONTENT,
    HALF,
    Handler,
    clients,
    fetch,
    mirror,
    names,
    wait_until,
)


@pytest.fixture
def server(monkeypatch):
    with mirror(monkeypatch) as server:
        yield server


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX systems")
def test_a_link_in_place_of_the_lock_is_not_followed(server, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    (tmp_path / ".good.h5.lock").symlink_to(other)
    with pytest.raises(WeightsError, match=r"\.good\.h5\.lock cannot be read or written"):
        fetch(tmp_path)
    assert other.read_bytes() == b"precious"


def test_no_loader_takes_what_is_on_the_way_for_weights(server, tmp_path):
    run = tmp_path / "logs" / "cells20260131T0930"
    seen = []

    def look(handler):
        wait_until(lambda: any(run.iterdir()))
        seen.append(Run.among(tmp_path / "logs", "cells")[0].newest_checkpoint())
        Handler.serve(handler)

    server.answers = [look]
    fetch(run, "mask_rcnn_cells_0001.h5")
    assert seen == [None]


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
    assert "2.3 MB of free space" in str(error.value)
    assert (folder / "earlier.h5").read_bytes() == b"earlier weights"
    assert names(folder) == ["earlier.h5", "filler"]
    (folder / "filler").unlink()
    assert fetch(folder).read_bytes() == CONTENT


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX systems")
def test_a_limit_of_the_size_of_files_is_told(server, tmp_path):
    folder = tmp_path / "weights"
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({HALF}, {HALF}))"
    with clients(1, folder, tmp_path, limit) as (client,):
        assert client.wait() != 0
    assert f"good.h5 cannot be read or written: {os.strerror(errno.EFBIG)}" in client.said
    assert names(folder) == []


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


def test_a_folder_in_the_way_is_told_and_left(server, tmp_path):
    in_the_way = tmp_path / ".good.h5.lock"
    in_the_way.mkdir()
    with pytest.raises(WeightsError, match=f"{re.escape(str(in_the_way))} cannot be read or"):
        fetch(tmp_path)
    assert names(tmp_path) == [in_the_way.name]
