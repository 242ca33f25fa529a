"""Batches for training, prepared by threads while the network computes."""

import atexit
import os
import queue
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError, Future
from typing import Any

import keras
import numpy as np

from mrcnn.data.batches import BatchMaker
from mrcnn.data.class_sampling import RepeatedOrder, repeat_factors
from mrcnn.data.dataset import Dataset
from mrcnn.data.limits import LimitNotes
from mrcnn.data.shares import SharedOrder
from mrcnn.errors import ConfigError

# How long the end of the program waits for the batches in the making, in seconds.
_PATIENCE = 3.0


class _Tasks:
    """Calls that wait for one of the threads that serve them.

    concurrent.futures has an executor for it, but that makes everything that waits before it lets
    the program end, and waits for ever for a call that does not return.

    Args:
        threads: number of threads to start.
    """

    def __init__(self, threads: int) -> None:
        # A garbage collection may close the tasks at any point of any thread, so nothing here may
        # hold a lock: this kind of queue can be put into from anywhere.
        self._waiting: queue.SimpleQueue = queue.SimpleQueue()
        self._closed = False
        for number in range(threads):
            _Worker(self, f"batch-loader_{number}").start()

    def submit(self, function: Callable, *arguments: Any) -> Future:
        """The result to be of a call; it is cancelled if the tasks are closed."""
        future: Future = Future()
        self._waiting.put((future, function, arguments))
        if self._closed:
            self.close()
        return future

    def close(self) -> None:
        """Drop what waits; the threads end when they have finished what they are at."""
        self._closed = True
        try:
            while True:
                task = self._waiting.get_nowait()
                if task is not None:
                    task[0].cancel()
        except queue.Empty:
            self._waiting.put(None)

    def work(self) -> None:
        """Serve tasks until they are closed."""
        while (task := self._waiting.get()) is not None:
            _carry_out(*task)
            # A thread that waits keeps nothing alive.
            del task
        # For the next thread.
        self._waiting.put(None)


def _carry_out(future: Future, function: Callable, arguments: tuple) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function(*arguments)
    except BaseException as error:  # SystemExit too: who waits for the result is to know.
        future.set_exception(error)
        # The error knows this frame, which knows the future, which knows the error.
        del future
    else:
        future.set_result(result)


class _Worker(threading.Thread):
    """Daemon, as Python waits for other threads before it tells anyone that the program ends."""

    def __init__(self, tasks: _Tasks, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.tasks = tasks
        _workers.add(self)

    def run(self) -> None:
        self.tasks.work()


_workers: "weakref.WeakSet[_Worker]" = weakref.WeakSet()


@atexit.register
def _end_workers() -> None:
    """Let no thread run while the interpreter is taken down."""
    workers = [worker for worker in list(_workers) if worker.is_alive()]
    for worker in workers:
        worker.tasks.close()
    deadline = time.monotonic() + _PATIENCE
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))


def _order_of(
    dataset: Dataset, config: Any, generator: Callable[..., np.random.Generator]
) -> SharedOrder | RepeatedOrder | None:
    """What draws images otherwise than all equally often."""
    threshold = config.CLASS_SAMPLING
    factors = None if threshold is None else repeat_factors(dataset, threshold)
    if dataset.shares:
        return SharedOrder(dataset, generator, factors)
    if factors is None:
        return None
    return RepeatedOrder(np.asarray(dataset.image_ids), factors, generator)


class FollowEpochs(keras.callbacks.Callback):
    """Tells a loader which epoch `fit` is in, so that a continued run gets the batches due.

    Args:
        loader: the training loader that `fit` is given.
    """

    def __init__(self, loader: "BatchLoader") -> None:
        super().__init__()
        self.loader = loader

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Called by Keras before the epoch's first batch is asked for."""
        self.loader.epoch = epoch


class BatchLoader(keras.utils.PyDataset):
    """The training batches of a dataset.

    A batch is `(inputs,)`; inputs are the arrays of `BatchMaker`: seven, and with USE_RPN_ROIS
    False an eighth with POST_NMS_ROIS_TRAINING random regions.

    Batch i of epoch e depends on the seed, e and i alone, not on the threads or on what was loaded
    before. All images are used equally often: each pass through them is a new shuffle, and passes
    go on across epochs. With `Dataset.shares` the sources have their shares, and the images of each
    source are used equally often; with CLASS_SAMPLING those with rare classes more often. Give
    `fit` shuffle=False, or it asks for the batches in another order.

    The threads are the loader's own: they prepare the batches that come next in the epoch. (The
    queue of Keras hands batches that are left over from one epoch to the next.) They end with the
    loader, or when it is closed. Where the program ends before, by an error or Ctrl-C say, batches
    that were not begun are dropped, and those in the making have 3 seconds to be finished.

    Args:
        dataset: prepared dataset.
        config: `BATCH_SIZE`, `LOADER_WORKERS`, `LOADER_CACHE_MB`, `SEED` and the settings of
            images, anchors and masks are used, and CLASS_SAMPLING where images are shuffled.
        augmentation: random variation of the images, see `load_training_item`; None for none.
        steps: batches an epoch; `STEPS_PER_EPOCH` by default.
        shuffle: whether each pass has an order of its own.
        seed: whole number of at least 0; `SEED` by default, and a new one if that is None.
        repeat_epoch: all epochs are the same, as validation wants it.
        no_augmentation_sources: sources whose images are not augmented.
        threads: that prepare batches ahead; by default `LOADER_WORKERS` for each device that this
            process feeds, at most one a processor. 0: batches are made when they are asked for.
        limits: see `BatchMaker`.
        shard: (index, count): make part `index` of the `count` equal parts of each batch alone, as
            one of several processes that train together. What the images of all parts are, each of
            them knows without asking.

    Attributes:
        epoch: number of the epoch, counted from 0, whose batches are given next. It rises at the
            end of each epoch, and may be set; `FollowEpochs` sets it to the epoch of `fit`.
        seed: the seed in use.
        error: what went wrong with a batch, for callers that get it from a backend in disguise.
            Not only an Exception: `load_image` may have called `sys.exit`.

    Raises:
        DataError, ConfigError: see `BatchMaker`.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Any,
        augmentation: Any = None,
        *,
        steps: int | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        repeat_epoch: bool = False,
        no_augmentation_sources: Collection[str] | None = None,
        threads: int | None = None,
        limits: LimitNotes | None = None,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._maker = BatchMaker(
            dataset,
            config,
            augmentation,
            no_augmentation_sources=no_augmentation_sources,
            regions=0 if config.USE_RPN_ROIS else config.POST_NMS_ROIS_TRAINING,
            limits=limits,
        )
        self.batch_size = int(config.BATCH_SIZE)
        self._slots = _slots(self.batch_size, *shard)
        self.steps = int(config.STEPS_PER_EPOCH if steps is None else steps)
        self.shuffle = shuffle
        seed = config.SEED if seed is None else seed
        self.seed = secrets.randbits(128) if seed is None else int(seed)
        self.repeat_epoch = repeat_epoch
        self.epoch = 0
        self._image_ids = np.asarray(dataset.image_ids)
        self._latest_order = (-1, self._image_ids)
        self._order = _order_of(dataset, config, self._generator) if shuffle else None
        self._lock = threading.Lock()
        self.error: BaseException | None = None
        self._threads = _threads(config, shard[1]) if threads is None else threads
        self._tasks = _Tasks(self._threads) if self._threads > 0 else None
        if self._tasks is not None:
            weakref.finalize(self, self._tasks.close).atexit = False
        self._ahead: dict[tuple[int, int], Future] = {}

    def __len__(self) -> int:
        return self.steps

    def on_epoch_end(self) -> None:
        """Called by Keras: go on to the next epoch."""
        self.epoch += 1
        self._forget(set())

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, ...]]:
        """Batch `index` of the current epoch.

        Raises:
            DataError: an image or its annotation cannot be used.
        """
        if not 0 <= index < self.steps:
            raise IndexError(f"Batch {index} of {self.steps} in an epoch.")
        epoch = 0 if self.repeat_epoch else self.epoch
        tasks = self._tasks
        try:
            if tasks is None:
                return self._make_batch(epoch, index)
            try:
                return self._take(tasks, epoch, index).result()
            except CancelledError:
                if self._tasks is not None:
                    raise
                # Closed by another thread in this moment.
                return self._make_batch(epoch, index)
        except BaseException as error:
            self.error = error
            raise

    def close(self) -> None:
        """End the threads and forget the images that are kept in memory.

        Not left to the end of the loader: TensorFlow keeps what `fit` was given for good. Batches
        can still be asked for; they are made when they are.
        """
        tasks, self._tasks = self._tasks, None
        if tasks is not None:
            tasks.close()
        self._forget(set())
        self._maker.forget_images()

    def _take(self, tasks: _Tasks, epoch: int, index: int) -> Future:
        """The batch asked for, and the next ones in the making."""
        end = min(index + 1 + self._threads + 1, self.steps)
        wanted = [(epoch, number) for number in range(index, end)]
        self._forget(set(wanted))
        with self._lock:
            for key in wanted:
                if key not in self._ahead:
                    self._ahead[key] = tasks.submit(self._make_batch, *key)
            return self._ahead.pop((epoch, index))

    def _forget(self, keep: set[tuple[int, int]]) -> None:
        """Drop what was prepared but is not asked for any more."""
        with self._lock:
            for key in [key for key in self._ahead if key not in keep]:
                self._ahead.pop(key).cancel()

    def image_ids_of(self, index: int, epoch: int | None = None) -> list[int]:
        """The images that batch `index` is made of, in the current epoch or in another."""
        epoch = self.epoch if epoch is None else epoch
        first = (epoch * self.steps + index) * self.batch_size
        return [self._image_at(number) for number in range(first, first + self.batch_size)]

    def images_used(self, index: int) -> list[int]:
        """The images of batch `index` of the current epoch, those for images that failed too."""
        replaced = self._maker.replaced
        return [replaced.get(image_id, image_id) for image_id in self.image_ids_of(index)]

    def _make_batch(self, epoch: int, index: int) -> tuple[tuple[np.ndarray, ...]]:
        generators = [self._generator(epoch, index, slot) for slot in self._slots]
        image_ids = self.image_ids_of(index, epoch)
        return (self._maker.make([image_ids[slot] for slot in self._slots], generators),)

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _image_at(self, number: int) -> int:
        """Image number `number` of an endless sequence of passes."""
        if self._order is not None:
            return self._order.image_at(number)
        one_pass, position = divmod(number, len(self._image_ids))
        known_pass, order = self._latest_order
        if known_pass != one_pass:
            order = self._image_ids
            if self.shuffle:
                order = self._generator(one_pass).permutation(order)
            self._latest_order = (one_pass, order)
        return int(order[position])


def _slots(batch_size: int, index: int, count: int) -> range:
    """The places in a batch that one of several processes fills."""
    if batch_size % count:
        raise ConfigError(
            f"A batch of {batch_size} images cannot be shared evenly by {count} processes: make "
            "IMAGES_PER_GPU the images of one device, and GPU_COUNT all devices."
        )
    size = batch_size // count
    return range(index * size, (index + 1) * size)


def _threads(config: Any, processes: int) -> int:
    """Threads for the devices that one process feeds."""
    workers, devices = int(config.LOADER_WORKERS), max(1, int(config.GPU_COUNT) // processes)
    return min(workers * devices, max(workers, os.cpu_count() or 1))
