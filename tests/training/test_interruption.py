"""Trainings that are stopped, killed, or run out of disk, and those that go on from there."""

import functools
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from mrcnn.data.augmentation import Augmentation
from mrcnn.errors import OutputError, TrainingError
from mrcnn.model import MaskRCNN
from mrcnn.runs.run import Run
from mrcnn.training.callbacks import RunCallback
from mrcnn.training.run_state import read_state, write_state
from tests.validation_runs import SMALL_NETWORK

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture
def small_config(tiny_config):
    """A network that takes a step, and is built and saved, in a fraction of a second."""
    return functools.partial(tiny_config, **SMALL_NETWORK, STEPS_PER_EPOCH=1)


def test_a_training_that_stopped_goes_on_as_if_it_had_not(small_config, disks, tmp_path, caplog):
    dataset = disks([(60, 60, 20), (30, 90, 12)], [(100, 30, 9)], [(64, 64, 30)])
    config = small_config(LEARNING_RATE_SCHEDULE="cosine", WARMUP_STEPS=1, TRAIN_BN=True)

    def trained(folder, stop_after=None):
        class Stop(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = epoch + 1 == stop_after

        model = MaskRCNN("training", config, folder)
        if folder.exists():
            # As most programs load weights.
            model.load_weights(model.find_last(), by_name=True)
        model.train(dataset, dataset, 0.02, 4, "all", Augmentation(), custom_callbacks=[Stop()])
        values = [keras.ops.convert_to_numpy(weight) for weight in model.keras_model.weights]
        return values, Path(model.log_dir)

    whole, whole_run = trained(tmp_path / "whole")
    _, stopped_run = trained(tmp_path / "stopped", stop_after=2)
    caplog.set_level("INFO", "mrcnn")
    resumed, resumed_run = trained(tmp_path / "stopped")
    assert "as if it had not stopped" in caplog.text
    assert resumed_run == stopped_run
    for value, expected in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(value, expected)
    losses = [(run / "losses.csv").read_text() for run in (whole_run, resumed_run)]
    assert losses[0] == losses[1]
    states = sorted(path.name for path in resumed_run.glob("*.npz"))
    assert states == ["training_state_0004.npz"]


class Note(RunCallback):
    """The epochs at whose end it was called."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)


def test_what_was_left_of_a_killed_epoch_is_done_first(small_config, disks, tmp_path):
    dataset = disks([(60, 60, 20)])
    model = MaskRCNN("training", small_config(), tmp_path)
    model.train(dataset, dataset, 0.01, epochs=2, layers="heads")
    table = Path(model.log_dir, "losses.csv")
    lines = table.read_text().splitlines()
    resumed = MaskRCNN("training", small_config(), tmp_path)
    note = Note()

    def go_on(epochs):
        # As after a kill between the checkpoint and the table.
        table.write_text("\n".join(lines[:-1]) + "\n")
        resumed.load_weights(resumed.find_last())
        resumed.train(dataset, dataset, 0.01, epochs, "heads", custom_callbacks=[note])

    # In the last epoch of the training.
    go_on(epochs=2)
    assert (table.read_text().splitlines(), note.epochs, resumed.epoch) == (lines, [1], 2)
    resumed.train(dataset, dataset, 0.01, 2, "heads", custom_callbacks=[note])
    assert note.epochs == [1]

    # Within a training of three.
    path = Run.at(model.log_dir).state(2)
    state = read_state(path)
    write_state(path, replace(state, stage=replace(state.stage, epochs=3)))
    go_on(epochs=3)
    assert table.read_text().splitlines()[:3] == lines
    assert [line.split(",")[0] for line in table.read_text().splitlines()] == [
        "epoch", "0", "1", "2",
    ]  # fmt: skip
    assert note.epochs == [1, 1, 2]


def test_a_checkpoint_in_another_folder_begins_a_table_of_its_own(small_config, disks, tmp_path):
    dataset, note = disks([(60, 60, 20)]), Note()
    model = MaskRCNN("training", small_config(), tmp_path / "first")
    model.train(dataset, None, 0.01, epochs=2, layers="heads")
    other = MaskRCNN("training", small_config(), tmp_path / "second")
    other.load_weights(model.find_last())
    other.train(dataset, None, 0.01, 3, "heads", custom_callbacks=[note])
    assert note.epochs == [2]
    lines = Path(other.log_dir, "losses.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "2"]


def test_control_c_says_what_is_saved(small_config, disks, tmp_path, monkeypatch):
    dataset = disks([(60, 60, 20)])

    class Press(keras.callbacks.Callback):
        epoch = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

        def on_train_batch_end(self, batch, logs=None):
            if self.epoch == wanted:
                raise KeyboardInterrupt

    model = MaskRCNN("training", small_config(), tmp_path)
    wanted = 0
    with pytest.raises(KeyboardInterrupt, match="in its first epoch: nothing is saved yet"):
        model.train(dataset, None, 0.01, 3, "heads", custom_callbacks=[Press()])
    wanted = 1
    with pytest.raises(
        KeyboardInterrupt, match=r"1 epoch is saved in .*mask_rcnn_tiny_0001\.h5; a"
    ):
        model.train(dataset, None, 0.01, 3, "heads", custom_callbacks=[Press()])
    assert [path.name for path in Path(model.log_dir).glob("*.h5")] == ["mask_rcnn_tiny_0001.h5"]

    def press_when_it_has_its_name(folder):
        if Path(folder, "mask_rcnn_tiny_0002.h5").exists():
            raise KeyboardInterrupt

    monkeypatch.setattr("mrcnn.files._flush_folder", press_when_it_has_its_name)
    with pytest.raises(KeyboardInterrupt, match=r"2 epochs are saved in .*mask_rcnn_tiny_0002\.h5"):
        model.train(dataset, None, 0.01, 3, "heads")


def test_two_processes_do_not_train_in_one_folder(small_config, disks, tmp_path):
    dataset = disks([(60, 60, 20)])
    model, other = (MaskRCNN("training", small_config(), tmp_path) for _ in "12")
    other.log_dir, other.checkpoint_path = model.log_dir, model.checkpoint_path

    class TrainInTheSameFolder(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            with pytest.raises(TrainingError, match=r"process \d+ on .* is training in this fold"):
                other.train(dataset, None, 0.01, 1, "heads")

    model.train(dataset, None, 0.01, 1, "heads", custom_callbacks=[TrainInTheSameFolder()])
    assert model.epoch == 1
    assert not Path(model.log_dir, "training.lock").exists()


def test_a_full_disk_ends_a_training_with_what_was_saved(small_config, disks, tmp_path, small_disk):
    dataset = disks([(60, 60, 20)])
    size = tmp_path / "size.h5"
    config = small_config()
    model = MaskRCNN("training", config, tmp_path)
    model.save_weights(size)
    # Room for one epoch with its state, and for the state of the next.
    disk = small_disk(kilobytes=int(3.4 * size.stat().st_size / 1024))
    model = MaskRCNN("training", config, disk)
    with pytest.raises(OutputError, match=r"000[23]\.(h5|npz): cannot be written \(No space left"):
        model.train(dataset, None, 0.01, epochs=3, layers="all")
    found = MaskRCNN("training", config, disk)
    found.load_weights(found.find_last())
    assert found.epoch >= 1
    assert not [path for path in Path(model.log_dir).iterdir() if path.name.startswith(".")]


def test_a_folder_that_cannot_be_written_is_said_before_the_training(small_config, disks, tmp_path):
    (tmp_path / "logs").write_text("a file")
    model = MaskRCNN("training", small_config(), tmp_path / "logs")
    with pytest.raises(OutputError, match=r"logs.*: cannot write there"):
        model.train(disks([(60, 60, 20)]), None, 0.01, epochs=1, layers="heads")
