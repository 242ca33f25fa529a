"""From training items to the arrays that the training graph takes."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from mrcnn.data.anchors import pyramid_anchors
from mrcnn.data.dataset import Dataset
from mrcnn.data.failed_images import FailedImage, FailedImages, image_name
from mrcnn.data.limits import LimitNotes
from mrcnn.data.molding import IGNORED_CLASS_ID, mini_masks, mold_image, whole_masks
from mrcnn.data.prepared_image import ImageCache
from mrcnn.data.region_targets import generate_random_rois
from mrcnn.data.rpn_targets import AnchorIndex, build_rpn_targets
from mrcnn.data.training_item import TrainingItem, check_augmentation, load_training_item
from mrcnn.errors import ConfigError, DataError
from mrcnn.instances import Instances
from mrcnn.ops.image_meta import ImageMeta


class BatchMaker:
    """Makes training batches of given images. May be used by several threads.

    A batch is seven arrays (B images, H x W pixels, A anchors, G = MAX_GT_INSTANCES,
    h x w = MINI_MASK_SHAPE, or H x W without USE_MINI_MASK):

    - images float32 [B, H, W, C], the mean color subtracted
    - image_meta float32 [B, IMAGE_META_SIZE]
    - rpn_match int32 [B, A, 1]: 1 positive, -1 negative, 0 neutral anchor
    - rpn_bbox float32 [B, RPN_TRAIN_ANCHORS_PER_IMAGE, 4]: deltas of the positive anchors, then 0
    - gt_class_ids int32 [B, G], then 0; negative for crowds, `IGNORED_CLASS_ID` for regions to
      ignore
    - gt_boxes int32 [B, G, 4], pixel boxes, then 0
    - gt_masks bool [B, h, w, G], then False; without any True where no mask is known

    and, where `regions` is not 0, an eighth: rois int32 [B, regions, 4], random pixel boxes.

    Where a method of the dataset fails for an image, a warning names it and the image that follows
    in the dataset takes its place; see `mrcnn.data.failed_images`.

    Args:
        dataset: prepared dataset.
        config: settings of images, anchors and masks.
        augmentation: random variation of the images; see `load_training_item`.
        no_augmentation_sources: sources whose images are not augmented.
        regions: random regions for each image.
        flip: mirror every second image left to right, at random; see `load_training_item`.
        limits: notes what the images need more of than the configuration allows; it may be shared.

    Attributes:
        limits: these notes.
        replaced: by the number of each image that failed so far the one that took its place.

    Raises:
        DataError: there are no images.
        ConfigError: the class count differs from the configuration's, or `augmentation` is of an
            unknown kind.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: Any,
        augmentation: Any = None,
        *,
        no_augmentation_sources: Collection[str] | None = None,
        regions: int = 0,
        flip: bool = False,
        limits: LimitNotes | None = None,
    ) -> None:
        _check(dataset, config)
        check_augmentation(augmentation)
        self.dataset = dataset
        self.config = config
        self.augmentation = augmentation
        self.no_augmentation_sources = frozenset(no_augmentation_sources or ())
        self.regions = regions
        self.flip = flip
        self._anchors = AnchorIndex(pyramid_anchors(config, config.IMAGE_SHAPE))
        self._cache = ImageCache(config.LOADER_CACHE_MB * 2**20)
        self.limits = LimitNotes() if limits is None else limits
        self.replaced: dict[int, int] = {}
        self._failed = FailedImages()

    def make(
        self, image_ids: Sequence[int], generators: Sequence[np.random.Generator]
    ) -> tuple[np.ndarray, ...]:
        """The batch of these images, each with the generator that its draws come from.

        Raises:
            DataError: an image or its annotation cannot be used, or too many images fail.
        """
        arrays = self._empty(len(image_ids))
        for slot, (image_id, rng) in enumerate(zip(image_ids, generators, strict=True)):
            item = self._load_or_next(image_id, rng)
            for array, value in zip(arrays, self._targets(item, rng), strict=True):
                # Ground truth fills the first rows (masks: the last axis), zeros follow.
                if value.shape == array.shape[1:]:
                    array[slot] = value
                elif array.ndim == 4 and array.dtype == bool:
                    array[slot, :, :, : value.shape[-1]] = value
                else:
                    array[slot, : len(value)] = value
        return tuple(arrays)

    def forget_images(self) -> None:
        """Drop the images that are kept in memory, and keep none from now on."""
        self._cache = ImageCache(0)

    def _load_or_next(self, image_id: int, rng: np.random.Generator) -> TrainingItem:
        """An image, or the first after it in the dataset that can be had.

        Which one that is depends on the image alone, not on what was loaded before: a training that
        goes on, and another that shares the work, take the same.
        """
        tried, failed = int(image_id), None
        while tried != image_id or failed is None:
            try:
                item = self._load(tried, rng)
            except FailedImage as error:
                self._failed.leave_out(error)
                failed = error
                tried = (tried + 1) % len(self.dataset.image_ids)
            else:
                if failed is not None:
                    self.replaced[int(image_id)] = tried
                return item
        raise DataError(f"{failed}. No image of the dataset can be used.") from failed.error

    def _load(self, image_id: int, rng: np.random.Generator) -> TrainingItem:
        augmented = self.dataset.image_info[image_id]["source"] not in self.no_augmentation_sources
        item = load_training_item(
            self.dataset,
            self.config,
            image_id,
            rng,
            self.augmentation if augmented else None,
            self._cache,
            flip=self.flip and augmented,
        )
        expected = tuple(int(side) for side in self.config.IMAGE_SHAPE)
        if item.image.shape != expected:
            raise DataError(
                f"{image_name(self.dataset, image_id)}: IMAGE_RESIZE_MODE "
                f"{self.config.IMAGE_RESIZE_MODE!r} makes it {item.image.shape}, but training "
                f"needs {expected} for all images. Use 'square' or 'crop'."
            )
        return item

    def _targets(self, item: TrainingItem, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        config, instances = self.config, item.instances
        rpn_match, rpn_bbox = build_rpn_targets(
            item.image.shape,
            self._anchors,
            _class_ids_of(instances),
            instances.boxes,
            config,
            rng=rng,
        )
        self._note_limits(int(np.count_nonzero(~instances.ignore)), item)
        if len(instances) > config.MAX_GT_INSTANCES:
            instances = _drawn(instances, config.MAX_GT_INSTANCES, rng)
        masks = (
            mini_masks(instances, config.MINI_MASK_SHAPE)
            if config.USE_MINI_MASK
            else whole_masks(instances)
        )
        arrays = (
            mold_image(item.image, config),
            item.image_meta,
            rpn_match[:, None],
            rpn_bbox,
            _class_ids_of(instances),
            instances.boxes,
            masks,
        )
        if self.regions:
            objects = instances.take(~instances.ignore)
            arrays += (
                generate_random_rois(
                    item.image.shape, self.regions, objects.class_ids, objects.boxes, rng=rng
                ),
            )
        return arrays

    def _empty(self, count: int) -> list[np.ndarray]:
        config = self.config
        height, width, channels = (int(side) for side in config.IMAGE_SHAPE)
        mask_shape = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else (height, width)
        arrays = [
            np.zeros((count, height, width, channels), np.float32),
            np.zeros((count, config.IMAGE_META_SIZE), np.float32),
            np.zeros((count, len(self._anchors), 1), np.int32),
            np.zeros((count, config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4), np.float32),
            np.zeros((count, config.MAX_GT_INSTANCES), np.int32),
            np.zeros((count, config.MAX_GT_INSTANCES, 4), np.int32),
            np.zeros((count, *mask_shape, config.MAX_GT_INSTANCES), bool),
        ]
        if self.regions:
            arrays.append(np.zeros((count, self.regions, 4), np.int32))
        return arrays

    def _note_limits(self, count: int, item: TrainingItem) -> None:
        """Note settings that leave out part of what is annotated, and warn of the first of each."""
        config, note = self.config, self.limits.note
        name = image_name(self.dataset, int(ImageMeta(item.image_meta).image_id))
        positives = int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO)
        trained = min(count, config.MAX_GT_INSTANCES)
        if count > config.MAX_GT_INSTANCES:
            note(
                "MAX_GT_INSTANCES",
                count,
                f"{name} has {count} instances, but MAX_GT_INSTANCES is {config.MAX_GT_INSTANCES}: "
                f"a random part of them is used. At least {count} would keep all of them.",
            )
        if not config.ROI_POSITIVE_RATIO:
            note(
                "ROI_POSITIVE_RATIO",
                1,
                "ROI_POSITIVE_RATIO is 0: the box head and the mask head do not train.",
            )
        elif trained > positives:
            enough = int(np.ceil(trained / config.ROI_POSITIVE_RATIO))
            note(
                "TRAIN_ROIS_PER_IMAGE",
                enough,
                f"{name} has {count} instances, but TRAIN_ROIS_PER_IMAGE "
                f"{config.TRAIN_ROIS_PER_IMAGE} x ROI_POSITIVE_RATIO {config.ROI_POSITIVE_RATIO} "
                f"allows {positives} positive regions: in each step some instances do not reach "
                f"the heads. {enough} regions would have room for all of them.",
            )
        # Each instance needs a proposal, and that an anchor, of its own.
        for setting in ("POST_NMS_ROIS_TRAINING", "PRE_NMS_LIMIT") if config.USE_RPN_ROIS else ():
            limit = getattr(config, setting)
            if trained > limit:
                note(
                    setting,
                    trained,
                    f"{name} has {count} instances, but {setting} is {limit}: in each step some "
                    f"instances have no proposal to reach the heads. At least {trained} are "
                    "needed, and several times as many are usual.",
                )
        self.limits.say()


def _class_ids_of(instances: Instances) -> np.ndarray:
    """int32 [N] as the training graph takes them."""
    return np.where(instances.ignore, IGNORED_CLASS_ID, instances.class_ids).astype(np.int32)


def _drawn(instances: Instances, most: int, rng: np.random.Generator) -> Instances:
    """As many instances drawn at random, objects before regions to ignore."""
    objects, ignored = np.flatnonzero(~instances.ignore), np.flatnonzero(instances.ignore)
    if len(objects) > most:
        return instances.take(objects[rng.choice(len(objects), most, replace=False)])
    drawn = rng.choice(ignored, most - len(objects), replace=False)
    return instances.take(np.concatenate([objects, drawn]))


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
