"""Real trainings that are killed: a few here, `benchmarks.interruptions` does more of them."""

import pytest

from benchmarks import interruptions
from mrcnn.runs.run import Run


@pytest.mark.usefixtures("quick_processes")
def test_a_killed_training_comes_to_the_same_end(tmp_path):
    figures = interruptions.run(1, 3, tmp_path, "--epochs", "2", "--eager")
    assert (figures["kills"], figures["finished"], figures["different"]) == (1, 1, [])


def test_a_checkpoint_that_is_not_whole_is_noticed(tmp_path):
    folder = tmp_path / "kill20260101T0101"
    folder.mkdir()
    run = Run.at(folder)
    assert interruptions.check_newest(tmp_path) == 0
    with open(run.checkpoint(1), "wb") as file:
        file.write(b"\x89HDF\r\n\x1a\n half of it")
    run.state(1).touch()
    with pytest.raises(interruptions.InterruptionError, match=r"0001\.h5 .* not whole"):
        interruptions.check_newest(tmp_path)
    (folder / ".mask_rcnn_kill_0002.12-0123abcd.h5").touch()
    assert interruptions.half_written(tmp_path) == [".mask_rcnn_kill_0002.12-0123abcd.h5"]


def test_an_end_with_an_error_is_told(tmp_path, monkeypatch):
    # The backend that is imported soonest.
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    with pytest.raises(
        interruptions.InterruptionError, match=r"(?s)status 2:.*invalid int value: 'two'"
    ):
        interruptions.finish(tmp_path, "--epochs", "two")
