"""What the path of a checkpoint tells."""

import datetime

import pytest

from mrcnn.runs.checkpoints import Checkpoint
from mrcnn.runs.run import Run


@pytest.mark.parametrize("name", ["cells", "cells-2_b", "v1.2 of [us] {a}", "run2024_"])
def test_a_checkpoint_is_known_by_its_path_whatever_the_name_of_the_run(tmp_path, name):
    began = datetime.datetime(2026, 1, 31, 9, 30)
    run = Run.dated(tmp_path, name, began)
    path = run.checkpoint(12)
    checkpoint = Checkpoint.named(path)
    assert (checkpoint.began, checkpoint.epoch) == (began, 12)
    assert checkpoint.state == run.state(12)
    path.parent.mkdir()
    path.touch()
    assert Run.newest(tmp_path, name) == run == Run.at(path.parent)
    assert run.newest_checkpoint() == run.newest_checkpoint(name) == path
    run.prune(12, 1)
    assert path.exists()


@pytest.mark.parametrize(
    "path", ["mask_rcnn_cells_0001.h5", "a/best.h5", "a20261331T0930/mask_rcnn_a_0001.h5"]
)
def test_other_files_are_no_checkpoints(path):
    assert Checkpoint.named(path) is None
