"""The heads on regions: class, box and mask (He et al. 2017, figure 4, right).

A head makes its layers once. Each graph that it is called in shares their weights.
"""

from collections.abc import Sequence

from keras import layers, ops

from mrcnn.nets.convolution import Convolution
from mrcnn.nets.layers import PerRegion, register
from mrcnn.nets.normalization import normalization_layer
from mrcnn.nets.roi_align import PyramidROIAlign
from mrcnn.ops.tensor import Shape, Tensor


@register
class SqueezePool(layers.Layer):
    """The pooled grid of one cell left out: [B, R, 1, 1, C] to [B, R, C]."""

    def call(self, inputs: Tensor) -> Tensor:
        return ops.reshape(inputs, (-1, inputs.shape[1], inputs.shape[-1]))

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return (*inputs_shape[:2], inputs_shape[-1])


class _Block:
    """Convolution, normalization and ReLU on each region."""

    def __init__(
        self, convolution: Convolution, norm_name: str, normalization: str, train_bn: bool | None
    ) -> None:
        self.convolution = convolution
        self.norm = normalization_layer(convolution.filters, norm_name, normalization, train_bn)

    def __call__(self, x: Tensor) -> Tensor:
        for layer in (self.convolution, self.norm):
            x = PerRegion(layer)(x)
        return layers.Activation("relu")(x)


class ClassAndBoxHead:
    """Class scores and class-specific box deltas of regions.

    Args:
        pool_size: side of the ROIAlign grid.
        num_classes: classes with the background.
        fc_layers_size: width of the two hidden layers.
        bins: see `mrcnn.nets.roi_align.PyramidROIAlign`.
        convs: 3 x 3 convolutions before the hidden layers; with some there is one hidden layer.
        conv_channels: of these convolutions.
        normalization, train_bn: see `mrcnn.nets.normalization.normalize`.
    """

    def __init__(
        self,
        pool_size: int,
        num_classes: int,
        fc_layers_size: int = 1024,
        normalization: str = "batch",
        train_bn: bool | None = False,
        bins: bool = False,
        convs: int = 0,
        conv_channels: int = 256,
    ) -> None:
        self.pool_size = pool_size
        self.num_classes = num_classes
        self.bins = bins
        norm = (normalization, train_bn)
        self.hidden = [
            _Block(
                Convolution(conv_channels, 3, padding="same", name=f"mrcnn_box_conv{number}"),
                f"mrcnn_box_bn{number}",
                *norm,
            )
            for number in range(1, convs + 1)
        ]
        # Fully connected layers, written as convolutions that cover the whole grid.
        self.hidden += [
            _Block(
                Convolution(fc_layers_size, side, name=f"mrcnn_class_conv{number}"),
                f"mrcnn_class_bn{number}",
                *norm,
            )
            for number, side in ((1, pool_size), (2, 1))[: 1 if convs else 2]
        ]
        self.logits = layers.Dense(num_classes, name="mrcnn_class_logits", dtype="float32")
        self.deltas = layers.Dense(num_classes * 4, name="mrcnn_bbox_fc", dtype="float32")

    def __call__(
        self,
        rois: Tensor,
        feature_maps: Sequence[Tensor],
        image_meta: Tensor,
        even_rois: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Put the head on regions.

        Args:
            rois: float [B, R, 4], normalized.
            feature_maps: [P2, P3, P4, P5].
            image_meta: float [B, M].
            even_rois: see `mrcnn.nets.roi_align.PyramidROIAlign`.

        Returns:
            logits [B, R, num_classes], probabilities [B, R, num_classes] and deltas
            [B, R, num_classes, 4] of (dy, dx, log dh, log dw).
        """
        pool_shape = (self.pool_size, self.pool_size)
        x = PyramidROIAlign(
            pool_shape, even=even_rois, bins=self.bins, name="roi_align_classifier"
        )([rois, image_meta, *feature_maps])
        for block in self.hidden:
            x = block(x)
        shared = SqueezePool(name="pool_squeeze")(x)
        logits = PerRegion(self.logits)(shared)
        probabilities = layers.Softmax(name="mrcnn_class", dtype="float32")(logits)
        deltas = PerRegion(self.deltas)(shared)
        shape = (rois.shape[1], self.num_classes, 4)
        deltas = layers.Reshape(shape, name="mrcnn_bbox", dtype="float32")(deltas)
        return logits, probabilities, deltas


class MaskHead:
    """A mask of each class for each region.

    Args:
        pool_size: side of the ROIAlign grid; the masks are twice as large.
        channels: channels of the hidden layers.
        The others as in `ClassAndBoxHead`.
    """

    def __init__(
        self,
        pool_size: int,
        num_classes: int,
        channels: int = 256,
        normalization: str = "batch",
        train_bn: bool | None = False,
        bins: bool = False,
    ) -> None:
        self.pool_size = pool_size
        self.bins = bins
        self.hidden = [
            _Block(
                Convolution(channels, 3, padding="same", name=f"mrcnn_mask_conv{number}"),
                f"mrcnn_mask_bn{number}",
                normalization,
                train_bn,
            )
            for number in range(1, 5)
        ]
        self.upsample = layers.Conv2DTranspose(
            channels, 2, strides=2, activation="relu", name="mrcnn_mask_deconv"
        )
        self.masks = layers.Conv2D(
            num_classes, 1, activation="sigmoid", name="mrcnn_mask", dtype="float32"
        )

    def __call__(
        self,
        rois: Tensor,
        feature_maps: Sequence[Tensor],
        image_meta: Tensor,
        even_rois: bool = False,
        rows: int | None = None,
    ) -> Tensor:
        """Put the head on regions.

        Args:
            rois, feature_maps, image_meta, even_rois: as in `ClassAndBoxHead`.
            rows: regions of the output, those beyond R zero; None for R. The layer `mrcnn_mask`
                itself fills them up: programs ask for its output by that name.

        Returns:
            float32 [B, R, 2 * pool_size, 2 * pool_size, num_classes] from 0 to 1.
        """
        pool_shape = (self.pool_size, self.pool_size)
        x = PyramidROIAlign(pool_shape, even=even_rois, bins=self.bins, name="roi_align_mask")(
            [rois, image_meta, *feature_maps]
        )
        for block in self.hidden:
            x = block(x)
        x = PerRegion(self.upsample)(x)
        return PerRegion(self.masks, rows)(x)
