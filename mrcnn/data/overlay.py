"""Objects of one image laid over another: new pairs that touch and overlap.

Copying and pasting instances (Ghiasi et al. 2021) teaches to tell neighbors apart. Here for images
in transmitted light, such as smears: what an object lets through of the light is measured against
the empty parts of its own image, and the other image is darkened by as much. Overlaps come out
darker, as they are under the microscope, and both objects keep their whole outline.
"""

import numpy as np
import scipy.ndimage

from mrcnn.instances import Instances

# Of the pixels without objects, those that show the light; the rest is shadow and dirt.
_BRIGHT_PERCENTILE = 75
# An image needs so many empty pixels for its light to be known.
_LEAST_EMPTY = 500
# Soft edges, in pixels.
_EDGE = 1.0
_REACH = 2
# Distance of a pair's centers over the sum of their radii: from overlapping to almost touching.
_CLOSEST, _FARTHEST = 0.65, 1.05
# Largest share of the smaller object that may be covered.
_MOST_COVERED = 0.4
_ATTEMPTS = 10

# (y1, x1, y2, x2) in pixels.
Box = tuple[int, ...]


def light_of(image: np.ndarray, instances: Instances, window: Box) -> np.ndarray | None:
    """Color of an image where nothing lies.

    Args:
        image: uint8 [H, W, C].
        instances: its objects; one without a mask fills its box.
        window: pixel box (y1, x1, y2, x2) of the picture in the image.

    Returns:
        float [C], at least 1; None where hardly anything is empty.
    """
    empty = np.zeros(image.shape[:2], bool)
    y1, x1, y2, x2 = window
    empty[y1:y2, x1:x2] = True
    for (top, left, bottom, right), crop in zip(instances.boxes, instances.crops, strict=True):
        empty[top:bottom, left:right] &= False if crop is None else ~crop
    pixels = image[empty]
    if len(pixels) < _LEAST_EMPTY:
        return None
    return np.maximum(np.percentile(pixels, _BRIGHT_PERCENTILE, axis=0), 1.0)


def lay_over(
    image: np.ndarray,
    instances: Instances,
    window: Box,
    donor: tuple[np.ndarray, Instances, Box],
    most: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, Instances]:
    """Lay objects of a donor beside and partly over those of an image.

    Args:
        image: uint8 [H, W, C].
        instances: its objects; the new ones are placed next to those with a mask.
        window: pixel box of the picture in the image; new objects have their center in it.
        donor: image, objects and window of the same kind.
        most: objects that are laid over at most.
        rng: source of all draws.

    Returns:
        the new image and all objects. Nothing changes where the light of the donor is not known or
        there is nothing to take, or to lie next to. Objects without a mask are not taken.
    """
    donor_image, donor_instances, donor_window = donor
    whole = _inside(donor_instances, donor_window)
    light = light_of(donor_image, donor_instances, donor_window)
    # New objects lie next to these, and to each other.
    partners: list[int] = np.flatnonzero(instances.has_mask()).tolist()
    if light is None or not len(whole) or not partners:
        return image, instances
    image = image.copy()
    boxes, crops = list(map(tuple, instances.boxes)), instances.filled_crops()
    class_ids: list[int] = []
    for number in rng.choice(whole, size=int(rng.integers(1, most + 1))):
        crop = donor_instances.crops[number]
        for _ in range(_ATTEMPTS):
            partner = partners[int(rng.integers(len(partners)))]
            top, left = _next_to(boxes[partner], crops[partner], crop, rng)
            box = (top, left, top + crop.shape[0], left + crop.shape[1])
            if _fits(box, crop, boxes, crops, window):
                break
        else:
            continue
        _darken(image, window, box, donor_image, donor_instances.boxes[number], crop, light)
        y1, x1, y2, x2 = _clipped(box, window)
        partners.append(len(boxes))
        boxes.append((y1, x1, y2, x2))
        crops.append(crop[y1 - top : y2 - top, x1 - left : x2 - left])
        class_ids.append(donor_instances.class_ids[number])
    first = len(instances)
    new = Instances.from_crops(instances.image_shape, boxes[first:], crops[first:], class_ids)
    return image, Instances.merged([instances, new])


def _inside(instances: Instances, window: Box) -> np.ndarray:
    """Indices of the objects with masks that are whole: those away from the window's edge."""
    y1, x1, y2, x2 = window
    boxes = instances.boxes
    clear = (boxes[:, :2] > (y1, x1)).all(axis=1) & (boxes[:, 2:] < (y2, x2)).all(axis=1)
    is_object = (instances.class_ids > 0) & instances.has_mask() & ~instances.ignore
    return np.flatnonzero(clear & is_object)


def _next_to(
    box: Box, mask: np.ndarray, crop: np.ndarray, rng: np.random.Generator
) -> tuple[int, int]:
    """Upper left corner of a new object beside another one, in a random direction."""
    center = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    radii = sum(np.sqrt(np.count_nonzero(each) / np.pi) for each in (mask, crop))
    angle = rng.uniform(0, 2 * np.pi)
    center = center + radii * rng.uniform(_CLOSEST, _FARTHEST) * np.array(
        [np.sin(angle), np.cos(angle)]
    )
    top, left = np.rint(center - np.array(crop.shape) / 2).astype(int)
    return int(top), int(left)


def _fits(
    box: Box, crop: np.ndarray, boxes: list[Box], crops: list[np.ndarray], window: Box
) -> bool:
    """Whether a new object has its center in the window and covers no other too much."""
    y, x = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    if not (window[0] <= y < window[2] and window[1] <= x < window[3]):
        return False
    area = np.count_nonzero(crop)
    for other_box, other in zip(boxes, crops, strict=True):
        y1, x1 = max(box[0], other_box[0]), max(box[1], other_box[1])
        y2, x2 = min(box[2], other_box[2]), min(box[3], other_box[3])
        if y1 >= y2 or x1 >= x2:
            continue
        shared = np.count_nonzero(
            crop[y1 - box[0] : y2 - box[0], x1 - box[1] : x2 - box[1]]
            & other[y1 - other_box[0] : y2 - other_box[0], x1 - other_box[1] : x2 - other_box[1]]
        )
        if shared > _MOST_COVERED * min(area, np.count_nonzero(other)):
            return False
    return True


def _clipped(box: Box, window: Box) -> tuple[int, int, int, int]:
    return (
        max(box[0], window[0]),
        max(box[1], window[1]),
        min(box[2], window[2]),
        min(box[3], window[3]),
    )


def _darken(
    image: np.ndarray,
    window: Box,
    box: Box,
    donor_image: np.ndarray,
    donor_box: np.ndarray,
    crop: np.ndarray,
    light: np.ndarray,
) -> None:
    """Let an object take its share of the light from an image, in place."""
    height, width = donor_image.shape[:2]
    # With a rim for the soft edge, as far as both images go.
    before = [min(_REACH, donor_box[axis], box[axis] - window[axis]) for axis in (0, 1)]
    after = [
        min(_REACH, side - donor_box[axis + 2], window[axis + 2] - box[axis + 2])
        for axis, side in ((0, height), (1, width))
    ]
    rows, columns = (
        slice(donor_box[axis] - before[axis], donor_box[axis + 2] + after[axis]) for axis in (0, 1)
    )
    through = np.minimum(donor_image[rows, columns] / light, 1.0)
    mask = np.zeros(through.shape[:2])
    y1, x1 = max(before[0], 0), max(before[1], 0)
    skip_y, skip_x = max(-before[0], 0), max(-before[1], 0)
    part = crop[skip_y : skip_y + mask.shape[0] - y1, skip_x : skip_x + mask.shape[1] - x1]
    mask[y1 : y1 + part.shape[0], x1 : x1 + part.shape[1]] = part
    mask = scipy.ndimage.gaussian_filter(scipy.ndimage.grey_dilation(mask, (3, 3)), _EDGE)
    top, left = box[0] - before[0], box[1] - before[1]
    target = image[top : top + mask.shape[0], left : left + mask.shape[1]]
    kept = 1 - mask[..., None] * (1 - through)
    target[:] = np.rint(target * kept).astype(np.uint8)
