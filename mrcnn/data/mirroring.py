"""Annotated objects in a picture that is continued by its mirror image.

Detection fills padding with the mirror image of a picture, and finds what the border cuts together
with its mirror image. Here it is the same: what reaches the border is one object with its mirror
image, and everything else is there twice.
"""

import numpy as np

from mrcnn.instances import Instances


def mirror_polygons(
    polygons: list[np.ndarray], class_ids: np.ndarray, side: float, axis: int, reach: float
) -> tuple[list[np.ndarray], np.ndarray]:
    """Polygons of a picture that is mirrored at its far side.

    Args:
        polygons: float64 [K, 2] of (y, x) in edge coordinates.
        class_ids: int32 [N].
        side: length of the picture along `axis`.
        axis: 0 mirrors at the bottom, 1 at the right.
        reach: a polygon is cut by the border where two of its points are this close to it or
            closer. It is drawn to the border then.

    Returns:
        the polygons and their class ids. Those that the border cuts are one with their mirror
        image; the mirror images of the others follow at the end.
    """
    joined, copies, copied_ids = [], [], []
    for polygon, class_id in zip(polygons, class_ids, strict=True):
        at_border = polygon[:, axis] >= side - reach
        if np.count_nonzero(at_border) > 1:
            polygon = polygon.copy()
            polygon[at_border, axis] = side
            # Both halves begin at one point of the border, so they are one closed line.
            polygon = np.roll(polygon, -int(np.argmax(at_border)), axis=0)
            joined.append(np.concatenate([polygon, _mirrored(polygon, side, axis)]))
        else:
            joined.append(polygon)
            copies.append(_mirrored(polygon, side, axis))
            copied_ids.append(class_id)
    ids = np.concatenate([class_ids, np.array(copied_ids, np.int32)])
    return [*joined, *copies], ids


def _mirrored(points: np.ndarray, side: float, axis: int) -> np.ndarray:
    points = points.copy()
    points[:, axis] = 2 * side - points[:, axis]
    return points


def mirror_boxes(
    boxes: np.ndarray, class_ids: np.ndarray, side: float, axis: int, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Boxes of a picture that is mirrored at its far side; the arguments are as for polygons.

    Args:
        boxes: float64 [N, 4] in edge coordinates.
        class_ids: int32 [N].
        side, axis: see `mirror_polygons`.
        reach: a box that ends this close to the border or closer is cut by it.

    Returns:
        the boxes and their class ids, in the order of `mirror_polygons`.
    """
    far = boxes.copy()
    far[:, [axis, axis + 2]] = 2 * side - boxes[:, [axis + 2, axis]]
    cut = boxes[:, axis + 2] >= side - reach
    joined = boxes.copy()
    joined[cut, axis + 2] = far[cut, axis + 2]
    ids = np.concatenate([class_ids, class_ids[~cut]])
    return np.concatenate([joined, far[~cut]]), ids


def mirror_masks(instances: Instances, axis: int) -> Instances:
    """Masks of a picture that is mirrored at its far side.

    Args:
        instances: in the pixels of the picture.
        axis: 0 mirrors at the bottom, 1 at the right.

    Returns:
        the instances in the pixels of the whole. Those that reach the border are one with their
        mirror image; the mirror images of the others follow at the end.
    """
    side = instances.image_shape[axis]
    shape = list(instances.image_shape)
    shape[axis] *= 2
    boxes, crops, copied = [], [], []
    for number, (box, crop) in enumerate(zip(instances.boxes, instances.crops, strict=True)):
        box = box.copy()
        if box[axis + 2] == side:
            box[axis + 2] = 2 * side - box[axis]
            crop = np.concatenate([crop, np.flip(crop, axis)], axis=axis)
        else:
            copied.append(number)
        boxes.append(box)
        crops.append(crop)
    for number in copied:
        box = instances.boxes[number].copy()
        box[axis], box[axis + 2] = 2 * side - box[axis + 2], 2 * side - box[axis]
        boxes.append(box)
        crops.append(np.flip(instances.crops[number], axis))
    class_ids = np.concatenate([instances.class_ids, instances.class_ids[copied]])
    return Instances.from_crops(shape, boxes, crops, class_ids)
