"""The length of an outline, by Crofton's formula.

Lines in four directions are laid over the mask; how often they cross its edge tells its length.
G. Lehmann and D. Legland, "Efficient N-Dimensional surface estimation using Crofton formula and
run-length encoding", Insight Journal, 2012.
"""

import math

import numpy as np

from mrcnn.instances.framing import framed

# By the four pixels of a square, of which bit 0 is the lower right one, bit 1 the one above it, bit
# 2 the one to its left, bit 3 that above to the left: what the square adds.
_STRAIGHT, _DIAGONAL = math.pi / 4, math.pi / (4 * math.sqrt(2))
_LENGTHS = np.array(
    [
        0,
        _STRAIGHT + _DIAGONAL,
        _DIAGONAL,
        2 * _DIAGONAL,
        0,
        _STRAIGHT + _DIAGONAL,
        0,
        _DIAGONAL,
        _STRAIGHT,
        2 * _STRAIGHT,
        _DIAGONAL,
        _DIAGONAL,
        _STRAIGHT,
        2 * _STRAIGHT,
        0,
        0,
    ]
)


def crofton_perimeter(crop: np.ndarray) -> float:
    """Length of all edges of a mask, those of its holes too, in pixels.

    The same as scikit-image's `perimeter_crofton` of four directions. Outside the crop is nothing.

    Args:
        crop: bool [h, w].
    """
    padded = framed(crop).view(np.uint8)
    squares = padded[1:, 1:] | padded[:-1, 1:] << 1 | padded[1:, :-1] << 2 | padded[:-1, :-1] << 3
    return float(_LENGTHS @ np.bincount(squares.ravel(), minlength=16))
