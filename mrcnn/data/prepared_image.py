"""An image as training keeps it: read and resized, with its instances."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mrcnn.data.dataset import Dataset, instances_of_boxes
from mrcnn.data.failed_images import asked, image_name
from mrcnn.data.frames import Frame
from mrcnn.data.mirroring import mirror_boxes, mirror_masks, mirror_polygons
from mrcnn.data.molding import warn_of_range
from mrcnn.data.resizing import (
    ResizePlan,
    nearest_indices,
    plan_resize,
    resize_settings,
    scale_evenly,
    scale_image,
)
from mrcnn.errors import DataError, shown
from mrcnn.instances import Instances

# A polygon whose points are within so many pixels of the image of its border is cut by it.
_REACH = 1.5


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
        boxes: float64 [M, 4] in edge coordinates of the picture, of what has no mask.
        box_class_ids: int32 [M], negative for regions to ignore.
    """

    picture: np.ndarray
    plan: ResizePlan
    class_ids: np.ndarray
    points: np.ndarray | None = None
    ends: np.ndarray | None = None
    masks: Instances | None = None
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    box_class_ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))

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
        instances = self._with_masks_in(frame)
        if not len(self.boxes):
            return instances
        corners = frame.map_points(self.boxes.reshape(-1, 2)).reshape(-1, 2, 2)
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        return Instances.merged(
            [instances, instances_of_boxes(boxes, self.box_class_ids, frame.shape)]
        )

    def _with_masks_in(self, frame: Frame) -> Instances:
        if self.masks is not None:
            return frame.map_instances(self.masks)
        assert self.points is not None and self.ends is not None, "either masks or polygons"
        # Polygons count pixel centers as whole numbers.
        points = frame.map_points(self.points) - 0.5
        polygons = np.split(points, self.ends[:-1]) if len(self.ends) else []
        window = frame.window(self.picture.shape)
        return Instances.from_polygons(polygons, self.class_ids, frame.shape, window)

    def mirrored(self, axis: int) -> "PreparedImage":
        """Twice as large: continued at the bottom (axis 0) or the right (1) by its mirror image.

        `plan.resized_shape` is that of the whole then.
        """
        picture = np.concatenate([self.picture, np.flip(self.picture, axis)], axis=axis)
        plan = replace(self.plan, resized_shape=picture.shape[:2])
        side, reach = self.picture.shape[axis], _REACH * plan.scale
        boxes, box_ids = mirror_boxes(self.boxes, self.box_class_ids, side, axis, reach)
        mirrored = replace(self, picture=picture, plan=plan, boxes=boxes, box_class_ids=box_ids)
        if self.masks is not None:
            masks = mirror_masks(self.masks, axis)
            return replace(mirrored, class_ids=masks.class_ids, masks=masks)
        assert self.points is not None and self.ends is not None, "either masks or polygons"
        polygons, class_ids = mirror_polygons(
            np.split(self.points, self.ends[:-1]) if len(self.ends) else [],
            self.class_ids,
            side,
            axis,
            reach,
        )
        points, ends = _joined(polygons)
        return replace(mirrored, class_ids=class_ids, points=points, ends=ends)

    def grown_to(self, side: int) -> "PreparedImage":
        """Mirrored as often as it takes to have this many pixels on each side."""
        grown = self
        for axis in (0, 1):
            while grown.picture.shape[axis] < side:
                grown = grown.mirrored(axis)
        return grown


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

    def get(
        self, dataset: Dataset, config: Any, image_id: int, smallest: float = 1.0
    ) -> PreparedImage:
        """The prepared image, from memory if it is there; see `prepare_image`."""
        prepared = self._images.get(image_id)
        if prepared is not None:
            return prepared
        prepared = prepare_image(dataset, config, image_id, smallest)
        with self._lock:
            fits = self.used_bytes + prepared.nbytes <= self.max_bytes
            if fits and image_id not in self._images:
                self._images[image_id] = prepared
                self.used_bytes += prepared.nbytes
        return prepared


def prepare_image(
    dataset: Dataset, config: Any, image_id: int, smallest: float = 1.0
) -> PreparedImage:
    """Read an image and its instances and resize them.

    An image that has a scale of its own may come out smaller than the part that is trained on.
    With IMAGE_PADDING "reflect" it is continued by its mirror image, objects included.

    Args:
        dataset: prepared dataset.
        config: needs the `IMAGE_...` settings.
        image_id: number of the image in the dataset.
        smallest: factor by which the picture may be made smaller yet.

    Raises:
        ConfigError: the image has a scale of its own, for which the resize mode has no place.
        DataError: the image cannot be read, a mask has another size than its image, or a class id
            is out of range.
        FailedImage: a method of the dataset raised an error of another kind.
    """
    image = np.asarray(asked(dataset, "load_image", image_id))
    name = image_name(dataset, image_id)
    channels = config.IMAGE_CHANNEL_COUNT
    if image.ndim != 3 or image.shape[2] != channels:
        raise DataError(
            f"{name}: shape {image.shape}; an image [H, W, {channels}] is expected "
            f"(IMAGE_CHANNEL_COUNT is {channels})."
        )
    warn_of_range(image, config, name)
    own_scale = dataset.image_scale(image_id)
    plan = plan_resize(image.shape, **resize_settings(config), own_scale=own_scale)
    scaled = scale_image(image, plan) if own_scale is None else scale_evenly(image, plan)
    prepared = _with_instances(np.ascontiguousarray(scaled), plan, dataset, image_id)
    if own_scale is not None and config.IMAGE_PADDING == "reflect":
        return prepared.grown_to(math.ceil(max(plan.frame_shape) / smallest))
    return prepared


def _with_instances(
    picture: np.ndarray, plan: ResizePlan, dataset: Dataset, image_id: int
) -> PreparedImage:
    """A resized picture with the instances of its image."""
    name = image_name(dataset, image_id)
    boxes, box_class_ids = _boxes_of(dataset, image_id, plan)
    annotation = asked(dataset, "load_polygons", image_id)
    if annotation is not None:
        polygons, class_ids = annotation
        class_ids = _check_class_ids(class_ids, dataset, name)
        # Each axis by its own factor, because the sides of the picture are whole pixels.
        factors = np.array(plan.resized_shape) / np.array(plan.original_shape)
        points, ends = _joined(polygons)
        points = (points + 0.5) * factors
        return PreparedImage(
            picture,
            plan,
            class_ids,
            points=points,
            ends=ends,
            boxes=boxes,
            box_class_ids=box_class_ids,
        )

    masks, class_ids = _masks_of(asked(dataset, "load_mask", image_id), name)
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
            f"{plan.original_shape[0]} x {plan.original_shape[1]}."
        )
    else:
        instances = Instances.from_masks(masks, class_ids).tight()
        # An empty mask is no instance, whatever class it was given.
        _check_class_ids(instances.class_ids, dataset, name)
        instances = _resize_instances(instances, plan)
    return PreparedImage(
        picture,
        plan,
        instances.class_ids,
        masks=instances,
        boxes=boxes,
        box_class_ids=box_class_ids,
    )


def _masks_of(answer: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What `load_mask` returned, as arrays."""
    try:
        masks, class_ids = answer
        return np.asarray(masks), np.asarray(class_ids, np.int32).reshape(-1)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name}: load_mask gives {shown(answer)}; masks [height, width, N] and class ids [N] "
            f"are expected ({error})."
        ) from error


def _boxes_of(dataset: Dataset, image_id: int, plan: ResizePlan) -> tuple[np.ndarray, np.ndarray]:
    """What `load_boxes` gives, in the pixels of the resized picture, and the class ids."""
    annotation = asked(dataset, "load_boxes", image_id)
    if annotation is None:
        return np.zeros((0, 4)), np.zeros(0, np.int32)
    name = image_name(dataset, image_id)
    boxes, class_ids = np.asarray(annotation[0], np.float64), annotation[1]
    if boxes.ndim != 2 or boxes.shape != (len(class_ids), 4) or not np.isfinite(boxes).all():
        raise DataError(
            f"{name}: load_boxes gives boxes of shape {boxes.shape} and {len(class_ids)} class "
            "ids; [N, 4] finite numbers and N are expected."
        )
    factors = np.array(plan.resized_shape) / np.array(plan.original_shape)
    return boxes * np.tile(factors, 2), _check_class_ids(class_ids, dataset, name)


def _joined(polygons: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All points of polygons in one array [K, 2], and where each polygon ends in it."""
    ends = np.cumsum([len(polygon) for polygon in polygons], dtype=np.int64)
    return np.concatenate([*polygons, np.zeros((0, 2))]), ends


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
