"""ROIAlign on a feature pyramid (He et al. 2017, section 3; Lin et al. 2017, equation 1)."""

from collections.abc import Sequence

from keras import ops

from mrcnn.ops.boxes import box_area
from mrcnn.ops.own_rows import take_own
from mrcnn.ops.pyramid import lay_out_pyramid
from mrcnn.ops.tensor import Tensor


def roi_levels(boxes: Tensor, image_area: Tensor, finest: int = 2, coarsest: int = 5) -> Tensor:
    """Pyramid level of each region: 4 + log2(side / 224 pixels), rounded and clipped.

    Args:
        boxes: float32 [B, R, 4], normalized.
        image_area: height * width of the molded image in pixels; scalar or scalar tensor.
        finest, coarsest: range of the levels.

    Returns:
        int32 [B, R].
    """
    y1, x1, y2, x2 = ops.unstack(boxes, axis=-1)
    area = (y2 - y1) * (x2 - x1)
    # Not the larger of it and 0: what is not a number has no level, and is taken as empty too.
    side = ops.sqrt(ops.where(area > 0.0, area, 0.0))
    relative = side / (224.0 / ops.sqrt(ops.cast(image_area, "float32")))
    # An empty region has no size; it goes to the finest level like any tiny one.
    level = 4.0 + ops.round(ops.log2(ops.maximum(relative, 1e-6)))
    return ops.cast(ops.clip(level, finest, coarsest), "int32")


def _sample_positions(low: Tensor, high: Tensor, count: int, whole: Tensor) -> Tensor:
    """Sampling positions [B, R, count] in feature cells, both box edges included.

    Args:
        low, high: [B, R], normalized edges of the boxes.
        count: samples between them.
        whole: [B, R], feature cells from 0 to 1.
    """
    whole = ops.expand_dims(whole, -1)
    low = ops.expand_dims(low, -1)
    high = ops.expand_dims(high, -1)
    if count == 1:
        return 0.5 * (low + high) * whole
    steps = ops.arange(count, dtype="float32")
    span = (high - low) * whole
    # Divided by a tensor: XLA makes a product with a rounded reciprocal of a plain number.
    return low * whole + steps * (span / ops.full_like(span, count - 1.0))


# A box that ends on the image border must not lose its last row to the rounding of one product.
_TOLERANCE = 1e-3


def _inside(position: Tensor, last: Tensor, beyond: Tensor | float) -> Tensor:
    """Which positions lie on a map whose outer cells reach `beyond` their centers."""
    return ops.logical_and(position >= -beyond, position <= last + beyond)


# Of each sample along one axis: the numbers of table rows from the map's first cell on, int32
# [B, R, count], and the weight of what is there, float [B, R, count].
_Taps = list[tuple[Tensor, Tensor]]


def _taps(position: Tensor, inside: Tensor, last: Tensor, step: Tensor | int, dtype: str) -> _Taps:
    """The two cells on both sides of positions [B, R, count] along one axis.

    Args:
        position: in feature cells.
        inside: bool [B, R, count]; samples that are not get no weight.
        last: [B, R, 1], number of the map's last cell.
        step: int32 [B, R] or int, table rows from one cell to the next.
        dtype: of the weights.
    """
    # Not clipped alone: what is not a number is outside too, and must not become an index.
    position = ops.where(inside, ops.clip(position, 0.0, last), 0.0)
    inside = ops.cast(inside, "float32")
    first = ops.floor(position)
    fraction = position - first
    first = ops.cast(first, "int32")
    second = ops.minimum(first + 1, ops.cast(last, "int32"))
    step = step if isinstance(step, int) else ops.expand_dims(step, -1)
    return [
        (first * step, ops.cast((1.0 - fraction) * inside, dtype)),
        (second * step, ops.cast(fraction * inside, dtype)),
    ]


def _weighted_sum(table: Tensor, start: Tensor, rows: _Taps, columns: _Taps) -> Tensor:
    """A grid over each box, read from maps that lie row by row in one table.

    Args:
        table: float [rows, C], one row a map cell.
        start: int32 [B, R], table row of the map's first cell, for each box.
        rows, columns: see `_Taps`.

    Returns:
        [B, R, grid height, grid width, C].
    """
    start = ops.expand_dims(start, -1)
    total = None
    for row, row_weight in rows:
        for column, column_weight in columns:
            index = ops.expand_dims(start + row, 3) + ops.expand_dims(column, 2)
            weight = ops.expand_dims(row_weight, 3) * ops.expand_dims(column_weight, 2)
            sample = take_own(table, index) * ops.expand_dims(weight, -1)
            total = sample if total is None else total + sample
    return total


def _bilinear_grid(
    table: Tensor,
    start: Tensor,
    row_step: Tensor,
    column_step: Tensor,
    height: Tensor,
    width: Tensor,
    boxes: Tensor,
    grid_shape: tuple[int, int],
    image_shape: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Sample a grid over each box from maps that lie row by row in one table.

    Args:
        table: float [rows, C], one row a map cell.
        start: int32 [B, R], table row of the map's first cell, for each box.
        row_step, column_step: int32 [B, R] or int, table rows from one map row or column to the
            next.
        height, width: int32 [B, R], size of the map that the box lies in.
        boxes: float32 [B, R, 4], normalized to the map.
        grid_shape: (height, width) of the grid; its corners lie on the box's corners.
        image_shape: see `pyramid_roi_align`.

    Returns:
        [B, R, grid height, grid width, C]; 0 for samples outside the map.
    """

    def axis_samples(
        low: Tensor, high: Tensor, count: int, length: Tensor, step: Tensor, pixels: Tensor | None
    ) -> _Taps:
        cells = ops.cast(length, "float32")
        last = ops.expand_dims(cells - 1.0, -1)
        beyond: Tensor | float = _TOLERANCE
        if pixels is None:
            position = _sample_positions(low, high, count, cells - 1.0)
        else:
            # A pixel is this many cells wide, wherever it lies.
            pixel = cells / pixels
            position = _sample_positions(low, high, count, cells - pixel)
            # In the middle of the image all is as without `image_shape`.
            beyond = ops.expand_dims(0.5 * (1.0 - pixel), -1)
            position = position - beyond
            beyond = beyond + _TOLERANCE
        return _taps(position, _inside(position, last, beyond), last, step, table.dtype)

    image_height, image_width = image_shape or (None, None)
    tops, lefts, bottoms, rights = ops.unstack(boxes, axis=-1)
    rows = axis_samples(tops, bottoms, grid_shape[0], height, row_step, image_height)
    columns = axis_samples(lefts, rights, grid_shape[1], width, column_step, image_width)
    return _weighted_sum(table, start, rows, columns)


def pyramid_roi_align(
    boxes: Tensor,
    levels: Tensor,
    feature_maps: Sequence[Tensor],
    pool_shape: tuple[int, int],
    finest: int = 2,
    image_shape: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Sample a grid of features for each region from the pyramid level assigned to it.

    One bilinear sample a bin, the grid's corners on the box's corners, 0 outside the feature map:
    what `crop_and_resize` of TensorFlow computes. All levels are laid out in one table and each
    sample reads its four neighbors from it, so the cost is that of the regions, not of the levels.

    Args:
        boxes: float32 [B, R, 4], normalized.
        levels: int32 [B, R], `finest` for the first feature map.
        feature_maps: list of float [B, H_l, W_l, C], from the finest to the coarsest.
        pool_shape: (height, width) of the grid.
        finest: level of the first feature map.
        image_shape: (height, width) of the molded image in pixels, as float. Where it is given,
            a box is read at the same place of the feature cells wherever it lies in the image.
            Without it 1 is the center of the last cell, as in the original, but also the center
            of the last pixel: toward the upper left what is read lies up to half a cell too far
            to the lower right, and the reverse.

    Returns:
        float32 [B, R, pool height, pool width, C].
    """
    pyramid = lay_out_pyramid(feature_maps)
    start, height, width = pyramid.of_levels(levels - finest)
    return _bilinear_grid(
        ops.cast(pyramid.table, "float32"),
        start=start,
        row_step=width,
        column_step=1,
        height=height,
        width=width,
        boxes=ops.stop_gradient(ops.cast(boxes, "float32")),
        grid_shape=pool_shape,
        image_shape=image_shape,
    )


def bin_levels(boxes: Tensor, finest: int = 2, coarsest: int = 5) -> Tensor:
    """Pyramid level of each region: 4 + log2(side / 224 pixels), rounded down and clipped.

    Args:
        boxes: float32 [B, R, 4] in pixels.
        finest, coarsest: range of the levels.

    Returns:
        int32 [B, R].
    """
    relative = ops.sqrt(box_area(boxes)) / 224.0
    # A region of just a power of two belongs to the level that begins there, however it is rounded.
    level = ops.floor(4.0 + ops.log2(ops.maximum(relative, 1e-6)) + 1e-6)
    return ops.cast(ops.clip(level, finest, coarsest), "int32")


def pyramid_bins(
    boxes: Tensor,
    levels: Tensor,
    feature_maps: Sequence[Tensor],
    pool_shape: tuple[int, int],
    finest: int = 2,
    samples: int = 2,
) -> Tensor:
    """The features of each region in equal bins, from the pyramid level assigned to it.

    What `roi_align` of torchvision computes with `sampling_ratio` 2 and `aligned` False: the mean
    of some bilinear samples in each bin, cells counted from their number, a region at least one
    cell high and wide.

    Args:
        boxes: float32 [B, R, 4] in pixels, from edge to edge.
        levels: int32 [B, R], `finest` for the first feature map.
        feature_maps: list of float [B, H_l, W_l, C], at strides 2 ** level.
        pool_shape: (height, width) of the grid of bins.
        finest: level of the first feature map.
        samples: along each side of a bin.

    Returns:
        float32 [B, R, pool height, pool width, C].
    """
    pyramid = lay_out_pyramid(feature_maps)
    start, height, width = pyramid.of_levels(levels - finest)
    stride = ops.cast(ops.power(2, levels), "float32")
    boxes = ops.stop_gradient(ops.cast(boxes, "float32")) / ops.expand_dims(stride, -1)

    def axis_samples(
        low: Tensor, high: Tensor, count: int, length: Tensor, step: Tensor | int
    ) -> _Taps:
        last = ops.expand_dims(ops.cast(length, "float32") - 1.0, -1)
        size = ops.expand_dims(ops.maximum(high - low, 1.0) / count, -1)
        bins = ops.arange(count, dtype="float32")
        found: _Taps = []
        for number in range(samples):
            position = ops.expand_dims(low, -1) + (bins + (number + 0.5) / samples) * size
            inside = ops.logical_and(position >= -1.0, position <= last + 1.0)
            taps = _taps(position, inside, last, step, "float32")
            found += [(rows, weight / samples) for rows, weight in taps]
        return found

    tops, lefts, bottoms, rights = ops.unstack(boxes, axis=-1)
    rows = axis_samples(tops, bottoms, pool_shape[0], height, width)
    columns = axis_samples(lefts, rights, pool_shape[1], width, 1)
    return _weighted_sum(ops.cast(pyramid.table, "float32"), start, rows, columns)


def crop_masks(
    masks: Tensor, instances: Tensor, boxes: Tensor, crop_shape: tuple[int, int]
) -> Tensor:
    """Crop one mask for each box and resize it bilinearly.

    Args:
        masks: float or bool [B, H, W, G], the masks of G instances.
        instances: int32 [B, R], the instance whose mask each box crops.
        boxes: float32 [B, R, 4], normalized to the mask.
        crop_shape: (height, width) of the crops.

    Returns:
        float32 [B, R, crop height, crop width]; 0 outside the mask.
    """
    batch, height, width, count = ops.shape(masks)
    table = ops.cast(ops.reshape(masks, (-1, 1)), "float32")
    image = ops.expand_dims(ops.arange(batch, dtype="int32"), 1)
    ones = ops.ones_like(instances)
    crops = _bilinear_grid(
        table,
        start=instances + image * (height * width * count),
        row_step=ones * (width * count),
        column_step=ones * count,
        height=ones * height,
        width=ones * width,
        boxes=boxes,
        grid_shape=crop_shape,
    )
    return ops.squeeze(crops, axis=-1)
