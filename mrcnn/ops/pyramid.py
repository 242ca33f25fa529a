"""A feature pyramid laid out as one table, from which cells of all its levels are read at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from keras import ops

from mrcnn.ops.own_rows import take_own
from mrcnn.ops.tensor import Tensor


@dataclass(frozen=True)
class PyramidTable:
    """The cells of all levels of all images, level by level, row by row.

    Attributes:
        table: float [B * cells, C].
        cells: cells of one image.
        levels: int32 [L, 3]; where each level starts among an image's cells, and its height and
            width.
    """

    table: Tensor
    cells: Tensor
    levels: Tensor

    def of_levels(self, levels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Table row of the first cell, height and width of levels int32 [B, R], counted from 0."""
        image = ops.expand_dims(ops.arange(ops.shape(levels)[0], dtype="int32"), 1)
        start, height, width = ops.unstack(ops.take(self.levels, levels, axis=0), axis=-1)
        return start + image * self.cells, height, width


def lay_out_pyramid(feature_maps: Sequence[Tensor]) -> PyramidTable:
    """The table of feature maps [B, H_l, W_l, C], which may be of any size."""
    batch = ops.shape(feature_maps[0])[0]
    channels = feature_maps[0].shape[-1]
    sizes = [ops.shape(feature_map)[1:3] for feature_map in feature_maps]
    starts = [0]
    for height, width in sizes:
        starts.append(starts[-1] + height * width)
    table = ops.concatenate(
        [ops.reshape(feature_map, (batch, -1, channels)) for feature_map in feature_maps], axis=1
    )

    levels = [[start, *size] for start, size in zip(starts[:-1], sizes, strict=True)]
    return PyramidTable(
        ops.reshape(table, (-1, channels)),
        starts[-1],
        ops.convert_to_tensor(levels, dtype="int32"),
    )


def gather_patches(
    pyramid: PyramidTable, levels: Tensor, top: Tensor, left: Tensor, size: int
) -> Tensor:
    """Square patches of the feature maps.

    Args:
        pyramid: see `lay_out_pyramid`.
        levels: int32 [B, K], counted from 0.
        top, left: int32 [B, K], first row and column of each patch; it may reach over the border.
        size: rows and columns of a patch.

    Returns:
        float [B, K, size, size, C]; 0 outside the feature map.
    """
    start, height, width = (ops.expand_dims(value, -1) for value in pyramid.of_levels(levels))
    steps = ops.arange(size, dtype="int32")
    rows = ops.expand_dims(top, -1) + steps
    columns = ops.expand_dims(left, -1) + steps
    row_inside = ops.logical_and(rows >= 0, rows < height)
    column_inside = ops.logical_and(columns >= 0, columns < width)
    inside = ops.logical_and(ops.expand_dims(row_inside, 3), ops.expand_dims(column_inside, 2))
    row_start = start + ops.clip(rows, 0, height - 1) * width
    cell = ops.expand_dims(row_start, 3) + ops.expand_dims(ops.clip(columns, 0, width - 1), 2)
    patches = take_own(pyramid.table, cell)
    return ops.where(ops.expand_dims(inside, -1), patches, ops.zeros((), patches.dtype))
