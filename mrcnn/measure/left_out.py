"""How much of what stands out in a picture no object covers."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

# An outline may run so far inside the edge of what it goes around (diameters).
_BESIDE = 0.08
# A piece has the size of an object from this part of an object's area on.
_LEAST_AREA = 0.5
# A larger piece is one object of another kind; from so many objects' areas on it is a clump.
_CLUMP = 6.0
_ALL_NEIGHBORS = np.ones((3, 3), bool)


@dataclass(frozen=True)
class LeftOut:
    """What no object covers.

    Attributes:
        share: of the foreground, 0 to 1.
        objects: about how many objects that could be.
    """

    share: float
    objects: int


def left_out(foreground: np.ndarray, objects: np.ndarray, diameter: float | None) -> LeftOut:
    """What of a picture's foreground is outside all objects.

    Args:
        foreground: bool [H, W].
        objects: bool [H, W], where some object is.
        diameter: of objects, in pixels; None where it is not known, so none can be counted.
    """
    total = np.count_nonzero(foreground)
    if not total:
        return LeftOut(0.0, 0)
    share = float(np.count_nonzero(foreground & ~objects) / total)
    return LeftOut(share, 0 if diameter is None else _count(foreground, objects, diameter))


def _count(foreground: np.ndarray, objects: np.ndarray, diameter: float) -> int:
    """Pieces of the size of an object, and objects that clumps have room for."""
    near = _within(objects, round(_BESIDE * diameter))
    pieces, _ = ndimage.label(foreground & ~near)
    area = np.pi / 4 * diameter**2
    count = 0
    for number, place in enumerate(ndimage.find_objects(pieces), start=1):
        piece = pieces[place] == number
        own = np.count_nonzero(piece)
        if 2 * own < _LEAST_AREA * area:
            continue
        # A pale middle belongs to it, a background with a frame around it does not.
        filled = np.count_nonzero(ndimage.binary_fill_holes(piece, _ALL_NEIGHBORS))
        size = min(filled, 2 * own) / area
        if size >= _LEAST_AREA:
            count += 1 if size < _CLUMP else round(size)
    return count


def _within(objects: np.ndarray, reach: int) -> np.ndarray:
    """Where an object is no farther than so many pixels, bool [H, W]; quick for a few.

    Args:
        objects: bool [H, W].
        reach: 0 or more.
    """
    near = objects.copy()
    for above in range(min(reach, len(objects) - 1) + 1):
        beside = math.isqrt(reach**2 - above**2)
        wide = objects.copy()
        for step in range(1, beside + 1):
            wide[:, step:] |= objects[:, :-step]
            wide[:, :-step] |= objects[:, step:]
        near[above:] |= wide[: len(wide) - above]
        near[: len(wide) - above] |= wide[above:]
    return near
