"""Training images and endless batches as Matterport's programs ask for them.

Draws follow numpy's global state, so that `numpy.random.seed` makes them repeatable.
"""

import threading
import warnings
from collections.abc import Collection, Iterator
from typing import Any

import keras
import numpy as np

from mrcnn.data.batches import BatchMaker
from mrcnn.data.dataset import Dataset
from mrcnn.data.failed_images import FailedImage
from mrcnn.data.imgaug_augmentation import apply_imgaug, is_imgaug
from mrcnn.data.molding import mini_masks
from mrcnn.data.region_targets import build_detection_targets, generate_random_rois
from mrcnn.data.training_item import load_training_item


def load_image_gt(
    dataset: Dataset,
    config: Any,
    image_id: int,
    augment: bool = False,
    augmentation: Any = None,
    use_mini_mask: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One image as the network sees it, with its ground truth.

    Args:
        dataset: prepared dataset.
        config: needs the `IMAGE_...` settings, MINI_MASK_SHAPE for mini-masks.
        image_id: number of the image in the dataset.
        augment: superseded by `augmentation`; mirrors the image with probability one half.
        augmentation: an augmenter of imgaug or an `mrcnn.data.augmentation.Augmentation`.
        use_mini_mask: masks of the boxes, resized to MINI_MASK_SHAPE, instead of whole ones.

    Returns:
        image [H, W, C] resized and padded; image meta float64 [IMAGE_META_SIZE]; class ids int32
        [N]; pixel boxes int32 [N, 4]; masks bool [H, W, N], or [h, w, N] mini-masks. Instances of
        which nothing is left are left out.

    Raises:
        DataError: the image or its annotation cannot be used. An error of the dataset's own methods
            passes, with a note that names the image.
        ConfigError: `augmentation` is of an unknown kind.
    """
    _warn_of_augment(augment)
    # imgaug has a state of its own, which programs may have seeded.
    by_imgaug = is_imgaug(augmentation)
    try:
        item = load_training_item(
            dataset,
            config,
            image_id,
            _generator(),
            None if by_imgaug else augmentation,
            flip=augment,
        )
    except FailedImage as failed:
        failed.error.add_note(str(failed))
        raise failed.error from failed.error.__cause__
    image, instances = item.image, item.instances
    if by_imgaug:
        image, instances = apply_imgaug(augmentation, image, instances)
    masks = (
        mini_masks(instances, config.MINI_MASK_SHAPE) if use_mini_mask else instances.full_masks()
    )
    return image, item.image_meta, instances.class_ids, instances.boxes, masks


def data_generator(
    dataset: Dataset,
    config: Any,
    shuffle: bool = True,
    augment: bool = False,
    augmentation: Any = None,
    random_rois: int = 0,
    batch_size: int = 1,
    detection_targets: bool = False,
    no_augmentation_sources: Collection[str] | None = None,
) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Batches without end, pass after pass through the images.

    Images without objects are among them, which the original left out. A batch may hold the last
    images of one pass and the first of the next.

    Args:
        dataset: prepared dataset.
        config: settings of images, anchors and masks.
        shuffle: whether each pass has a new order.
        augment: superseded by `augmentation`; mirrors images with probability one half.
        augmentation: see `load_image_gt`.
        random_rois: random regions for each image; 0 for none.
        batch_size: images in a batch, whatever BATCH_SIZE says.
        detection_targets: add the targets of the heads for the random regions, if there are any.
        no_augmentation_sources: sources whose images are not augmented.

    Yields:
        inputs, outputs. Inputs are a list of images float32 [B, H, W, C] less the mean color,
        image meta float64 [B, M], RPN match int32 [B, A, 1], RPN deltas float64 [B, K, 4], class
        ids int32 [B, G], pixel boxes int32 [B, G, 4] and masks bool [B, h, w, G]; with
        `random_rois` also regions int32 [B, R, 4] in pixels, and with `detection_targets` the
        sampled ones int32 [B, T, 4]. Outputs are empty, or with `detection_targets` class ids
        int32 [B, T, 1], deltas float32 [B, T, classes, 4] and masks float32 [B, T, h, w, classes].

    Raises:
        DataError: there are no images, or one of them cannot be used.
        ConfigError: the configuration does not go with the dataset.
    """
    _warn_of_augment(augment)
    maker = BatchMaker(
        dataset,
        config,
        augmentation,
        no_augmentation_sources=no_augmentation_sources,
        regions=random_rois,
        flip=augment,
    )
    image_ids = np.array(dataset.image_ids)
    return _batches(maker, image_ids, shuffle, batch_size, bool(detection_targets and random_rois))


class DataGenerator(keras.utils.PyDataset):
    """The batches of one pass through the images, as the forks for TensorFlow 2 have them.

    What is not told here is as in `data_generator`.

    Args:
        batch_size: images in a batch; `BATCH_SIZE` by default.
        **kwargs: for `keras.utils.PyDataset`.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Any,
        shuffle: bool = True,
        augmentation: Any = None,
        random_rois: int = 0,
        batch_size: int | None = None,
        detection_targets: bool = False,
        no_augmentation_sources: Collection[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_size = int(config.BATCH_SIZE if batch_size is None else batch_size)
        self.image_ids = np.array(dataset.image_ids)
        self._batches = data_generator(
            dataset,
            config,
            shuffle,
            augmentation=augmentation,
            random_rois=random_rois,
            batch_size=self.batch_size,
            detection_targets=detection_targets,
            no_augmentation_sources=no_augmentation_sources,
        )
        # Keras may ask from a thread of its own.
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return -(-len(self.image_ids) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """The next batch, whatever the index: inputs and outputs, see `data_generator`."""
        if not 0 <= index < len(self):
            raise IndexError(f"Batch {index} of {len(self)}.")
        with self._lock:
            inputs, outputs = next(self._batches)
        return tuple(inputs), tuple(outputs)


def _batches(
    maker: BatchMaker,
    image_ids: np.ndarray,
    shuffle: bool,
    batch_size: int,
    detection_targets: bool,
) -> Iterator[tuple[list[np.ndarray], list[np.ndarray]]]:
    rng = _generator()
    waiting: list[int] = []
    while True:
        while len(waiting) < batch_size:
            waiting += (rng.permutation(image_ids) if shuffle else image_ids).tolist()
        chosen, waiting = waiting[:batch_size], waiting[batch_size:]
        inputs = list(maker.make(chosen, rng.spawn(batch_size)))
        # Precise enough in float32 for the network; programs expect these two in float64.
        inputs[1], inputs[3] = inputs[1].astype(np.float64), inputs[3].astype(np.float64)
        outputs: list[np.ndarray] = []
        if detection_targets:
            targets = [
                build_detection_targets(*one_image, maker.config, rng=rng)
                for one_image in zip(inputs[7], inputs[4], inputs[5], inputs[6], strict=True)
            ]
            rois, class_ids, deltas, masks = map(np.stack, zip(*targets, strict=True))
            inputs.append(rois)
            outputs = [class_ids[..., None], deltas, masks]
        yield inputs, outputs


def _generator() -> np.random.Generator:
    return np.random.default_rng(np.random.randint(2**31))


def _warn_of_augment(augment: bool) -> None:
    if augment:
        warnings.warn(
            "augment=True mirrors images and nothing else; it is superseded by augmentation=, for "
            "example augmentation=imgaug.augmenters.Fliplr(0.5).",
            DeprecationWarning,
            stacklevel=3,
        )


__all__ = [
    "DataGenerator",
    "build_detection_targets",
    "data_generator",
    "generate_random_rois",
    "load_image_gt",
]
