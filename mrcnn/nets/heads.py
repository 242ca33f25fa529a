"""The heads on regions: class, box and mask (He et al. 2017, figure 4, right)."""

from collections.abc import Callable, Sequence
from typing import Any

from keras import layers, ops

from mrcnn.nets.convolution import Convolution
from mrcnn.nets.layers import PerRegion, register
from mrcnn.nets.normalization import normalization_layer
from mrcnn.nets.roi_align import PyramidROIAlign
from mrcnn.ops.tensor import Shape, Tensor

# Gives the layer to use for each new one that would hold weights.
Placed = Callable[[layers.Layer], layers.Layer]


@register
class SqueezePool(layers.Layer):
    """The pooled grid of one cell left out: [B, R, 1, 1, C] to [B, R, C]."""

    def call(self, inputs: Tensor) -> Tensor:
        return ops.reshape(inputs, (-1, inputs.shape[1], inputs.shape[-1]))

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return (*inputs_shape[:2], inputs_shape[-1])


def as_made(layer: layers.Layer) -> layers.Layer:
    """The layer itself: a head with weights of its own."""
    return layer


def _convolve(
    x: Tensor, layer: layers.Layer, norm_name: str, norm: dict[str, Any], placed: Placed
) -> Tensor:
    """Convolution, normalisation and ReLU on each region."""
    x = placed(PerRegion(layer))(x)
    x = placed(PerRegion(normalization_layer(x.shape[-1], norm_name, **norm)))(x)
    return layers.Activation("relu")(x)


def class_and_box_head(
    rois: Tensor,
    feature_maps: Sequence[Tensor],
    image_meta: Tensor,
    pool_size: int,
    num_classes: int,
    fc_layers_size: int = 1024,
    normalization: str = "batch",
    train_bn: bool | None = False,
    placed: Placed = as_made,
    even_rois: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Class scores and class-specific box deltas of regions.

    Args:
        rois: float [B, R, 4], normalised.
        feature_maps: [P2, P3, P4, P5].
        image_meta: float [B, M].
        pool_size: side of the ROIAlign grid.
        num_classes: classes with the background.
        fc_layers_size: width of the two hidden layers.
        normalization, train_bn: see `mrcnn.nets.normalization.normalize`.
        placed: gives the layer to use for each new one that would hold weights; it may be a built
            layer of the same name, whose weights the head then shares.
        even_rois: see `mrcnn.nets.roi_align.PyramidROIAlign`.

    Returns:
        logits [B, R, num_classes], probabilities [B, R, num_classes] and deltas
        [B, R, num_classes, 4] of (dy, dx, log dh, log dw).
    """
    norm = {"normalization": normalization, "train_bn": train_bn}
    regions = rois.shape[1]
    x = PyramidROIAlign((pool_size, pool_size), even=even_rois, name="roi_align_classifier")(
        [rois, image_meta, *feature_maps]
    )
    # Fully connected layers, written as convolutions that cover the whole grid.
    x = _convolve(
        x,
        Convolution(fc_layers_size, pool_size, name="mrcnn_class_conv1"),
        "mrcnn_class_bn1",
        norm,
        placed,
    )
    x = _convolve(
        x,
        Convolution(fc_layers_size, 1, name="mrcnn_class_conv2"),
        "mrcnn_class_bn2",
        norm,
        placed,
    )
    shared = SqueezePool(name="pool_squeeze")(x)

    logits = placed(
        PerRegion(layers.Dense(num_classes, name="mrcnn_class_logits", dtype="float32"))
    )(shared)
    probabilities = layers.Softmax(name="mrcnn_class", dtype="float32")(logits)
    deltas = placed(
        PerRegion(layers.Dense(num_classes * 4, name="mrcnn_bbox_fc", dtype="float32"))
    )(shared)
    deltas = layers.Reshape((regions, num_classes, 4), name="mrcnn_bbox", dtype="float32")(deltas)
    return logits, probabilities, deltas


def mask_head(
    rois: Tensor,
    feature_maps: Sequence[Tensor],
    image_meta: Tensor,
    pool_size: int,
    num_classes: int,
    channels: int = 256,
    normalization: str = "batch",
    train_bn: bool | None = False,
    placed: Placed = as_made,
    rows: int | None = None,
    even_rois: bool = False,
) -> Tensor:
    """A mask of each class for each region.

    Args:
        rois: float [B, R, 4], normalised.
        pool_size: side of the ROIAlign grid; the masks are twice as large.
        channels: channels of the hidden layers.
        rows: regions of the output, those beyond R zero; None for R.
        The others as in `class_and_box_head`.

    Returns:
        float32 [B, R, 2 * pool_size, 2 * pool_size, num_classes] from 0 to 1.
    """
    norm = {"normalization": normalization, "train_bn": train_bn}
    x = PyramidROIAlign((pool_size, pool_size), even=even_rois, name="roi_align_mask")(
        [rois, image_meta, *feature_maps]
    )
    for number in range(1, 5):
        x = _convolve(
            x,
            Convolution(channels, 3, padding="same", name=f"mrcnn_mask_conv{number}"),
            f"mrcnn_mask_bn{number}",
            norm,
            placed,
        )
    upsample = layers.Conv2DTranspose(
        channels, 2, strides=2, activation="relu", name="mrcnn_mask_deconv"
    )
    x = placed(PerRegion(upsample))(x)
    to_masks = layers.Conv2D(
        num_classes, 1, activation="sigmoid", name="mrcnn_mask", dtype="float32"
    )
    return placed(PerRegion(to_masks, rows))(x)
