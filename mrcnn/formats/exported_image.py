"""What is exported: the instances of one image as plain arrays, checked once for all formats."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.instances.geometry import tight_box

Colour = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class ExportedImage:
    """One image and its instances.

    Boxes are made tight around the masks. Instances without a pixel have no outline and are left
    out; the others keep their order.

    Attributes:
        filename: of the image file, relative to the folder that the images are in.
        image_shape: (height, width) in pixels; further entries are cut off.
        boxes: int64 [N, 4], pixel (y1, x1, y2, x2) inside the image.
        crops: N bool arrays, each of its box's size.
        class_ids: int64 [N], from 1.
        scores: float64 [N] in 0..1, or None, as of ground truth.
        size: of the image file in bytes, or None if it is not known.

    Raises:
        DataError: arrays that do not fit together or into the image, a class id below 1, a score
            that is NaN or not in 0..1, no file name.
    """

    filename: str
    image_shape: tuple[int, int]
    boxes: np.ndarray
    crops: list[np.ndarray]
    class_ids: np.ndarray
    scores: np.ndarray | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.filename, str) or not self.filename or "\0" in self.filename:
            raise DataError(f"{self.filename!r} is no name of an image file.")
        where = f"Image {self.filename!r}"
        if self.size is not None and self.size < 0:
            raise DataError(f"{where}: the file's size is {self.size} bytes; give None if unknown.")
        shape = tuple(int(side) for side in self.image_shape[:2])
        if len(shape) != 2 or min(shape) < 1:
            raise DataError(
                f"{where}: the image shape is {tuple(self.image_shape)}; (height, width) is "
                "expected, both at least 1."
            )
        crops = [np.asarray(crop) for crop in self.crops]
        boxes = _whole_numbers(self.boxes, (len(crops), 4), f"{where}: boxes")
        class_ids = _whole_numbers(self.class_ids, (len(crops),), f"{where}: class ids")
        if (class_ids < 1).any():
            raise DataError(
                f"{where}: instance {int(np.argmax(class_ids < 1))} has the class id "
                f"{class_ids.min()}; classes count from 1."
            )
        scores = None if self.scores is None else _checked_scores(self.scores, len(crops), where)
        kept, tight_boxes, tight_crops = [], [], []
        for number, (box, crop) in enumerate(zip(boxes, crops, strict=True)):
            _check_crop(box, crop, shape, f"{where}, instance {number}")
            inside = tight_box(crop)
            if inside is None:
                continue
            y1, x1, y2, x2 = inside
            kept.append(number)
            tight_boxes.append((box[0] + y1, box[1] + x1, box[0] + y2, box[1] + x2))
            tight_crops.append(crop[y1:y2, x1:x2].astype(bool))
        values = {
            "image_shape": shape,
            "boxes": np.array(tight_boxes, np.int64).reshape(-1, 4),
            "crops": tight_crops,
            "class_ids": class_ids[kept],
            "scores": None if scores is None else scores[kept],
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.crops)

    def names(self, class_names: Sequence[str]) -> list[str]:
        """The class name of each instance.

        Args:
            class_names: the name of class 1, of class 2 and so on.

        Raises:
            ConfigError: a class name is empty, no text, or there twice.
            DataError: an instance has a class beyond them.
        """
        self.check_classes(class_names)
        return [class_names[class_id - 1] for class_id in self.class_ids]

    def check_classes(self, class_names: Sequence[str]) -> None:
        """Raise what `names` raises."""
        check_class_names(class_names)
        unknown = np.flatnonzero(self.class_ids > len(class_names))
        if unknown.size:
            raise DataError(
                f"Image {self.filename!r}: instance {unknown[0]} has the class id "
                f"{self.class_ids[unknown[0]]}, but there are {len(class_names)} classes: "
                f"{', '.join(class_names)}."
            )


def check_class_names(class_names: Sequence[str]) -> None:
    """ConfigError unless there are class names, each a text and none there twice."""
    if isinstance(class_names, str) or not class_names:
        raise ConfigError(f"class_names is {class_names!r}; a list of the classes is expected.")
    for name in class_names:
        if not isinstance(name, str) or not name.strip():
            raise ConfigError(f"class_names has {name!r}; each must be a text.")
    if len(set(class_names)) != len(class_names):
        raise ConfigError(f"A class is there twice in class_names: {', '.join(class_names)}.")


def check_filenames(images: Sequence[ExportedImage]) -> None:
    """DataError when two images have the same file name."""
    seen = set()
    for image in images:
        if image.filename in seen:
            raise DataError(
                f"Two images are called {image.filename!r}: give names relative to a folder that "
                "holds both, or write them to files of their own."
            )
        seen.add(image.filename)


def rgb_bytes(
    class_colours: Sequence[Colour] | None, class_names: Sequence[str]
) -> list[tuple[int, int, int]] | None:
    """Colours of the classes, each channel 0..255, from (red, green, blue), each 0..1.

    Raises:
        ConfigError: not one colour for each class, or a channel is not in 0..1.
    """
    if class_colours is None:
        return None
    colours = np.asarray(class_colours, np.float64)
    if colours.shape != (len(class_names), 3) or not ((colours >= 0) & (colours <= 1)).all():
        raise ConfigError(
            f"class_colours must be a (red, green, blue), each 0..1, for each of the "
            f"{len(class_names)} classes."
        )
    return [tuple(colour) for colour in np.rint(colours * 255).astype(int).tolist()]


def _whole_numbers(values: object, shape: tuple[int, ...], what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        array = np.zeros((0, *shape[1:]), np.int64)
    if array.shape != shape:
        raise DataError(f"{what} have the shape {array.shape}, {shape} is expected.")
    if array.dtype.kind not in "iuf" or not (np.isfinite(array) & (np.rint(array) == array)).all():
        raise DataError(f"{what} must be whole numbers, not of {array.dtype} such as {array[:1]}.")
    return array.astype(np.int64)


def _checked_scores(scores: object, count: int, where: str) -> np.ndarray:
    array = np.asarray(scores, np.float64)
    if array.shape != (count,):
        raise DataError(
            f"{where}: scores have the shape {array.shape}, one for each of the {count} instances "
            "is expected."
        )
    # A comparison with NaN is False, so NaN is wrong as well.
    wrong = np.flatnonzero(~((array >= 0) & (array <= 1)))
    if wrong.size:
        raise DataError(
            f"{where}: the score of instance {wrong[0]} is {array[wrong[0]]}; a number in 0..1 is "
            "expected."
        )
    return array


def _check_crop(box: np.ndarray, crop: np.ndarray, shape: tuple[int, int], where: str) -> None:
    y1, x1, y2, x2 = box.tolist()
    if not (0 <= y1 <= y2 <= shape[0] and 0 <= x1 <= x2 <= shape[1]):
        raise DataError(
            f"{where}: the box (y1, x1, y2, x2) = {(y1, x1, y2, x2)} is not inside the image of "
            f"{shape[0]} x {shape[1]} pixels."
        )
    if crop.shape != (y2 - y1, x2 - x1):
        raise DataError(
            f"{where}: the mask has the shape {crop.shape}, its box {(y1, x1, y2, x2)} the size "
            f"{(y2 - y1, x2 - x1)}: cut the mask to its box."
        )
    if crop.dtype.kind not in "biu":
        raise DataError(f"{where}: the mask is of type {crop.dtype}; bool is expected.")
