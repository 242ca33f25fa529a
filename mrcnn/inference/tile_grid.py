"""Where the tiles of a picture lie, and which of them owns which place."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mrcnn.errors import ConfigError, DataError, shown

# The network halves an image six times: only tiles that lie a multiple of this many of its pixels
# apart are seen by the same cells of its coarsest features.
STEP = 64
# Scales are moved by at most this share, so that such a step is a whole number of pixels of the
# picture. Then every tile is resampled at the same places.
_FINE = 0.005
# A tile of more pixels of the picture a side is not read.
_MOST_PIXELS_A_SIDE = 1 << 14


@dataclass(frozen=True)
class Tile:
    """A part of a picture that goes through the network, in pixels of the picture.

    Attributes:
        row, column: its place among the tiles.
        area: (y1, x1, y2, x2) that is read.
        cell: (y1, x1, y2, x2), the part of the area that it owns: an object belongs to the tile
            that has the center of its box in its cell, y1 and x1 included, y2 and x2 not.
    """

    row: int
    column: int
    area: tuple[int, int, int, int]
    cell: tuple[int, int, int, int]


@dataclass(frozen=True)
class TileGrid:
    """The tiles of a picture: all of one size, their cells without a gap or an overlap.

    Attributes:
        scale: pixels of the network for each pixel of the picture.
        rows: the tiles, row by row.
    """

    scale: float
    rows: tuple[tuple[Tile, ...], ...]

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return sum(map(len, self.rows))

    @property
    def tiles(self) -> Iterator[Tile]:
        """All of them, row by row."""
        return itertools.chain.from_iterable(self.rows)


def tile_grid(shape: Sequence[int], scale: float, side: int, overlap: float) -> TileGrid:
    """Lay tiles over a picture.

    A picture that fits into one tile is one, at the scale as it is given. Else all tiles have the
    same size, and those of the last row and column are moved inward as far as needed; along a
    side of the picture that is shorter than a tile they have its length.

    Args:
        shape: (height, width, ...) of the picture in pixels.
        scale: pixels of the network for each pixel of the picture. With more than one tile it is
            moved by half a percent at most, at scales above 1.3 or so by up to some percent.
        side: of a tile, in pixels of the network; a multiple of 64.
        overlap: of two tiles side by side at least, in pixels of the network; at most half of a
            side.

    Raises:
        ConfigError: `side` or `overlap` cannot work.
        DataError: the scale is no number above 0, or so small that a tile would hold far too many
            pixels of the picture.
    """
    if side < 2 * STEP or side % STEP or not 0 <= overlap <= side / 2:
        raise ConfigError(
            f"Tiles of {shown(side)} pixels that overlap by {shown(overlap)}: the side must be a "
            f"multiple of {STEP} from {2 * STEP} on (pixels of the network), the overlap at most "
            "half of it."
        )
    if not (isinstance(scale, int | float) and math.isfinite(scale) and scale > 0):
        raise DataError(f"The scale is {shown(scale)}: expected is a number above 0.")
    height, width = int(shape[0]), int(shape[1])
    if max(height, width) * scale <= side:
        whole = (0, 0, height, width)
        _check_size(height, width, scale)
        return TileGrid(float(scale), ((Tile(0, 0, whole, whole),),))
    step, pixels = _steps(scale, side, overlap)
    length = side // step * pixels
    stride = int((side - overlap) // step) * pixels
    _check_size(length, length, scale)
    vertical, horizontal = (_along(whole, length, stride) for whole in (height, width))
    rows = tuple(
        tuple(
            Tile(row, column, (y[0], x[0], y[1], x[1]), (y[2], x[2], y[3], x[3]))
            for column, x in enumerate(horizontal)
        )
        for row, y in enumerate(vertical)
    )
    return TileGrid(step / pixels, rows)


def _steps(scale: float, side: int, overlap: float) -> tuple[int, int]:
    """A step in pixels of the network, and in whole pixels of the picture: about the scale."""
    best, smallest = None, math.inf
    for step in range(STEP, int(side - overlap) + 1, STEP):
        if side % step:
            continue
        pixels = max(1, round(step / scale))
        error = abs(step / pixels / scale - 1)
        if best is None or error < smallest:
            best, smallest = (step, pixels), error
        if smallest <= _FINE:
            break
    # One step always fits.
    assert best is not None
    return best


def _along(whole: int, length: int, stride: int) -> list[tuple[int, int, int, int]]:
    """(first and end of what is read, first and end of what is owned) of each tile of an axis."""
    if whole <= length:
        return [(0, whole, 0, whole)]
    begins = [*range(0, whole - length, stride), whole - length]
    # Half way between the beginning of a tile and the end of the one before.
    middles = [(later + earlier + length) // 2
               for earlier, later in itertools.pairwise(begins)]  # fmt: skip
    borders = [0, *middles, whole]
    return [
        (begin, begin + length, borders[number], borders[number + 1])
        for number, begin in enumerate(begins)
    ]


def _check_size(height: int, width: int, scale: float) -> None:
    if max(height, width) > _MOST_PIXELS_A_SIDE:
        raise DataError(
            f"At a scale of {scale:g} pixels of the network for each pixel of the picture, a tile "
            f"has {height} x {width} pixels of the picture; {_MOST_PIXELS_A_SIDE} a side are the "
            "most. Give the diameter of the objects in this picture, or a smaller copy of it."
        )
