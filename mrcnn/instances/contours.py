"""The lines around masks, half-way between the pixels inside and those outside.

They are those of scikit-image's `find_contours` at one half, point by point. That one puts lines of
any values together segment by segment; of masks the whole of it is known from the pixels.
"""

from collections.abc import Iterable
from itertools import islice

import numpy as np

from mrcnn.instances.framing import framed

# Masks that are traced together: enough to be quick, and of a slide not all.
_AT_ONCE = 500
# Sides of a square of four pixels, twice their middles (y, x) from that of its first pixel.
_TOP, _LEFT, _RIGHT, _BOTTOM = range(4)
_MIDDLES = np.array([(0, 1), (1, 0), (1, 2), (2, 1)])
# From which side to which a line runs, by the pixels inside: 1 is the upper left one, 2 the upper
# right, 4 the lower left, 8 the lower right.
_RUNS = {
    1: [(_TOP, _LEFT)],
    2: [(_RIGHT, _TOP)],
    3: [(_RIGHT, _LEFT)],
    4: [(_LEFT, _BOTTOM)],
    5: [(_TOP, _BOTTOM)],
    7: [(_RIGHT, _BOTTOM)],
    8: [(_BOTTOM, _RIGHT)],
    10: [(_BOTTOM, _TOP)],
    11: [(_BOTTOM, _LEFT)],
    12: [(_LEFT, _RIGHT)],
    13: [(_TOP, _RIGHT)],
    14: [(_LEFT, _TOP)],
}
_APART = {6: [(_RIGHT, _TOP), (_LEFT, _BOTTOM)], 9: [(_TOP, _LEFT), (_BOTTOM, _RIGHT)]}
_TOGETHER = {6: [(_LEFT, _TOP), (_RIGHT, _BOTTOM)], 9: [(_TOP, _RIGHT), (_BOTTOM, _LEFT)]}


def _table(saddles: dict[int, list[tuple[int, int]]]) -> tuple[np.ndarray, np.ndarray]:
    """How many lines cross a square, int [16], and their sides, int [16, 2, 2]."""
    counts, sides = np.zeros(16, np.int64), np.zeros((16, 2, 2), np.int64)
    for kind, runs in (_RUNS | saddles).items():
        counts[kind], sides[kind, : len(runs)] = len(runs), runs
    return counts, sides


_TABLES = {False: _table(_APART), True: _table(_TOGETHER)}


def contours_of(
    masks: Iterable[np.ndarray], *, corners_connect: bool = False
) -> list[list[np.ndarray]]:
    """The closed lines around each mask and around its holes.

    Args:
        masks: bool [h, w] each.
        corners_connect: whether pixels that touch by a corner belong together.

    Returns:
        of each mask its lines, float64 [K, 2] of (y, x), the last point like the first; pixel
        (r, c) has its center at (r, c). Lines are in the order of their first points from above.
    """
    found: list[list[np.ndarray]] = []
    remaining = iter(masks)
    while some := list(islice(remaining, _AT_ONCE)):
        found += _traced(some, corners_connect)
    return found


def _traced(masks: list[np.ndarray], corners_connect: bool) -> list[list[np.ndarray]]:
    counts, sides = _TABLES[corners_connect]
    squares, kinds, widths, numbers = [], [], [], []
    for mask in masks:
        padded = framed(np.asarray(mask, bool)).view(np.uint8)
        pairs = padded[:, :-1] | padded[:, 1:] << 1
        codes = pairs[:-1] | pairs[1:] << 2
        # All of 15, or none, is no line.
        places = np.flatnonzero((codes + 1 & 15) > 1)
        squares.append(places)
        kinds.append(codes.ravel()[places])
        widths.append(codes.shape[1])
        numbers.append(codes.size)
    found: list[list[np.ndarray]] = [[] for _ in squares]
    owners = np.repeat(np.arange(len(squares)), [len(each) for each in squares])
    if not len(owners):
        return found
    kind = np.concatenate(kinds)
    y, x = np.divmod(np.concatenate(squares), np.array(widths)[owners])
    # A square may have two lines.
    rows = np.repeat(np.arange(len(kind)), counts[kind])
    is_second = np.concatenate([[False], rows[1:] == rows[:-1]]).astype(np.int64)
    begins, ends = sides[kind[rows], is_second].T
    corners = 2 * np.stack([y, x], axis=1)[rows]
    begin, end = corners + _MIDDLES[begins], corners + _MIDDLES[ends]
    owners = owners[rows]
    # Each point has a number of its own, in whichever mask.
    offsets = 9 * np.cumsum([0, *numbers[:-1]])[owners]
    strides = 2 * np.array(widths)[owners] + 1
    begin_keys, end_keys = (offsets + each[:, 0] * strides + each[:, 1] for each in (begin, end))
    # Where one line ends, one begins, so both have the same keys.
    following = np.empty(len(begin), np.int64)
    following[np.argsort(end_keys)] = np.argsort(begin_keys)
    points = begin / 2 - 1
    for line in _cycles(following):
        found[owners[line[0]]].append(points[line])
    return found


def _cycles(following: np.ndarray) -> list[np.ndarray]:
    """The lines as numbers of their points, closed; each ends with what comes last of it.

    All lines are followed at once, from each point twice as far in every round.

    Args:
        following: int64 [N], the number of the point after each.

    Returns:
        the lines in the order of their points with the lowest numbers.
    """
    numbers = np.arange(len(following))
    last, ahead = np.maximum(numbers, following), following[following]
    while (further := np.maximum(last, last[ahead])).sum() != last.sum():
        last, ahead = further, ahead[ahead]
    # How many steps it is from each point to the last one of its line.
    ahead = np.where(last == numbers, numbers, following)
    steps = (ahead != numbers).astype(np.int64)
    while (more := steps[ahead]).any():
        steps += more
        ahead = ahead[ahead]
    lasts, firsts, lengths = np.unique(last, return_index=True, return_counts=True)
    order = np.argsort(firsts)
    # Each line has one place more, for the point that closes it.
    ends = np.cumsum(lengths[order] + 1)
    end_of = np.empty(len(following), np.int64)
    end_of[lasts[order]] = ends
    lines = np.empty(len(following) + len(lasts), np.int64)
    lines[end_of[last] - 2 - steps] = numbers
    lines[ends - 1] = following[lasts[order]]
    return np.split(lines, ends[:-1])
