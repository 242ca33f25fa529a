"""What tiles take their pixels from: a picture, or an array that stands for one."""

from typing import Any

import numpy as np

from mrcnn.errors import DataError
from mrcnn.inference.tile_grid import Tile
from mrcnn.pictures import Level, Picture


class TileImage(Picture):
    """The part of a picture that a tile shows; read once, in the thread that asks first."""

    def __init__(self, picture: Any, tile: Tile) -> None:
        self.tile = tile
        self._picture = picture
        self._pixels: np.ndarray | None = None

    @property
    def levels(self) -> tuple[Level, ...]:
        y1, x1, y2, x2 = self.tile.area
        return (Level(y2 - y1, x2 - x1),)

    def pixels(self, level: int = 0) -> np.ndarray:
        if self._pixels is None:
            y1, x1, y2, x2 = self.tile.area
            if isinstance(self._picture, Picture):
                self._pixels = self._picture.region(y1, x1, y2 - y1, x2 - x1)
            else:
                self._pixels = np.asarray(self._picture)[y1:y2, x1:x2]
        return self._pixels


def shape_of(picture: Any) -> tuple[int, int]:
    """(height, width) of a picture or an array.

    Raises:
        DataError: it has no pixels, or no two sides.
    """
    shape = picture.shape if isinstance(picture, Picture) else np.shape(picture)
    if len(shape) < 2 or 0 in shape:
        raise DataError(
            f"An image of shape {tuple(shape)} was given: expected (height, width, channels), "
            "values from 0 to 255. mrcnn.pictures.read_image reads any file as such."
        )
    return int(shape[0]), int(shape[1])


def name_of(picture: Any) -> str:
    """What messages call a picture, at the beginning of a sentence."""
    name = picture.name if isinstance(picture, Picture) else Picture.name
    return name[:1].upper() + name[1:] if name == Picture.name else name
