"""ROIAlign over the feature pyramid, as a layer."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.nets.layers import register
from mrcnn.ops.boxes import pixel_boxes
from mrcnn.ops.image_meta import ImageMeta
from mrcnn.ops.roi_align import bin_levels, pyramid_bins, pyramid_roi_align, roi_levels
from mrcnn.ops.tensor import Shape, Tensor


@register
class PyramidROIAlign(keras.layers.Layer):
    """A grid of features for each region, read from the pyramid level that fits its size.

    Samples are weighted, and their gradients summed, in float32 whatever the features are.

    Inputs: [boxes float [B, R, 4] normalized, image_meta [B, M], P2, P3, P4, P5].
    Output: float [B, R, pool height, pool width, C].

    Args:
        pool_shape: (height, width) of the grid.
        even: whether a box is read at the same place of the feature cells wherever it lies in the
            image; see `mrcnn.ops.roi_align.pyramid_roi_align`.
        bins: True takes the mean of several samples in each bin, as torchvision does; see
            `mrcnn.ops.roi_align.pyramid_bins`.
    """

    def __init__(
        self,
        pool_shape: Sequence[int],
        *,
        even: bool = False,
        bins: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # Boxes keep their precision.
        self.autocast = False
        height, width = pool_shape
        self.pool_shape = (height, width)
        self.even = even
        self.bins = bins

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        boxes, image_meta, *feature_maps = inputs
        # All images of a batch have one shape.
        height, width, _ = ops.unstack(ImageMeta(image_meta[0]).image_shape)
        if self.bins:
            pixels = pixel_boxes(boxes, (height, width))
            grid = pyramid_bins(pixels, bin_levels(pixels), feature_maps, self.pool_shape)
            return ops.cast(grid, self.compute_dtype)
        levels = roi_levels(boxes, height * width)
        image_shape = (height, width) if self.even else None
        grid = pyramid_roi_align(
            boxes, levels, feature_maps, self.pool_shape, image_shape=image_shape
        )
        return ops.cast(grid, self.compute_dtype)

    def compute_output_shape(self, inputs_shape: Sequence[Shape]) -> Shape:
        return (*inputs_shape[0][:2], *self.pool_shape, inputs_shape[2][-1])

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_shape": self.pool_shape,
            "even": self.even,
            "bins": self.bins,
        }
