"""What a training needs beside its weights to go on as if it had never stopped.

It stands beside the newest checkpoint, and is written before it: a checkpoint without its state is
one of an earlier program, never one of a training that was killed.
"""

import io
import json
import logging
import numbers
import random
import zipfile
import zlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np
from keras import ops

from mrcnn.errors import TrainingError
from mrcnn.files import atomic_write

logger = logging.getLogger(__name__)

_FORMAT = 1
_OPTIMIZER = "optimizer"
_SEEDS = "seeds"
_META = "meta"
# Numbers in the state of numpy's global generator.
_NUMPY_STATE_SIZE = 624


@dataclass(frozen=True)
class Stage:
    """One call of `train`, over all its interruptions.

    Attributes:
        first_epoch: epochs that were trained before it.
        epochs: number of its last epoch.
        learning_rate: the highest one; of a schedule of Keras, its description.
        layers: which layers train.
    """

    first_epoch: int
    epochs: int
    learning_rate: float | str
    layers: str

    @classmethod
    def called(cls, first_epoch: int, epochs: int, learning_rate: Any, layers: str) -> "Stage":
        """The stage that a call of `train` begins, from the arguments of the call."""
        if isinstance(learning_rate, numbers.Real):
            rate = float(learning_rate)
        else:
            rate = str(keras.saving.serialize_keras_object(learning_rate))
        return cls(first_epoch, int(epochs), rate, layers)

    def goes_on_as(self, other: "Stage") -> bool:
        """Whether a call that begins after `other.first_epoch` epochs continues this one.

        A stage that reached its end is over, and another rate or other layers begin a new one.
        Another number of epochs in all is the same stage with another end.
        """
        return other.first_epoch < self.epochs and (self.learning_rate, self.layers) == (
            other.learning_rate,
            other.layers,
        )


@dataclass(frozen=True)
class RunState:
    """State at the end of an epoch.

    Attributes:
        epoch: epochs trained.
        stage: the call of `train` that was under way.
        loader_seed: seed of the training batches.
        weights_crc32: of the weights that it belongs to.
        logs: losses of the epoch.
        random_state: of Python's and of numpy's global generators.
        arrays: the optimizer's variables and the states of the network's random generators.
    """

    epoch: int
    stage: Stage
    loader_seed: int
    weights_crc32: int
    logs: dict[str, float] = field(default_factory=dict)
    random_state: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def capture(
    model: keras.Model, stage: Stage, epoch: int, loader_seed: int, logs: dict[str, float]
) -> RunState:
    """The state of a training at the end of an epoch."""
    arrays = {
        key: np.asarray(ops.convert_to_numpy(variable))
        for key, variable in _state_variables(model).items()
    }
    return RunState(
        epoch,
        stage,
        loader_seed,
        weights_checksum(_network(model)),
        {name: float(value) for name, value in logs.items()},
        _random_state(),
        arrays,
    )


def restore(state: RunState, model: keras.Model) -> None:
    """Give a compiled model, and the global generators, a state that was captured.

    Raises:
        TrainingError: it is of another network or optimizer. Nothing is changed then.
    """
    variables = _state_variables(model)
    shapes = {key: tuple(variable.shape) for key, variable in variables.items()}
    stored = {key: array.shape for key, array in state.arrays.items()}
    if shapes != stored:
        different = sorted(
            key for key in shapes.keys() | stored.keys() if shapes.get(key) != stored.get(key)
        )
        raise TrainingError(
            f"it is of another network or optimizer: {len(different)} of its "
            f"{len(stored)} arrays differ, the first is {different[0]}"
        )
    try:
        _set_random_state(state.random_state)
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise TrainingError(f"its random state cannot be used ({error})") from error
    for key, variable in variables.items():
        variable.assign(state.arrays[key].astype(np.dtype(variable.dtype)))


def state_of(path: Path | None, model: keras.Model, epoch: int) -> RunState | None:
    """The stored state that belongs to the weights of a model.

    Where there is none, or one that cannot be used, a warning is logged.

    Args:
        path: where the state should be; None if no checkpoint was loaded, and then there is none.
        model: with the weights that a training goes on from.
        epoch: number of epochs that the weights have.
    """
    if path is None:
        return None
    try:
        state = read_state(path)
        if state.epoch != epoch or state.weights_crc32 != weights_checksum(model):
            raise TrainingError("it belongs to other weights")
    except (FileNotFoundError, TrainingError) as error:
        why = "there is none" if isinstance(error, FileNotFoundError) else error
        logger.warning("%s: %s; momentum and schedule begin anew.", path, why)
        return None
    return state


def take_up(
    stage: Stage, path: Path | None, model: keras.Model
) -> tuple[Stage, RunState | None, bool]:
    """What a call of `train` goes on from.

    Args:
        stage: of the call, as if it began one.
        path, model: see `state_of`.

    Returns:
        the stage, with its true beginning where it goes on; the state of the last epoch before, if
        there is one; whether the stage goes on from there.
    """
    done = stage.first_epoch
    if stage.epochs < done:
        return stage, None, False
    state = state_of(path, model, done)
    if state is None or stage.epochs == done or not state.stage.goes_on_as(stage):
        return stage, state, False
    logger.info("Going on from epoch %d of the training, as if it had not stopped.", done)
    return replace(stage, first_epoch=state.stage.first_epoch), state, True


def weights_checksum(model: keras.Model) -> int:
    """CRC-32 of all weights of a model, in their order."""
    checksum = 0
    for weight in model.weights:
        array = np.ascontiguousarray(ops.convert_to_numpy(weight))
        checksum = zlib.crc32(array.view(np.uint8).reshape(-1).data, checksum)
    return checksum


def write_state(path: Path, state: RunState) -> None:
    """Write a state to a file, in one step.

    Raises:
        OutputError: it cannot be written.
    """
    meta = asdict(replace(state, arrays={}))
    del meta["arrays"]
    text = json.dumps({"format": _FORMAT, **meta}).encode()
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {_META: np.frombuffer(text, np.uint8), **state.arrays}
    np.savez(buffer, **arrays)
    atomic_write(path, buffer.getbuffer())


def read_state(path: Path) -> RunState:
    """Read a state.

    Raises:
        TrainingError: the file is damaged, or of another program.
        FileNotFoundError: there is none.
    """
    try:
        # numpy leaves a file open that it cannot read, unless it was given open.
        with open(path, "rb") as file:
            _check_archive(file)
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        meta = json.loads(arrays.pop(_META).tobytes())
        if meta.pop("format") != _FORMAT:
            raise TrainingError("another version of this program wrote it")
        meta["stage"] = Stage(**meta["stage"])
        state = RunState(arrays=arrays, **meta)
        _check_kinds(state)
        return state
    except (FileNotFoundError, TrainingError):
        raise
    except Exception as error:  # zipfile, numpy and json raise whatever they run into
        raise TrainingError(f"it cannot be read ({error})") from error


def _check_archive(file: IO[bytes]) -> None:
    """Raise if the members of an archive are together larger than it is; numpy packs nothing."""
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > file.seek(0, io.SEEK_END):
        raise TrainingError("it is packed, which no state is")
    file.seek(0)


def _check_kinds(state: RunState) -> None:
    stage = state.stage
    counts = (state.epoch, state.loader_seed, state.weights_crc32, stage.first_epoch, stage.epochs)
    if not (
        all(isinstance(count, int) for count in counts)
        and all(isinstance(value, int | float) for value in state.logs.values())
        and isinstance(stage.learning_rate, int | float | str)
        and isinstance(stage.layers, str)
        and all(array.dtype.kind in "biuf" for array in state.arrays.values())
    ):
        raise TrainingError("it is damaged")


def _state_variables(model: keras.Model) -> dict[str, Any]:
    """Variables that change in training and are no weights, by their order.

    Keras numbers the names of models and optimizers through a process, so names tell nothing.
    """
    found = {
        f"{_OPTIMIZER}/{number:04d}": variable
        for number, variable in enumerate(model.optimizer.variables)
    }
    network = _network(model)
    others = {id(variable) for variable in (*network.weights, *network.metrics_variables)}
    seeds = [variable for variable in network.variables if id(variable) not in others]
    for number, variable in enumerate(seeds):
        found[f"{_SEEDS}/{number:04d}"] = variable
    return found


def _network(model: keras.Model) -> keras.Model:
    """The model that holds the layers: the one inside of a `ParallelModel`."""
    return getattr(model, "inner_model", model)


def _random_state() -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    legacy: Any = np.random.get_state()
    name, keys, position, has_gauss, cached = legacy
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, keys.tolist(), position, has_gauss, cached],
    }


def _set_random_state(stored: dict[str, Any]) -> None:
    version, numbers, gauss = stored["python"]
    name, keys, position, has_gauss, cached = stored["numpy"]
    before = random.getstate()
    try:
        random.setstate((version, tuple(numbers), gauss))
        # numpy takes any place and reads there.
        if not 0 <= position <= len(keys) == _NUMPY_STATE_SIZE:
            raise ValueError(f"place {position} of {len(keys)}")
        np.random.set_state((name, np.array(keys, np.uint32), position, has_gauss, cached))
    except Exception:
        random.setstate(before)
        raise
