"""One call of training: loaders, checkpoints, logs, and errors that name the image."""

import contextlib
import logging
import secrets
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any

import keras

from mrcnn.data.dataset import Dataset
from mrcnn.data.limits import LimitNotes
from mrcnn.data.loader import BatchLoader, FollowEpochs
from mrcnn.data.objects import require_objects
from mrcnn.errors import MrcnnError, TrainingError
from mrcnn.runs.run import Run
from mrcnn.training.callbacks import (
    FinishEpoch,
    LogToTable,
    ReportProgress,
    RunCallback,
    SaveCheckpoint,
    StopWhenNotFinite,
)
from mrcnn.training.processes import AgreeToStop, AverageStatistics
from mrcnn.training.replicas import Process, agreed, make_equal, this_process
from mrcnn.training.run_state import RunState, Stage, capture, restore
from mrcnn.training.tensorboard_logs import LogToTensorBoard

logger = logging.getLogger(__name__)


def fit(
    model: keras.Model,
    config: Any,
    train_dataset: Dataset,
    val_dataset: Dataset | None,
    *,
    stage: Stage,
    first_epoch: int,
    run: Run,
    save_weights: Callable[[keras.Model, Any], None],
    state: RunState | None = None,
    goes_on: bool = False,
    augmentation: Any = None,
    custom_callbacks: Sequence[keras.callbacks.Callback] | None = None,
    no_augmentation_sources: Collection[str] | None = None,
) -> keras.callbacks.History:
    """Train a compiled model; a checkpoint and a line of logs at the end of each epoch.

    Of several processes that train together each calls this. The first one writes and tells.

    Args:
        model: compiled training model.
        config: STEPS_PER_EPOCH, VALIDATION_STEPS, KEEP_CHECKPOINTS and the settings of the loaders
            are used.
        train_dataset, val_dataset: prepared; the latter may be None.
        stage: the call of `train`, over all its interruptions.
        first_epoch: epochs trained before.
        run: where checkpoints and logs go; its folder is made if need be.
        save_weights: writes a model's weights to a path, in one step.
        state: that of the last of these epochs, if there is one. What the run was killed before is
            done first.
        goes_on: whether the stage goes on from there; else optimizer and random numbers begin anew.
        augmentation, no_augmentation_sources: see `BatchLoader`.
        custom_callbacks: more Keras callbacks. What a `RunCallback` adds to the logs is logged.

    Returns:
        Keras' history of the losses.

    Raises:
        DataError: an image or annotation cannot be used, or no image has an object.
        ConfigError: the data do not go with the configuration.
        TrainingError: a loss is not finite, another process trains in the folder, or one of those
            that train together has ended.
        OutputError: the folder cannot be written to, or the disk is full.
        KeyboardInterrupt: with a message that says what is saved.
    """
    process = this_process()
    with run.alone() if process.writes else contextlib.nullcontext():
        goes_on = goes_on and state is not None and _restored(state, model)
        make_equal([*model.variables, *model.optimizer.variables])
        limits = LimitNotes()
        loader = BatchLoader(
            train_dataset,
            config,
            augmentation,
            seed=state.loader_seed if state is not None and goes_on else _new_seed(config),
            no_augmentation_sources=no_augmentation_sources,
            limits=limits,
            shard=(process.index, process.count),
        )
        require_objects(train_dataset)
        val_loader = _validation_loader(val_dataset, config, loader.seed, limits)
        checkpoints = SaveCheckpoint(
            run,
            save_weights,
            lambda network, epoch, logs: capture(network, stage, epoch, loader.seed, logs),
            config.KEEP_CHECKPOINTS,
        )
        own, others = _entered(
            custom_callbacks or (), run if process.writes else None, save_weights
        )
        shows_bar = process.writes and _can_rewrite_lines()
        try:
            return model.fit(
                loader,
                initial_epoch=first_epoch,
                epochs=stage.epochs,
                validation_data=val_loader,
                callbacks=[
                    FollowEpochs(loader),
                    StopWhenNotFinite(lambda step: _names(train_dataset, loader, step)),
                    *([ReportProgress(loader.steps)] if process.writes and not shows_bar else []),
                    *(
                        [AverageStatistics(), checkpoints]
                        if process.writes
                        else [AverageStatistics()]
                    ),
                    *_at_the_end(own, run, state, process.writes),
                    *others,
                    AgreeToStop(),
                ],
                verbose=(1 if shows_bar else 2) if process.writes else 0,
                # The loader shuffles by its own seed; Keras would do it again without one.
                shuffle=False,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_what_is_saved(checkpoints, first_epoch)) from None
        except Exception as error:
            # Some backends wrap what a loader's thread raised in an error of their own.
            for failed in (loader, val_loader):
                if failed is not None and failed.error is not None:
                    raise failed.error from failed.error.__cause__
            if process.count > 1 and not isinstance(error, MrcnnError):
                raise _left_alone(process, error) from error
            raise
        finally:
            for used in (loader, val_loader):
                if used is not None:
                    used.close()
            # The first image beyond a limit was told at once; now the one that needs most.
            limits.say(least_rise=1.0, stacklevel=3)


def _new_seed(config: Any) -> int:
    """Of a training's batches, the same in all processes."""
    return int(agreed(secrets.randbits(128) if config.SEED is None else config.SEED))


def _validation_loader(
    dataset: Dataset | None, config: Any, seed: int, limits: LimitNotes
) -> BatchLoader | None:
    if dataset is None or not config.VALIDATION_STEPS:
        return None
    return BatchLoader(
        dataset,
        config,
        steps=config.VALIDATION_STEPS,
        shuffle=False,
        seed=seed,
        repeat_epoch=True,
        limits=limits,
        shard=(this_process().index, this_process().count),
    )


def _entered(
    callbacks: Sequence[keras.callbacks.Callback], run: Run | None, save_weights: Callable
) -> tuple[list[RunCallback], list[keras.callbacks.Callback]]:
    """The callbacks that know the run, told of it, and the others."""
    own = [callback for callback in callbacks if isinstance(callback, RunCallback)]
    if run is not None:
        for callback in own:
            callback.enter_run(run, save_weights)
    return own, [callback for callback in callbacks if not isinstance(callback, RunCallback)]


def _at_the_end(
    own: list[RunCallback], run: Run, state: RunState | None, writes: bool
) -> list[keras.callbacks.Callback]:
    """What happens after the checkpoint of an epoch: the run's own callbacks, then the loggers."""
    table = LogToTable(run.losses)
    callbacks = [*own, *([LogToTensorBoard(run.folder), table] if writes else [])]
    if state is None:
        return callbacks
    return [*callbacks, FinishEpoch(state.epoch - 1, state.logs, table, callbacks)]


def _names(dataset: Dataset, loader: BatchLoader, step: int) -> list[str]:
    """The images of a step of the present epoch."""
    return [str(dataset.image_info[image_id]["id"]) for image_id in loader.images_used(step)]


def _can_rewrite_lines() -> bool:
    """Whether a bar of progress can be drawn; a log file would get a line for each step."""
    return "ipykernel" in sys.modules or bool(getattr(sys.stdout, "isatty", lambda: False)())


def _restored(state: RunState, model: keras.Model) -> bool:
    """Give the state to the model; False, and it is said why, if that cannot be done."""
    try:
        restore(state, model)
    except TrainingError as error:
        logger.warning(
            "The training state of epoch %d: %s; momentum begins anew.", state.epoch, error
        )
        return False
    return True


def _left_alone(process: Process, error: Exception) -> TrainingError:
    """Of an error that the engine or the network met, which is mostly that another one is gone."""
    said = str(error).strip().partition("\n")[0]
    return TrainingError(
        f"Process {process.index + 1} of {process.count} cannot go on with the others "
        f"({type(error).__name__}: {said}). If one of them has ended, that one says why. Start all "
        "of them again: a training that loads the last checkpoint (--weights last) goes on from it."
    )


def _what_is_saved(checkpoints: SaveCheckpoint, first_epoch: int) -> str:
    epoch = checkpoints.epoch or first_epoch
    # It may have come right after the next one got its name.
    epoch += checkpoints.run.checkpoint(epoch + 1).exists()
    path = checkpoints.run.checkpoint(epoch)
    if not path.exists():
        return "Training interrupted in its first epoch: nothing is saved yet."
    epochs = "1 epoch is" if epoch == 1 else f"{epoch} epochs are"
    return f"Training interrupted: {epochs} saved in {path}; a training that loads it goes on."
