"""One training image: read, resized, placed in the input of the network, with its instances."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.data.augmentation import Augmentation, random_place
from mrcnn.data.dataset import Dataset
from mrcnn.data.frames import Frame
from mrcnn.data.imgaug_augmentation import apply_imgaug, is_imgaug
from mrcnn.data.moulding import compose_image_meta, warn_of_unit_range
from mrcnn.data.overlay import lay_over
from mrcnn.data.resizing import (
    ResizePlan,
    nearest_indices,
    plan_resize,
    resize_settings,
    scale_image,
)
from mrcnn.errors import ConfigError, DataError
from mrcnn.instances import Instances


@dataclass(frozen=True)
class TrainingItem:
    """One image as the network sees it.

    Attributes:
        image: [H, W, C], resized and padded or cropped, in the type that the dataset gives:
            uint8, RGB as a rule.
        image_meta: float64 vector, see `compose_image_meta`.
        instances: the instances in the pixels of `image`; those that vanish are left out.
    """

    image: np.ndarray
    image_meta: np.ndarray
    instances: Instances


@dataclass(frozen=True)
class PreparedImage:
    """What does not change from epoch to epoch: the resized picture and its instances.

    Attributes:
        picture: [h, w, C], resized, without padding.
        plan: how it was resized.
        class_ids: int32 [N].
        points: float64 [K, 2] of (y, x) in edge coordinates of the picture: all polygons in one
            array; None if the instances are masks.
        ends: int64 [N], where each polygon ends in `points`; None if the instances are masks.
        masks: the instances in the pixels of the picture; None if they are polygons.
    """

    picture: np.ndarray
    plan: ResizePlan
    class_ids: np.ndarray
    points: np.ndarray | None = None
    ends: np.ndarray | None = None
    masks: Instances | None = None

    @property
    def nbytes(self) -> int:
        """Memory that this takes, about."""
        size = self.picture.nbytes
        if self.points is not None:
            size += self.points.nbytes
        if self.masks is not None:
            size += self.masks.crops.nbytes
        return size

    def instances_in(self, frame: Frame) -> Instances:
        """The instances as a frame shows them."""
        if self.masks is not None:
            return frame.map_instances(self.masks)
        assert self.points is not None and self.ends is not None, "either masks or polygons"
        # Polygons count pixel centres as whole numbers.
        points = frame.map_points(self.points) - 0.5
        polygons = np.split(points, self.ends[:-1]) if len(self.ends) else []
        window = frame.window(self.picture.shape)
        return Instances.from_polygons(polygons, self.class_ids, frame.shape, window)


class ImageCache:
    """Prepared images, kept until a number of bytes is reached. May be used by several threads.

    What is in stays in: with images drawn in turn, replacing the oldest would never find any.

    Args:
        max_bytes: 0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        self._images: dict[int, PreparedImage] = {}
        self._lock = threading.Lock()

    def get(self, dataset: Dataset, config: Any, image_id: int) -> PreparedImage:
        """The prepared image, from memory if it is there."""
        prepared = self._images.get(image_id)
        if prepared is not None:
            return prepared
        prepared = prepare_image(dataset, config, image_id)
        with self._lock:
            fits = self.used_bytes + prepared.nbytes <= self.max_bytes
            if fits and image_id not in self._images:
                self._images[image_id] = prepared
                self.used_bytes += prepared.nbytes
        return prepared


def prepare_image(dataset: Dataset, config: Any, image_id: int) -> PreparedImage:
    """Read an image and its instances and resize them.

    Args:
        dataset: prepared dataset.
        config: needs the `IMAGE_...` settings.
        image_id: number of the image in the dataset.

    Raises:
        DataError: the image cannot be read, a mask has another size than its image, or a class id
            is out of range.
    """
    image = dataset.load_image(image_id)
    name = image_name(dataset, image_id)
    channels = config.IMAGE_CHANNEL_COUNT
    if image.ndim != 3 or image.shape[2] != channels:
        raise DataError(
            f"{name}: shape {image.shape}; an image [H, W, {channels}] is expected "
            f"(IMAGE_CHANNEL_COUNT is {channels})."
        )
    warn_of_unit_range(image, config, name)
    plan = plan_resize(image.shape, **resize_settings(config))
    picture = np.ascontiguousarray(scale_image(image, plan))

    annotation = dataset.load_polygons(image_id)
    if annotation is not None:
        polygons, class_ids = annotation
        class_ids = _check_class_ids(class_ids, dataset, name)
        # Each axis by its own factor, because the sides of the picture are whole pixels.
        factors = np.array(plan.resized_shape) / np.array(plan.original_shape)
        points = np.concatenate([*polygons, np.zeros((0, 2))]) + 0.5
        ends = np.cumsum([len(polygon) for polygon in polygons], dtype=np.int64)
        return PreparedImage(picture, plan, class_ids, points=points * factors, ends=ends)

    masks, class_ids = dataset.load_mask(image_id)
    masks, class_ids = np.asarray(masks), np.asarray(class_ids, np.int32).reshape(-1)
    if masks.ndim != 3 or masks.shape[-1] != len(class_ids):
        raise DataError(
            f"{name}: load_mask gives masks of shape {masks.shape} and {len(class_ids)} class ids; "
            "[height, width, N] and N are expected."
        )
    if masks.shape[-1] == 0:
        instances = Instances.empty(plan.resized_shape)
    elif masks.shape[:2] != plan.original_shape:
        raise DataError(
            f"{name}: its masks are {masks.shape[0]} x {masks.shape[1]} pixels, the image is "
            f"{image.shape[0]} x {image.shape[1]}."
        )
    else:
        instances = Instances.from_masks(masks, class_ids).tight()
        # An empty mask is no instance, whatever class it was given.
        _check_class_ids(instances.class_ids, dataset, name)
        instances = _resize_instances(instances, plan)
    return PreparedImage(picture, plan, instances.class_ids, masks=instances)


def load_training_item(
    dataset: Dataset,
    config: Any,
    image_id: int,
    rng: np.random.Generator,
    augmentation: Any = None,
    cache: ImageCache | None = None,
    flip: bool = False,
) -> TrainingItem:
    """Read one image with its instances and bring it into the shape of the network's input.

    Args:
        dataset: prepared dataset.
        config: needs the `IMAGE_...` settings.
        image_id: number of the image in the dataset.
        rng: draws the part of the image in resize mode "crop", and the augmentation.
        augmentation: an `Augmentation` or an augmenter of imgaug; None leaves the image as it is.
        cache: keeps resized images; None reads the image again.
        flip: whether the image is mirrored left to right, with probability one half.

    Raises:
        DataError: see `prepare_image` and `apply_imgaug`.
        ConfigError: `augmentation` is of another kind.
    """
    check_augmentation(augmentation)
    cache = cache or ImageCache(0)
    prepared = cache.get(dataset, config, image_id)
    picture, plan = prepared.picture, prepared.plan
    frame = _draw_frame(plan, rng, augmentation, flip)
    image, instances, window = _shown(prepared, frame)
    if isinstance(augmentation, Augmentation):
        if augmentation.overlay and rng.random() < augmentation.overlay:
            other = cache.get(dataset, config, int(rng.integers(len(dataset.image_ids))))
            donor = _shown(other, _draw_frame(other.plan, rng, augmentation))
            if donor[0].shape == image.shape:
                image, instances = lay_over(
                    image, instances, window, donor, augmentation.overlay_most, rng
                )
        y1, x1, y2, x2 = window
        image[y1:y2, x1:x2] = augmentation.vary_pixels(image[y1:y2, x1:x2], rng)
    elif augmentation is not None:
        image, instances = apply_imgaug(augmentation, image, instances, int(rng.integers(2**31)))
    meta = compose_image_meta(
        image_id,
        (*plan.original_shape, picture.shape[2]),
        image.shape,
        window,
        plan.scale * frame.scale,
        dataset.active_class_ids(image_id),
    )
    return TrainingItem(image, meta, instances)


def _draw_frame(
    plan: ResizePlan, rng: np.random.Generator, augmentation: Any, flip: bool = False
) -> Frame:
    """Where the picture lies in the input."""
    if plan.is_crop:
        frame = random_place(plan.frame_shape, plan.resized_shape, rng)
    else:
        frame = Frame.at(plan.frame_shape, (plan.top, plan.left))
    if flip and rng.random() < 0.5:
        frame = frame.flipped(1)
    if isinstance(augmentation, Augmentation):
        frame = augmentation.draw_frame(frame, plan.resized_shape, rng)
    return frame


def _shown(
    prepared: PreparedImage, frame: Frame
) -> tuple[np.ndarray, Instances, tuple[int, int, int, int]]:
    """What a frame shows of an image: input, its instances, and the pixel box of the picture."""
    picture = prepared.picture
    return frame.map_image(picture), prepared.instances_in(frame), frame.window(picture.shape)


def check_augmentation(augmentation: Any) -> None:
    """ConfigError for something that is no augmentation."""
    if not (
        augmentation is None or isinstance(augmentation, Augmentation) or is_imgaug(augmentation)
    ):
        raise ConfigError(
            f"augmentation is {augmentation!r}: must be None, an augmenter of imgaug such as "
            "imgaug.augmenters.Fliplr(0.5), or an mrcnn.data.augmentation.Augmentation. Put "
            "several augmenters into imgaug.augmenters.Sequential."
        )


def _resize_instances(instances: Instances, plan: ResizePlan) -> Instances:
    """The masks scaled as `resize_mask` does, each in its own box."""
    rows = nearest_indices(plan.original_shape[0], plan.scale)
    columns = nearest_indices(plan.original_shape[1], plan.scale)
    boxes, crops = [], []
    for (y1, x1, y2, x2), crop in zip(instances.boxes, instances.crops, strict=True):
        top, bottom = np.searchsorted(rows, (y1, y2))
        left, right = np.searchsorted(columns, (x1, x2))
        boxes.append((top, left, bottom, right))
        crops.append(crop[rows[top:bottom] - y1][:, columns[left:right] - x1])
    return Instances.from_crops(plan.resized_shape, boxes, crops, instances.class_ids)


def _check_class_ids(class_ids: Any, dataset: Dataset, name: str) -> np.ndarray:
    """Class ids as int32; DataError for one that the dataset does not have.

    Negative ids mark crowds.
    """
    ids = np.asarray(class_ids, np.int32).reshape(-1)
    wrong = ids[(ids == 0) | (np.abs(ids) >= dataset.num_classes)]
    if wrong.size:
        raise DataError(
            f"{name}: class id {wrong[0]} is out of range; the dataset has the classes 1 to "
            f"{dataset.num_classes - 1}."
        )
    return ids


def image_name(dataset: Dataset, image_id: int) -> str:
    """What to call an image in a message: by its path, or by its source's id."""
    info = dataset.image_info[image_id]
    return f"Image {info.get('path') or info['id']}"
