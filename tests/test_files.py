"""Atomic writing: all or nothing."""

import pytest

from mrcnn.files import atomic_path, atomic_write


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
