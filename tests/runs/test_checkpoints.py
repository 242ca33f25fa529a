"""Which checkpoint is the newest, and which ones are not needed any more."""

import datetime
import json

import pytest

from mrcnn.errors import WeightsError
from mrcnn.runs.checkpoints import (
    BEST_RECORD,
    LOSSES,
    checkpoint_template,
    has_losses,
    newest_checkpoint,
    newest_of_run,
    prune_run,
    run_folder,
    run_of_checkpoint,
    state_path,
)


@pytest.fixture
def run(tmp_path):
    """Makes a run with checkpoints and states of these epochs; its folder."""

    def make(*epochs, name="cells20260131T0930", states=()):
        folder = tmp_path / name
        folder.mkdir()
        template = checkpoint_template(folder, "cells")
        for epoch in epochs:
            (folder / template.format(epoch=epoch)).touch()
        for epoch in states:
            state_path(folder, epoch).touch()
        return folder

    return make


def epochs_of(folder):
    return sorted(int(path.stem.rpartition("_")[2]) for path in folder.glob("mask_rcnn_*.h5"))


def test_the_newest_is_that_of_the_most_epochs_not_the_last_by_name(run, tmp_path):
    folder = run(9_999, 10_000, 2)
    assert newest_checkpoint(tmp_path, "cells") == str(folder / "mask_rcnn_cells_10000.h5")
    assert newest_of_run(folder, "_cells_*").name == "mask_rcnn_cells_10000.h5"


def test_a_run_without_a_checkpoint_is_passed_over(run, tmp_path):
    folder = run(3)
    run(name="cells20260201T0930", states=[1])
    assert newest_checkpoint(tmp_path, "cells") == str(folder / "mask_rcnn_cells_0003.h5")
    with pytest.raises(WeightsError, match="no checkpoint of a run called fields"):
        newest_checkpoint(tmp_path, "fields")


@pytest.mark.parametrize("name", ["cells", "cells-2_b", "v1.2 of [us] {a}", "run2024_"])
def test_a_checkpoint_is_known_by_its_path_whatever_the_name_of_the_run(tmp_path, name):
    began = datetime.datetime(2026, 1, 31, 9, 30)
    folder = run_folder(tmp_path, name, began)
    path = checkpoint_template(folder, name).format(epoch=12)
    assert run_of_checkpoint(path) == (began, 12)
    (tmp_path / folder).mkdir()
    (tmp_path / path).touch()
    assert newest_checkpoint(tmp_path, name) == path
    prune_run(checkpoint_template(folder, name), 12, 1)
    assert (tmp_path / path).exists()


@pytest.mark.parametrize(
    "path", ["mask_rcnn_cells_0001.h5", "a/best.h5", "a20261331T0930/mask_rcnn_a_0001.h5"]
)
def test_other_files_are_no_checkpoints(path):
    assert run_of_checkpoint(path) is None


def test_an_epoch_is_over_when_it_has_its_losses(tmp_path):
    assert not has_losses(tmp_path, 1)
    (tmp_path / LOSSES).write_text("epoch,loss\n0,1.5\n1,1.25\n")
    assert [has_losses(tmp_path, epoch) for epoch in (1, 2, 3, 12)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("keep", "left"),
    [(None, [1, 2, 3, 4, 5, 9]), (1, [2, 5, 9]), (2, [2, 4, 5, 9]), (99, [1, 2, 3, 4, 5, 9])],
)
def test_old_checkpoints_go_but_never_the_best_or_the_last(run, keep, left):
    folder = run(1, 2, 3, 4, 5, 9, states=[4, 5, 9])
    (folder / BEST_RECORD).write_text(json.dumps({"epoch": 2}))
    (folder / "mask_rcnn_other_0001.h5").touch()
    prune_run(checkpoint_template(folder, "cells"), 5, keep)
    (folder / "mask_rcnn_other_0001.h5").unlink()
    assert epochs_of(folder) == left
    # The state of an attempt that went further belongs to it.
    assert not state_path(folder, 4).exists()
    assert state_path(folder, 5).exists() and state_path(folder, 9).exists()


@pytest.mark.parametrize("record", ["", "[]", '{"value": 1}', "\udcff"])
def test_a_damaged_record_of_the_best_does_not_end_a_training(run, record):
    folder = run(1, 2, 3)
    (folder / BEST_RECORD).write_bytes(record.encode(errors="surrogateescape"))
    prune_run(checkpoint_template(folder, "cells"), 3, 1)
    assert epochs_of(folder) == [3]
