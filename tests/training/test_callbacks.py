"""The table of losses, and callbacks that have figures to log."""

import csv

import keras
import pytest

from mrcnn.training.callbacks import LogToTable, ReportProgress


def write(path, *epochs, number=0):
    """One call of training with these logs."""
    table = LogToTable(path)
    table.on_train_begin()
    for epoch, logs in enumerate(epochs, start=number):
        table.on_epoch_end(epoch, logs)


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_line_for_each_epoch_and_a_column_when_a_figure_appears(tmp_path):
    path = tmp_path / "losses.csv"
    write(path, {"val_loss": 2.0, "loss": 0.1}, {"loss": float("nan"), "F1": 1e-9}, {})
    assert rows(path) == [
        ["epoch", "loss", "val_loss", "F1"],
        ["0", "0.1", "2.0", ""],
        ["1", "nan", "", "1e-09"],
        ["2", "", "", ""],
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["losses.csv"]


def test_a_run_that_goes_on_keeps_its_lines(tmp_path):
    path = tmp_path / "losses.csv"
    # As Keras' own logger leaves it; the last line was cut off.
    logger = keras.callbacks.CSVLogger(str(path), append=True)
    logger.on_train_begin()
    logger.on_epoch_end(0, {"loss": 4.0, "note": 'a, "b"'})
    logger.on_train_end()
    with open(path, "a") as file:
        file.write("1,3.5")
    write(path, {"loss": 3.0, "val_F1": 0.5}, number=2)
    write(path, {"val_F1": 0.6}, number=3)
    header, *lines = rows(path)
    assert header == ["epoch", "loss", "note", "val_loss", "val_note", "val_F1"]
    assert lines == [
        ["0", "4.0", 'a, "b"', "NA", "NA", ""],
        ["1", "3.5", "", "", "", ""],
        ["2", "3.0", "", "", "", "0.5"],
        ["3", "", "", "", "", "0.6"],
    ]


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file_is_started_anew(tmp_path, content):
    path = tmp_path / "losses.csv"
    path.write_text(content)
    write(path, {"loss": 1.0})
    assert rows(path) == [["epoch", "loss"], ["0", "1.0"]]


def test_progress_within_an_epoch_is_told_now_and_then(capsys, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("mrcnn.training.callbacks.time.monotonic", lambda: clock[0])
    report = ReportProgress(steps=40)
    for epoch in range(2):
        report.on_epoch_begin(epoch)
        for batch in range(40):
            clock[0] += 8.0
            report.on_train_batch_end(batch, {"loss": 2.5 - batch / 40})
    lines = capsys.readouterr().out.splitlines()
    # Every fourth step takes it beyond 30 seconds; the last one has a line of Keras.
    assert len(lines) == 2 * 9
    assert lines[0] == "Epoch 1: step 4 of 40, loss 2.4250, about 5 min left of the epoch"
    assert lines[-1] == "Epoch 2: step 36 of 40, loss 1.6250, about 1 min left of the epoch"
