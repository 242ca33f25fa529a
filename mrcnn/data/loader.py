"""Batches for training, prepared by threads while the network computes."""

import threading
import warnings
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from mrcnn.data.augmentation import Augmentation
from mrcnn.data.dataset import Dataset
from mrcnn.data.moulding import mold_image
from mrcnn.data.rpn_targets import AnchorIndex, build_rpn_targets
from mrcnn.data.training_item import ImageCache, TrainingItem, load_training_item
from mrcnn.errors import ConfigError, DataError
from mrcnn.ops.anchors import pyramid_anchors


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

    A batch is `(inputs,)`, and inputs are seven arrays (B images, H x W pixels, A anchors,
    G = MAX_GT_INSTANCES, h x w = MINI_MASK_SHAPE, or H x W without USE_MINI_MASK):

    - images float32 [B, H, W, 3], RGB with the mean colour subtracted
    - image_meta float32 [B, 12 + classes]
    - rpn_match int32 [B, A, 1]: 1 positive, -1 negative, 0 neutral anchor
    - rpn_bbox float32 [B, RPN_TRAIN_ANCHORS_PER_IMAGE, 4]: deltas of the positive anchors, then 0
    - gt_class_ids int32 [B, G], then 0; negative for crowds
    - gt_boxes int32 [B, G, 4], pixel boxes, then 0
    - gt_masks bool [B, h, w, G], then False

    Batch i of epoch e depends on the seed, e and i alone, not on the threads or on what was loaded
    before. All images are used equally often: each pass through them is a new shuffle, and passes
    go on across epochs. Give `fit` shuffle=False, or it asks for the batches in another order.

    The threads are the loader's own: they prepare the batches that come next in the epoch. (The
    queue of Keras hands batches that are left over from one epoch to the next.)

    Args:
        dataset: prepared dataset.
        config: `BATCH_SIZE`, `LOADER_WORKERS`, `LOADER_CACHE_MB`, `SEED` and the settings of
            images, anchors and masks are used.
        augmentation: random variation of the images; None for none.
        steps: batches an epoch; `STEPS_PER_EPOCH` by default.
        shuffle: whether each pass has an order of its own.
        seed: whole number of at least 0; `SEED` by default, and a new one if that is None.
        repeat_epoch: all epochs are the same, as validation wants it.
        no_augmentation_sources: sources whose images are not augmented.
        threads: that prepare batches ahead; `LOADER_WORKERS` by default. 0: batches are made when
            they are asked for.

    Attributes:
        epoch: number of the epoch, counted from 0, whose batches are given next. It rises at the
            end of each epoch, and may be set; `FollowEpochs` sets it to the epoch of `fit`.
        seed: the seed in use.
        error: what went wrong with a batch, for callers that get it from a backend in disguise.

    Raises:
        DataError: there are no images, or a class count that differs from the configuration.
        ConfigError: a resize mode whose images have no common shape.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Any,
        augmentation: Augmentation | None = None,
        *,
        steps: int | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        repeat_epoch: bool = False,
        no_augmentation_sources: Collection[str] | None = None,
        threads: int | None = None,
    ) -> None:
        _check(dataset, config)
        super().__init__(workers=1, use_multiprocessing=False)
        self.dataset = dataset
        self.config = config
        self.augmentation = augmentation
        self.steps = int(config.STEPS_PER_EPOCH if steps is None else steps)
        self.shuffle = shuffle
        seed = config.SEED if seed is None else seed
        self.seed = int(np.random.SeedSequence().entropy if seed is None else seed)
        self.repeat_epoch = repeat_epoch
        self.no_augmentation_sources = frozenset(no_augmentation_sources or ())
        self.epoch = 0
        self._anchors = AnchorIndex(pyramid_anchors(config, config.IMAGE_SHAPE))
        self._cache = ImageCache(config.LOADER_CACHE_MB * 2**20)
        self._image_ids = np.asarray(dataset.image_ids)
        self._latest_order = (-1, self._image_ids)
        self._limit_said = False
        self._lock = threading.Lock()
        self.error: Exception | None = None
        self._threads = int(config.LOADER_WORKERS if threads is None else threads)
        self._pool = (
            ThreadPoolExecutor(self._threads, "batch-loader") if self._threads > 0 else None
        )
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
        try:
            if self._pool is None:
                return self._make_batch(epoch, index)
            return self._take(epoch, index).result()
        except Exception as error:
            self.error = error
            raise

    def _take(self, epoch: int, index: int) -> Future:
        """The batch asked for, and the next ones in the making."""
        end = min(index + 1 + self._threads + 1, self.steps)
        wanted = [(epoch, number) for number in range(index, end)]
        self._forget(set(wanted))
        with self._lock:
            for key in wanted:
                if key not in self._ahead:
                    self._ahead[key] = self._pool.submit(self._make_batch, *key)
            return self._ahead.pop((epoch, index))

    def _forget(self, keep: set[tuple[int, int]]) -> None:
        """Drop what was prepared but is not asked for any more."""
        with self._lock:
            for key in [key for key in self._ahead if key not in keep]:
                self._ahead.pop(key).cancel()

    def _make_batch(self, epoch: int, index: int) -> tuple[tuple[np.ndarray, ...]]:
        arrays = self._empty_batch()
        for slot in range(self.config.BATCH_SIZE):
            number = (epoch * self.steps + index) * self.config.BATCH_SIZE + slot
            rng = self._generator(epoch, index, slot)
            item = self._load(self._image_at(number), rng)
            for array, value in zip(arrays, self._targets(item, rng), strict=True):
                # Ground truth fills the first rows (masks: the last axis), zeros follow.
                if value.shape == array.shape[1:]:
                    array[slot] = value
                elif array.ndim == 4 and array.dtype == bool:
                    array[slot, :, :, : value.shape[-1]] = value
                else:
                    array[slot, : len(value)] = value
        return (tuple(arrays),)

    def _load(self, image_id: int, rng: np.random.Generator) -> TrainingItem:
        source = self.dataset.image_info[image_id]["source"]
        augmentation = None if source in self.no_augmentation_sources else self.augmentation
        item = load_training_item(
            self.dataset, self.config, image_id, rng, augmentation, self._cache
        )
        expected = tuple(int(side) for side in self.config.IMAGE_SHAPE)
        if item.image.shape != expected:
            raise DataError(
                f"Image {self.dataset.source_image_link(image_id)}: IMAGE_RESIZE_MODE "
                f"{self.config.IMAGE_RESIZE_MODE!r} makes it {item.image.shape}, but training "
                f"needs {expected} for all images. Use 'square' or 'crop'."
            )
        return item

    def _targets(self, item: TrainingItem, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        config, instances = self.config, item.instances
        rpn_match, rpn_bbox = build_rpn_targets(
            item.image.shape, self._anchors, instances.class_ids, instances.boxes, config, rng
        )
        if len(instances) > config.MAX_GT_INSTANCES:
            self._say_limit(len(instances), item)
            chosen = rng.choice(len(instances), config.MAX_GT_INSTANCES, replace=False)
            instances = instances.select(chosen)
        masks = (
            instances.mini_masks(config.MINI_MASK_SHAPE)
            if config.USE_MINI_MASK
            else instances.to_full()
        )
        return (
            mold_image(item.image, config),
            item.image_meta,
            rpn_match[:, None],
            rpn_bbox,
            instances.class_ids,
            instances.boxes,
            masks,
        )

    def _empty_batch(self) -> list[np.ndarray]:
        config = self.config
        height, width, channels = (int(side) for side in config.IMAGE_SHAPE)
        mask_shape = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else (height, width)
        count = config.BATCH_SIZE
        return [
            np.zeros((count, height, width, channels), np.float32),
            np.zeros((count, config.IMAGE_META_SIZE), np.float32),
            np.zeros((count, len(self._anchors), 1), np.int32),
            np.zeros((count, config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4), np.float32),
            np.zeros((count, config.MAX_GT_INSTANCES), np.int32),
            np.zeros((count, config.MAX_GT_INSTANCES, 4), np.int32),
            np.zeros((count, *mask_shape, config.MAX_GT_INSTANCES), bool),
        ]

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def _image_at(self, number: int) -> int:
        """Image number `number` of an endless sequence of passes."""
        one_pass, position = divmod(number, len(self._image_ids))
        known_pass, order = self._latest_order
        if known_pass != one_pass:
            order = self._image_ids
            if self.shuffle:
                order = self._generator(one_pass).permutation(order)
            self._latest_order = (one_pass, order)
        return int(order[position])

    def _say_limit(self, count: int, item: TrainingItem) -> None:
        with self._lock:
            if self._limit_said:
                return
            self._limit_said = True
        image = self.dataset.source_image_link(int(item.image_meta[0]))
        warnings.warn(
            f"MAX_GT_INSTANCES is {self.config.MAX_GT_INSTANCES}, but {image} has {count} "
            f"instances: a random part of them trains. At least {count} would keep all of them.",
            stacklevel=2,
        )


def _check(dataset: Dataset, config: Any) -> None:
    if len(dataset.image_ids) == 0:
        raise DataError(
            "The dataset has no images: add some, and call prepare() when all are added."
        )
    if dataset.num_classes != config.NUM_CLASSES:
        names = ", ".join(dataset.class_names)
        raise ConfigError(
            f"NUM_CLASSES is {config.NUM_CLASSES}, but the dataset has {dataset.num_classes} "
            f"classes with the background ({names}): they must agree."
        )
    if config.IMAGE_CHANNEL_COUNT != 3:
        raise ConfigError(
            f"IMAGE_CHANNEL_COUNT is {config.IMAGE_CHANNEL_COUNT}: training images have 3."
        )
