"""One call of training: loaders, checkpoints, logs, and errors that name the image."""

import os
from collections.abc import Callable, Collection, Sequence
from typing import Any

import keras

from mrcnn.data.dataset import Dataset
from mrcnn.data.loader import BatchLoader, FollowEpochs
from mrcnn.training.callbacks import (
    LogToTable,
    RunCallback,
    SaveCheckpoint,
    StopWhenNotFinite,
)


def fit(
    model: keras.Model,
    config: Any,
    train_dataset: Dataset,
    val_dataset: Dataset | None,
    *,
    first_epoch: int,
    epochs: int,
    log_dir: str,
    checkpoint_path: str,
    save_weights: Callable[[keras.Model, Any], None],
    augmentation: Any = None,
    custom_callbacks: Sequence[keras.callbacks.Callback] | None = None,
    no_augmentation_sources: Collection[str] | None = None,
) -> keras.callbacks.History:
    """Train a compiled model; a checkpoint and a line of logs at the end of each epoch.

    Args:
        model: compiled training model.
        config: STEPS_PER_EPOCH, VALIDATION_STEPS and the settings of the loaders are used.
        train_dataset, val_dataset: prepared; the latter may be None.
        first_epoch: epochs trained before.
        epochs: number of epochs after this call.
        log_dir: folder for TensorBoard logs and `losses.csv`; it is made if need be.
        checkpoint_path: with `{epoch:04d}` for the number of epochs.
        save_weights: writes a model's weights to a path, in one step.
        augmentation, no_augmentation_sources: see `BatchLoader`.
        custom_callbacks: more Keras callbacks. What a `RunCallback` adds to the logs is logged.

    Returns:
        Keras' history of the losses.

    Raises:
        DataError: an image or annotation cannot be used.
        ConfigError: the data do not go with the configuration.
        TrainingError: a loss is not finite.
    """
    train_loader = BatchLoader(
        train_dataset, config, augmentation, no_augmentation_sources=no_augmentation_sources
    )
    val_loader = None
    if val_dataset is not None and config.VALIDATION_STEPS:
        val_loader = BatchLoader(
            val_dataset, config, steps=config.VALIDATION_STEPS, shuffle=False, repeat_epoch=True
        )
    os.makedirs(log_dir, exist_ok=True)
    first, last = [], []
    for callback in custom_callbacks or ():
        if isinstance(callback, RunCallback):
            callback.enter_run(log_dir, save_weights)
            first.append(callback)
        else:
            last.append(callback)
    callbacks = [
        FollowEpochs(train_loader),
        StopWhenNotFinite(
            lambda step: [
                str(train_dataset.image_info[image_id]["id"])
                for image_id in train_loader.image_ids_of(step)
            ]
        ),
        SaveCheckpoint(lambda epoch: checkpoint_path.format(epoch=epoch), save_weights),
        # What these add to the logs of an epoch is to be logged.
        *first,
        keras.callbacks.TensorBoard(log_dir=log_dir, write_graph=False),
        LogToTable(os.path.join(log_dir, "losses.csv")),
        *last,
    ]
    try:
        return model.fit(
            train_loader,
            initial_epoch=first_epoch,
            epochs=epochs,
            validation_data=val_loader,
            callbacks=callbacks,
            # The loader shuffles by its own seed; Keras would do it again without one.
            shuffle=False,
        )
    except Exception:
        # Some backends wrap what a loader's thread raised in an error of their own.
        for loader in (train_loader, val_loader):
            if loader is not None and loader.error is not None:
                raise loader.error from None
        raise
