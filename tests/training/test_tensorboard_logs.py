"""What a reader of TensorBoard's files finds: the same as of Keras' own callback."""

import sys

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mrcnn.errors import OutputError
from mrcnn.training.tensorboard_logs import LogToTensorBoard


def train(callback, validation=True):
    """Two calls of `fit`, of two epochs each."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    rate = keras.optimizers.schedules.CosineDecay(0.1, 20)
    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])
    images, truth = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    for number in range(2):
        model.fit(
            images, truth,
            validation_data=(images, truth) if validation else None,
            initial_epoch=2 * number, epochs=2 * number + 2,
            batch_size=2, shuffle=False, verbose=0, callbacks=[callback],
        )  # fmt: skip


def scalars(folder):
    """`{tag: [(step, value), ...]}` of the files in a folder."""
    events = EventAccumulator(str(folder))
    events.Reload()
    found = {}
    for tag in events.Tags()["tensors"]:
        assert events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
        protos = [(event.step, event.tensor_proto) for event in events.Tensors(tag)]
        assert all(not proto.tensor_shape.dim for _, proto in protos)
        found[tag] = [(step, scalar_of(proto)) for step, proto in protos]
    return found


def scalar_of(proto):
    if proto.float_val:
        return float(np.float32(proto.float_val[0]))
    return float(np.frombuffer(proto.tensor_content, np.float32)[0])


def test_a_reader_finds_what_keras_writes(tmp_path):
    pytest.importorskip("tensorflow")
    train(keras.callbacks.TensorBoard(str(tmp_path / "keras"), write_graph=False))
    train(LogToTensorBoard(tmp_path / "ours"))
    for name in ("train", "validation"):
        found, expected = (scalars(tmp_path / by / name) for by in ("ours", "keras"))
        assert list(found) == list(expected)
        for tag in expected:
            np.testing.assert_array_equal(found[tag], expected[tag])
    steps = [step for step, _ in scalars(tmp_path / "ours" / "train")["epoch_learning_rate"]]
    assert steps == [0, 1, 2, 3]


def test_without_validation_there_is_no_folder_for_it(tmp_path):
    train(LogToTensorBoard(tmp_path), validation=False)
    assert set(scalars(tmp_path / "train")) == {"epoch_loss", "epoch_mae", "epoch_learning_rate"}
    assert not (tmp_path / "validation").exists()
    # What an epoch without figures has to say.
    callback = LogToTensorBoard(tmp_path / "nothing")
    callback.on_epoch_end(0, {})
    assert not (tmp_path / "nothing").exists()


def test_a_killed_training_has_its_epochs_and_no_number_is_left_out(tmp_path):
    callback = LogToTensorBoard(tmp_path)
    callback.set_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    callback.model.compile(keras.optimizers.SGD(0.5))
    callback.on_epoch_end(7, {"loss": float("nan"), "val_loss": float("inf")})
    found = scalars(tmp_path / "train") | {"val": scalars(tmp_path / "validation")["epoch_loss"]}
    np.testing.assert_array_equal(found["epoch_loss"], [(7, np.nan)])
    assert (found["epoch_learning_rate"], found["val"]) == ([(7, 0.5)], [(7, np.inf)])


def test_a_folder_that_cannot_be_made_is_an_error_for_the_reader(tmp_path):
    (tmp_path / "train").touch()
    with pytest.raises(OutputError, match=r"tfevents.*: cannot be written \(File exists"):
        train(LogToTensorBoard(tmp_path))


def test_without_tensorboard_its_logs_are_left_out_which_is_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    train(LogToTensorBoard(tmp_path))
    (record,) = (record for record in caplog.records if record.name.startswith("mrcnn"))
    assert record.levelname == "WARNING" and "tensorboard is not installed" in record.message
    assert list(tmp_path.iterdir()) == []
