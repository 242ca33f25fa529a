"""What a training goes on from, apart from its weights."""

import json
import random
from dataclasses import replace

import keras
import numpy as np
import pytest

from mrcnn.errors import TrainingError
from mrcnn.training.optimizer import RegularizedSGD
from mrcnn.training.run_state import (
    RunState,
    Stage,
    capture,
    read_state,
    restore,
    state_of,
    weights_checksum,
    write_state,
)

STAGE = Stage(first_epoch=2, epochs=10, learning_rate=0.01, layers="all")
SEED_OF_128_BITS = 2**127 + 3


def network(units=3):
    """A model with a random generator and an optimizer that has taken a step."""
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(units, name="first"),
            keras.layers.Dropout(0.5, seed=9),
            keras.layers.Dense(1, name="second"),
        ]
    )
    model.compile(RegularizedSGD(0.1, 0.9), "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


def train(model, steps):
    for step in range(steps):
        generator = np.random.default_rng(step)
        model.train_on_batch(generator.random((4, 2)), generator.random((4, 1)))
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def test_a_model_goes_on_as_if_it_had_not_stopped(tmp_path):
    expected = train(network(), 6)

    model = network()
    train(model, 3)
    random.seed(5)
    np.random.seed(6)
    path = tmp_path / "state.npz"
    logs = {"loss": np.float32(0.1), "val_loss": float("nan")}
    write_state(path, capture(model, STAGE, 4, SEED_OF_128_BITS, logs))
    drawn = random.random(), np.random.random()
    weights = model.get_weights()

    random.seed(0)
    np.random.seed(0)
    other = network()
    train(other, 1)
    other.set_weights(weights)
    state = read_state(path)
    assert (state.epoch, state.stage, state.loader_seed) == (4, STAGE, SEED_OF_128_BITS)
    assert state.logs["loss"] == np.float32(0.1) and np.isnan(state.logs["val_loss"])
    restore(state, other)
    assert (random.random(), np.random.random()) == drawn
    for step in range(3, 6):
        generator = np.random.default_rng(step)
        other.train_on_batch(generator.random((4, 2)), generator.random((4, 1)))
    for weight, value in zip(other.weights, expected, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(weight), value)


def test_a_state_of_another_network_changes_nothing():
    state = capture(network(units=4), STAGE, 4, 1, {})
    model = network()
    train(model, 2)
    before = [keras.ops.convert_to_numpy(variable) for variable in model.optimizer.variables]
    with pytest.raises(TrainingError, match=r"another network or optimizer: \d of its \d+ arrays"):
        restore(state, model)
    for variable, value in zip(model.optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


@pytest.mark.parametrize(
    ("change", "goes_on"),
    [
        ({}, True),
        ({"epochs": 20}, True),
        ({"first_epoch": 10, "epochs": 20}, False),
        ({"learning_rate": 0.001}, False),
        ({"layers": "heads"}, False),
    ],
    ids=["the same", "another end", "it had ended", "rate", "layers"],
)
def test_which_call_continues_a_stage(change, goes_on):
    assert STAGE.goes_on_as(replace(STAGE, **{"first_epoch": 5, **change})) == goes_on


def test_a_stage_is_known_by_the_arguments_of_the_call(tmp_path):
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 9)
    for rate in (0.1, np.float32(0.1), np.float64(0.1), 1, schedule):
        stage = Stage.called(0, np.int64(10), rate, "all")
        path = tmp_path / "state.npz"
        write_state(path, RunState(2, stage, 1, 0))
        stored = read_state(path).stage
        assert stored == stage and stored.goes_on_as(Stage.called(2, 10, rate, "all"))
    other = keras.optimizers.schedules.CosineDecay(0.2, 9)
    assert not stage.goes_on_as(Stage.called(2, 10, other, "all"))


def test_where_there_is_no_state_it_is_said(tmp_path, caplog):
    assert state_of(None, network(), 0) is None
    assert caplog.messages == []
    assert state_of(tmp_path / "state.npz", network(), 5) is None
    (record,) = caplog.records
    assert "state.npz: there is none; momentum and schedule" in record.message
    # A program that set nothing up for it sees it as well.
    assert record.levelname == "WARNING"


def test_a_state_of_other_weights_is_not_used(tmp_path, caplog):
    model = network()
    path = tmp_path / "state.npz"
    write_state(path, capture(model, STAGE, 5, 1, {}))
    assert state_of(path, model, 5).stage == STAGE
    assert state_of(path, model, 4) is None
    checksum = weights_checksum(model)
    model.layers[-1].bias.assign([0.5])
    assert weights_checksum(model) != checksum
    assert state_of(path, model, 5) is None
    assert caplog.text.count("state.npz: it belongs to other weights; momentum and schedule") == 2


def rewritten(path, changes, arrays=None, write=np.savez):
    """Change what a state tells of itself."""
    with np.load(path) as stored:
        content = {name: stored[name] for name in stored.files}
    meta = json.loads(content.pop("meta").tobytes())
    meta.update(changes)
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    write(path, meta=text, **content, **(arrays or {}))


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": "5"},
        {"loader_seed": None},
        {"logs": {"loss": "low"}},
        {"stage": {"first_epoch": 2, "epochs": "10", "learning_rate": 0.01, "layers": "all"}},
        {"stage": {"first_epoch": 2, "epochs": 10, "learning_rate": [], "layers": "all"}},
        {"stage": {"first_epoch": 2, "epochs": 10, "learning_rate": 0.01, "layers": 5}},
    ],
    ids=str,
)
def test_values_of_other_kinds_are_refused(tmp_path, changes):
    path = tmp_path / "state.npz"
    write_state(path, capture(network(), STAGE, 5, 1, {}))
    rewritten(path, {})
    assert read_state(path).epoch == 5
    rewritten(path, changes)
    with pytest.raises(TrainingError, match="it is damaged"):
        read_state(path)


def test_what_unpacks_to_more_than_the_file_is_refused(tmp_path):
    path = tmp_path / "state.npz"
    write_state(path, capture(network(), STAGE, 5, 1, {}))
    rewritten(path, {}, {"zeros": np.zeros(1_000_000)}, np.savez_compressed)
    with pytest.raises(TrainingError, match="it is packed"):
        read_state(path)


@pytest.mark.parametrize(
    "numpy_state",
    [
        ["MT19937", [1] * 624, 100_000_000, 0, 0.0],
        ["MT19937", [1] * 624, -1, 0, 0.0],
        ["MT19937", [1] * 5, 0, 0, 0.0],
        ["MT19937", [2**70] * 624, 0, 0, 0.0],
        ["other", [1] * 624, 0, 0, 0.0],
        5,
    ],
    ids=["beyond", "before", "short", "large", "other", "none"],
)
def test_random_states_that_numpy_would_not_survive(numpy_state):
    model = network()
    state = capture(model, STAGE, 5, 1, {})
    before = random.getstate(), np.random.get_state()[1].tolist()
    stored = {**state.random_state, "numpy": numpy_state}
    with pytest.raises(TrainingError, match="its random state cannot be used"):
        restore(replace(state, random_state=stored), model)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "pickle", "meta"])
def test_a_damaged_state_is_said_and_not_used(tmp_path, caplog, damage):
    model = network()
    path = tmp_path / "state.npz"
    write_state(path, capture(model, STAGE, 5, 1, {}))
    content = path.read_bytes()
    if damage == "pickle":
        np.savez(path, meta=np.array([{"format": 1}], dtype=object))
    elif damage == "meta":
        np.savez(path, meta=np.frombuffer(b'{"format": 1, "epoch": 5}', np.uint8))
    else:
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "text": b"no"}[damage])
    with pytest.raises(TrainingError, match="it cannot be read"):
        read_state(path)
    assert state_of(path, model, 5) is None
    assert "cannot be read" in caplog.text
