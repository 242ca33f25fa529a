"""From a picture of any size to what the network takes, as `mrcnn.inference.molding` does it."""

from typing import Any, NamedTuple

import numpy as np

from mrcnn.deploy.end_to_end.arrays import Array, joined, stacked
from mrcnn.ops.anchors import generate_anchors

# Sides of what the network takes are multiples of this.
_STEP = 64
# See `mrcnn.data.resizing.scale_evenly`: from here on whole pixels are averaged first.
_COARSE = 4


class Frame(NamedTuple):
    """How a picture lies in what the network takes: pairs of (rows, columns), float64.

    Attributes:
        size: of the picture as given.
        factor: pixels of the network for each of its pixels, one number.
        resized: size of the picture then.
        sides: of the frame.
        before: padding before the picture.
        is_given: whether the factor was given, bool.
    """

    size: Array
    factor: Array
    resized: Array
    sides: Array
    before: Array
    is_given: Array

    @property
    def window(self) -> Array:
        """(y1, x1, y2, x2) of the picture in the frame, [4]."""
        return joined(self.before, self.before + self.resized)


def plan(image: Array, scale: Array, config: Any) -> Frame:
    """See `mrcnn.data.resizing.plan_resize`.

    Args:
        image: uint8 [H, W, C].
        scale: float32, pixels of the network for each pixel of the picture; 0 for the size that
            the configuration says.
        config: says it.
    """
    size = image.sizes(0, 2).astype(np.float64)
    longest, shortest = size.max(), size.min()
    mode = config.IMAGE_RESIZE_MODE
    usual, side = longest.constant(1.0, np.float64), float(config.IMAGE_MAX_DIM)
    if mode != "none" and config.IMAGE_FIT:
        usual = side / longest
    elif mode != "none":
        if config.IMAGE_MIN_DIM:
            usual = (float(config.IMAGE_MIN_DIM) / shortest).most(usual)
        if config.IMAGE_MIN_SCALE:
            usual = usual.most(float(config.IMAGE_MIN_SCALE))
    if mode == "square":
        usual = ((longest * usual).round() > side).where(side / longest, usual)
    is_given = scale > 0.0
    wanted = (longest * scale.astype(np.float64)).round().most(1.0)
    factor = is_given.where(wanted / longest, usual)
    resized = (size * factor).round().most(1.0)
    sides = (resized / float(_STEP)).ceil() * float(_STEP)
    if mode == "square":
        sides = is_given.where(sides, [side, side])
    elif mode == "none":
        sides = is_given.where(sides, size)
    before = ((sides - resized) / 2.0).floor()
    return Frame(size, factor, resized, sides, before, is_given)


def pixels(image: Array, frame: Frame, config: Any) -> Array:
    """The picture in its frame less the mean pixel, float32 [1, height, width, C].

    The four neighbors of each pixel are added in the order of SciPy and in its precision: what is
    cut off to whole gray levels is the same.
    """
    coarse = frame.is_given.where(
        (frame.factor * _COARSE <= 1.0).where((2.0 / _COARSE / frame.factor).floor(), 1.0), 1.0
    )
    cells = (frame.size / coarse).ceil()
    image = _averaged(image, frame, coarse, cells)
    rows, columns = (_neighbors(frame, cells, axis, config) for axis in (0, 1))
    low, high = image.min().astype(np.float64), image.max().astype(np.float64)
    parts = []
    for row in rows.cells:
        row_pixels = image.take(row.places)
        for column in columns.cells:
            part = row_pixels.take(column.places, axis=1).astype(np.float64)
            parts.append(part * row.weights.unsqueeze(1, 2) * column.weights.unsqueeze(0, 2))
    first, second, third, fourth = parts
    found = (first + second + third + fourth).clip(low, high).floor()
    if config.IMAGE_PADDING != "reflect":
        found = found * rows.shown.unsqueeze(1, 2) * columns.shown.unsqueeze(0, 2)
    mean = np.reshape(np.asarray(config.MEAN_PIXEL, np.float64), (1, 1, -1))
    return (found - mean).astype(np.float32).unsqueeze(0)


def image_meta(frame: Frame, config: Any) -> Array:
    """See `mrcnn.ops.image_meta.compose_image_meta`, float32 [1, M]."""
    channels = frame.size.constant([config.IMAGE_CHANNEL_COUNT], np.float64)
    # An object that the border cuts is found together with its mirror image.
    seen = frame.window
    if config.IMAGE_PADDING == "reflect":
        seen = joined(frame.sides * 0.0, frame.sides)
    parts = [
        frame.size.constant([0.0], np.float64),
        frame.size,
        channels,
        frame.sides,
        channels,
        seen,
        frame.factor.reshape([1]),
        frame.size.constant([0.0] * config.NUM_CLASSES, np.float64),
    ]
    return joined(*parts).astype(np.float32).unsqueeze(0)


def anchors(frame: Frame, config: Any) -> Array:
    """See `mrcnn.data.anchors.normalized_anchors`, float32 [1, A, 4]."""
    levels = []
    step = config.RPN_ANCHOR_STRIDE
    for scale, stride in zip(config.RPN_ANCHOR_SCALES, config.BACKBONE_STRIDES, strict=False):
        boxes = generate_anchors(scale, config.RPN_ANCHOR_RATIOS, (1, 1), stride, 1)
        counts = ((frame.sides / float(stride)).ceil() / float(step)).ceil().astype(np.int64)
        places = joined(counts, counts.constant([1, 1], np.int64))
        rows, columns = (
            (counts.take(axis).arange() * (step * stride)).astype(np.float64) for axis in (0, 1)
        )
        centers = [
            rows.unsqueeze(1, 2, 3).expand(places),
            columns.unsqueeze(0, 2, 3).expand(places),
        ]
        level = joined(*centers, *centers, axis=3) + boxes[None, None]
        levels.append(level.reshape([1, -1, 4]))
    last = frame.sides - 1.0
    shifted = joined(*levels, axis=1) - np.array([0.0, 0.0, 1.0, 1.0])
    return (shifted / joined(last, last)).astype(np.float32)


class _Cells(NamedTuple):
    """Of each row (or column) of the frame a cell that it shows, int64 [N], and its share."""

    places: Array
    weights: Array


class _Neighbors(NamedTuple):
    """The two cells that each row (or column) of the frame lies between.

    Attributes:
        cells: the one before and the one after.
        shown: 1 for those that show the picture and not its padding, float64 [N].
    """

    cells: list[_Cells]
    shown: Array


def _averaged(image: Array, frame: Frame, coarse: Array, cells: Array) -> Array:
    """Means of squares of pixels, rounded, float32 [rows, columns, C]; a square may be a pixel."""
    for axis in (0, 1):
        padded = (cells.take(axis) * coarse).astype(np.int64).arange()
        last = (frame.size.take(axis) - 1.0).astype(np.int64)
        image = image.take(padded.least(last), axis=axis)
    rows, columns = (cells.take(axis).astype(np.int64) for axis in (0, 1))
    side, rest = coarse.astype(np.int64), rows.constant(-1, np.int64)
    squares = image.astype(np.float32).reshape(stacked(rows, side, columns, side, rest))
    return squares.mean(1, 3).round()


def _neighbors(frame: Frame, cells: Array, axis: int, config: Any) -> _Neighbors:
    resized, last = frame.resized.take(axis), cells.take(axis) - 1.0
    places = frame.sides.take(axis).astype(np.int64).arange().astype(np.float64)
    places = places - frame.before.take(axis)
    shown = ((places >= 0.0) & (places < resized)).astype(np.float64)
    if config.IMAGE_PADDING == "reflect":
        period = ((resized - 1.0) * 2.0).most(1.0).astype(np.int64)
        turned = places.astype(np.int64) % period
        places = turned.least(period - turned).astype(np.float64)
    else:
        places = places.clip(0.0, resized - 1.0)
    position = (places + 0.5) * (cells.take(axis) / resized) - 0.5
    position = frame.is_given.where(position.clip(0.0, last), position)
    before = position.floor()
    share = position - before
    found = []
    for cell, weight in ((before, 1.0 - share), (before + 1.0, share)):
        # Beyond the border is black, unless the scale is given.
        is_there = frame.is_given | ((cell >= 0.0) & (cell <= last))
        weight = weight * is_there.astype(np.float64)
        found.append(_Cells(cell.clip(0.0, last).astype(np.int64), weight))
    return _Neighbors(found, shown)
