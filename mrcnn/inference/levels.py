"""Levels of a picture: which one a network is shown, and its objects in pixels of the finest."""

import math

import numpy as np

from mrcnn.instances import Instances
from mrcnn.pictures import Level, Picture


class LevelPicture(Picture):
    """One level of a picture, as a picture of its own.

    Args:
        picture: of several levels.
        level: number of the one that is meant.
    """

    def __init__(self, picture: Picture, level: int) -> None:
        self.name = picture.name
        self._picture, self._number = picture, level

    @property
    def levels(self) -> tuple[Level, ...]:
        level = self._picture.levels[self._number]
        return (Level(level.height, level.width),)

    @property
    def notes(self) -> tuple[str, ...]:
        return self._picture.notes

    def _read(self, level: int, y: int, x: int, height: int, width: int) -> np.ndarray:
        return self._picture.region(y, x, height, width, self._number)


def level_for(picture: Picture, scale: float) -> tuple[Picture, float]:
    """The coarsest level of a picture that has all that the network is shown.

    So a part of the picture that goes through the network costs the same whatever its
    magnification. A picture without such a level is given back as it is.

    Args:
        picture: of any levels.
        scale: pixels of the network for each pixel of the picture.

    Returns:
        the level as a picture, and pixels of the network for each of its pixels.
    """
    fitting = [
        number
        for number, level in enumerate(picture.levels)
        if level.downsample > 1 and level.downsample * scale <= 1
    ]
    if not fitting:
        return picture, scale
    number = max(fitting, key=lambda each: picture.levels[each].downsample)
    return LevelPicture(picture, number), scale * picture.levels[number].downsample


def enlarged(instances: Instances, image_shape: tuple[int, int]) -> Instances:
    """Instances of a coarser level in pixels of the whole picture.

    Each of its pixels belongs to the object that the pixel of the level below it belongs to. The
    order by first rows and columns stays.

    Args:
        instances: in pixels of the level, whose size is their `image_shape`.
        image_shape: (height, width) of the picture, neither smaller than the level's.
    """
    vertical, horizontal = (
        there / here for here, there in zip(instances.image_shape, image_shape, strict=True)
    )
    boxes, crops = [], []
    for (y1, x1, y2, x2), crop in zip(instances.boxes, instances.crops, strict=True):
        top, bottom = _first(y1, vertical), _first(y2, vertical)
        left, right = _first(x1, horizontal), _first(x2, horizontal)
        boxes.append((top, left, bottom, right))
        if crop is None:
            crops.append(None)
            continue
        rows = _below(top, bottom, vertical) - y1
        columns = _below(left, right, horizontal) - x1
        # What rounding moves beyond an end belongs to the last pixel.
        rows, columns = np.clip(rows, 0, y2 - y1 - 1), np.clip(columns, 0, x2 - x1 - 1)
        crops.append(crop[np.ix_(rows, columns)])
    return Instances.trusted(
        image_shape,
        boxes,
        crops,
        instances.class_ids,
        instances.scores,
        ignore=instances.ignore,
        columns=instances.columns,
    )


def _first(place: int, factor: float) -> int:
    """The first pixel of the picture whose center lies in or after a pixel of the level."""
    return math.ceil(int(place) * factor - 0.5)


def _below(begin: int, end: int, factor: float) -> np.ndarray:
    """The pixels of the level in which the centers of pixels of the picture lie."""
    return np.floor((np.arange(begin, end) + 0.5) / factor).astype(np.int64)
