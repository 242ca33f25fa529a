"""From what the network gives to masks in the picture, as `mrcnn.inference.placing` does it."""

from typing import Any, NamedTuple

import numpy as np

from mrcnn.deploy.end_to_end.arrays import Array, joined, loop, stacked
from mrcnn.deploy.end_to_end.molding import Frame
from mrcnn.inference.placing import MOST_OUTSIDE

# More rows than pictures have.
_FAR = 1 << 30


class Placed(NamedTuple):
    """Objects of a picture by falling score, N rows; there is at least one, which may be none.

    Attributes:
        boxes: pixel (y1, x1, y2, x2), int64 [N, 4].
        class_ids: float32 [N].
        scores: float32 [N].
        masks: uint8 [N, H, W], 0 and 1.
        areas: of the masks in pixels, float64 [N].
        is_found: which rows are objects, bool [N].
    """

    boxes: Array
    class_ids: Array
    scores: Array
    masks: Array
    areas: Array
    is_found: Array


class _Pixels(NamedTuple):
    """The rows (or columns) of the picture that a mask is read for.

    Attributes:
        begin: the first one, int64.
        end: one past the last one.
        weights: of the rows of the mask, float32 [end - begin, length].
        is_any: whether a box reaches any.
    """

    begin: Array
    end: Array
    weights: Array
    is_any: Array


def placed(detections: Array, masks: Array, frame: Frame, config: Any) -> Placed:
    """Put the masks into the picture.

    Args:
        detections: float32 [1, D, 6], see `mrcnn.inference.runner.Runner`.
        masks: float32 [1, D, h, w, classes].
        frame: how the picture was molded.
        config: says how masks are placed.
    """
    detections, masks = detections.squeeze(0), masks.squeeze(0)
    is_found = detections.take(4, axis=1) > 0.0
    if config.IMAGE_PADDING == "reflect":
        is_found = is_found & _in_window(detections, frame)
    if not config.SUBPIXEL_MASKS:
        is_found = is_found & _visible(detections)
    # A loop gives nothing of a shape that is not known, so one row is always looked at.
    rows = is_found.nonzero()
    count = rows.sizes(0, 1).most(1)
    zero = rows.constant([0], np.int64)
    rows = joined(rows, zero).part(zero, count, 0)
    detections, is_found = detections.take(rows), is_found.astype(np.int64).take(rows) > 0
    class_ids = detections.take(4, axis=1)
    places = joined(rows.unsqueeze(1), class_ids.astype(np.int64).unsqueeze(1), axis=1)
    masks = masks.transpose(0, 3, 1, 2).take_points(places)
    boxes = (_centers if config.SUBPIXEL_MASKS else _whole_boxes)(detections, frame, config)
    read = _centers_read if config.SUBPIXEL_MASKS else _whole_read

    def place(number: Array, _: list[Array]) -> tuple[list[Array], list[Array]]:
        mask, box = masks.take(number), boxes.take(number)
        rows, columns = (
            read(box.take(axis), box.take(axis + 2), frame, axis, mask.sizes(axis, axis + 1))
            for axis in (0, 1)
        )
        values = rows.weights @ mask @ columns.weights.transpose(1, 0)
        inside = values >= 0.5
        if not config.SUBPIXEL_MASKS:
            # A mask that is filled everywhere has no rim.
            inside = inside | (mask.min() >= 0.5)
        inside = (inside & rows.is_any & columns.is_any).astype(np.float32)
        area = inside.sum()
        corners = _corners(rows, columns)
        if config.SUBPIXEL_MASKS:
            corners = _tight(inside, rows, columns)
        before, after = stacked(rows.begin, columns.begin), stacked(rows.end, columns.end)
        # Made in here: ONNX Runtime warns of two names from outside for one value.
        sides = frame.size.astype(np.int64)
        whole = inside.astype(np.uint8).pad(joined(before, sides - after))
        return [], [whole, corners, area]

    whole_masks, corners, areas = loop(
        count.squeeze(0), [], [np.uint8, np.int64, np.float32], place
    )
    if config.SUBPIXEL_MASKS:
        is_found = is_found & (areas > 0.0)
    scores = detections.take(5, axis=1)
    return Placed(corners, class_ids, scores, whole_masks, areas.astype(np.float64), is_found)


def _limits(frame: Frame, box: Array) -> Array:
    """A pixel box of the frame normalized, see `mrcnn.instances.geometry.norm_boxes`."""
    last = frame.sides - 1.0
    shift = np.array([0.0, 0.0, 1.0, 1.0])
    return ((box - shift) / joined(last, last)).astype(np.float32).astype(np.float64)


def _in_window(detections: Array, frame: Frame) -> Array:
    """See `mrcnn.inference.placing.of_the_picture`, bool [D]."""
    window = _limits(frame, frame.window)
    boxes = detections.astype(np.float64)
    inside = []
    for axis in (0, 1):
        low, high = boxes.take(axis, axis=1), boxes.take(axis + 2, axis=1)
        center, near = (low + high) / 2.0, (high - low) * MOST_OUTSIDE
        inside.append(
            (center + near >= window.take(axis)) & (center - near <= window.take(axis + 2))
        )
    return inside[0] & inside[1]


def _visible(detections: Array) -> Array:
    """Those that have an area, bool [D]."""
    y1, x1, y2, x2 = (detections.take(axis, axis=1) for axis in range(4))
    return (y2 > y1) & (x2 > x1)


def _centers(detections: Array, frame: Frame, config: Any) -> Array:
    """Widened boxes as centers of their corner pixels, counted from the picture's first pixel.

    See `mrcnn.inference.placing.place_masks`; float64 [N, 4].
    """
    window = frame.window
    seen = window
    if config.IMAGE_PADDING == "reflect":
        seen = joined(frame.sides * 0.0, frame.sides)
    limits = _limits(frame, seen)
    sides = [detections.take(axis, axis=1).astype(np.float64) for axis in range(4)]
    margin, found = float(config.MASK_MARGIN), []
    for axis, sign in ((0, -1.0), (1, -1.0), (2, 1.0), (3, 1.0)):
        along = axis % 2
        length = sides[along + 2] - sides[along]
        side = sides[axis] + length * (margin * sign)
        side = side.clip(limits.take(along), limits.take(along + 2))
        side = side * (frame.sides.take(along) - 1.0) - window.take(along)
        found.append(side.unsqueeze(1))
    return joined(*found, axis=1)


def _centers_read(first: Array, last: Array, frame: Frame, axis: int, length: Array) -> _Pixels:
    """See `mrcnn.inference.placing._sample`."""
    side = frame.size.take(axis)
    factor = side / frame.resized.take(axis)
    begin = (first * factor - 0.5).ceil().most(0.0)
    end = ((last + 1.0) * factor - 0.5).ceil().least(side)
    is_any = end > begin
    begin = begin.least(side - 1.0)
    end = end.most(begin + 1.0)
    pixels = (end - begin).astype(np.int64).arange().astype(np.float64) + begin
    in_picture = (pixels + 0.5) / factor - 0.5
    most = length.astype(np.float64) - 1.0
    position = (in_picture - first) / (last - first).most(1e-9) * most
    weights = _hats(position.clip(0.0, most), length)
    return _Pixels(begin.astype(np.int64), end.astype(np.int64), weights, is_any)


def _whole_boxes(detections: Array, frame: Frame, config: Any) -> Array:
    """Boxes in whole pixels of the picture, see `mrcnn.inference.placing.pixels_of_boxes`."""
    window = _limits(frame, frame.window).astype(np.float32)
    found = []
    for axis in range(4):
        along = axis % 2
        low, high = window.take(along), window.take(along + 2)
        side = (detections.take(axis, axis=1) - low) / (high - low)
        side = side.astype(np.float64) * (frame.size.take(along) - 1.0)
        found.append((side + float(axis // 2)).round().unsqueeze(1))
    return joined(*found, axis=1)


def _whole_read(first: Array, last: Array, frame: Frame, axis: int, length: Array) -> _Pixels:
    """See `mrcnn.data.molding.spread_mask`."""
    is_any = last > first
    begin = first.clip(0.0, frame.size.take(axis) - 1.0)
    end = last.least(frame.size.take(axis)).most(begin + 1.0)
    count = (last - first).most(1.0)
    pixels = (end - begin).astype(np.int64).arange().astype(np.float64) + (begin - first)
    position = (pixels + 0.5) * (length.astype(np.float64) / count) - 0.5
    weights = _hats(position, length)
    return _Pixels(begin.astype(np.int64), end.astype(np.int64), weights, is_any)


def _hats(position: Array, length: Array) -> Array:
    """Bilinear weights of cells at positions [N], float32 [N, length]; 0 beyond the border."""
    cells = length.squeeze(0).arange().astype(np.float64).unsqueeze(0)
    return (1.0 - (position.unsqueeze(1) - cells).abs()).most(0.0).astype(np.float32)


def _corners(rows: _Pixels, columns: _Pixels) -> Array:
    return stacked(rows.begin, columns.begin, rows.end, columns.end)


def _tight(inside: Array, rows: _Pixels, columns: _Pixels) -> Array:
    """The box of the pixels that are filled, int64 [4]; where there are none, that of one pixel."""
    lows, highs = [], []
    for pixels, other in ((rows, 1), (columns, 0)):
        filled = inside.max(other) > 0.0
        places = (pixels.end - pixels.begin).arange()
        low, high = filled.where(places, _FAR).min(), filled.where(places, 0).max()
        lows.append((low < _FAR).where(low, 0) + pixels.begin)
        highs.append(high + pixels.begin + 1)
    return stacked(*lows, *highs)
