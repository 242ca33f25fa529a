"""A large picture made small enough to be looked at as a whole."""

import numpy as np

from mrcnn.pictures.picture import Picture

# Side of the squares that are read at a time, in pixels.
_BLOCK = 2048


def overview(picture: Picture, most_side: int) -> tuple[np.ndarray, float]:
    """The whole picture with its longer side no longer than asked for, by means of squares.

    It is read a part at a time, from the coarsest level that is large enough.

    Args:
        picture: of any size.
        most_side: pixels of the longer side at most.

    Returns:
        uint8 [h, w, 3], and its pixels for each pixel of the picture.

    Raises:
        DataError: the file cannot be read.
    """
    wanted = min(most_side, max(picture.shape))
    number, level = min(
        (
            (number, level)
            for number, level in enumerate(picture.levels)
            if max(level.height, level.width) >= wanted
        ),
        key=lambda each: each[1].height * each[1].width,
    )
    factor = -(-max(level.height, level.width) // most_side)
    height, width = -(-level.height // factor), -(-level.width // factor)
    small = np.empty((height, width, 3), np.uint8)
    step = max(_BLOCK // factor, 1)
    for top in range(0, height, step):
        for left in range(0, width, step):
            y, x = top * factor, left * factor
            high = min(step * factor, level.height - y)
            wide = min(step * factor, level.width - x)
            part = _smaller(picture.region(y, x, high, wide, number), factor)
            small[top : top + part.shape[0], left : left + part.shape[1]] = part
    return small, level.width / picture.shape[1] / factor


def _smaller(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Means of squares; those that the border cuts count what is there again."""
    if factor == 1:
        return pixels
    rest = [(0, -side % factor) for side in pixels.shape[:2]]
    pixels = np.pad(pixels, (*rest, (0, 0)), mode="edge")
    height, width = (side // factor for side in pixels.shape[:2])
    squares = pixels.reshape(height, factor, width, factor, 3)
    return np.rint(squares.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)
