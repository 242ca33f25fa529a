"""What the network does with boxes, in the operations that ONNX has for it.

The same numbers as those of `mrcnn.nets.proposals`, `detection` and `roi_align`, by operations that
runtimes have a kernel for: `TopK`, `NonMaxSuppression` and `RoiAlign`.
"""

import math
from collections.abc import Sequence

import numpy as np

from mrcnn.deploy.onnx_graph import OnnxGraph
from mrcnn.nets.detection import DetectionLayer
from mrcnn.nets.roi_align import PyramidROIAlign

# The bounds of `mrcnn.ops.boxes`.
_FARTHEST = 1e9
_LARGEST_GROWTH = 20.0
_FINEST, _COARSEST = 2, 5
# Numbers that ONNX has for types.
_FLOAT, _INT32, _INT64, _BOOL = 1, 6, 7, 9


def propose(graph: OnnxGraph, inputs: list[str]) -> str:
    """See `mrcnn.nets.proposals.propose_regions`."""
    scores, deltas, anchors = inputs
    limit = graph.setting("PRE_NMS_LIMIT")
    scores = graph("Gather", scores, graph.constant(1, np.int64), axis=2)
    # There may be fewer anchors than the limit.
    pads = graph.joined(graph.integers(0, 0, 0), limit)
    scores = graph("Pad", scores, pads, graph.constant(-1.0))
    scores, best = _highest(graph, scores, limit)
    last = graph("Sub", graph.sizes(anchors, 1, 2), graph.integers(1))
    best = graph("Min", best, last)
    deltas = graph("Mul", _rows(graph, deltas, best), graph.setting("RPN_BBOX_STD_DEV"))
    whole = [graph.constant(float(side)) for side in (0, 0, 1, 1)]
    boxes, valid = _finite(graph, _refined(graph, _rows(graph, anchors, best), deltas, whole))
    valid = graph("And", valid, graph("GreaterOrEqual", scores, graph.constant(0.0)))
    order = _falling(graph, limit)
    keys = graph("Where", valid, order, graph.constant(-1.0))
    keys = graph("Unsqueeze", keys, graph.integers(1))
    most, threshold = graph.setting("POST_NMS_ROIS_INFERENCE"), graph.setting("RPN_NMS_THRESHOLD")
    kept, filled = _suppressed(graph, boxes, keys, most, threshold, order)
    return graph("Mul", _rows(graph, boxes, kept), filled)


def detect(graph: OnnxGraph, layer: DetectionLayer, inputs: list[str], classes: int) -> str:
    """See `mrcnn.nets.detection.refine_detections`; of so many classes."""
    rois, probabilities, deltas, image_meta = inputs
    zero, minus = graph.constant(0.0), graph.constant(-1.0)
    last = graph.integers(2)
    if layer.score == "object":
        ends = graph.integers(1), graph.integers(classes)
        objects = graph("Slice", probabilities, *ends, last)
        class_ids = graph("ArgMax", objects, axis=2, keepdims=0)
        class_ids = graph("Add", class_ids, graph.constant(1, np.int64))
        scores = graph("ReduceSum", objects, last, keepdims=0)
    else:
        class_ids = graph("ArgMax", probabilities, axis=2, keepdims=0)
        scores = graph("ReduceMax", probabilities, last, keepdims=0)
    deltas = graph("GatherND", deltas, graph("Unsqueeze", class_ids, last), batch_dims=2)
    deltas = graph("Mul", deltas, graph.setting("BBOX_STD_DEV"))
    boxes, valid = _finite(graph, _refined(graph, rois, deltas, _windows(graph, image_meta)))
    valid = graph("And", valid, graph("Equal", graph("Sub", scores, scores), zero))
    sides = graph("ReduceMax", graph("Abs", rois), last, keepdims=0)
    valid = graph("And", valid, graph("Greater", sides, zero))
    valid = graph("And", valid, graph("Greater", class_ids, graph.constant(0, np.int64)))
    least = graph.setting("DETECTION_MIN_CONFIDENCE")
    valid = graph("And", valid, graph("GreaterOrEqual", scores, least))

    count = graph.sizes(rois, 1, 2)
    scores, order = _highest(graph, graph("Where", valid, scores, minus), count)
    boxes = _rows(graph, boxes, order)
    class_ids = graph("GatherElements", class_ids, order, axis=1)
    falling = _falling(graph, count)
    keys = graph("Where", graph("GreaterOrEqual", scores, zero), falling, minus)
    keys = graph("Unsqueeze", keys, graph.integers(1))
    if not layer.across_classes:
        # Suppression is within a class: each has the keys of its own boxes.
        names = graph.constant(np.arange(1, classes)[:, None], np.int64)
        own = graph("Equal", graph("Unsqueeze", class_ids, graph.integers(1)), names)
        keys = graph("Where", own, keys, minus)
    most = graph.setting("DETECTION_MAX_INSTANCES")
    threshold = graph.setting("DETECTION_NMS_THRESHOLD")
    kept, filled = _suppressed(graph, boxes, keys, most, threshold, falling)
    columns = [graph("Cast", class_ids, to=_FLOAT), scores]
    rows = graph("Concat", boxes, *(graph("Unsqueeze", each, last) for each in columns), axis=2)
    return graph("Mul", _rows(graph, rows, kept), filled)


def filled_boxes(graph: OnnxGraph, detections: str) -> str:
    """See `mrcnn.nets.layers.FilledBoxes`."""
    classes = graph("Gather", detections, graph.constant(4, np.int64), axis=2)
    filled = graph("Cast", graph("Greater", classes, graph.constant(0.0)), to=_INT64)
    filled = graph("ReduceMax", filled, graph.integers(0), keepdims=0)
    count = graph("ReduceSum", filled, graph.integers(0), keepdims=1)
    count = graph("Max", count, graph.integers(1))
    ends = graph.joined(count, graph.integers(4))
    return graph("Slice", detections, graph.integers(0, 0), ends, graph.integers(1, 2))


def widened(graph: OnnxGraph, boxes: str, image_meta: str) -> str:
    """See `mrcnn.nets.layers.WidenBoxes`."""
    y1, x1, y2, x2 = _columns(graph, boxes)
    margin = graph.setting("MASK_MARGIN")
    high = graph("Mul", graph("Sub", y2, y1), margin)
    wide = graph("Mul", graph("Sub", x2, x1), margin)
    moved = [
        graph(operation, side, by)
        for operation, side, by in (
            ("Sub", y1, high),
            ("Sub", x1, wide),
            ("Add", y2, high),
            ("Add", x2, wide),
        )
    ]
    return _clipped(graph, moved, _windows(graph, image_meta))


class Pyramid:
    """Feature maps as one table of cells, from which regions are read whatever their level.

    Args:
        graph: in which it is laid out.
        maps: names of P2 to P5, [B, C, H, W].
        channels: C.
    """

    def __init__(self, graph: OnnxGraph, maps: Sequence[str], channels: int) -> None:
        start, starts, parts = graph.integers(0), [], []
        sizes = [graph.sizes(each, 2, 4) for each in maps]
        for each, size in zip(maps, sizes, strict=True):
            cells = graph("Transpose", each, perm=[0, 2, 3, 1])
            parts.append(graph("Reshape", cells, graph.integers(0, -1, channels)))
            starts.append(start)
            start = graph("Add", start, graph("ReduceProd", size, keepdims=1))
        table = graph("Concat", *parts, axis=1)
        self.table = graph("Reshape", table, graph.integers(-1, channels))
        self.cells = start
        self.starts = graph("Concat", *starts, axis=0)
        columns = [graph("Unsqueeze", each, graph.integers(0)) for each in sizes]
        self.sizes = graph("Concat", *columns, axis=0)


def aligned(
    graph: OnnxGraph,
    layer: PyramidROIAlign,
    boxes: str,
    image_meta: str,
    pyramid: Pyramid,
    channels: int,
) -> str:
    """See `mrcnn.ops.roi_align`; the regions of all images, [B * R, pool height, pool width, C].

    The four neighbors of a sample are read at once, and weighted by a product: quicker than
    `RoiAlign`, whose channels lie apart.
    """
    meta = graph("Slice", image_meta, graph.integers(0, 4), graph.integers(1, 6))
    # [1, 2], of the first image: all have one shape.
    shape = graph("Slice", meta, graph.integers(0), graph.integers(2), graph.integers(1))
    sides = [graph("Reshape", each, graph.integers(-1, 1)) for each in _columns(graph, boxes)]
    level = _levels(graph, sides, graph("ReduceProd", shape, keepdims=0))
    size = graph("Gather", pyramid.sizes, level)
    start = graph("Mul", _image_numbers(graph, boxes), pyramid.cells)
    start = graph("Add", start, graph("Gather", pyramid.starts, level))
    lengths = graph.several("Split", [size], 2, axis=1, num_outputs=2)
    pixels = graph.several("Split", [shape], 2, axis=1, num_outputs=2)
    rows, columns = (
        _samples(
            graph,
            sides[axis],
            sides[axis + 2],
            layer.pool_shape[axis],
            lengths[axis],
            pixels[axis],
        )
        for axis in (0, 1)
    )
    # [R, rows, columns, 2, 2]: of each sample the row above and below, and in it left and right.
    down, across = graph.integers(2, 4), graph.integers(1, 3)
    first = graph("Unsqueeze", graph("Mul", rows[0], _after(graph, lengths[1])), down)
    first = graph("Add", first, graph("Reshape", start, graph.integers(-1, 1, 1, 1, 1)))
    index = graph("Add", first, graph("Unsqueeze", columns[0], across))
    weights = graph(
        "Mul", graph("Unsqueeze", rows[1], down), graph("Unsqueeze", columns[1], across)
    )
    index = graph("Reshape", index, graph.integers(-1, 4))
    weights = graph("Reshape", weights, graph.integers(-1, 1, 4))
    found = graph("MatMul", weights, graph("Gather", pyramid.table, index))
    return graph("Reshape", found, graph.integers(-1, *layer.pool_shape, channels))


def _after(graph: OnnxGraph, values: str) -> str:
    """[R, 1] as [R, 1, 1]."""
    return graph("Unsqueeze", values, graph.integers(2))


def _levels(graph: OnnxGraph, sides: Sequence[str], area: str) -> str:
    """See `mrcnn.ops.roi_align.roi_levels`; int64 [R], counted from 0.

    Args:
        graph: it grows.
        sides: y1, x1, y2 and x2 of the boxes, each [R, 1].
        area: of the image in pixels.
    """
    y1, x1, y2, x2 = sides
    product = graph("Mul", graph("Sub", y2, y1), graph("Sub", x2, x1))
    side = graph("Sqrt", graph("Max", product, graph.constant(0.0)))
    relative = graph("Div", side, graph("Div", graph.constant(224.0), graph("Sqrt", area)))
    relative = graph("Max", relative, graph.constant(1e-6))
    doubled = graph("Div", graph("Log", relative), graph.constant(math.log(2.0)))
    level = graph("Add", graph("Round", doubled), graph.constant(4.0 - _FINEST))
    level = graph("Clip", level, graph.constant(0.0), graph.constant(float(_COARSEST - _FINEST)))
    return graph("Reshape", graph("Cast", level, to=_INT64), graph.integers(-1))


def _samples(
    graph: OnnxGraph, low: str, high: str, count: int, length: str, pixels: str
) -> tuple[str, str]:
    """Between which cells of a map the samples along one axis lie.

    Args:
        graph: it grows.
        low, high: [R, 1], edges of the boxes.
        count: samples of each.
        length: int64 [R, 1], cells of the map.
        pixels: of the image.

    Returns:
        indices int64 and weights float, [R, count, 2], of the cell before and of the one after.
    """
    one, half = graph.constant(1.0), graph.constant(0.5)
    cells = graph("Cast", length, to=_FLOAT)
    last = graph("Sub", cells, one)
    even = graph("Greater", graph.setting("EVEN_ROI_ALIGN"), half)
    # See `image_shape` of `mrcnn.ops.roi_align`; 1 makes all that follows as without it.
    pixel = graph("Where", even, graph("Div", cells, pixels), one)
    whole = graph("Sub", cells, pixel)
    if count == 1:
        middle = graph("Mul", half, graph("Add", low, high))
        position = graph("Mul", middle, whole)
    else:
        span = graph("Mul", graph("Sub", high, low), whole)
        step = graph("Div", span, graph.constant(count - 1.0))
        steps = graph("Mul", graph.constant(np.arange(count)[None]), step)
        position = graph("Add", graph("Mul", low, whole), steps)
    position = graph("Sub", position, graph("Mul", half, graph("Sub", one, pixel)))
    position = graph("Max", graph("Min", position, last), graph.constant(0.0))
    first = graph("Floor", position)
    fraction = graph("Sub", position, first)
    second = graph("Min", graph("Add", first, one), last)

    def pairs(before: str, after: str) -> str:
        parts = [graph("Unsqueeze", each, graph.integers(2)) for each in (before, after)]
        return graph("Concat", *parts, axis=2)

    indices = graph("Cast", pairs(first, second), to=_INT64)
    return indices, pairs(graph("Sub", one, fraction), fraction)


def _image_numbers(graph: OnnxGraph, boxes: str) -> str:
    """Of which image each of the boxes [B, R, 4] is, int64 [B * R]."""
    count = graph("Squeeze", graph.sizes(boxes, 0, 1), graph.integers(0))
    zero, one = graph.constant(0, np.int64), graph.constant(1, np.int64)
    numbers = graph("Range", zero, count, one)
    numbers = graph("Unsqueeze", numbers, graph.integers(1))
    numbers = graph("Expand", numbers, graph.sizes(boxes, 0, 2))
    return graph("Reshape", numbers, graph.integers(-1))


def _highest(graph: OnnxGraph, values: str, count: str) -> list[str]:
    """The highest of [B, N] and their indices, both [B, count]; of equal ones the first."""
    return graph.several("TopK", [values, count], 2, axis=1)


def _rows(graph: OnnxGraph, values: str, indices: str) -> str:
    """Rows of each image: values [B, N, ...] at indices [B, K] give [B, K, ...]."""
    return graph("GatherND", values, graph("Unsqueeze", indices, graph.integers(2)), batch_dims=1)


def _columns(graph: OnnxGraph, boxes: str) -> list[str]:
    """y1, x1, y2 and x2 of boxes [B, N, 4], each [B, N, 1]."""
    return graph.several("Split", [boxes], 4, axis=2, num_outputs=4)


def _falling(graph: OnnxGraph, count: str) -> str:
    """Keys of so many rows, float [count]: the first one's the highest and the last one's 1."""
    first = graph("Squeeze", count, graph.integers(0))
    ends = graph.constant(0, np.int64), graph.constant(-1, np.int64)
    return graph("Cast", graph("Range", first, *ends), to=_FLOAT)


def _windows(graph: OnnxGraph, image_meta: str) -> list[str]:
    """See `mrcnn.ops.boxes.normalized_windows`; four columns [B, 1, 1]."""
    parts = graph("Slice", image_meta, graph.integers(4), graph.integers(11), graph.integers(1))
    parts = graph("Unsqueeze", parts, graph.integers(2))
    height, width, _, *window = graph.several("Split", [parts], 7, axis=1, num_outputs=7)
    one = graph.constant(1.0)
    height, width = (graph("Max", graph("Sub", each, one), one) for each in (height, width))
    y1, x1, y2, x2 = window
    y2, x2 = (graph("Sub", each, one) for each in (y2, x2))
    spans = (height, width, height, width)
    return [graph("Div", *pair) for pair in zip((y1, x1, y2, x2), spans, strict=True)]


def _refined(graph: OnnxGraph, boxes: str, deltas: str, window: Sequence[str]) -> str:
    """See `mrcnn.ops.boxes.apply_box_deltas` and `clip_boxes`."""
    reach = graph.constant(-_FARTHEST), graph.constant(_FARTHEST)
    half, growth = graph.constant(0.5), graph.constant(_LARGEST_GROWTH)
    y1, x1, y2, x2 = _columns(graph, graph("Clip", boxes, *reach))
    dy, dx, dh, dw = _columns(graph, graph("Clip", deltas, *reach))
    lows, highs = [], []
    for low, high, shift, stretch in ((y1, y2, dy, dh), (x1, x2, dx, dw)):
        side = graph("Sub", high, low)
        center = graph(
            "Add", graph("Add", low, graph("Mul", half, side)), graph("Mul", shift, side)
        )
        side = graph("Mul", side, graph("Exp", graph("Min", stretch, growth)))
        lows.append(graph("Sub", center, graph("Mul", half, side)))
        highs.append(graph("Add", lows[-1], side))
    return _clipped(graph, [*lows, *highs], window)


def _clipped(graph: OnnxGraph, sides: Sequence[str], window: Sequence[str]) -> str:
    """Boxes [B, N, 4] of four columns, inside of a window of four columns."""
    clipped = [
        graph("Max", graph("Min", side, window[axis % 2 + 2]), window[axis % 2])
        for axis, side in enumerate(sides)
    ]
    return graph("Concat", *clipped, axis=2)


def _finite(graph: OnnxGraph, boxes: str) -> tuple[str, str]:
    """See `mrcnn.ops.boxes.finite_boxes`."""
    zero = graph.constant(0.0)
    finite = graph("Cast", graph("Equal", graph("Sub", boxes, boxes), zero), to=_INT32)
    every = graph("ReduceMin", finite, graph.integers(2), keepdims=1)
    every = graph("Cast", every, to=_BOOL)
    boxes = graph("Where", every, boxes, zero)
    return boxes, graph("Squeeze", every, graph.integers(2))


def _suppressed(
    graph: OnnxGraph, boxes: str, keys: str, most: str, threshold: str, falling: str
) -> tuple[str, str]:
    """The rows that suppression keeps, in their order.

    Args:
        graph: it grows.
        boxes: [B, N, 4].
        keys: [B, classes, N], of `falling`; -1 for what is neither kept nor suppresses.
        most: rows that are kept.
        threshold: IoU above which the later of two boxes is dropped.
        falling: keys of all rows, see `_falling`.

    Returns:
        indices [B, most], and float [B, most, 1], 1 where there is one.
    """
    least = graph.constant([0.0])
    chosen = graph("NonMaxSuppression", boxes, keys, most, threshold, least)
    places = graph("Gather", chosen, graph.integers(0, 2), axis=1)
    none = graph("Expand", graph.constant(0.0), graph.sizes(boxes, 0, 2))
    ones = graph("Expand", graph.constant(1.0), graph.sizes(places, 0, 1))
    kept = graph("Mul", graph("ScatterND", none, places, ones), falling)
    missing = graph("Sub", most, graph.sizes(boxes, 1, 2))
    missing = graph("Max", missing, graph.integers(0))
    kept = graph("Pad", kept, graph.joined(graph.integers(0, 0, 0), missing))
    keys, indices = _highest(graph, kept, most)
    filled = graph("Greater", keys, graph.constant(0.0))
    indices = graph("Where", filled, indices, graph.constant(0, np.int64))
    return indices, graph("Unsqueeze", graph("Cast", filled, to=_FLOAT), graph.integers(2))
