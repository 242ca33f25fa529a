"""One training image: placed in the input of the network, varied, with its instances."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.data.augmentation import Augmentation, random_place
from mrcnn.data.dataset import Dataset
from mrcnn.data.frames import Frame
from mrcnn.data.imgaug_augmentation import apply_imgaug, is_imgaug
from mrcnn.data.overlay import lay_over
from mrcnn.data.prepared_image import ImageCache, PreparedImage
from mrcnn.data.resizing import ResizePlan
from mrcnn.errors import ConfigError
from mrcnn.instances import Instances
from mrcnn.ops.image_meta import compose_image_meta


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
    smallest = augmentation.scale[0] if isinstance(augmentation, Augmentation) else 1.0
    prepared = cache.get(dataset, config, image_id, smallest)
    picture, plan = prepared.picture, prepared.plan
    frame = _draw_frame(plan, rng, augmentation, flip)
    image, instances, window = _shown(prepared, frame)
    if isinstance(augmentation, Augmentation):
        if augmentation.overlay and rng.random() < augmentation.overlay:
            others = dataset.images_of(dataset.image_info[image_id]["source"])
            donor_id = int(others[rng.integers(len(others))])
            other = cache.get(dataset, config, donor_id, smallest)
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
