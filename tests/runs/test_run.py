"""The folder of a run: its newest checkpoint, its best, and what is not needed any more."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mrcnn.errors import TrainingError, WeightsError
from mrcnn.runs.run import Run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def make(tmp_path):
    """Makes a run with checkpoints and states of these epochs."""

    def make(*epochs, name="cells20260131T0930", states=()):
        run = Run.at(tmp_path / name)
        Path(run.folder).mkdir()
        for path in (*map(run.checkpoint, epochs), *map(run.state, states)):
            path.touch()
        return run

    return make


def epochs_of(run):
    return sorted(
        int(path.stem.rpartition("_")[2]) for path in Path(run.folder).glob("mask_rcnn_*.h5")
    )


def test_the_names_of_its_files(tmp_path):
    run = Run.at(tmp_path / "cells20260131T0930")
    files = (
        run.checkpoint(7), run.state(12_345), run.best_weights, run.best_record, run.losses,
    )  # fmt: skip
    assert [path.relative_to(run.folder).as_posix() for path in files] == [
        "mask_rcnn_cells_0007.h5", "training_state_12345.npz", "best.h5", "best.json", "losses.csv",
    ]  # fmt: skip
    assert Run.at("logs/cells20260131T0930/") == replace(
        Run.at("logs/cells20260131T0930"), folder="logs/cells20260131T0930/"
    )


def test_the_newest_is_that_of_the_most_epochs_not_the_last_by_name(make, tmp_path):
    run = make(9_999, 10_000, 2)
    Path(run.folder, "mask_rcnn_other_10001.h5").touch()
    assert Run.newest(tmp_path, "cells") == run
    assert run.newest_checkpoint("cells") == Path(run.folder, "mask_rcnn_cells_10000.h5")
    assert run.newest_checkpoint().name == "mask_rcnn_other_10001.h5"


def test_a_run_without_a_checkpoint_is_passed_over(make, tmp_path):
    run = make(3)
    without = make(name="cells20260201T0930", states=[1])
    assert Run.among(tmp_path, "cells") == [without, run]
    assert Run.newest(tmp_path, "cells") == run
    assert without.newest_checkpoint() is None
    for name in ("fields", ""):
        with pytest.raises(WeightsError, match=f"no checkpoint of a run called {name}"):
            Run.newest(tmp_path, name)


def test_an_epoch_is_over_when_it_has_its_losses(tmp_path):
    run = Run.at(tmp_path)
    assert not run.has_losses(1)
    run.losses.write_text("epoch,loss\n0,1.5\n1,1.25\n")
    assert [run.has_losses(epoch) for epoch in (1, 2, 3, 12)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("keep", "left"),
    [(None, [1, 2, 3, 4, 5, 9]), (1, [2, 5, 9]), (2, [2, 4, 5, 9]), (99, [1, 2, 3, 4, 5, 9])],
)
def test_old_checkpoints_go_but_never_the_best_or_the_last(make, keep, left):
    run = make(1, 2, 3, 4, 5, 9, states=[4, 5, 9])
    run.write_best({"epoch": 2})
    other = Path(run.folder, "mask_rcnn_other_0001.h5")
    other.touch()
    run.prune(5, keep)
    other.unlink()
    assert epochs_of(run) == left
    # The state of an attempt that went further belongs to it.
    assert not run.state(4).exists()
    assert run.state(5).exists() and run.state(9).exists()


@pytest.mark.parametrize("record", ["", "[]", '{"value": 1}', "\udcff"])
def test_a_damaged_record_of_the_best_does_not_end_a_training(make, record):
    run = make(1, 2, 3)
    run.best_record.write_bytes(record.encode(errors="surrogateescape"))
    assert "epoch" not in run.read_best()
    run.prune(3, 1)
    assert epochs_of(run) == [3]


def test_the_record_of_the_best_is_read_as_it_was_written(make):
    run = make()
    assert run.read_best() == {}
    record = {"epoch": 3, "value": 0.5, "figures": {"F1": None}}
    run.write_best(record)
    assert run.read_best() == record == json.loads(run.best_record.read_text())


def test_one_training_at_a_time_and_nothing_of_a_killed_one(tmp_path):
    run = Run.at(tmp_path / "logs" / "cells20260131T0930")
    with run.alone():
        left = Path(run.folder, ".mask_rcnn_cells_0002.12-0123abcd.h5")
        left.touch()
        kept = Path(run.folder, ".config.12-0123abcd.json")
        kept.touch()
        busy = r"cells.*: process \d+ on .* is training in this folder"
        with pytest.raises(TrainingError, match=busy), run.alone():
            pass
        assert left.exists()
    with run.alone():
        assert not left.exists() and kept.exists()
    assert not Path(run.folder, "training.lock").exists()


def test_finding_a_checkpoint_needs_no_keras_and_no_training(make, tmp_path):
    run = make(1, 2)
    program = (
        "import sys\n"
        "from mrcnn.runs.run import Run\n"
        "print(Run.newest(sys.argv[1], 'cells').newest_checkpoint())\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'numpy', 'mrcnn.training'}\n"
        "print(sorted(heavy & {*sys.modules}))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert found.stdout.splitlines() == [str(run.checkpoint(2)), "[]"], found.stderr
